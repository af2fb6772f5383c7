import { afterEach, beforeEach, expect, test } from 'vitest';
import { createNetns, deleteNetns } from '../../lib/netns/calls.js';
import type { Netns } from '../../lib/netns/netns.js';
import { getLink, listLinks } from '../../lib/rtnetlink/link/find.js';
import type { Link } from '../../lib/rtnetlink/link/link.js';
import {
  addNeighbor,
  deleteNeighbor,
  getNeighbor,
  listNeighbors,
  replaceNeighbor,
} from '../../lib/rtnetlink/neighbor/calls.js';
import type { FdbEntry } from '../../lib/rtnetlink/neighbor/fdb.js';
import {
  addFdbEntry,
  appendFdbEntry,
  deleteFdbEntry,
  listFdbEntries,
  replaceFdbEntry,
} from '../../lib/rtnetlink/neighbor/fdb-calls.js';
import type { Neighbor } from '../../lib/rtnetlink/neighbor/neighbor.js';
import { iproute, makePair, witness } from './ip.ts';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';

describeKernel('neighbours', () => {
  expectNoLeaks(() => listLinks());

  let netns: Netns;
  let a: Link;
  beforeEach(async () => {
    netns = await createNetns();
    makePair(netns);
    a = await getLink('va', { netns });
  });
  afterEach(() => netns.close());

  test('a neighbour is permanent unless said otherwise', async () => {
    await addNeighbor({ address: '10.1.0.2', mac: '02:00:00:00:00:02', link: a });
    expect(witness(netns, 'ip neighbour show')).toMatchObject([
      { dst: '10.1.0.2', dev: 'va', lladdr: '02:00:00:00:00:02', state: ['PERMANENT'] },
    ]);
    expect(await getNeighbor({ address: '10.1.0.2', link: a })).toMatchObject({
      address: '10.1.0.2',
      family: 'inet',
      link: a.index,
      mac: '02:00:00:00:00:02',
      state: 'permanent',
      proxy: false,
    });
  });

  test('a neighbour that is there already is refused, and can be replaced', async () => {
    await addNeighbor({ address: '10.1.0.2', mac: '02:00:00:00:00:02', link: a });
    await expect(addNeighbor({ address: '10.1.0.2', mac: '02:00:00:00:00:03', link: a })).rejects.toMatchObject({
      code: 'EEXIST',
    });
    await replaceNeighbor({ address: '10.1.0.2', mac: '02:00:00:00:00:03', link: a, state: 'stale' });
    expect(witness(netns, 'ip neighbour show')).toMatchObject([{ lladdr: '02:00:00:00:00:03', state: ['STALE'] }]);
  });

  test('a neighbour without a MAC is refused, and leaves nothing behind', async () => {
    await expect(addNeighbor({ address: '10.1.0.2', link: 'va' }, { netns })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
      message: expect.stringMatching(/^addNeighbor: mac must be the link-layer address of the neighbour/),
    });
    expect(witness(netns, 'ip -4 neighbour show nud all')).toEqual([]);
  });

  test('replacing without a MAC keeps the one that is there, and makes none', async () => {
    await addNeighbor({ address: '10.1.0.2', mac: '02:00:00:00:00:02', link: a });
    await replaceNeighbor({ address: '10.1.0.2', link: a, state: 'stale' });
    expect(witness(netns, 'ip -4 neighbour show')).toMatchObject([{ lladdr: '02:00:00:00:00:02', state: ['STALE'] }]);
    await deleteNeighbor({ address: '10.1.0.2', link: a });
    await expect(replaceNeighbor({ address: '10.1.0.3', link: a, state: 'stale' })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
      message:
        'replaceNeighbor: mac must be the link-layer address of the neighbour, to add one that is stale; received undefined',
    });
    expect(iproute(netns, 'ip -4 neighbour show nud all')).not.toContain('10.1.0.3');
  });

  test('a neighbour that the kernel keeps resolved needs neither MAC nor state', async () => {
    await addNeighbor({ address: '10.1.0.2', link: a, flags: ['managed'] });
    expect(await getNeighbor({ address: '10.1.0.2', link: a })).toMatchObject({ flags: ['managed'] });
  });

  test('an IPv6 router that a control plane vouches for', async () => {
    await addNeighbor({
      address: '2001:db8:1::2',
      mac: '02:00:00:00:00:02',
      link: 'va',
      netns,
      state: 'reachable',
      flags: ['router', 'extern_learn'],
      protocol: 4,
    });
    expect(iproute(netns, 'ip -6 neighbour show')).toMatch(
      /2001:db8:1::2 dev va lladdr 02:00:00:00:00:02 router extern_learn REACHABLE/,
    );
    expect(await listNeighbors({ netns, family: 'inet6', link: a })).toMatchObject([
      { address: '2001:db8:1::2', state: 'reachable', flags: ['extern_learn', 'router'], protocol: 4 },
    ]);
  });

  test('addresses to answer for are listed apart', async () => {
    await addNeighbor({ address: '10.1.0.9', link: a, proxy: true });
    expect(witness(netns, 'ip neighbour show proxy')).toMatchObject([{ dst: '10.1.0.9', dev: 'va' }]);
    expect(await listNeighbors({ netns, proxy: true })).toMatchObject([{ address: '10.1.0.9', proxy: true }]);
    expect(await listNeighbors({ netns, family: 'inet' })).toEqual([]);
    await deleteNeighbor({ address: '10.1.0.9', link: a, proxy: true });
    expect(await listNeighbors({ netns, proxy: true })).toEqual([]);
  });

  test('neighbours are listed by state', async () => {
    await Promise.all([
      addNeighbor({ address: '10.1.0.2', mac: '02:00:00:00:00:02', link: a }),
      addNeighbor({ address: '10.1.0.3', mac: '02:00:00:00:00:03', link: a, state: 'stale' }),
      addNeighbor({ address: '10.1.0.4', mac: '02:00:00:00:00:04', link: a, state: 'noarp' }),
    ]);
    const listed = async (options: object): Promise<string[]> =>
      (await listNeighbors({ netns, family: 'inet', ...options })).map(({ address }) => address).sort();
    expect(await listed({})).toEqual(['10.1.0.2', '10.1.0.3']);
    expect(await listed({ states: ['noarp'] })).toEqual(['10.1.0.4']);
    expect(await listed({ states: ['stale', 'permanent'] })).toEqual(['10.1.0.2', '10.1.0.3']);
    expect(await listed({ link: 'vb' })).toEqual([]);
  });

  test('a neighbour that was listed can be given back', async () => {
    await addNeighbor({ address: '10.1.0.2', mac: '02:00:00:00:00:02', link: a, protocol: 4 });
    await addNeighbor({ address: '10.1.0.9', link: a, proxy: true });
    for (const proxy of [false, true]) {
      const [neighbor] = await listNeighbors({ netns, proxy, family: 'inet' });
      await replaceNeighbor(neighbor as Neighbor);
      expect(await listNeighbors({ netns, proxy, family: 'inet' })).toMatchObject([{ address: neighbor?.address }]);
      await deleteNeighbor(neighbor as Neighbor);
      expect(await listNeighbors({ netns, proxy, family: 'inet' })).toEqual([]);
    }
  });

  test('with ifExists, what is not there need not be removed', async () => {
    await addNeighbor({ address: '10.1.0.2', mac: '02:00:00:00:00:02', link: a });
    await deleteNeighbor({ address: '10.1.0.2', link: a }, { ifExists: true });
    expect(await listNeighbors({ netns, family: 'inet' })).toEqual([]);
    await deleteNeighbor({ address: '10.1.0.2', link: a }, { ifExists: true });
    await deleteNeighbor({ address: '10.1.0.2', link: a, proxy: true }, { ifExists: true });
    await deleteNeighbor({ address: '10.1.0.2', link: 'none' }, { netns, ifExists: true });
    await deleteNeighbor({ address: '10.1.0.2', link: 4711 }, { netns, ifExists: true });
    await expect(deleteNeighbor({ address: '10.1.0.2', link: 'none' }, { netns })).rejects.toMatchObject({
      code: 'ENODEV',
    });
  });

  test('two namespaces for one neighbour are refused', async () => {
    const other = await createNetns('other-than-that');
    const neighbor = { address: '10.1.0.2', mac: '02:00:00:00:00:02', link: 'va', netns };
    for (const call of [addNeighbor, replaceNeighbor, deleteNeighbor, getNeighbor]) {
      await expect(call(neighbor, { netns: other })).rejects.toMatchObject({
        code: 'ERR_INVALID_ARG_VALUE',
        message: `${call.name}: options.netns "other-than-that" is not the namespace of the spec (${netns.id})`,
      });
    }
    await addNeighbor(neighbor, { netns });
    await deleteNetns(other);
    other.close();
  });

  test('deleting and asking for what is not there says ENOENT, and of which', async () => {
    await expect(deleteNeighbor({ address: '10.1.0.2', link: a })).rejects.toMatchObject({
      code: 'ENOENT',
      entry: '10.1.0.2',
      link: 'va',
      message: `deleteNeighbor: ENOENT: no such file or directory, RTM_DELNEIGH '10.1.0.2' dev 'va' in namespace ${netns.id}`,
    });
    await expect(getNeighbor({ address: '10.1.0.3', link: a })).rejects.toMatchObject({
      code: 'ENOENT',
      entry: '10.1.0.3',
    });
  });
});

/** A kernel with VLANs keeps an entry for each of a port's VLANs too. */
const distinct = (rows: unknown[]): unknown[] => [...new Map(rows.map((row) => [JSON.stringify(row), row])).values()];

describeKernel('forwarding databases', () => {
  expectNoLeaks(() => listLinks());

  let netns: Netns;
  beforeEach(async () => {
    netns = await createNetns();
    makePair(netns);
    iproute(netns, 'ip link add br0 type bridge');
    iproute(netns, 'ip link set vb master br0');
    iproute(netns, 'ip link set br0 up');
  });
  afterEach(() => netns.close());

  test('an entry of a bridge port', async () => {
    const [b, br] = [await getLink('vb', { netns }), await getLink('br0', { netns })];
    await addFdbEntry({ mac: '02:00:00:00:00:05', link: b, master: true, state: 'static' });
    await addFdbEntry({ mac: '02:00:00:00:00:06', link: b, master: true, state: 'dynamic' });
    const shown = witness(netns, 'bridge fdb show brport vb');
    expect(shown.find(({ mac }) => mac === '02:00:00:00:00:05')).toMatchObject({
      master: 'br0',
      state: 'static',
    });
    const entries = await listFdbEntries({ link: b });
    expect(entries.find(({ mac }) => mac === '02:00:00:00:00:05')).toMatchObject({
      link: b.index,
      bridge: br.index,
      self: false,
      state: 'static',
    });
    expect(entries.find(({ mac }) => mac === '02:00:00:00:00:06')).toMatchObject({ state: 'dynamic' });
    expect((await listFdbEntries({ bridge: br })).map(({ mac }) => mac)).toContain('02:00:00:00:00:05');

    await expect(addFdbEntry({ mac: '02:00:00:00:00:05', link: b, master: true })).rejects.toMatchObject({
      code: 'EEXIST',
      entry: '02:00:00:00:00:05',
      link: 'vb',
    });
    await replaceFdbEntry({ mac: '02:00:00:00:00:05', link: b, master: true, state: 'dynamic' });
    await deleteFdbEntry({ mac: '02:00:00:00:00:05', link: b, master: true });
    await expect(deleteFdbEntry({ mac: '02:00:00:00:00:05', link: b, master: true })).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });

  test('what was listed can be given back', async () => {
    const [b, br] = [await getLink('vb', { netns }), await getLink('br0', { netns })];
    iproute(netns, 'ip link add vx type vxlan id 5 dev va dstport 4789');
    const vx = await getLink('vx', { netns });
    await addFdbEntry({ mac: '02:00:00:00:00:05', link: b, master: true, state: 'static' });
    await addFdbEntry({ mac: '02:00:00:00:00:06', link: b });
    await addFdbEntry({ mac: '02:00:00:00:00:07', link: br });
    await addFdbEntry({ mac: '02:00:00:00:00:08', link: vx, dst: '192.0.2.1', port: 4790, vni: 77, via: 'va' });
    const ours = async (): Promise<FdbEntry[]> =>
      (await listFdbEntries({ netns })).filter(({ mac }) => /^02:00:00:00:00:0[5678]$/.test(mac));
    const places = (entries: FdbEntry[]): unknown[] =>
      distinct(entries.map(({ mac, link, self, master, dst }) => [mac, link, self, master, dst])).sort();
    const expected = [
      ['02:00:00:00:00:05', b.index, false, true, undefined],
      ['02:00:00:00:00:06', b.index, true, false, undefined],
      ['02:00:00:00:00:07', br.index, false, false, undefined],
      ['02:00:00:00:00:08', vx.index, true, false, '192.0.2.1'],
    ];
    const entries = await ours();
    expect(places(entries)).toEqual(expected);
    for (const entry of entries) await deleteFdbEntry(entry);
    expect(await ours()).toEqual([]);
    for (const entry of entries) await addFdbEntry(entry);
    expect(places(await ours())).toEqual(expected);
  });

  test('entries are listed by link and by bridge', async () => {
    const [b, br] = [await getLink('vb', { netns }), await getLink('br0', { netns })];
    iproute(netns, 'ip link add br1 type bridge');
    expect(new Set((await listFdbEntries({ netns })).map(({ link }) => link)).size).toBeGreaterThan(2);
    expect(new Set((await listFdbEntries({ link: b })).map(({ link }) => link))).toEqual(new Set([b.index]));
    const links = (await listFdbEntries({ bridge: br })).map(({ link }) => link);
    expect(new Set(links)).toEqual(new Set([b.index, br.index]));
  });

  test('with ifExists, what is not there need not be removed', async () => {
    const entry = { mac: '02:00:00:00:00:05', link: await getLink('vb', { netns }) };
    await addFdbEntry({ ...entry, master: true });
    for (const master of [true, true, false]) await deleteFdbEntry({ ...entry, master }, { ifExists: true });
    expect((await listFdbEntries({ netns })).filter(({ mac }) => mac === entry.mac)).toEqual([]);
    await deleteFdbEntry({ ...entry, link: 'none' }, { netns, ifExists: true });
    await deleteFdbEntry({ ...entry, link: 4711 }, { netns, ifExists: true });
    await expect(deleteFdbEntry({ ...entry, link: 'none' }, { netns })).rejects.toMatchObject({ code: 'ENODEV' });
  });

  test('two namespaces for one entry are refused', async () => {
    const other = await createNetns();
    await expect(addFdbEntry({ mac: '02:00:00:00:00:05', link: 'vb', netns }, { netns: other })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: `addFdbEntry: options.netns ${other.id} is not the namespace of the spec (${netns.id})`,
    });
    other.close();
  });

  test('remote endpoints of a VXLAN', async () => {
    iproute(netns, 'ip link add vx type vxlan id 5 dev va dstport 4789');
    const vx = await getLink('vx', { netns });
    await addFdbEntry({ mac: '02:00:00:00:00:07', link: vx, dst: '192.0.2.1', port: 4790, vni: 77, via: 'va' });
    await appendFdbEntry({ mac: '00:00:00:00:00:00', link: vx, dst: '192.0.2.2' });
    await appendFdbEntry({ mac: '00:00:00:00:00:00', link: vx, dst: '192.0.2.3' });
    expect(witness(netns, 'bridge fdb show dev vx').map(({ mac, dst }) => [mac, dst])).toEqual(
      expect.arrayContaining([
        ['02:00:00:00:00:07', '192.0.2.1'],
        ['00:00:00:00:00:00', '192.0.2.2'],
        ['00:00:00:00:00:00', '192.0.2.3'],
      ]),
    );
    const a = await getLink('va', { netns });
    const entries = await listFdbEntries({ link: vx });
    expect(entries).toHaveLength(3);
    expect(entries.find(({ mac }) => mac === '02:00:00:00:00:07')).toMatchObject({
      dst: '192.0.2.1',
      port: 4790,
      vni: 77,
      via: a.index,
      self: true,
      state: 'permanent',
    });
  });
});
