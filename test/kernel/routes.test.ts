import { afterEach, beforeEach, expect, test } from 'vitest';
import { createNetns } from '../../lib/netns/calls.js';
import type { Netns } from '../../lib/netns/netns.js';
import { getLink, listLinks } from '../../lib/rtnetlink/link/find.js';
import type { Link } from '../../lib/rtnetlink/link/link.js';
import { addRoute, deleteRoute, replaceRoute } from '../../lib/rtnetlink/route/calls.js';
import { getRoute, listRoutes } from '../../lib/rtnetlink/route/find.js';
import type { RouteSpec } from '../../lib/rtnetlink/route/spec.js';
import { iproute, makePair, witness } from './ip.ts';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';

describeKernel('routes', () => {
  expectNoLeaks(() => listLinks());

  let netns: Netns;
  let a: Link;
  beforeEach(async () => {
    netns = await createNetns();
    makePair(netns);
    a = await getLink('va', { netns });
  });
  afterEach(() => netns.close());

  // What `ip -j route show` says of what was added.
  const cases: [string, RouteSpec, string, Record<string, unknown>][] = [
    ['through a gateway', { to: '10.2.0.0/16', via: '10.1.0.2' }, '10.2.0.0/16', { gateway: '10.1.0.2', dev: 'va' }],
    [
      'on a link, with the scope of a link',
      { to: '10.2.0.0/16', link: 'va' },
      '10.2.0.0/16',
      { dev: 'va', scope: 'link' },
    ],
    ['by default', { via: '10.1.0.2', metric: 50 }, 'default', { gateway: '10.1.0.2', metric: 50 }],
    [
      'through a gateway of the other family',
      { to: '10.2.0.0/16', via: '2001:db8:1::2', link: 'va' },
      '10.2.0.0/16',
      { via: { family: 'inet6', host: '2001:db8:1::2' } },
    ],
    [
      'in a table above 255',
      { to: '10.2.0.0/16', via: '10.1.0.2', table: 70000 },
      '10.2.0.0/16 table 70000',
      { gateway: '10.1.0.2' },
    ],
    [
      'that names its maker and its source',
      { to: '10.2.0.0/16', link: 'va', protocol: 'static', source: '10.1.0.1' },
      '10.2.0.0/16',
      { protocol: 'static', prefsrc: '10.1.0.1' },
    ],
    [
      'to a gateway that is on the link by word only',
      { to: '10.2.0.0/16', via: '192.0.2.1', link: 'va', flags: ['onlink'] },
      '10.2.0.0/16',
      { gateway: '192.0.2.1', flags: ['onlink'] },
    ],
    ['into a black hole', { to: '10.2.0.0/16', type: 'blackhole' }, '10.2.0.0/16', { type: 'blackhole' }],
    [
      'over several paths',
      { to: '10.2.0.0/16', nexthops: [{ via: '10.1.0.2' }, { via: '10.1.0.3', link: 'va', weight: 5 }] },
      '10.2.0.0/16',
      {
        nexthops: [
          { gateway: '10.1.0.2', dev: 'va', weight: 1, flags: [] },
          { gateway: '10.1.0.3', dev: 'va', weight: 5, flags: [] },
        ],
      },
    ],
    [
      'through an IPv6 gateway, preferred',
      { to: '2001:db8:2::/48', via: '2001:db8:1::2', pref: 'high' },
      '2001:db8:2::/48',
      { gateway: '2001:db8:1::2', dev: 'va', pref: 'high' },
    ],
    [
      'over several IPv6 paths',
      { to: '2001:db8:2::/48', nexthops: [{ via: '2001:db8:1::2' }, { via: '2001:db8:1::3' }] },
      '2001:db8:2::/48',
      {
        nexthops: [
          { gateway: '2001:db8:1::2', dev: 'va', weight: 1, flags: [] },
          { gateway: '2001:db8:1::3', dev: 'va', weight: 1, flags: [] },
        ],
      },
    ],
    [
      'to nowhere, for IPv6',
      { to: '2001:db8:2::/48', type: 'unreachable' },
      '2001:db8:2::/48',
      { type: 'unreachable' },
    ],
  ];
  test.each(cases)('a route %s', async (_, spec, show, expected) => {
    await addRoute({ ...spec, netns });
    const family = show.includes('::') ? '-6 ' : '';
    const [route] = witness(netns, `ip ${family}route show ${show}`);
    expect(route).toMatchObject(expected);
    // And it can be taken away by what was listed.
    const found = (await listRoutes({ netns, table: 'all' })).filter(({ to }) => to === (spec.to ?? 'default'));
    expect(found).toHaveLength(1);
    await deleteRoute(found[0] as RouteSpec);
    expect((await listRoutes({ netns, table: 'all' })).filter(({ to }) => to === (spec.to ?? 'default'))).toEqual([]);
  });

  test('metrics, and which of them are locked', async () => {
    await addRoute({ to: '10.2.0.0/16', link: a, mtu: 1400, lock: ['mtu'], advmss: 1360, initcwnd: 20, rtoMin: 50 });
    expect(iproute(netns, 'ip route show 10.2.0.0/16')).toContain('mtu lock 1400 advmss 1360 initcwnd 20 rto_min 50ms');
  });

  test('a route that is there already is refused, and can be replaced', async () => {
    await addRoute({ to: '10.2.0.0/16', via: '10.1.0.2', netns });
    await expect(addRoute({ to: '10.2.0.0/16', via: '10.1.0.3', netns })).rejects.toMatchObject({
      code: 'EEXIST',
      syscall: 'RTM_NEWROUTE',
      message: expect.stringContaining('addRoute: EEXIST'),
    });
    await replaceRoute({ to: '10.2.0.0/16', via: '10.1.0.3', netns });
    expect(witness(netns, 'ip route show 10.2.0.0/16')).toMatchObject([{ gateway: '10.1.0.3' }]);
  });

  test('of the routes of a turn, the refused one is named', async () => {
    await addRoute({ to: '10.3.0.0/16', link: a });
    const results = await Promise.allSettled([
      addRoute({ to: '10.2.0.0/16', link: a }),
      addRoute({ to: '10.3.0.0/16', link: a }),
      deleteRoute({ netns }),
    ]);
    expect(results).toMatchObject([
      { status: 'fulfilled' },
      {
        reason: {
          entry: '10.3.0.0/16',
          link: 'va',
          message: `addRoute: EEXIST: file already exists, RTM_NEWROUTE '10.3.0.0/16' dev 'va' in namespace ${netns.id}`,
        },
      },
      {
        reason: {
          entry: 'default',
          message: `deleteRoute: ESRCH: no such process, RTM_DELROUTE 'default' in namespace ${netns.id}`,
        },
      },
    ]);
  });

  test('an unreachable gateway is told in the words of the kernel', async () => {
    await expect(addRoute({ to: '10.2.0.0/16', via: '192.0.2.1', netns })).rejects.toMatchObject({
      code: 'ENETUNREACH',
      kernelMessage: 'Nexthop has invalid gateway',
    });
  });

  test('a bad route is refused before the kernel sees it, and the others of the turn go', async () => {
    const results = await Promise.allSettled([
      addRoute({ to: '10.2.0.0/16', link: a }),
      addRoute({ to: '10.3.0.1/16', link: a }),
      addRoute({ to: '10.4.0.0/16', link: a }),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(results[1]).toMatchObject({
      reason: {
        code: 'ERR_INVALID_ARG_VALUE',
        message: 'addRoute: to "10.3.0.1/16" has bits behind its prefix length; the network is 10.3.0.0/16',
      },
    });
  });

  test('deleting what is not there says ESRCH', async () => {
    await expect(deleteRoute({ to: '10.2.0.0/16', netns })).rejects.toMatchObject({ code: 'ESRCH' });
  });

  test('with ifExists, what is not there need not be removed', async () => {
    await addRoute({ to: '10.2.0.0/16', link: a });
    await deleteRoute({ to: '10.2.0.0/16', link: a }, { ifExists: true });
    expect(await listRoutes({ netns, to: '10.2.0.0/16' })).toEqual([]);
    await deleteRoute({ to: '10.2.0.0/16', link: a }, { ifExists: true });
    await deleteRoute({ to: '2001:db8:2::/48', netns, table: 4711 }, { ifExists: true });
    await deleteRoute({ to: '10.2.0.0/16', link: 'none', netns }, { ifExists: true });
    await deleteRoute({ to: '10.2.0.0/16', link: 4711, netns }, { ifExists: true });
    await expect(deleteRoute({ to: '10.2.0.0/16', link: 'none', netns })).rejects.toMatchObject({ code: 'ENODEV' });
  });

  test('two namespaces for one route are refused', async () => {
    const other = await createNetns();
    for (const call of [addRoute, replaceRoute, deleteRoute]) {
      await expect(call({ to: '10.2.0.0/16', link: 'va', netns }, { netns: other })).rejects.toMatchObject({
        code: 'ERR_INVALID_ARG_VALUE',
        message: `${call.name}: options.netns ${other.id} is not the namespace of the spec (${netns.id})`,
      });
    }
    other.close();
  });

  test('routes are listed of the main table, of both families, or as filtered', async () => {
    await Promise.all([
      addRoute({ to: '10.2.0.0/16', link: a, protocol: 'static' }),
      addRoute({ to: '10.3.0.0/16', link: a, table: 1000 }),
      addRoute({ to: '10.4.0.0/16', type: 'blackhole', netns }),
      addRoute({ to: '2001:db8:2::/48', link: a, protocol: 'static' }),
    ]);
    const listed = async (options: object): Promise<string[]> =>
      (await listRoutes({ netns, ...options })).map(({ to }) => to).sort();
    expect(await listed({ family: 'inet' })).toEqual(['10.1.0.0/24', '10.2.0.0/16', '10.4.0.0/16']);
    expect(await listed({ protocol: 'static' })).toEqual(['10.2.0.0/16', '2001:db8:2::/48']);
    expect(await listed({ table: 1000 })).toEqual(['10.3.0.0/16']);
    expect(await listed({ table: 1000, family: 'inet' })).toEqual(['10.3.0.0/16']);
    expect(await listed({ table: 4711, family: 'inet' })).toEqual([]);
    expect(await listed({ table: 4711 })).toEqual([]);
    expect(await listed({ type: 'blackhole' })).toEqual(['10.4.0.0/16']);
    expect(await listed({ to: '10.2.0.0/16' })).toEqual(['10.2.0.0/16']);
    expect(await listed({ link: 'vb', family: 'inet' })).toEqual([]);
    expect(await listed({ link: a, family: 'inet' })).toEqual(['10.1.0.0/24', '10.2.0.0/16']);
    expect(await listed({ family: 'inet', table: 'local' })).toContain('10.1.0.1/32');
    expect(await listed({ family: 'inet', table: 'all' })).toEqual(
      expect.arrayContaining(['10.1.0.1/32', '10.2.0.0/16', '10.3.0.0/16']),
    );
  });

  test('the route of a packet is told', async () => {
    await addRoute({ to: '10.2.0.0/16', via: '10.1.0.2', netns, mtu: 1300 });
    expect(await getRoute('10.2.3.4', { netns })).toMatchObject({
      to: '10.2.3.4/32',
      via: '10.1.0.2',
      link: a.index,
      source: '10.1.0.1',
      table: 'main',
      flags: ['cloned'],
    });
    expect(await getRoute('10.2.3.4', { netns, fibMatch: true })).toMatchObject({ to: '10.2.0.0/16', mtu: 1300 });
    expect(await getRoute('10.1.0.9', { netns, oif: a, from: '10.1.0.1', mark: 7 })).toMatchObject({ mark: 7 });
    expect(await getRoute('2001:db8:1::9', { netns })).toMatchObject({ link: a.index, source: '2001:db8:1::1' });
    await expect(getRoute('192.0.2.1', { netns })).rejects.toMatchObject({
      code: 'ENETUNREACH',
      entry: '192.0.2.1',
    });
  });

  test('the synchronous flavour does the same', () => {
    addRoute.sync({ to: '10.2.0.0/16', link: a });
    expect(listRoutes.sync({ link: a, to: '10.2.0.0/16' })).toMatchObject([{ to: '10.2.0.0/16', scope: 'link' }]);
    deleteRoute.sync({ to: '10.2.0.0/16', netns });
    expect(() => deleteRoute.sync({ to: '10.2.0.0/16', netns })).toThrow(expect.objectContaining({ code: 'ESRCH' }));
  });

  test('thousands of routes travel together', async () => {
    const prefixes = Array.from({ length: 5000 }, (_, i) => `20.${i >> 8}.${i & 255}.0/24`);
    await Promise.all(prefixes.map((to) => addRoute({ to, link: a })));
    expect(witness(netns, 'ip route show root 20.0.0.0/8')).toHaveLength(5000);
    const routes = await listRoutes({ netns, family: 'inet', link: a });
    expect(routes).toHaveLength(5001);
    await Promise.all(routes.filter(({ to }) => to.startsWith('20.')).map((route) => deleteRoute(route)));
    expect(await listRoutes({ netns, family: 'inet' })).toHaveLength(1);
  });
});
