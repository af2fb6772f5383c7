/** What TypeScript takes for qdiscs, classes, filters and bandwidth limits, and what it refuses. */
import {
  addClass,
  addFilter,
  addQdisc,
  type Bandwidth,
  deleteFilter,
  deleteQdisc,
  type Filter,
  type FilterOf,
  getBandwidthLimit,
  type Link,
  limitBandwidth,
  listClasses,
  listFilters,
  listQdiscs,
  type Netns,
  type Qdisc,
  type QdiscOf,
  removeBandwidthLimit,
  replaceQdisc,
  type TrafficClassOf,
} from 'netloom';
import * as sync from 'netloom/sync';
import { describe, expectTypeOf, test } from 'vitest';

declare const netns: Netns;
declare const link: Link;

describe('qdiscs', () => {
  test('are typed by kind', () => {
    expectTypeOf(addQdisc(link, { kind: 'tbf', rate: 1e6, burst: 5000, latency: 25 })).resolves.toEqualTypeOf<void>();
    replaceQdisc('v0', { kind: 'tbf', parent: '1:10', handle: '2:', rate: 1e6, burst: 5000, limit: 9000 }, { netns });
    addQdisc(link, { kind: 'tbf', rate: 1e6, burst: 5000, latency: 25, peakRate: 2e6, mtu: 1600 });
    addQdisc(link, { kind: 'netem', delay: 10, jitter: 2, loss: 0.01 });
    addQdisc(link, { kind: 'ingress' });
    // @ts-expect-error: a kind that there is none of
    addQdisc(link, { kind: 'leaky' });
    // @ts-expect-error: neither latency nor limit
    addQdisc(link, { kind: 'tbf', rate: 1e6, burst: 5000 });
    // @ts-expect-error: both of them
    addQdisc(link, { kind: 'tbf', rate: 1e6, burst: 5000, latency: 25, limit: 9000 });
    // @ts-expect-error: a peak without its mtu
    addQdisc(link, { kind: 'tbf', rate: 1e6, burst: 5000, latency: 25, peakRate: 2e6 });
    // @ts-expect-error: an option of another kind
    addQdisc(link, { kind: 'pfifo', limit: 10, delay: 10 });
    // @ts-expect-error: an ingress qdisc has one place
    addQdisc(link, { kind: 'ingress', parent: 'root' });
    // @ts-expect-error: no handle
    addQdisc(link, { kind: 'pfifo', handle: 'one' });
  });

  test('are listed by kind', () => {
    expectTypeOf(listQdiscs()).resolves.toEqualTypeOf<Qdisc[]>();
    expectTypeOf(listQdiscs({ link, kind: 'tbf' })).resolves.toEqualTypeOf<QdiscOf<'tbf'>[]>();
    expectTypeOf(sync.listQdiscs({ kind: 'tbf' })).toEqualTypeOf<QdiscOf<'tbf'>[]>();
    expectTypeOf<QdiscOf<'tbf'>['data']['rate']>().toEqualTypeOf<number>();
  });

  test('are removed by place, by handle, or as listed', () => {
    deleteQdisc(link, { parent: 'root' }, { ifExists: true });
    deleteQdisc(link, { handle: '1:' });
    deleteQdisc(link, {} as Qdisc);
    // @ts-expect-error: neither
    deleteQdisc(link, {});
  });
});

test('classes are typed by kind', () => {
  addClass(link, { kind: 'htb', parent: '1:', handle: '1:10', rate: 1e6, ceil: 2e6 });
  expectTypeOf(listClasses(link, { kind: 'htb' })).resolves.toEqualTypeOf<TrafficClassOf<'htb'>[]>();
  // @ts-expect-error: without a name
  addClass(link, { kind: 'htb', rate: 1e6 });
  // @ts-expect-error: a tbf has no classes
  addClass(link, { kind: 'tbf', handle: '1:10', rate: 1e6 });
});

describe('filters', () => {
  test('are typed by kind, and their actions by theirs', () => {
    addFilter(link, { kind: 'u32', parent: 'ingress', actions: [{ kind: 'mirred', action: 'redirect', to: link }] });
    addFilter(link, { kind: 'matchall', actions: [{ kind: 'police', rate: 1e6, burst: 5000, exceed: 'drop' }] });
    addFilter(link, {
      kind: 'flower',
      ipProtocol: 'tcp',
      destinationPort: 80,
      actions: [{ kind: 'gact', control: 'drop' }],
    });
    addFilter(link, { kind: 'bpf', parent: 'egress', fd: 3, directAction: true });
    // @ts-expect-error: ports of a protocol that has none
    addFilter(link, { kind: 'flower', ipProtocol: 'icmp', destinationPort: 80 });
    // @ts-expect-error: to nowhere
    addFilter(link, { kind: 'u32', actions: [{ kind: 'mirred', action: 'redirect' }] });
    // @ts-expect-error: a control that there is none of
    addFilter(link, { kind: 'u32', actions: [{ kind: 'gact', control: 'burn' }] });
    // @ts-expect-error: a program that is not told
    addFilter(link, { kind: 'bpf' });
  });

  test('are listed by kind, and removed as listed', () => {
    expectTypeOf(listFilters(link, { parent: 'ingress' })).resolves.toEqualTypeOf<Filter[]>();
    expectTypeOf(listFilters(link, { kind: 'u32' })).resolves.toEqualTypeOf<FilterOf<'u32'>[]>();
    deleteFilter(link, {} as Filter);
    deleteFilter(link, { parent: 'ingress' });
    // @ts-expect-error: at no place
    deleteFilter(link, { priority: 1 });
  });
});

test('bandwidth limits are of one direction or both', () => {
  expectTypeOf(limitBandwidth(link, { egress: { rate: 1e6, burst: 5000 } })).resolves.toEqualTypeOf<Bandwidth>();
  limitBandwidth('v0', { egress: null, ingress: { rate: 1e6, burst: 5000, latency: 10 } }, { netns, ifb: 'ifb0' });
  expectTypeOf(getBandwidthLimit(link)).resolves.toEqualTypeOf<Bandwidth>();
  expectTypeOf(sync.removeBandwidthLimit(link)).toEqualTypeOf<void>();
  expectTypeOf(removeBandwidthLimit('v0', { netns })).resolves.toEqualTypeOf<void>();
  // @ts-expect-error: without a burst
  limitBandwidth(link, { egress: { rate: 1e6 } });
  // @ts-expect-error: no such direction
  limitBandwidth(link, { upwards: { rate: 1e6, burst: 5000 } });
});
