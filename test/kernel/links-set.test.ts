import {
  createBridge,
  createMacvlan,
  createNetns,
  createVeth,
  getLink,
  type Link,
  type LinkChanges,
  listLinks,
  type Netns,
  setLink,
} from 'netloom';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { failure, ip, seen, seenNames } from './witness.ts';

describeKernel('setLink', () => {
  expectNoLeaks(() => listLinks());

  let netns: Netns;
  let link: Link;
  beforeEach(async () => {
    netns = await createNetns();
    [link] = await createVeth({ name: 'a', netns, mac: '02:00:00:00:00:01', addrGenMode: 'none', peer: { name: 'b' } });
  });
  afterEach(() => netns.close());

  const flags = (): string[] => seen(netns, 'a').flags;

  test('gives the link as it then is', async () => {
    const changed = await setLink(link, { mtu: 1400, up: true, alias: 'cable' });
    expect(changed).toMatchObject({ index: link.index, name: 'a', mtu: 1400, up: true, alias: 'cable' });
    expect(link).toMatchObject({ mtu: 1500, up: false });
  });

  test.each<[string, (link: Link) => Link | string | number]>([
    ['a snapshot', (link) => link],
    ['a name', () => 'a'],
    ['an index', ({ index }) => index],
  ])('takes %s', async (_, ref) => {
    await setLink(ref(link), { mtu: 1400, altNames: ['other'] }, { netns });
    expect(seen(netns, 'a')).toMatchObject({ mtu: 1400, altnames: ['other'] });
  });

  test('name: also of a link that is up, where the kernel allows it', async () => {
    await setLink(link, { name: 'renamed' });
    expect(seenNames(netns).sort()).toEqual(['b', 'renamed']);
    expect((await getLink(link)).name).toBe('renamed');
  });

  test('up and down', async () => {
    await setLink(link, { up: true });
    expect(flags()).toContain('UP');
    await setLink(link, { up: false });
    expect(flags()).not.toContain('UP');
  });

  test('mac', async () => {
    expect((await setLink(link, { mac: '02-00-00-00-00-FE' })).mac).toBe('02:00:00:00:00:fe');
    expect(seen(netns, 'a').address).toBe('02:00:00:00:00:fe');
  });

  test('group, and back to the first', async () => {
    await setLink(link, { group: 12 });
    expect(seen(netns, 'a').group).toBe('12');
    await setLink(link, { group: 0 });
    expect(seen(netns, 'a').group).toBe('default');
  });

  test('txQueueLength: 0 is a value', async () => {
    expect((await setLink(link, { txQueueLength: 0 })).txQueueLength).toBe(0);
    expect(seen(netns, 'a').txqlen ?? 0).toBe(0);
    expect((await setLink(link, { txQueueLength: 77 })).txQueueLength).toBe(77);
    expect(seen(netns, 'a').txqlen).toBe(77);
  });

  test.each<[LinkChanges, string, LinkChanges]>([
    [{ promiscuous: true }, 'PROMISC', { promiscuous: false }],
    [{ allMulticast: true }, 'ALLMULTI', { allMulticast: false }],
    [{ arp: false }, 'NOARP', { arp: true }],
    [{ multicast: true }, 'MULTICAST', { multicast: false }],
  ])('%o sets %s, and the opposite clears it', async (set, flag, clear) => {
    await setLink(link, set);
    expect(flags()).toContain(flag);
    await setLink(link, clear);
    expect(flags()).not.toContain(flag);
  });

  test.each([
    ['eui64', 'eui64'],
    ['none', 'none'],
    ['random', 'random'],
  ] as const)('addrGenMode %s', async (addrGenMode, shown) => {
    expect((await setLink(link, { addrGenMode })).addrGenMode).toBe(addrGenMode);
    expect(seen(netns, 'a').inet6_addr_gen_mode).toBe(shown);
  });

  test('alias, which an empty one takes away', async () => {
    expect((await setLink(link, { alias: 'to the € lab' })).alias).toBe('to the € lab');
    expect(seen(netns, 'a').ifalias).toBe('to the € lab');
    expect((await setLink(link, { alias: '' })).alias).toBeUndefined();
    expect(seen(netns, 'a').ifalias).toBeUndefined();
  });

  test('alias of 255 bytes fits, of 256 does not', async () => {
    await setLink(link, { alias: 'x'.repeat(255) });
    expect(seen(netns, 'a').ifalias).toBe('x'.repeat(255));
    expect(await failure(setLink(link, { alias: 'y'.repeat(256) }))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringMatching(/^setLink: alias .*256 bytes/),
    });
    expect(seen(netns, 'a').ifalias).toBe('x'.repeat(255));
  });

  test('altNames is the whole list: missing ones come, others go', async () => {
    await setLink(link, { altNames: ['one', 'two'] });
    expect(seen(netns, 'a').altnames).toEqual(['one', 'two']);
    const changed = await setLink(link, { altNames: ['two', 'three-is-a-rather-long-alternative-name'] });
    expect(changed.altNames).toEqual(['two', 'three-is-a-rather-long-alternative-name']);
    expect(seen(netns, 'a').altnames).toEqual(['two', 'three-is-a-rather-long-alternative-name']);
    await setLink(link, { altNames: [] });
    expect(seen(netns, 'a').altnames ?? []).toEqual([]);
  });

  test('altNames counts from what the link has now, not from the snapshot', async () => {
    ip(netns, 'link property add dev a altname theirs');
    await setLink(link, { altNames: ['ours'] });
    expect(seen(netns, 'a').altnames).toEqual(['ours']);
  });

  test('the name may become what was an alternative name', async () => {
    await setLink(link, { altNames: ['wanted'] });
    await setLink(link, { altNames: [] });
    await setLink(link, { name: 'wanted' });
    expect(seenNames(netns).sort()).toEqual(['b', 'wanted']);
  });

  test('master, another master, and none', async () => {
    await createBridge({ name: 'br0', netns });
    const br1 = await createBridge({ name: 'br1', netns });
    await setLink(link, { master: 'br0' });
    expect(seen(netns, 'a').master).toBe('br0');
    expect((await setLink(link, { master: br1 })).master).toBe(br1.index);
    expect(seen(netns, 'a').master).toBe('br1');
    expect((await setLink(link, { master: null })).master).toBeUndefined();
    expect(seen(netns, 'a').master).toBeUndefined();
  });

  test('a master that takes no ports is refused', async () => {
    expect(await failure(setLink(link, { master: 'lo' }))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: 'setLink: master "lo" is the loopback, which takes no ports',
    });
    ip(netns, 'link add dev no-master type veth peer name no-peer');
    expect(await failure(setLink(link, { master: 'no-master' }))).toMatchObject({
      code: 'EOPNOTSUPP',
      message: expect.stringMatching(/; is its master a bridge, bond or VRF\?$/),
    });
  });

  test('a master in another namespace is refused', async () => {
    using elsewhere = await createNetns();
    const bridge = await createBridge({ name: 'br0', netns: elsewhere });
    expect(await failure(setLink(link, { master: bridge }))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: `setLink: master "br0" is in another namespace (${elsewhere.id})`,
    });
  });

  test('gsoMaxSize, gsoMaxSegments and groMaxSize', async () => {
    await setLink(link, { gsoMaxSize: 32_768, gsoMaxSegments: 64, groMaxSize: 16_384 });
    expect(seen(netns, 'a')).toMatchObject({ gso_max_size: 32_768, gso_max_segs: 64, gro_max_size: 16_384 });
  });

  test('many changes in one call', async () => {
    await createBridge({ name: 'br0', netns });
    const changed = await setLink(link, {
      name: 'port',
      mtu: 1400,
      master: 'br0',
      alias: 'a port',
      altNames: ['door'],
      group: 3,
      up: true,
      bridgePort: { hairpin: true, isolated: true },
    });
    expect(changed).toMatchObject({ name: 'port', altNames: ['door'], bridgePort: { hairpin: true, isolated: true } });
    expect(seen(netns, 'port')).toMatchObject({
      mtu: 1400,
      master: 'br0',
      ifalias: 'a port',
      altnames: ['door'],
      group: '3',
      linkinfo: { info_slave_data: { hairpin: true, isolated: true } },
    });
  });

  test('no change at all gives the link', async () => {
    expect(await setLink(link, {})).toMatchObject({ name: 'a', index: link.index });
  });

  test('undefined leaves an option as it is', async () => {
    await setLink(link, { mtu: 1300, up: true });
    await setLink(link, { mtu: undefined, up: undefined, master: undefined, alias: undefined, altNames: undefined });
    expect(seen(netns, 'a')).toMatchObject({ mtu: 1300 });
    expect(flags()).toContain('UP');
  });

  describe('of a macvlan', () => {
    test('mode, and the length of the broadcast queue', async () => {
      const mv = await createMacvlan({ name: 'mv', parent: link, mode: 'private' });
      const changed = await setLink(mv, { kind: 'macvlan', mode: 'bridge', broadcastQueueLength: 500 });
      expect(changed.data).toMatchObject({ mode: 'bridge', broadcastQueueLength: 500 });
      expect(seen(netns, 'mv').linkinfo?.info_data).toMatchObject({ mode: 'bridge', bcqueuelen: 500 });
    });

    test('the list of sources is replaced', async () => {
      const mv = await createMacvlan({ name: 'mv', parent: link, mode: 'source', sources: ['02:00:00:00:00:11'] });
      await setLink(mv, { kind: 'macvlan', mode: 'source', sources: ['02:00:00:00:00:22', '02:00:00:00:00:33'] });
      const shown = seen(netns, 'mv').linkinfo?.info_data?.['macaddr_data'] as string[];
      expect([...shown].sort()).toEqual(['02:00:00:00:00:22', '02:00:00:00:00:33']);
    });
  });

  test.each<[LinkChanges, string, RegExp]>([
    [
      { name: 'sixteen-bytes-xx' },
      'ERR_INVALID_ARG_VALUE',
      /^setLink: name "sixteen-bytes-xx" is 16 bytes; .*IFNAMSIZ/,
    ],
    [{ name: 'a/b' }, 'ERR_INVALID_ARG_VALUE', /^setLink: name "a\/b" must not contain "\/"/],
    [{ name: '' }, 'ERR_INVALID_ARG_VALUE', /^setLink: name "" must not be empty/],
    [{ mtu: 0 }, 'ERR_OUT_OF_RANGE', /^setLink: mtu 0 is out of range \(68 to 65535 bytes\)/],
    [{ mtu: 70_000 }, 'ERR_OUT_OF_RANGE', /^setLink: mtu 70000 is out of range \(68 to 65535 bytes\)/],
    [{ mtu: '1500' as never }, 'ERR_INVALID_ARG_TYPE', /^setLink: mtu must be a number of bytes; received "1500"/],
    [{ mac: '02:00' }, 'ERR_INVALID_ARG_VALUE', /^setLink: mac "02:00" is no MAC address/],
    [{ mac: '01:00:00:00:00:00' }, 'ERR_INVALID_ARG_VALUE', /^setLink: mac "01:00:00:00:00:00" is a multicast/],
    [{ up: 1 as never }, 'ERR_INVALID_ARG_TYPE', /^setLink: up must be true or false; received 1/],
    [{ group: -1 }, 'ERR_OUT_OF_RANGE', /^setLink: group -1 is out of range/],
    [{ txQueueLength: -1 }, 'ERR_OUT_OF_RANGE', /^setLink: txQueueLength -1 is out of range/],
    [{ altNames: 'x' as never }, 'ERR_INVALID_ARG_TYPE', /^setLink: altNames must be an array/],
    [{ altNames: ['x'.repeat(128)] }, 'ERR_INVALID_ARG_VALUE', /^setLink: .*altNames\[0\] .* is 128 bytes/],
    [{ addrGenMode: 'dice' as never }, 'ERR_INVALID_ARG_VALUE', /^setLink: .*addrGenMode "dice" is none of eui64/],
    [
      { bridgePort: { state: 'open' as never } },
      'ERR_INVALID_ARG_VALUE',
      /^setLink: .*bridgePort\.state "open" is none/,
    ],
    [{ bridgePort: { cost: -1 } }, 'ERR_OUT_OF_RANGE', /^setLink: .*bridgePort\.cost -1 is out of range/],
    [{ kind: 'teleport' as never }, 'ERR_INVALID_ARG_VALUE', /^setLink: kind "teleport" is none of /],
    [{ master: 0 }, 'ERR_OUT_OF_RANGE', /^setLink: master 0 is out of range/],
    [
      { mut: 1400 } as never,
      'ERR_INVALID_ARG_VALUE',
      /^setLink: mut 1400 is no option of every link \(mtu is\); name its `kind`/,
    ],
  ])('%o is refused, and nothing changes', async (changes, code, message) => {
    const before = seen(netns, 'a');
    const error = await failure(setLink(link, { alias: 'half', ...changes } as LinkChanges));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(seen(netns, 'a')).toEqual(before);
  });

  test('a taken name is EEXIST', async () => {
    expect(await failure(setLink(link, { name: 'b' }))).toMatchObject({ code: 'EEXIST', link: 'a' });
    expect(seenNames(netns).sort()).toEqual(['a', 'b']);
  });

  test('a taken alternative name is EEXIST', async () => {
    expect(await failure(setLink(link, { altNames: ['b'] }))).toMatchObject({
      code: 'EEXIST',
      syscall: 'RTM_NEWLINKPROP',
      link: 'a',
    });
  });

  test('a link that is gone is ENODEV', async () => {
    ip(netns, 'link delete dev a');
    expect(await failure(setLink(link, { up: true }))).toMatchObject({ code: 'ENODEV', link: 'a' });
    expect(await failure(setLink('a', { up: true }, { netns }))).toMatchObject({ code: 'ENODEV', link: 'a' });
  });
});
