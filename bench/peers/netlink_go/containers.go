package main

import (
	"fmt"
	"net"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

var gateway = net.IPv4(10, 200, 0, 1)

func containerAddress(i int) *netlink.Addr {
	host := i + 2
	return &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(10, 200, byte(host>>8), byte(host)), Mask: net.CIDRMask(16, 32)}}
}

func createBridge(r *run) (*netlink.Bridge, error) {
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br"}}
	if err := r.handle.LinkAdd(bridge); err != nil {
		return nil, err
	}
	if err := r.handle.LinkSetUp(bridge); err != nil {
		return nil, err
	}
	address := &netlink.Addr{IPNet: &net.IPNet{IP: gateway, Mask: net.CIDRMask(16, 32)}}
	return bridge, r.handle.AddrAdd(bridge, address)
}

func createNamespace(r *run, home netns.NsHandle, i int) (netns.NsHandle, error) {
	var ns netns.NsHandle
	var err error
	if r.unnamed {
		ns, err = netns.New()
	} else {
		ns, err = netns.NewNamed(fmt.Sprintf("c%d", i))
	}
	if err != nil {
		return ns, err
	}
	return ns, netns.Set(home)
}

func bringUpOne(r *run, home netns.NsHandle, bridge *netlink.Bridge, i int) (netns.NsHandle, *netlink.Veth, error) {
	ns, err := createNamespace(r, home, i)
	if err != nil {
		return ns, nil, err
	}
	veth := &netlink.Veth{
		LinkAttrs:     netlink.LinkAttrs{Name: fmt.Sprintf("h%d", i)},
		PeerName:      "eth0",
		PeerNamespace: netlink.NsFd(ns),
	}
	if err := r.handle.LinkAdd(veth); err != nil {
		return ns, nil, err
	}
	if err := r.handle.LinkSetMaster(veth, bridge); err != nil {
		return ns, nil, err
	}
	if err := r.handle.LinkSetUp(veth); err != nil {
		return ns, nil, err
	}
	inside, err := netlink.NewHandleAt(ns, unix.NETLINK_ROUTE)
	if err != nil {
		return ns, nil, err
	}
	defer inside.Delete()
	eth0, err := inside.LinkByName("eth0")
	if err != nil {
		return ns, nil, err
	}
	if err := inside.LinkSetUp(eth0); err != nil {
		return ns, nil, err
	}
	if err := inside.AddrAdd(eth0, containerAddress(i)); err != nil {
		return ns, nil, err
	}
	return ns, veth, inside.RouteAdd(&netlink.Route{LinkIndex: eth0.Attrs().Index, Gw: gateway})
}

// The handles are kept for unnamed namespaces, which live by them.
func bringUpAll(r *run, home netns.NsHandle, bridge *netlink.Bridge) ([]netns.NsHandle, []*netlink.Veth, error) {
	var handles []netns.NsHandle
	var veths []*netlink.Veth
	for i := 0; i < r.n; i++ {
		ns, veth, err := bringUpOne(r, home, bridge, i)
		if err != nil {
			return nil, nil, err
		}
		veths = append(veths, veth)
		if r.unnamed {
			handles = append(handles, ns)
		} else if err := ns.Close(); err != nil {
			return nil, nil, err
		}
	}
	return handles, veths, nil
}

func bringup(r *run) error {
	home, err := netns.Get()
	if err != nil {
		return err
	}
	bridge, err := createBridge(r)
	if err != nil {
		return err
	}
	r.startClock()
	_, _, err = bringUpAll(r, home, bridge)
	r.stopClock()
	r.count = r.n
	return err
}

func teardownOneByOne(r *run) error {
	home, err := netns.Get()
	if err != nil {
		return err
	}
	bridge, err := createBridge(r)
	if err != nil {
		return err
	}
	handles, veths, err := bringUpAll(r, home, bridge)
	if err != nil {
		return err
	}
	r.startClock()
	for i, veth := range veths {
		if err := r.handle.LinkDel(veth); err != nil {
			return err
		}
		if r.unnamed {
			err = handles[i].Close()
		} else {
			err = netns.DeleteNamed(fmt.Sprintf("c%d", i))
		}
		if err != nil {
			return err
		}
	}
	r.stopClock()
	r.count = r.n
	return nil
}

// Down in the fastest way that the package has: the kernel removes the links with the namespaces, many at a time. LinkDel
// waits for an RCU grace period each.
func updown(r *run) error {
	home, err := netns.Get()
	if err != nil {
		return err
	}
	bridge, err := createBridge(r)
	if err != nil {
		return err
	}
	r.startClock()
	handles, _, err := bringUpAll(r, home, bridge)
	if err != nil {
		return err
	}
	for i := 0; i < r.n; i++ {
		if r.unnamed {
			err = handles[i].Close()
		} else {
			err = netns.DeleteNamed(fmt.Sprintf("c%d", i))
		}
		if err != nil {
			return err
		}
	}
	for {
		links, err := r.handle.LinkList()
		if err != nil {
			return err
		}
		veths := 0
		for _, link := range links {
			if link.Type() == "veth" {
				veths++
			}
		}
		if veths == 0 {
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	r.stopClock()
	r.count = r.n
	return nil
}
