package main

import (
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
)

func createDevice(r *run) (int, error) {
	veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "r0"}, PeerName: "r1"}
	if err := r.handle.LinkAdd(veth); err != nil {
		return 0, err
	}
	for _, name := range []string{"r0", "r1"} {
		link, err := r.handle.LinkByName(name)
		if err != nil {
			return 0, err
		}
		if err := r.handle.LinkSetUp(link); err != nil {
			return 0, err
		}
	}
	return veth.Attrs().Index, nil
}

func addRoutes(r *run, device int) error {
	mask := net.CIDRMask(32, 32)
	for i := 0; i < r.n; i++ {
		destination := &net.IPNet{IP: net.IPv4(10, byte(i>>16), byte(i>>8), byte(i)), Mask: mask}
		route := &netlink.Route{LinkIndex: device, Dst: destination, Scope: netlink.SCOPE_LINK}
		if err := r.handle.RouteAdd(route); err != nil {
			return err
		}
	}
	return nil
}

func addroutesSingle(r *run) error {
	device, err := createDevice(r)
	if err != nil {
		return err
	}
	r.startClock()
	err = addRoutes(r, device)
	r.stopClock()
	r.count = r.n
	return err
}

func dumproutes(r *run) error {
	device, err := createDevice(r)
	if err != nil {
		return err
	}
	if err := addRoutes(r, device); err != nil {
		return err
	}
	r.startClock()
	routes, err := r.handle.RouteList(nil, netlink.FAMILY_V4)
	r.stopClock()
	r.count = len(routes)
	if err == nil && r.count != r.n {
		return fmt.Errorf("%d of %d routes in the dump", r.count, r.n)
	}
	return err
}
