import { createBridge, createLink, createNetns, createVeth, getLink, listLinks, type Netns } from 'netloom';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { ip, monitored, pathOf, run, seen, seenAddresses, seenNames } from './witness.ts';

describeKernel('createVeth', () => {
  expectNoLeaks(() => listLinks());

  let left: Netns;
  let right: Netns;
  beforeEach(async () => {
    [left, right] = await Promise.all([createNetns(), createNetns()]);
  });
  afterEach(() => {
    left.close();
    right.close();
  });

  test('gives both ends, the first one first, in the same namespace unless told otherwise', async () => {
    const [one, two] = await createVeth({ name: 'one', netns: left, peer: { name: 'two' } });
    expect([one.name, two.name, one.kind, two.kind]).toEqual(['one', 'two', 'veth', 'veth']);
    expect([one.netns, two.netns]).toEqual([left, left]);
    expect([one.index, two.index]).toEqual([seen(left, 'one').ifindex, seen(left, 'two').ifindex]);
    expect([one.parent, two.parent]).toEqual([two.index, one.index]);
    expect([one.up, two.up]).toEqual([false, false]);
    expect(seen(left, 'one')).toMatchObject({ link: 'two', linkinfo: { info_kind: 'veth' } });
  });

  test('takes every option at either end, each in its own namespace', async () => {
    await createBridge({ name: 'br0', netns: left });
    await createBridge({ name: 'br0', netns: right, index: 77 });
    const [a, b] = await createVeth({
      name: 'a',
      netns: left,
      index: 101,
      mtu: 1400,
      mac: '02:00:00:00:00:0a',
      up: true,
      alias: 'left end',
      altNames: ['a-first-alternative-name', 'a2'],
      group: 7,
      txQueueLength: 0,
      txQueues: 2,
      rxQueues: 3,
      multicast: false,
      arp: false,
      promiscuous: true,
      allMulticast: true,
      addrGenMode: 'none',
      gsoMaxSize: 32768,
      gsoMaxSegments: 100,
      addresses: ['10.0.0.1/24', { address: '2001:db8::1/64', flags: ['nodad'] }],
      master: 'br0',
      bridgePort: { hairpin: true, cost: 9 },
      peer: {
        name: 'b',
        netns: right,
        index: 202,
        mtu: 1300,
        mac: '02:00:00:00:00:0b',
        up: true,
        alias: 'right end',
        altNames: ['b-alternative-name'],
        group: 8,
        txQueueLength: 5,
        txQueues: 4,
        rxQueues: 1,
        addrGenMode: 'random',
        addresses: ['10.0.0.2/24'],
        master: 77,
        bridgePort: { isolated: true },
      },
    });

    const seenA = seen(left, 'a');
    expect(seenA).toMatchObject({
      ifindex: 101,
      mtu: 1400,
      address: '02:00:00:00:00:0a',
      ifalias: 'left end',
      altnames: ['a-first-alternative-name', 'a2'],
      group: '7',
      num_tx_queues: 2,
      num_rx_queues: 3,
      inet6_addr_gen_mode: 'none',
      gso_max_size: 32768,
      master: 'br0',
      linkinfo: { info_slave_kind: 'bridge', info_slave_data: { hairpin: true, cost: 9 } },
    });
    expect(seenA.flags).toEqual(expect.arrayContaining(['NOARP', 'PROMISC', 'ALLMULTI', 'UP', 'LOWER_UP']));
    expect(seenA.flags).not.toContain('MULTICAST');
    expect(seenA.txqlen ?? 0).toBe(0);
    expect(seenAddresses(left, 'a')).toEqual(['10.0.0.1/24', '2001:db8::1/64']);

    const seenB = seen(right, 'b');
    expect(seenB).toMatchObject({
      ifindex: 202,
      mtu: 1300,
      address: '02:00:00:00:00:0b',
      ifalias: 'right end',
      altnames: ['b-alternative-name'],
      group: '8',
      txqlen: 5,
      num_tx_queues: 4,
      num_rx_queues: 1,
      inet6_addr_gen_mode: 'random',
      master: 'br0',
      linkinfo: { info_slave_data: { isolated: true } },
    });
    expect(seenB.flags).toEqual(expect.arrayContaining(['MULTICAST', 'UP', 'LOWER_UP']));
    expect(seenAddresses(right, 'b')).toEqual(['10.0.0.2/24']);

    expect(a).toMatchObject({ name: 'a', index: 101, parent: 202, up: true, carrier: true, mtu: 1400, master: 2 });
    expect(b).toMatchObject({ name: 'b', index: 202, parent: 101, up: true, carrier: true, mtu: 1300, master: 77 });
  });

  test('puts both ends straight where they belong: the namespace of neither hears of the other end', async () => {
    const heard = { left: [] as string[], right: [] as string[] };
    heard.left = await monitored(left, async () => {
      heard.right = await monitored(right, () =>
        createVeth({ name: 'a', netns: left, peer: { name: 'b', netns: right } }),
      );
    });
    // No `Deleted`, no other name: neither end was made elsewhere and moved.
    expect(new Set(heard.left.map((line) => /^\w+: [^@:]+/.exec(line)?.[0].replace(/^\d+: /, '')))).toEqual(
      new Set(['a']),
    );
    expect(new Set(heard.right.map((line) => /^\w+: [^@:]+/.exec(line)?.[0].replace(/^\d+: /, '')))).toEqual(
      new Set(['b']),
    );
  });

  test('takes one exchange where nothing has to follow, two across namespaces', async () => {
    const exchanges: string[][] = [];
    const restore = [left, right].map((netns) => {
      const enqueue = netns.sockets.enqueue.bind(netns.sockets);
      netns.sockets.enqueue = (requests, waiting) => {
        exchanges.push([netns === left ? 'left' : 'right', ...requests.map(({ name }) => name)]);
        return enqueue(requests, waiting);
      };
      return () => {
        netns.sockets.enqueue = enqueue;
      };
    });
    await createVeth({ name: 'a', netns: left, mtu: 1400, up: true, peer: { name: 'b', netns: right, mtu: 1400 } });
    for (const undo of restore) undo();
    expect(exchanges).toEqual([
      ['left', 'RTM_NEWLINK', 'RTM_GETLINK'],
      ['right', 'RTM_GETLINK'],
    ]);
  });

  test('can stand in neither the namespace of the process nor be seen there', async () => {
    const before = (await listLinks()).map(({ name }) => name);
    await createVeth({ name: 'a', netns: left, peer: { name: 'b', netns: right } });
    expect((await listLinks()).map(({ name }) => name)).toEqual(before);
  });

  test('lets both ends have the same name in different namespaces', async () => {
    const [a, b] = await createVeth({ name: 'eth0', netns: left, peer: { name: 'eth0', netns: right } });
    expect([a.name, b.name]).toEqual(['eth0', 'eth0']);
    expect([seenNames(left), seenNames(right)]).toEqual([['eth0'], ['eth0']]);
  });

  test.each(['a', 'x'.repeat(15), 'ä€', '-', '..a', '😀😀😀'])('takes the name %j', async (name) => {
    const [link] = await createVeth({ name, netns: left, peer: { name: 'peer' } });
    expect(link.name).toBe(name);
    expect(seenNames(left).sort()).toEqual([name, 'peer'].sort());
  });

  test.each([68, 576, 1500, 9000, 65535])('takes the MTU %d', async (mtu) => {
    const [a, b] = await createVeth({ name: 'a', netns: left, mtu, peer: { name: 'b', mtu } });
    expect([a.mtu, b.mtu]).toEqual([mtu, mtu]);
    expect([seen(left, 'a').mtu, seen(left, 'b').mtu]).toEqual([mtu, mtu]);
  });

  test('is up only where it was asked for', async () => {
    const [a, b] = await createVeth({ name: 'a', netns: left, up: true, peer: { name: 'b', up: false } });
    expect([a.up, b.up, a.carrier]).toEqual([true, false, false]);
    expect(seen(left, 'a').flags).toContain('NO-CARRIER');
    expect(seen(left, 'b').flags).not.toContain('UP');
  });

  test('carries packets from end to end, and counts them when asked for counters', async () => {
    await createVeth({
      name: 'a',
      netns: left,
      up: true,
      addrGenMode: 'none',
      addresses: ['10.0.0.1/24'],
      peer: { name: 'b', netns: right, up: true, addrGenMode: 'none', addresses: ['10.0.0.2/24'] },
    });
    const before = await getLink('b', { netns: right, stats: true });
    // A message to an address that nobody has: one ARP request of 42 bytes goes out.
    const send = "require('dgram').createSocket('udp4').send('x', 9, '10.0.0.9', () => process.exit())";
    run('nsenter', `--net=${pathOf(left)}`, process.execPath, '-e', send);
    const after = await getLink('b', { netns: right, stats: true });
    expect((after.stats?.rxPackets ?? 0n) - (before.stats?.rxPackets ?? 0n)).toBe(1n);
    expect((after.stats?.rxBytes ?? 0n) - (before.stats?.rxBytes ?? 0n)).toBe(42n);
    expect((await getLink('b', { netns: right })).stats).toBeUndefined();
  });

  test('is what createLink({ kind: "veth" }) makes, which gives the first end', async () => {
    const link = await createLink({ kind: 'veth', name: 'a', netns: left, peer: { name: 'b', netns: right } });
    expect(link).toMatchObject({ name: 'a', kind: 'veth' });
    expect([seenNames(left), seenNames(right)]).toEqual([['a'], ['b']]);
  });

  test('gives plain frozen snapshots', async () => {
    const [a] = await createVeth({ name: 'a', netns: left, peer: { name: 'b' } });
    expect(Object.isFrozen(a)).toBe(true);
    expect(Object.getPrototypeOf(a)).toBe(Object.prototype);
    ip(left, 'link set dev a mtu 1280');
    expect(a.mtu).toBe(1500);
    expect((await getLink(a)).mtu).toBe(1280);
  });
});
