#!/usr/bin/python3
"""The pyroute2 peer: `pyroute2_peer.py ROW N [--witness COMMAND]`, one JSON line on standard output.

It calls pyroute2 the way its manual does, and with its faster form where the manual shows two.
"""

import json
import os
import socket
import struct
import subprocess
import sys
import time

MARKER = "PEER_SANDBOX"
LOOPBACK = 1
REPEATS = 10
BATCH = 256
GROUP = 4242
SCOPE_LINK = 253
GATEWAY = "10.200.0.1"


def batched(ipr, count, add):
    """Calls add(batch, i) for each i and sends the requests BATCH at a time, reading each one's ack.

    IPBatch compiles requests and has no word for their acks: its manual stops at sendto().
    """
    batch = IPBatch()
    for first in range(0, count, BATCH):
        last = min(first + BATCH, count)
        for i in range(first, last):
            add(batch, i)
        ipr.sendto(batch.batch, (0, 0))
        batch.reset()
        for _ in range(first, last):
            error = struct.unpack_from("=i", ipr.recv(65536), 16)[0]
            if error:
                raise OSError(-error, os.strerror(-error))


def report(**fields):
    print(json.dumps({"peer": "pyroute2", **fields}, separators=(",", ":")), flush=True)


class Clock:
    def __enter__(self):
        self.started = time.monotonic_ns()
        return self

    def __exit__(self, *_):
        self.ns = time.monotonic_ns() - self.started


def create_bridge(ipr):
    ipr.link("add", ifname="br", kind="bridge")
    bridge = ipr.link_lookup(ifname="br")[0]
    ipr.link("set", index=bridge, state="up")
    ipr.addr("add", index=bridge, address=GATEWAY, prefixlen=16)
    return bridge


def bring_up(ipr, bridge, i):
    name = f"c{i}"
    netns.create(name)
    ipr.link("add", ifname=f"h{i}", kind="veth", master=bridge, state="up",
             peer={"ifname": "eth0", "net_ns_fd": name})
    # Not NetNS(name), which forks a proxy process for each namespace and needs several times as long.
    netns.pushns(name)
    try:
        inside = IPRoute()
    finally:
        netns.popns()
    with inside:
        eth0 = inside.link_lookup(ifname="eth0")[0]
        inside.link("set", index=eth0, state="up")
        host = i + 2
        inside.addr("add", index=eth0, address=f"10.200.{host >> 8}.{host & 255}", prefixlen=16)
        inside.route("add", dst="default", gateway=GATEWAY)


def bringup(ipr, n):
    bridge = create_bridge(ipr)
    with Clock() as clock:
        for i in range(n):
            bring_up(ipr, bridge, i)
    return clock, n


def brought_up(ipr, n):
    bringup(ipr, n)
    return [ipr.link_lookup(ifname=f"h{i}")[0] for i in range(n)]


def take_down(ipr, links):
    batched(ipr, len(links), lambda batch, i: batch.link("set", index=links[i], group=GROUP))
    if links:
        ipr.link("del", group=GROUP)
    for i in range(len(links)):
        netns.remove(f"c{i}")


def teardown(ipr, n):
    links = brought_up(ipr, n)
    with Clock() as clock:
        take_down(ipr, links)
    return clock, n


def updown(ipr, n):
    bridge = create_bridge(ipr)
    with Clock() as clock:
        for i in range(n):
            bring_up(ipr, bridge, i)
        take_down(ipr, [ipr.link_lookup(ifname=f"h{i}")[0] for i in range(n)])
    return clock, n


def teardown_one_by_one(ipr, n):
    links = brought_up(ipr, n)
    with Clock() as clock:
        for i, link in enumerate(links):
            ipr.link("del", index=link)
            netns.remove(f"c{i}")
    return clock, n


def create_pairs(ipr, pairs, **attributes):
    for i in range(pairs):
        ipr.link("add", ifname=f"a{i}", kind="veth", peer=f"b{i}", index=1000 + 2 * i, **attributes)
    return [1000 + 2 * i for i in range(pairs)]


def teardown_veth(ipr, n):
    create_pairs(ipr, n, group=GROUP)
    with Clock() as clock:
        if n:
            ipr.link("del", group=GROUP)
    return clock, n


def delete_single(ipr, n):
    links = create_pairs(ipr, n)
    with Clock() as clock:
        for link in links:
            ipr.link("del", index=link)
    return clock, n


def read_link(link):
    """Attributes are decoded when they are asked for: these are the ones the C peer reads."""
    return link["index"], link.get_attr("IFLA_IFNAME"), link.get_attr("IFLA_MTU")


def getlink(ipr, n):
    with Clock() as clock:
        for _ in range(n):
            read_link(ipr.link("get", index=LOOPBACK)[0])
    return clock, n


def dumplinks(ipr, n):
    create_pairs(ipr, n // 2)
    with Clock() as clock:
        count = 0
        for _ in range(REPEATS):
            for link in ipr.get_links():
                read_link(link)
                count += 1
    return clock, count


def create_device(ipr):
    ipr.link("add", ifname="r0", kind="veth", peer="r1")
    for name in ("r1", "r0"):
        index = ipr.link_lookup(ifname=name)[0]
        ipr.link("set", index=index, state="up")
    return index


def add_route(ipr, device, i):
    ipr.route("add", dst=f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}/32", oif=device, scope=SCOPE_LINK)


def addroutes(ipr, n):
    device = create_device(ipr)
    with Clock() as clock:
        batched(ipr, n, lambda batch, i: add_route(batch, device, i))
    return clock, n


def addroutes_single(ipr, n):
    device = create_device(ipr)
    with Clock() as clock:
        for i in range(n):
            add_route(ipr, device, i)
    return clock, n


def dumproutes(ipr, n):
    addroutes(ipr, n)
    with Clock() as clock:
        routes = ipr.get_routes(family=socket.AF_INET)
        for route in routes:
            route.get_attr("RTA_DST"), route.get_attr("RTA_OIF"), route.get_attr("RTA_PRIORITY")
    if len(routes) != n:
        raise RuntimeError(f"{len(routes)} of {n} routes in the dump")
    return clock, n


ROWS = {
    "bringup": bringup,
    "teardown": teardown,
    "updown": updown,
    "teardown-one-by-one": teardown_one_by_one,
    "teardown-veth": teardown_veth,
    "getlink": getlink,
    "dumplinks": dumplinks,
    "addroutes": addroutes,
    "addroutes-single": addroutes_single,
    "dumproutes": dumproutes,
    "delete-single": delete_single,
}


def main(arguments):
    witness = None
    unnamed = False
    words = []
    rest = iter(arguments)
    for word in rest:
        if word == "--witness":
            witness = next(rest, None)
        elif word == "--unnamed":
            unnamed = True
        else:
            words.append(word)
    if len(words) != 2 or words[0] not in [*ROWS, "spawn"] or not words[1].isdigit():
        sys.exit(f"usage: pyroute2_peer.py ROW N [--witness COMMAND]\nrows: {' '.join(ROWS)}")
    row, n = words[0], int(words[1])
    if row == "spawn":
        report(row=row, unsupported="its NSPopen starts a proxy process for each program")
        return 0
    if unnamed:
        report(row=row, unsupported="every namespace of pyroute2.netns has a name")
        return 0
    with IPRoute(strict_check=True) as ipr:
        clock, count = ROWS[row](ipr, n)
    report(row=row, n=n, ns=clock.ns, count=count)
    return subprocess.call(witness, shell=True) if witness else 0


if __name__ == "__main__":
    if MARKER not in os.environ:
        script = os.path.abspath(__file__)
        os.environ[MARKER] = "1"
        sandbox = os.path.join(os.path.dirname(script), "sandbox.sh")
        os.execv(sandbox, [sandbox, sys.executable, script, *sys.argv[1:]])
    # Importing pyroute2 takes a third of a second, so not before the program is where it stays.
    try:
        from pyroute2 import IPBatch, IPRoute, netns
    except ImportError:
        report(row=sys.argv[1] if len(sys.argv) > 1 else "", unsupported="python3-pyroute2 is not installed; see install.sh")
        sys.exit(0)
    sys.exit(main(sys.argv[1:]))
