import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  addAddress,
  addFdbEntry,
  addNeighbor,
  addQdisc,
  addRoute,
  addRule,
  createBridge,
  createNetns,
  createVeth,
  deleteAddress,
  deleteFdbEntry,
  deleteLink,
  deleteLinks,
  deleteMasquerade,
  deleteNeighbor,
  deleteNetns,
  deletePortMappings,
  deleteQdisc,
  deleteRoute,
  deleteRule,
  type Link,
  listLinks,
  type Netns,
  openNetns,
  removeBandwidthLimit,
  setLink,
} from 'netloom';
import * as sync from 'netloom/sync';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { failure, pathOf, run } from './witness.ts';

describeKernel('a teardown that comes twice', () => {
  expectNoLeaks(async () => {
    await listLinks();
    await deleteNetns(await createNetns('first'));
  });

  let netns: Netns;
  let eth0: Link;
  let port: Link;
  beforeEach(async () => {
    netns = await createNetns();
    const bridge = await createBridge({ name: 'br0', netns, up: true });
    [eth0, port] = await createVeth({
      name: 'eth0',
      netns,
      up: true,
      addresses: ['10.0.0.1/24'],
      peer: { name: 'port', master: bridge, up: true },
    });
  });
  afterEach(() => netns.close());

  const MAC = '02:00:00:00:00:09';
  const address = '2001:db8::1/64';
  const route = { to: '10.1.0.0/16', via: '10.0.0.9' };
  const route6 = { to: '2001:db8:1::/48', link: 'eth0' };
  const neighbor = { address: '10.0.0.9', mac: MAC, link: 'eth0' };
  const entry = { mac: MAC, link: 'port', master: true };
  const rule = { from: '10.0.0.1', table: 4711, priority: 100 };
  const qdisc = { kind: 'pfifo', handle: '1:', limit: 10 } as const;

  /** Each thing: how it is made, and how it is removed. */
  const things: readonly [string, () => Promise<unknown>, (options: sync.DeleteOptions) => Promise<void>, string][] = [
    [
      'an address',
      () => addAddress('eth0', '10.0.0.2/24', { netns }),
      (o) => deleteAddress('eth0', '10.0.0.2/24', o),
      'EADDRNOTAVAIL',
    ],
    [
      'an IPv6 address',
      () => addAddress('eth0', address, { netns }),
      (o) => deleteAddress('eth0', address, o),
      'EADDRNOTAVAIL',
    ],
    ['a route', () => addRoute(route, { netns }), (o) => deleteRoute(route, o), 'ESRCH'],
    ['an IPv6 route', () => addRoute(route6, { netns }), (o) => deleteRoute(route6, o), 'ESRCH'],
    [
      'a route of another table',
      () => addRoute({ ...route, table: 4711 }, { netns }),
      (o) => deleteRoute({ ...route, table: 4711 }, o),
      'ESRCH',
    ],
    ['a neighbour', () => addNeighbor(neighbor, { netns }), (o) => deleteNeighbor(neighbor, o), 'ENOENT'],
    ['a forwarding entry', () => addFdbEntry(entry, { netns }), (o) => deleteFdbEntry(entry, o), 'ENOENT'],
    ['a policy rule', () => addRule(rule, { netns }), (o) => deleteRule(rule, o), 'ENOENT'],
    [
      'a queueing discipline',
      () => addQdisc('eth0', qdisc, { netns }),
      (o) => deleteQdisc('eth0', { parent: 'root' }, o),
      'ENOENT',
    ],
    ['a link', () => Promise.resolve(), (o) => deleteLink('eth0', o), 'ENODEV'],
    ['a list of links', () => Promise.resolve(), (o) => deleteLinks(['eth0', 'port'], o), 'ENODEV'],
  ];

  test.each(things)('removes %s, and then succeeds where it is gone', async (_, make, remove, code) => {
    await make();
    await remove({ netns, ifExists: true });
    await remove({ netns, ifExists: true });
    expect(await failure(remove({ netns }))).toMatchObject({ name: 'NetlinkError', code });
  });

  test.each(things)('succeeds for %s where the link has gone with it', async (_, make, remove) => {
    await make();
    await deleteLink('eth0', { netns });
    await remove({ netns, ifExists: true });
    expect(await failure(remove({ netns }))).toMatchObject({ name: 'NetlinkError' });
  });

  test('needs no option where things are removed by their owner, or all together', async () => {
    for (let round = 0; round < 2; round++) {
      await deleteMasquerade({ owner: 'pod', netns });
      await deletePortMappings({ owner: 'pod', netns });
      await removeBandwidthLimit('eth0', { netns });
      await deleteLink('eth0', { netns, ifExists: true });
    }
    expect((await listLinks({ netns })).map(({ name }) => name)).toEqual(['lo', 'br0']);
  });

  test('succeeds by snapshots of links that have gone', async () => {
    await deleteLink(eth0);
    const ifExists = { ifExists: true };
    await deleteAddress(eth0, '10.0.0.1/24', ifExists);
    await deleteAddress(eth0, address, ifExists);
    await deleteRoute({ to: '10.0.0.0/24', link: eth0 }, ifExists);
    await deleteRoute({ to: '2001:db8:1::/48', link: eth0 }, ifExists);
    await deleteNeighbor({ address: '10.0.0.9', link: eth0 }, ifExists);
    await deleteFdbEntry({ mac: MAC, link: port }, ifExists);
    await deleteLinks([eth0, port], ifExists);
    await deleteLinks({ group: 4711 }, { netns });
    expect(sync.deleteLink(eth0, ifExists)).toBeUndefined();
  });

  test('succeeds for an IPv6 address of a link that has no IPv6 any more', async () => {
    await addAddress('eth0', address, { netns });
    await setLink('eth0', { mtu: 1000 }, { netns });
    await deleteAddress('eth0', address, { netns, ifExists: true });
    expect(await failure(deleteAddress('eth0', address, { netns }))).toMatchObject({ code: 'ENXIO' });
  });

  test('succeeds for a forwarding entry whose bridge has gone', async () => {
    await addFdbEntry(entry, { netns });
    await deleteLink('br0', { netns });
    await deleteFdbEntry(entry, { netns, ifExists: true });
    expect(await failure(deleteFdbEntry(entry, { netns }))).toMatchObject({ code: 'EOPNOTSUPP' });
  });

  test('does not pass over what is wrong for another reason', async () => {
    await setLink('eth0', { up: false }, { netns });
    expect(await failure(deleteLink('lo', { netns, ifExists: true }))).toMatchObject({ code: 'EOPNOTSUPP' });
    expect(await failure(deleteAddress('eth0', '10.0.0', { netns, ifExists: true }))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
  });

  describe('of a namespace', () => {
    const ifExists = { ifExists: true };

    test('succeeds by its name and by its handle', async () => {
      const blue = await createNetns('blue');
      await deleteNetns(blue, ifExists);
      await deleteNetns(blue, ifExists);
      await deleteNetns('blue', ifExists);
      sync.deleteNetns('blue', ifExists);
      expect(await failure(deleteNetns('blue'))).toMatchObject({ code: 'ENOENT' });
    });

    test('leaves another one alone that has its name by now', async () => {
      const blue = await createNetns('blue');
      run('ip', 'netns', 'delete', 'blue');
      run('ip', 'netns', 'add', 'blue');
      await deleteNetns(blue, ifExists);
      expect(run('ip', 'netns', 'list')).toContain('blue');
      await deleteNetns('blue', ifExists);
      expect(run('ip', 'netns', 'list')).not.toContain('blue');
    });

    test('succeeds where there never was a name', async () => {
      run('umount', '-l', '/run/netns');
      run('rmdir', '/run/netns');
      await deleteNetns('blue', ifExists);
      await deleteNetns(await createNetns('first'));
    });

    test('is told that it is gone by ENOENT, however it was named', async () => {
      using blue = await createNetns('blue');
      const child = spawn('nsenter', [`--net=${pathOf(blue)}`, 'sleep', '60']);
      const pid = child.pid as number;
      using opened = await openNetns({ pid });
      expect(opened).toBeInstanceOf(blue.constructor);
      child.kill('SIGKILL');
      await once(child, 'exit');
      await deleteNetns('blue');
      for (const source of ['blue', { path: '/run/netns/blue' }, { pid }, { path: `/proc/${pid}/ns/net` }] as const) {
        expect(await failure(openNetns(source))).toMatchObject({ code: 'ENOENT', syscall: 'open' });
        expect(() => sync.openNetns(source)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
      }
    });

    test('a process that has ended, but that nobody has waited for, has none any more: ENOENT', () => {
      // In the synchronous flavour no turn of the event loop reaps it.
      const child = spawn('true', { stdio: 'ignore' });
      const pid = child.pid as number;
      while (!/^State:\s+Z/m.test(run('cat', `/proc/${pid}/status`)));
      expect(() => sync.openNetns({ pid })).toThrow(
        expect.objectContaining({ code: 'ENOENT', message: expect.stringContaining(`no process has the id ${pid}`) }),
      );
    });
  });
});
