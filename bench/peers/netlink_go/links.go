package main

import (
	"fmt"

	"github.com/vishvananda/netlink"
)

const (
	loopback = 1
	repeats  = 10
)

func createPairs(r *run, pairs int) ([]*netlink.Veth, error) {
	var veths []*netlink.Veth
	for i := 0; i < pairs; i++ {
		veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: fmt.Sprintf("a%d", i)}, PeerName: fmt.Sprintf("b%d", i)}
		if err := r.handle.LinkAdd(veth); err != nil {
			return nil, err
		}
		veths = append(veths, veth)
	}
	return veths, nil
}

func getlink(r *run) error {
	r.startClock()
	for i := 0; i < r.n; i++ {
		if _, err := r.handle.LinkByIndex(loopback); err != nil {
			return err
		}
	}
	r.stopClock()
	r.count = r.n
	return nil
}

func dumplinks(r *run) error {
	if _, err := createPairs(r, r.n/2); err != nil {
		return err
	}
	r.startClock()
	for i := 0; i < repeats; i++ {
		links, err := r.handle.LinkList()
		if err != nil {
			return err
		}
		r.count += len(links)
	}
	r.stopClock()
	return nil
}

func deleteSingle(r *run) error {
	veths, err := createPairs(r, r.n)
	if err != nil {
		return err
	}
	r.startClock()
	for _, veth := range veths {
		if err := r.handle.LinkDel(veth); err != nil {
			return err
		}
	}
	r.stopClock()
	r.count = r.n
	return nil
}
