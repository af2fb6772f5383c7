/** Kinds of traffic control that not every kernel has: `scripts/test-kernels.mjs` runs this where they are. */
import {
  type Action,
  addFilter,
  addQdisc,
  createNetns,
  createVeth,
  type FilterSpec,
  type Link,
  listFilters,
  listLinks,
  listQdiscs,
  type Netns,
  type QdiscSpec,
} from 'netloom';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { iproute } from './ip.ts';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import type { Failure } from './witness.ts';

describeKernel('where the kernel has it, and with its word where it has not:', () => {
  expectNoLeaks(() => listLinks());

  let netns: Netns;
  let a: Link;
  beforeEach(async () => {
    netns = await createNetns();
    [a] = await createVeth({ name: 'va', netns, up: true, peer: { name: 'vb', up: true } });
  });
  afterEach(() => netns.close());

  /** True where it was made; otherwise the kernel has said that it has no such thing, and netloom which module has it. */
  async function madeOrToldWhy(making: Promise<void>, module: string): Promise<boolean> {
    const error = await making.then(
      () => undefined,
      (reason: Failure) => reason,
    );
    if (error === undefined) return true;
    expect(error).toMatchObject({ code: 'ENOENT', link: 'va' });
    expect(error.message).toMatch(
      /(Specified qdisc kind is unknown|TC classifier not found|Failed to load TC action module); this kernel/,
    );
    expect(error.message).toContain(`it has no module ${module}, or could not load it`);
    return false;
  }

  const QDISCS: readonly [QdiscSpec, string, RegExp][] = [
    [
      {
        kind: 'netem',
        limit: 500,
        delay: 20,
        jitter: 5,
        delayCorrelation: 0.25,
        loss: 0.02,
        duplicate: 0.01,
        corrupt: 0.001,
        reorder: 0.25,
        reorderCorrelation: 0.5,
        gap: 5,
        rate: 8e6,
      },
      'sch_netem',
      /limit 500 delay 20(\.0)?ms +5(\.0)?ms 25% loss 2% duplicate 1% reorder 25% 50% corrupt 0\.1% rate 8Mbit gap 5/,
    ],
    [{ kind: 'netem', rate: 40e9, limit: 1000 }, 'sch_netem', /limit 1000 rate 40Gbit/],
    [
      { kind: 'prio', bands: 4, priomap: [3, 2, 2, 2, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1] },
      'sch_prio',
      /bands 4 priomap 3 2 2 2 1 2 0 0 1 1 1 1 1 1 1 1/,
    ],
    // Times that are whole numbers of 1.024 µs.
    [
      {
        kind: 'fq_codel',
        limit: 2000,
        flows: 512,
        target: 4.096,
        interval: 81.92,
        quantum: 300,
        ceThreshold: 1.024,
        memoryLimit: 1_000_000,
        ecn: false,
        dropBatch: 32,
      },
      'sch_fq_codel',
      /limit 2000p flows 512 quantum 300 target 4\.1ms ce_threshold 1\.02ms interval 81\.9ms memory_limit 1000000b drop_batch 32/,
    ],
    [
      {
        kind: 'fq',
        limit: 1000,
        flowLimit: 50,
        buckets: 2048,
        quantum: 3000,
        initialQuantum: 15_000,
        maxRate: 10e6,
        refillDelay: 20,
      },
      'sch_fq',
      /limit 1000p flow_limit 50p buckets 2048 .*quantum 3000b initial_quantum 15000b .*maxrate 10Mbit .*refill_delay 20(\.0)?ms/,
    ],
  ];

  test.each(QDISCS)('%o', async (spec, module, shown) => {
    if (!(await madeOrToldWhy(addQdisc(a, spec), module))) return;
    expect(iproute(netns, 'tc qdisc show dev va')).toMatch(shown);
    const { kind, ...said } = spec;
    expect((await listQdiscs({ link: a }))[0]).toMatchObject({ kind, data: said });
  });

  const FILTERS: readonly [FilterSpec, string, RegExp[]][] = [
    [
      { kind: 'matchall', priority: 2, classId: '1:10' },
      'cls_matchall',
      [/protocol all pref 2 matchall .*flowid 1:10/s],
    ],
    [
      {
        kind: 'flower',
        source: '10.0.0.0/8',
        destination: '192.0.2.1',
        ipProtocol: 'tcp',
        destinationPort: 80,
        sourceMac: '02:00:00:00:00:01',
      },
      'cls_flower',
      [
        /protocol ip /,
        /ip_proto tcp/,
        /src_ip 10\.0\.0\.0\/8/,
        /dst_ip 192\.0\.2\.1\n/,
        /dst_port 80/,
        /src_mac 02:0+:0+:0+:0+:01/,
      ],
    ],
    [
      { kind: 'flower', handle: 5, destination: '2001:db8::/32', ipProtocol: 'udp', sourcePort: 53 },
      'cls_flower',
      [/protocol ipv6 .*handle 0x5/s, /ip_proto udp/, /dst_ip 2001:db8::\/32/, /src_port 53/],
    ],
    [
      { kind: 'flower', protocol: '802.1q', vlanId: 100, vlanPriority: 3 },
      'cls_flower',
      [/protocol 802\.1Q /, /vlan_id 100/, /vlan_prio 3/],
    ],
  ];

  test.each(FILTERS)('%o', async (spec, module, shown) => {
    await addQdisc(a, { kind: 'clsact' });
    if (!(await madeOrToldWhy(addFilter(a, { ...spec, parent: 'ingress' }), module))) return;
    const text = iproute(netns, 'tc filter show dev va ingress');
    for (const part of shown) expect(text).toMatch(part);
    const { kind, protocol: _protocol, priority: _priority, handle: _handle, ...said } = spec;
    expect(await listFilters(a, { parent: 'ingress' })).toMatchObject([{ kind, parent: 'ingress', data: said }]);
  });

  const ACTIONS: readonly [Action, string, RegExp][] = [
    [{ kind: 'gact', control: 'drop' }, 'act_gact', /gact action drop/],
    [{ kind: 'gact', control: 'pipe' }, 'act_gact', /gact action pipe/],
    [
      { kind: 'police', rate: 1e6, burst: 10_000, mtu: 2000, exceed: 'drop', conform: 'pipe' },
      'act_police',
      /police 0x\w+ rate 1Mbit burst 10000b mtu 2000b? action drop\/pipe/,
    ],
    [
      { kind: 'vlan', action: 'push', vlanId: 100, vlanPriority: 3, protocol: '802.1ad', control: 'pass' },
      'act_vlan',
      /vlan +push id 100 protocol 802\.1ad priority 3 pass/,
    ],
    [
      { kind: 'vlan', action: 'modify', vlanId: 7, protocol: '802.1q', control: 'pipe' },
      'act_vlan',
      /vlan +modify id 7 protocol 802\.1Q pipe/,
    ],
    [{ kind: 'vlan', action: 'pop', control: 'pipe' }, 'act_vlan', /vlan +pop pipe/],
    [
      {
        kind: 'skbedit',
        mark: 5,
        markMask: 15,
        queueMapping: 1,
        priority: 0x10020,
        packetType: 'host',
        control: 'continue',
      },
      'act_skbedit',
      /skbedit +queue_mapping 1 +priority 1:20 +mark 5\/0xf +ptype host +continue/,
    ],
  ];

  test.each(ACTIONS)('%o', async (action, module, shown) => {
    await addQdisc(a, { kind: 'clsact' });
    const filter = { kind: 'u32', parent: 'ingress', actions: [action] } as const;
    if (!(await madeOrToldWhy(addFilter(a, filter), module))) return;
    expect(iproute(netns, 'tc filter show dev va ingress')).toMatch(shown);
    const [{ data } = {}] = await listFilters(a, { parent: 'ingress', kind: 'u32' });
    expect(data?.actions).toEqual([action]);
  });
});
