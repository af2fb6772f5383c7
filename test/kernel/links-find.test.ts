import { createBridge, createNetns, createVeth, getLink, type Link, listLinks, type Netns, setLink } from 'netloom';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { type Failure, failure, ip, seen } from './witness.ts';

const names = (links: readonly Link[]): string[] => links.map(({ name }) => name).sort();

describeKernel('finding links', () => {
  expectNoLeaks(() => listLinks());

  const LONG = 'an-alternative-name-longer-than-a-name';
  let netns: Netns;
  let elsewhere: Netns;
  let a: Link;
  beforeAll(async () => {
    [netns, elsewhere] = await Promise.all([createNetns(), createNetns()]);
    await createBridge({ name: 'br0', netns });
    await createBridge({ name: 'br1', netns, group: 7 });
    [a] = await createVeth({
      name: 'a',
      netns,
      up: true,
      master: 'br0',
      altNames: ['short', LONG],
      peer: { name: 'b', group: 7 },
    });
    await createVeth({ name: 'c', netns, group: 8, master: 'br1', peer: { name: 'd', master: 'br0' } });
    ip(netns, 'link add name t0 type ifb');
  });
  afterAll(() => {
    netns.close();
    elsewhere.close();
  });

  test.each(['a', 'short', LONG])('getLink by the name %s', async (name) => {
    expect(await getLink(name, { netns })).toMatchObject({ name: 'a', index: a.index, altNames: ['short', LONG] });
  });

  test('getLink by index', async () => {
    const { ifindex } = seen(netns, 'c');
    expect(await getLink(ifindex, { netns })).toMatchObject({ name: 'c', index: ifindex });
  });

  test('getLink by an earlier snapshot finds the link under its new name', async () => {
    const before = await getLink('t0', { netns });
    ip(netns, 'link set dev t0 name t1');
    expect(await getLink(before)).toMatchObject({ name: 't1', index: before.index });
    ip(netns, 'link set dev t1 name t0');
  });

  test('getLink of the own namespace needs no namespace', async () => {
    expect(await getLink('lo')).toMatchObject({ name: 'lo', index: 1, type: 'loopback', mtu: 65536, group: 0 });
  });

  test('getLink tells what `ip -d link` tells', async () => {
    const shown = seen(netns, 'a');
    expect(await getLink('a', { netns })).toMatchObject({
      index: shown.ifindex,
      mac: shown.address,
      mtu: shown.mtu,
      up: true,
      carrier: false,
      operState: shown.operstate.toLowerCase().replace('lowerlayerdown', 'lower-layer-down'),
      master: seen(netns, 'br0').ifindex,
      parent: seen(netns, 'b').ifindex,
      txQueueLength: shown.txqlen,
      txQueues: shown.num_tx_queues,
      promiscuity: shown.promiscuity,
      addrGenMode: shown.inet6_addr_gen_mode,
      gsoMaxSize: shown.gso_max_size,
      minMtu: 68,
      maxMtu: 65535,
    });
  });

  test.each<[string, string | number]>([
    ['name', 'nobody'],
    ['alternative name', 'nobody-has-an-alternative-name-like-this'],
    ['index', 4321],
  ])('getLink of a missing %s is ENODEV, with what was asked for', async (_, ref) => {
    const error = await failure(getLink(ref, { netns }));
    expect(error).toMatchObject({
      name: 'NetlinkError',
      code: 'ENODEV',
      errno: -19,
      syscall: 'RTM_GETLINK',
      link: ref,
    });
    expect(error.message).toContain(`'${ref}'`);
    expect(error.message).toContain(`in namespace ${netns.id}`);
  });

  test.each([
    ['', 'ERR_INVALID_ARG_VALUE'],
    ['x'.repeat(128), 'ERR_INVALID_ARG_VALUE'],
    [0, 'ERR_OUT_OF_RANGE'],
    [-1, 'ERR_OUT_OF_RANGE'],
    [1.5, 'ERR_OUT_OF_RANGE'],
    [2 ** 31, 'ERR_OUT_OF_RANGE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
    [undefined, 'ERR_INVALID_ARG_TYPE'],
    [{}, 'ERR_INVALID_ARG_TYPE'],
  ])('getLink(%j) is refused before the kernel is asked', async (ref, code) => {
    const error = await failure(getLink(ref as never, { netns }));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(/^getLink: link /);
  });

  test('a snapshot with another namespace than its own is refused', async () => {
    const error = await failure(getLink(a, { netns: elsewhere }));
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    expect(error.message).toMatch(/^getLink: netns .* is not the namespace of link "a"$/);
  });

  test('listLinks gives every link, by index', async () => {
    const links = await listLinks({ netns });
    expect(names(links)).toEqual(['a', 'b', 'br0', 'br1', 'c', 'd', 'lo', 't0']);
    const indexes = links.map(({ index }) => index);
    expect(indexes).toEqual([...indexes].sort((one, other) => one - other));
  });

  test.each<[Parameters<typeof listLinks>[0], string[]]>([
    [{ kind: 'bridge' }, ['br0', 'br1']],
    [{ kind: 'veth' }, ['a', 'b', 'c', 'd']],
    [{ kind: 'no-such-kind' }, []],
    [{ master: 'br0' }, ['a', 'd']],
    [{ master: 'br1' }, ['c']],
    [{ up: true }, ['a']],
    [{ up: false }, ['b', 'br0', 'br1', 'c', 'd', 'lo', 't0']],
    [{ group: 7 }, ['b', 'br1']],
    [{ group: 0 }, ['a', 'br0', 'd', 'lo', 't0']],
    [{ kind: 'veth', group: 7 }, ['b']],
    [{ kind: 'veth', master: 'br0', up: true }, ['a']],
    [{ kind: 'bridge', up: true }, []],
  ])('listLinks(%o)', async (filter, expected) => {
    expect(names(await listLinks({ ...filter, netns }))).toEqual(expected);
  });

  test('listLinks with a master that is not there is ENODEV', async () => {
    const error = await failure(listLinks({ netns, master: 'nobody' }));
    expect(error).toMatchObject({ code: 'ENODEV', link: 'nobody' });
  });

  test('listLinks gives counters where they are asked for', async () => {
    const [link] = await listLinks({ netns, kind: 'ifb', stats: true });
    expect(link?.stats).toMatchObject({ rxPackets: 0n, txBytes: 0n });
    expect((await listLinks({ netns, kind: 'ifb' }))[0]?.stats).toBeUndefined();
  });

  test('a list of 500 links comes whole', async () => {
    using many = await createNetns();
    await Promise.all(
      Array.from({ length: 250 }, (_, i) => createVeth({ name: `a${i}`, netns: many, peer: { name: `b${i}` } })),
    );
    const links = await listLinks({ netns: many, kind: 'veth' });
    expect(links).toHaveLength(500);
    expect(new Set(names(links)).size).toBe(500);
  });

  test('a link that was found is what other calls take', async () => {
    const [link] = await listLinks({ netns, kind: 'ifb' });
    expect(await setLink(link as Link, { alias: 'found' })).toMatchObject({ alias: 'found' });
    expect(seen(netns, 't0').ifalias).toBe('found');
    await setLink(link as Link, { alias: '' });
    expect((await getLink('t0', { netns }).catch((error: Failure) => error)) as Link).not.toHaveProperty('alias');
  });
});
