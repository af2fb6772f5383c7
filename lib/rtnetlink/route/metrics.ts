/** Metrics of a route: RTA_METRICS, and the RTAX_* attributes inside it (linux/rtnetlink.h). */
import { outOfRange, wrongType } from '../../errors.js';
import { attributes, type Decoded } from '../../netlink/attributes.js';
import { bool32, type Codec, mapped, text, u32 } from '../../netlink/codec.js';
import { flagBits, flagNames } from '../flags.js';

/** RTAX_FEATURE_*. */
const FEATURES = { ecn: 1, sack: 2, timestamp: 4, allfrag: 8, tcp_usec_ts: 16 } as const;

// Bit N of RTAX_LOCK keeps the kernel from changing metric N by itself.
const LOCKS = {
  mtu: 1 << 2,
  window: 1 << 3,
  rtt: 1 << 4,
  rttvar: 1 << 5,
  ssthresh: 1 << 6,
  cwnd: 1 << 7,
  advmss: 1 << 8,
  reordering: 1 << 9,
  hoplimit: 1 << 10,
  rtoMin: 1 << 13,
  congctl: 1 << 16,
} as const;

export type RouteFeature = keyof typeof FEATURES;
/** A metric that can be locked. */
export type LockableMetric = keyof typeof LOCKS;

const flagsIn = <T extends string>(bits: Readonly<Record<T, number>>): Codec<readonly T[]> =>
  mapped(
    u32,
    (flags: readonly T[], field) => flagBits(flags, bits, field),
    (sum) => flagNames(sum, bits),
  );

/** Milliseconds, kept by the kernel in `parts` of one. */
const milliseconds = (parts: number): Codec<number> =>
  mapped(
    u32,
    (value: number, field) => {
      if (typeof value !== 'number') throw wrongType(field, 'a number of milliseconds', value);
      const whole = Math.round(value * parts);
      if (!(whole >= 0 && whole <= 0xffffffff)) throw outOfRange(field, value, '0 or more milliseconds');
      return whole;
    },
    (value) => value / parts,
  );

// rtt and rttvar are in eighths and quarters of a millisecond (iproute2, iproute.c: print_rtax_metrics).
export const metricAttributes = attributes(() => ({
  lock: [1, 'RTAX_LOCK', flagsIn(LOCKS)],
  mtu: [2, 'RTAX_MTU', u32],
  window: [3, 'RTAX_WINDOW', u32],
  rtt: [4, 'RTAX_RTT', milliseconds(8)],
  rttvar: [5, 'RTAX_RTTVAR', milliseconds(4)],
  ssthresh: [6, 'RTAX_SSTHRESH', u32],
  cwnd: [7, 'RTAX_CWND', u32],
  advmss: [8, 'RTAX_ADVMSS', u32],
  reordering: [9, 'RTAX_REORDERING', u32],
  hoplimit: [10, 'RTAX_HOPLIMIT', u32],
  initcwnd: [11, 'RTAX_INITCWND', u32],
  features: [12, 'RTAX_FEATURES', flagsIn(FEATURES)],
  rtoMin: [13, 'RTAX_RTO_MIN', milliseconds(1)],
  initrwnd: [14, 'RTAX_INITRWND', u32],
  quickack: [15, 'RTAX_QUICKACK', bool32],
  congctl: [16, 'RTAX_CC_ALGO', text(15, 'TCP_CA_NAME_MAX')],
  fastopenNoCookie: [17, 'RTAX_FASTOPEN_NO_COOKIE', bool32],
}));

type Metrics = Decoded<typeof metricAttributes.entries>;

/** What a route tells the protocols above it, by the words of `ip route`. */
export interface RouteMetrics {
  /** Bytes. Path MTU discovery may lower it, unless it is locked. */
  readonly mtu?: Metrics['mtu'];
  /** Metrics that the kernel must not change by itself: `['mtu']` is `mtu lock N`. */
  readonly lock?: Metrics['lock'];
  /** Largest segment to announce to TCP peers, in bytes. */
  readonly advmss?: Metrics['advmss'];
  /** Largest window to announce to TCP peers, in bytes. */
  readonly window?: Metrics['window'];
  /** First guess of the round-trip time, in milliseconds. */
  readonly rtt?: Metrics['rtt'];
  /** First guess of its variance, in milliseconds. */
  readonly rttvar?: Metrics['rttvar'];
  /** Least retransmission timeout of TCP, in milliseconds. */
  readonly rtoMin?: Metrics['rtoMin'];
  readonly ssthresh?: Metrics['ssthresh'];
  /** Clamp of the congestion window, in packets. Takes effect where it is locked. */
  readonly cwnd?: Metrics['cwnd'];
  /** First congestion window of TCP, in packets. */
  readonly initcwnd?: Metrics['initcwnd'];
  /** First receive window of TCP, in packets. */
  readonly initrwnd?: Metrics['initrwnd'];
  readonly reordering?: Metrics['reordering'];
  readonly hoplimit?: Metrics['hoplimit'];
  readonly features?: Metrics['features'];
  readonly quickack?: Metrics['quickack'];
  /** TCP congestion control: `bbr`, `cubic` ... */
  readonly congctl?: Metrics['congctl'];
  readonly fastopenNoCookie?: Metrics['fastopenNoCookie'];
}
