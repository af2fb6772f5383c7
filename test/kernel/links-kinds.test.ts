import {
  createDummy,
  createIfb,
  createLink,
  createMacvlan,
  createMacvtap,
  createNetns,
  createVeth,
  createVlan,
  createVxlan,
  isKind,
  type Link,
  listLinks,
  type MacvlanMode,
  type Netns,
} from 'netloom';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { type Failure, ip, seen, seenNames } from './witness.ts';

const NO_LINK_LOCAL = { addrGenMode: 'none' } as const;

describeKernel('kinds of links', () => {
  expectNoLeaks(() => listLinks());

  let netns: Netns;
  let parent: Link;
  beforeEach(async () => {
    netns = await createNetns();
    [parent] = await createVeth({ name: 'parent', netns, up: true, ...NO_LINK_LOCAL, peer: { name: 'far', up: true } });
  });
  afterEach(() => netns.close());

  const dataOf = (name: string): Record<string, unknown> | undefined => seen(netns, name).linkinfo?.info_data;

  describe('macvlan', () => {
    test.each<Exclude<MacvlanMode, 'source'>>(['private', 'vepa', 'bridge', 'passthru'])('mode %s', async (mode) => {
      const link = await createMacvlan({ name: 'mv', parent, mode });
      expect(link).toMatchObject({ kind: 'macvlan', parent: parent.index, netns, data: { mode } });
      expect(seen(netns, 'mv')).toMatchObject({ link: 'parent', linkinfo: { info_kind: 'macvlan' } });
      expect(dataOf('mv')).toMatchObject({ mode });
    });

    test('vepa is what it gets without a mode', async () => {
      expect((await createMacvlan({ name: 'mv', parent })).data.mode).toBe('vepa');
    });

    test('mode source with the senders that it takes', async () => {
      const sources = ['02:00:00:00:00:01', '02:00:00:00:00:02', '02:00:00:00:00:03'];
      const link = await createMacvlan({ name: 'mv', parent, mode: 'source', sources });
      expect(link.data.mode).toBe('source');
      expect([...((link.data as { sources?: string[] }).sources ?? [])].sort()).toEqual(sources);
      const { mode, macaddr_data } = dataOf('mv') as { mode: string; macaddr_data: string[] };
      expect(mode).toBe('source');
      expect([...macaddr_data].sort()).toEqual(sources);
    });

    test('flags, and the queue for broadcasts', async () => {
      const link = await createMacvlan({
        name: 'mv',
        parent,
        mode: 'passthru',
        flags: ['nopromisc'],
        broadcastQueueLength: 1234,
      });
      expect(link.data).toMatchObject({ mode: 'passthru', flags: ['nopromisc'], broadcastQueueLength: 1234 });
      expect(dataOf('mv')).toMatchObject({ nopromisc: true, bcqueuelen: 1234 });
    });

    test('with a parent in another namespace than its own', async () => {
      using elsewhere = await createNetns();
      const link = await createMacvlan({
        name: 'mv',
        parent,
        netns: elsewhere,
        mode: 'bridge',
        mac: '02:00:00:00:00:aa',
        up: true,
        addresses: ['10.0.0.7/24'],
      });
      expect(link).toMatchObject({ netns: elsewhere, parent: parent.index, mac: '02:00:00:00:00:aa', up: true });
      expect(link.parentNetnsId).toBeTypeOf('number');
      expect(seenNames(elsewhere)).toEqual(['mv']);
      expect(seenNames(netns)).not.toContain('mv');
      expect(seen(elsewhere, 'mv')).toMatchObject({ link_index: parent.index, address: '02:00:00:00:00:aa' });
    });

    test('with a parent by name or index, which is looked for in the namespace of the link', async () => {
      expect((await createMacvlan({ name: 'one', netns, parent: 'parent', mode: 'bridge' })).parent).toBe(parent.index);
      const two = await createMacvlan({ name: 'two', netns, parent: parent.index, mode: 'bridge' });
      expect(two.parent).toBe(parent.index);
    });

    test('a second one beside passthru is refused in the words of the kernel', async () => {
      await createMacvlan({ name: 'mv', parent, mode: 'passthru' });
      await expect(createMacvlan({ name: 'second', parent, mode: 'bridge' })).rejects.toMatchObject({
        name: 'NetlinkError',
        code: 'EINVAL',
        syscall: 'RTM_NEWLINK',
        link: 'second',
      });
      expect(seenNames(netns)).not.toContain('second');
    });
  });

  test('macvtap in mode bridge', async () => {
    const link = await createMacvtap({ name: 'mt', parent, mode: 'bridge', mac: '02:00:00:00:00:bb' });
    expect(link).toMatchObject({ kind: 'macvtap', parent: parent.index, data: { mode: 'bridge' } });
    expect(seen(netns, 'mt')).toMatchObject({ address: '02:00:00:00:00:bb', linkinfo: { info_kind: 'macvtap' } });
  });

  describe('vxlan', () => {
    test('over IPv4', async () => {
      const link = await createVxlan({
        name: 'vx',
        parent,
        vni: 42,
        remote: '192.0.2.2',
        local: '192.0.2.1',
        port: 4789,
        ttl: 7,
        tos: 8,
        ageing: 60_000,
        limit: 100,
        portRange: { low: 40000, high: 41000 },
        learning: false,
        l2miss: true,
        l3miss: true,
        proxy: true,
        rsc: true,
        udpChecksum: true,
        df: 'set',
      });
      const data = {
        vni: 42,
        remote: '192.0.2.2',
        local: '192.0.2.1',
        port: 4789,
        ttl: 7,
        tos: 8,
        ageing: 60_000,
        limit: 100,
      };
      expect(link.data).toMatchObject({ ...data, learning: false, proxy: true, parent: parent.index, df: 'set' });
      expect(link.data).toMatchObject({ portRange: { low: 40000, high: 41000 } });
      expect(dataOf('vx')).toMatchObject({
        id: 42,
        remote: '192.0.2.2',
        local: '192.0.2.1',
        link: 'parent',
        port: 4789,
        ttl: 7,
        tos: '0x8',
        ageing: 60,
        limit: 100,
        port_range: { low: 40000, high: 41000 },
        learning: false,
        l2miss: true,
        l3miss: true,
        proxy: true,
        rsc: true,
        udp_csum: true,
        df: 'set',
      });
    });

    test('over IPv6', async () => {
      const link = await createVxlan({
        name: 'vx',
        netns,
        vni: 0xffffff,
        remote: '2001:db8::2',
        local: '2001:db8::1',
        port: 8472,
        udp6ZeroChecksumTx: true,
        udp6ZeroChecksumRx: true,
        flowLabel: 0x12345,
      });
      expect(link.data).toMatchObject({
        vni: 0xffffff,
        remote: '2001:db8::2',
        local: '2001:db8::1',
        flowLabel: 0x12345,
      });
      expect(dataOf('vx')).toMatchObject({
        id: 0xffffff,
        remote6: '2001:db8::2',
        local6: '2001:db8::1',
        port: 8472,
        udp_zero_csum6_tx: true,
        udp_zero_csum6_rx: true,
        label: '0x12345',
      });
    });

    test('external: the network id comes with each packet', async () => {
      const link = await createVxlan({ name: 'vx', netns, external: true, port: 4789 });
      expect(link.data).toMatchObject({ external: true });
      expect(dataOf('vx')).toMatchObject({ external: true });
    });

    test('a network id twice is EEXIST, and the attribute is named where the kernel names it', async () => {
      await createVxlan({ name: 'one', netns, vni: 5, remote: '192.0.2.2', port: 4789 });
      const error = await createVxlan({ name: 'two', netns, vni: 5, remote: '192.0.2.2', port: 4789 }).then(
        () => undefined,
        (reason: Failure) => reason,
      );
      expect(error).toMatchObject({ code: 'EEXIST', kernelMessage: expect.stringContaining('VNI') });
      expect(seenNames(netns)).not.toContain('two');
    });
  });

  test('ifb', async () => {
    const link = await createIfb({ name: 'ifb7', netns, up: true, mtu: 70_000 });
    expect(link).toMatchObject({ kind: 'ifb', up: true, mtu: 70_000 });
    expect(seen(netns, 'ifb7')).toMatchObject({ mtu: 70_000, linkinfo: { info_kind: 'ifb' } });
  });

  /** Makes a link of a kind that not every kernel has: it exists afterwards, or the kernel has said why not. */
  async function whereTheKernelHasIt(
    making: Promise<Link>,
    name: string,
    module: string,
    check: (link: Link) => void,
  ): Promise<void> {
    const made = await making.catch((error: Failure) => error);
    if (made instanceof Error) {
      expect(made).toMatchObject({
        name: 'NetlinkError',
        code: 'EOPNOTSUPP',
        syscall: 'RTM_NEWLINK',
        link: name,
        kernelMessage: 'Unknown device type',
      });
      expect(made.message).toMatch(
        /EOPNOTSUPP: operation not supported, RTM_NEWLINK .*Unknown device type; this kernel/,
      );
      expect(made.message).toContain(`modprobe ${module}`);
      expect(seenNames(netns)).not.toContain(name);
    } else {
      check(made);
    }
  }

  test('dummy, or the word of the kernel that it has none', async () => {
    await whereTheKernelHasIt(createDummy({ name: 'du', netns, up: true }), 'du', 'dummy', (link) => {
      expect(link).toMatchObject({ kind: 'dummy', up: true });
      expect(seen(netns, 'du').linkinfo?.info_kind).toBe('dummy');
    });
  });

  test('vlan, or the word of the kernel that it has none', async () => {
    const making = createVlan({
      name: 'vl',
      parent,
      id: 100,
      protocol: '802.1ad',
      gvrp: true,
      reorderHeader: false,
      egressQos: [{ from: 1, to: 2 }],
    });
    await whereTheKernelHasIt(making, 'vl', '8021q', (link) => {
      expect(link).toMatchObject({ kind: 'vlan', parent: parent.index });
      expect(link.data).toMatchObject({ id: 100, protocol: '802.1ad', gvrp: true, reorderHeader: false });
      expect(dataOf('vl')).toMatchObject({ protocol: '802.1ad', id: 100, flags: ['GVRP'] });
    });
  });

  test.each([
    { kind: 'ifb', name: 'made' },
    { kind: 'bridge', name: 'made', ageingTime: 10_000 },
    { kind: 'vxlan', name: 'made', vni: 9, port: 4789 },
    { kind: 'veth', name: 'made', peer: { name: 'other' } },
  ] as const)('createLink makes a $kind', async (spec) => {
    const link = await createLink({ ...spec, netns });
    expect(link).toMatchObject({ kind: spec.kind, name: 'made', netns });
    expect(seen(netns, 'made').linkinfo?.info_kind).toBe(spec.kind);
  });

  test.each([
    { kind: 'macvlan', mode: 'private' },
    { kind: 'macvtap', mode: 'private' },
  ] as const)('createLink makes a $kind on its parent', async (spec) => {
    const link = await createLink({ ...spec, name: 'made', parent });
    expect(link).toMatchObject({ kind: spec.kind, parent: parent.index });
    expect(seen(netns, 'made').linkinfo?.info_kind).toBe(spec.kind);
  });

  test('isKind tells links apart, whoever made them', async () => {
    ip(netns, 'link add link parent name mv type macvlan mode bridge');
    const links = await listLinks({ netns });
    const modes = links.flatMap((link) => (isKind(link, 'macvlan') ? [link.data.mode] : []));
    expect(modes).toEqual(['bridge']);
  });
});
