/** Counters of a qdisc, a class or an action: the nest of TCA_STATS2 (linux/gen_stats.h). */
import { attributes } from '../../netlink/attributes.js';
import { bytes, u32, u64 } from '../../netlink/codec.js';
import { struct } from '../../netlink/struct.js';

export const tcStatsAttributes = attributes(() => ({
  basic: [1, 'TCA_STATS_BASIC', struct(16, { bytes: [0, u64], packets: [8, u32] })],
  rateEstimate: [2, 'TCA_STATS_RATE_EST', bytes],
  queue: [
    3,
    'TCA_STATS_QUEUE',
    struct(20, { qlen: [0, u32], backlog: [4, u32], drops: [8, u32], requeues: [12, u32], overlimits: [16, u32] }),
  ],
  app: [4, 'TCA_STATS_APP', bytes],
  rateEstimate64: [5, 'TCA_STATS_RATE_EST64', bytes],
  basicHardware: [7, 'TCA_STATS_BASIC_HW', bytes],
  packets64: [8, 'TCA_STATS_PKT64', u64],
}));

/** What went through a qdisc or class, and what waits in it. */
export interface TcStatistics {
  readonly bytes: bigint;
  readonly packets: bigint;
  readonly drops: number;
  readonly overlimits: number;
  readonly requeues: number;
  /** Packets that wait. */
  readonly queueLength: number;
  /** Bytes that wait. */
  readonly backlog: number;
}

type Decoded = ReturnType<typeof tcStatsAttributes.decode>;

export const statisticsOf = ({ basic, queue, packets64 }: Decoded): TcStatistics =>
  Object.freeze({
    bytes: basic?.bytes ?? 0n,
    packets: packets64 ?? BigInt(basic?.packets ?? 0),
    drops: queue?.drops ?? 0,
    overlimits: queue?.overlimits ?? 0,
    requeues: queue?.requeues ?? 0,
    queueLength: queue?.qlen ?? 0,
    backlog: queue?.backlog ?? 0,
  });
