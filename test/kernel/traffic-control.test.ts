import {
  addClass,
  addFilter,
  addQdisc,
  createNetns,
  createVeth,
  deleteClass,
  deleteFilter,
  deleteQdisc,
  type Filter,
  type Link,
  listClasses,
  listFilters,
  listLinks,
  listQdiscs,
  type Netns,
  ping,
  replaceClass,
  replaceFilter,
  replaceQdisc,
} from 'netloom';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { iproute, witness } from './ip.ts';
import { expectNoLeaks } from './leaks.ts';
import { LOAD_BPF } from './load-bpf.ts';
import { describeKernel } from './privilege.ts';
import { failure, runProgram } from './witness.ts';

const tc = (netns: Netns, what: string): Record<string, unknown>[] => witness(netns, `tc ${what}`);

describeKernel('qdiscs', () => {
  expectNoLeaks(() => listLinks());

  let netns: Netns;
  let a: Link;
  let b: Link;
  beforeEach(async () => {
    netns = await createNetns();
    [a, b] = await createVeth({ name: 'va', netns, up: true, peer: { name: 'vb', up: true } });
  });
  afterEach(() => netns.close());

  test('a tbf is told as tc tells it', async () => {
    await addQdisc(a, { kind: 'tbf', handle: '7:', rate: 20e6, burst: 32_000, latency: 25 });
    expect(tc(netns, 'qdisc show dev va')).toMatchObject([
      { kind: 'tbf', handle: '7:', root: true, options: { rate: 2_500_000, burst: 32_000 } },
    ]);
    expect(iproute(netns, 'tc qdisc show dev va')).toContain('rate 20Mbit burst 32000b lat 25ms');
    const [qdisc] = await listQdiscs({ link: a, kind: 'tbf' });
    expect(qdisc).toMatchObject({
      link: a.index,
      kind: 'tbf',
      handle: '7:',
      parent: 'root',
      data: { rate: 20e6, burst: 32_000, limit: 94_500, latency: 25 },
    });
    expect(qdisc?.unknown).toBeUndefined();
  });

  test('a tbf with a peak', async () => {
    const options = { rate: 8e6, burst: 10_000, limit: 30_000, peakRate: 16e6, mtu: 1600 };
    await addQdisc('va', { kind: 'tbf', ...options }, { netns });
    expect(iproute(netns, 'tc -d qdisc show dev va')).toMatch(/rate 8Mbit burst 10000b\S* .*peakrate 16Mbit mtu 1600b/);
    expect((await listQdiscs({ link: a }))[0]?.data).toMatchObject(options);
  });

  test.each([
    [{ kind: 'pfifo', limit: 10 } as const, 'pfifo', { limit: 10 }],
    [{ kind: 'bfifo', limit: 30_000 } as const, 'bfifo', { limit: 30_000 }],
    [{ kind: 'htb', defaultClass: 0x10, rateToQuantum: 5 } as const, 'htb', { default: '0x10', r2q: 5 }],
  ])('%o', async (spec, kind, options) => {
    await addQdisc(a, spec);
    expect(tc(netns, 'qdisc show dev va')).toMatchObject([{ kind, options }]);
    const { kind: _kind, ...said } = spec;
    expect((await listQdiscs({ link: a }))[0]).toMatchObject({ kind, data: said });
  });

  test('what is received has a place for filters', async () => {
    for (const kind of ['ingress', 'clsact'] as const) {
      await addQdisc(a, { kind });
      expect(tc(netns, 'qdisc show dev va').at(-1)).toMatchObject({ kind, handle: 'ffff:', parent: 'ffff:fff1' });
      expect(await listQdiscs({ link: a, kind })).toMatchObject([{ kind, handle: 'ffff:', parent: 'ingress' }]);
      await deleteQdisc(a, { parent: 'ingress' });
    }
  });

  test('a link without a queue', async () => {
    await addQdisc(a, { kind: 'pfifo' });
    await replaceQdisc(a, { kind: 'noqueue' });
    expect(tc(netns, 'qdisc show dev va')).toMatchObject([{ kind: 'noqueue' }]);
  });

  test('one that is there is refused, changed, and replaced', async () => {
    await addQdisc(a, { kind: 'pfifo', handle: '5:', limit: 10 });
    const refused = await failure(addQdisc(a, { kind: 'pfifo', limit: 20 }));
    expect(refused).toMatchObject({ code: 'EEXIST', entry: 'pfifo root', link: 'va', syscall: 'RTM_NEWQDISC' });
    await replaceQdisc(a, { kind: 'pfifo', handle: '5:', limit: 20 });
    expect(tc(netns, 'qdisc show dev va')).toMatchObject([{ handle: '5:', options: { limit: 20 } }]);
    await replaceQdisc(a, { kind: 'bfifo', limit: 20_000 });
    expect(tc(netns, 'qdisc show dev va')).toMatchObject([{ kind: 'bfifo', options: { limit: 20_000 } }]);
  });

  test('those listed are of all links, or of one, and can be given back', async () => {
    await addQdisc(a, { kind: 'pfifo', limit: 10 });
    await addQdisc(b, { kind: 'bfifo', limit: 30_000 });
    const all = await listQdiscs({ netns });
    expect(new Set(all.map(({ link }) => link))).toEqual(new Set([a.index, b.index]));
    for (const qdisc of all) await deleteQdisc(qdisc.link, qdisc, { netns });
    expect((await listQdiscs({ netns })).map(({ kind }) => kind)).toEqual(['noqueue', 'noqueue']);
  });

  test('with ifExists, what is not there need not be removed', async () => {
    await addQdisc(a, { kind: 'pfifo', limit: 10 });
    for (let i = 0; i < 2; i++) await deleteQdisc(a, { parent: 'root' }, { ifExists: true });
    await deleteQdisc(a, { parent: 'ingress' }, { ifExists: true });
    await deleteQdisc('none', { parent: 'root' }, { netns, ifExists: true });
    const error = await failure(deleteQdisc(a, { parent: 'root' }));
    expect(error).toMatchObject({ code: 'ENOENT', entry: 'qdisc root', link: 'va' });
  });

  test('counters are those that tc shows', async () => {
    await addQdisc(a, { kind: 'pfifo', limit: 10 });
    iproute(netns, 'ip address add 10.1.0.1/24 dev va');
    iproute(netns, 'ip neighbour add 10.1.0.2 lladdr 02:00:00:00:00:02 dev va');
    await ping('10.1.0.2', { netns, count: 3, interval: 1, timeout: 1 });
    // Others send too: IPv6 looks for routers.
    await vi.waitFor(async () => {
      const [shown] = tc(netns, '-s qdisc show dev va');
      const [qdisc] = await listQdiscs({ link: a });
      expect(qdisc?.stats.packets).toBeGreaterThanOrEqual(3n);
      expect(qdisc?.stats).toEqual({
        bytes: BigInt(shown?.['bytes'] as number),
        packets: BigInt(shown?.['packets'] as number),
        drops: 0,
        overlimits: 0,
        requeues: 0,
        queueLength: 0,
        backlog: 0,
      });
    });
  });

  test('classes share a link', async () => {
    await addQdisc(a, { kind: 'htb', handle: '1:', defaultClass: 0x20 });
    await addClass(a, { kind: 'htb', handle: '1:1', rate: 100e6, burst: 20_000, cburst: 20_000 });
    await addClass(a, {
      kind: 'htb',
      parent: '1:1',
      handle: '1:20',
      rate: 5e6,
      ceil: 10e6,
      burst: 20_000,
      cburst: 30_000,
      priority: 2,
      quantum: 3000,
    });
    await addQdisc(a, { kind: 'pfifo', parent: '1:20', handle: '20:', limit: 7 });
    expect(iproute(netns, 'tc class show dev va')).toContain(
      'class htb 1:20 parent 1:1 leaf 20: prio 2 rate 5Mbit ceil 10Mbit burst 20000b cburst 30000b',
    );
    const classes = await listClasses(a, { kind: 'htb' });
    expect(classes.find(({ handle }) => handle === '1:20')).toMatchObject({
      link: a.index,
      parent: '1:1',
      leaf: '20:',
      data: { rate: 5e6, ceil: 10e6, burst: 20_000, cburst: 30_000, priority: 2, quantum: 3000 },
    });
    expect(classes.find(({ handle }) => handle === '1:1')).toMatchObject({ parent: 'root', data: { rate: 100e6 } });

    const again = { kind: 'htb', parent: '1:1', handle: '1:20', rate: 6e6 } as const;
    expect(await failure(addClass(a, again))).toMatchObject({ code: 'EEXIST', entry: 'class 1:20' });
    await replaceClass(a, again);
    expect(iproute(netns, 'tc class show dev va')).toContain('rate 6Mbit ceil 6Mbit');
    expect(await failure(deleteClass(a, { handle: '1:1' }))).toMatchObject({ code: 'EBUSY' });
    for (let i = 0; i < 2; i++) await deleteClass(a, { handle: '1:20' }, { ifExists: true });
    expect((await listClasses(a)).map(({ handle }) => handle)).toEqual(['1:1']);
  });
});

describeKernel('filters', () => {
  expectNoLeaks(() => listLinks());

  let netns: Netns;
  let a: Link;
  let b: Link;
  beforeEach(async () => {
    netns = await createNetns();
    [a, b] = await createVeth({ name: 'va', netns, up: true, peer: { name: 'vb', up: true } });
    await addQdisc(a, { kind: 'clsact' });
  });
  afterEach(() => netns.close());

  test('pass on what is received', async () => {
    await addFilter(a, {
      kind: 'u32',
      parent: 'ingress',
      priority: 3,
      actions: [{ kind: 'mirred', action: 'redirect', to: 'vb' }],
    });
    const shown = iproute(netns, 'tc filter show dev va ingress');
    expect(shown).toContain('filter protocol all pref 3 u32');
    expect(shown).toContain('mirred (Egress Redirect to device vb) stolen');
    expect(await listFilters(a, { parent: 'ingress', kind: 'u32' })).toMatchObject([
      {
        link: a.index,
        kind: 'u32',
        parent: 'ingress',
        priority: 3,
        protocol: 'all',
        handle: 0x80000800,
        chain: 0,
        data: {
          keys: [],
          actions: [{ kind: 'mirred', action: 'redirect', to: b.index, direction: 'egress', control: 'stolen' }],
        },
      },
    ]);
    expect(await listFilters(a, { parent: 'egress' })).toEqual([]);
    expect(await listFilters(a)).toEqual([]);
  });

  test('match addresses', async () => {
    await addFilter(a, { kind: 'u32', parent: 'egress', priority: 1, source: '10.0.0.0/8', destination: '192.0.2.1' });
    await addFilter(a, { kind: 'u32', parent: 'egress', priority: 2, destination: '2001:db8::/40' });
    const shown = iproute(netns, 'tc -p filter show dev va egress');
    expect(shown).toContain('filter protocol ip pref 1 u32');
    expect(shown).toContain('match IP src 10.0.0.0/8');
    expect(shown).toContain('match IP dst 192.0.2.1/32');
    expect(shown).toContain('filter protocol ipv6 pref 2 u32');
    const filters = await listFilters(a, { parent: 'egress', kind: 'u32' });
    expect(filters[0]?.data.keys).toEqual([
      { offset: 12, value: 0x0a000000, mask: 0xff000000 },
      { offset: 16, value: 0xc0000201, mask: 0xffffffff },
    ]);
  });

  test('choose a class', async () => {
    await addQdisc(a, { kind: 'htb', handle: '1:' });
    await addClass(a, { kind: 'htb', handle: '1:10', rate: 1e6 });
    await addFilter(a, { kind: 'u32', parent: '1:', source: '10.0.0.0/8', classId: '1:10' });
    expect(iproute(netns, 'tc filter show dev va parent 1:')).toContain('flowid 1:10');
    expect(await listFilters(a, { parent: '1:' })).toMatchObject([{ parent: '1:', data: { classId: '1:10' } }]);
    expect(await listFilters(a)).toHaveLength(1);
  });

  test('one that is there is replaced by its handle', async () => {
    const filter = { kind: 'u32', parent: 'ingress', priority: 3, protocol: 'all', handle: 0x80000800 } as const;
    await addFilter(a, { ...filter, actions: [{ kind: 'mirred', action: 'mirror', to: b }] });
    expect(await failure(addFilter(a, filter))).toMatchObject({
      code: 'EEXIST',
      entry: 'filter u32 ingress',
      link: 'va',
    });
    await replaceFilter(a, {
      ...filter,
      actions: [{ kind: 'mirred', action: 'redirect', to: b, direction: 'ingress' }],
    });
    expect(iproute(netns, 'tc filter show dev va ingress')).toContain('mirred (Ingress Redirect to device vb)');
    expect(await listFilters(a, { parent: 'ingress' })).toHaveLength(1);
  });

  test('are removed one by one, by priority, and all of a place', async () => {
    for (const priority of [1, 1, 2, 3, 3])
      await addFilter(a, { kind: 'u32', parent: 'ingress', priority, source: '10.0.0.0/8' });
    const priorities = async (): Promise<number[]> =>
      (await listFilters(a, { parent: 'ingress' })).map(({ priority }) => priority);
    expect(await priorities()).toEqual([1, 1, 2, 3, 3]);
    const [first] = (await listFilters(a, { parent: 'ingress' })) as [Filter];
    await deleteFilter(a, first);
    expect(await priorities()).toEqual([1, 2, 3, 3]);
    await deleteFilter(a, { parent: 'ingress', priority: 3 });
    expect(await priorities()).toEqual([1, 2]);
    await deleteFilter(a, { parent: 'ingress' });
    expect(await priorities()).toEqual([]);
    expect(await failure(deleteFilter(a, { parent: 'ingress', priority: 3 }))).toMatchObject({ code: 'ENOENT' });
    await deleteFilter(a, { parent: 'ingress', priority: 3 }, { ifExists: true });
    await deleteFilter('none', { parent: 'ingress' }, { netns, ifExists: true });
  });

  test('of a link that an action names and that is not there are refused', async () => {
    const actions = [{ kind: 'mirred', action: 'redirect', to: 'none' }] as const;
    const error = await failure(addFilter(a, { kind: 'u32', parent: 'ingress', actions }));
    expect(error).toMatchObject({ code: 'ENODEV', link: 'none' });
  });

  test('run a program', () => {
    // BPF_PROG_TYPE_SCHED_CLS, which returns TC_ACT_SHOT.
    const load = LOAD_BPF.replace("QII', 1,", "QII', 3,");
    const told = runProgram(
      `import { addFilter, addQdisc, createNetns, createVeth, listFilters } from 'netloom/sync';
       const netns = createNetns();
       const [link] = createVeth({ name: 'va', netns, peer: { name: 'vb' } });
       addQdisc(link, { kind: 'clsact' });
       const fd = Number(process.env.PROGRAMS);
       addFilter(link, { kind: 'bpf', parent: 'egress', fd, name: 'drop all', directAction: true });
       console.log(JSON.stringify(listFilters(link, { parent: 'egress' }).map(({ data }) => data)));`,
      { wrap: ['python3', '-c', load, '2'] },
    );
    expect(told).toEqual([{ name: 'drop all', directAction: true, programId: expect.any(Number) }]);
  });
});
