/** A limit of one direction: what users say, the tbf that it comes to, and back. Pure. */
import { invalidValue, outOfRange, wrongType } from '../../../errors.js';
import { checkFields, fieldsOf } from '../../fields.js';
import type { Link } from '../../link/link.js';
import { limitFor, NO_RATE, type TbfAttributes } from '../qdiscs/tbf.js';
import { bitsOf, bytesPerSecond, checkBytes, checkMilliseconds, rateFields, TICKS_PER_MICROSECOND } from '../rate.js';

/** How fast one direction of a link is. */
export interface BandwidthLimit {
  /** Bits per second, 8 or more. */
  readonly rate: number;
  /** Bytes that may go at once, above the rate. No fewer than the longest frame of the link, which would never pass. */
  readonly burst: number;
  /** Milliseconds that a packet may wait, before others are dropped; 25 if absent, as CNI's bandwidth plugin has it. */
  readonly latency?: number | undefined;
}

/** Limits of a link, seen from it. A direction that is absent stays as it is; null takes its limit away. */
export interface BandwidthLimits {
  /** What the link sends. */
  readonly egress?: BandwidthLimit | null | undefined;
  /** What the link receives. */
  readonly ingress?: BandwidthLimit | null | undefined;
}

/** The limits in force. */
export interface Bandwidth {
  readonly egress?: Required<BandwidthLimit>;
  readonly ingress?: Required<BandwidthLimit>;
  /** Name of the ifb that queues what the link receives. */
  readonly ifb?: string;
}

const DEFAULT_LATENCY = 25;
const U32 = 0xffffffff;
const FIELDS = fieldsOf<keyof BandwidthLimit>({ rate: true, burst: true, latency: true });
const DIRECTIONS = fieldsOf<keyof BandwidthLimits>({ egress: true, ingress: true });

/** A limit in the units of the kernel: bytes, bytes per second. */
interface InBytes {
  readonly rate: number;
  readonly burst: number;
  readonly limit: number;
}

/** Refuses limits that are none. */
export function checkLimits(limits: unknown): asserts limits is BandwidthLimits {
  if (typeof limits !== 'object' || limits === null)
    throw wrongType('limits', 'an object like { egress: { rate, burst } }', limits);
  checkFields(limits, DIRECTIONS, 'a bandwidth limit');
  const { egress, ingress }: BandwidthLimits = limits;
  if (egress === undefined && ingress === undefined)
    throw invalidValue('limits', limits, 'says nothing of egress, nor of ingress');
}

function inBytes(given: BandwidthLimit, field: string): InBytes {
  if (typeof given !== 'object') throw wrongType(field, 'an object like { rate, burst }, or null', given);
  checkFields(given, FIELDS, 'a bandwidth limit', `${field}.`);
  const { burst, latency = DEFAULT_LATENCY } = given;
  const rate = bytesPerSecond(given.rate, `${field}.rate`);
  checkBytes(burst, `${field}.burst`);
  checkMilliseconds(latency, `${field}.latency`);
  const limit = limitFor(rate, latency, burst);
  if (limit > U32) {
    const most = Math.floor(((U32 - burst) * 1000) / rate);
    throw outOfRange(`${field}.latency`, latency, `at that rate and burst, 0 to ${most} milliseconds`);
  }
  return { rate, burst, limit };
}

/**
 * Ticks that a burst takes. Whole microseconds, as CNI's bandwidth plugin counts them, so that either of the two
 * takes the tbf of the other for its own. Longer ones than a tbf can count, as Kubernetes asks for, are as long as
 * it can.
 */
function bufferOf({ rate, burst }: InBytes, field: string): number {
  const buffer = Math.floor(Math.floor((burst * 1e6) / rate) * TICKS_PER_MICROSECOND);
  if (buffer === 0) throw outOfRange(`${field}.burst`, burst, `at that rate, ${Math.ceil(rate / 1e6)} bytes or more`);
  return Math.min(buffer, U32);
}

/** What Ethernet puts in front of a packet (ETH_HLEN, linux/if_ether.h). */
const ETHERNET_HEADER = 14;
const NANOSECONDS_PER_TICK = 64;

/**
 * Refuses a burst that is shorter than the longest frame of a link: a tbf drops that. What is in force may be a little
 * less than what was said, since bursts are counted in time.
 */
export function checkBurst(given: BandwidthLimit, field: string, { name, mtu, mac }: BurstLink): void {
  const bytes = inBytes(given, field);
  const { rate } = bytes;
  const header = mac === undefined ? 0 : ETHERNET_HEADER;
  const longest = mtu + header;
  // psched_ns_t2l() in include/net/sch_generic.h.
  const passes = (ticks: number): boolean => Math.floor((ticks * NANOSECONDS_PER_TICK * rate) / 1e9) >= longest;
  const passesBurst = (burst: number): boolean => passes(bufferOf({ ...bytes, burst }, field));
  const frames = `for frames of ${longest} bytes, the MTU of ${name}${header === 0 ? '' : ` and ${header} of header`}`;
  if (!passes(U32)) {
    const least = 8 * Math.ceil((longest * 1e9) / (U32 * NANOSECONDS_PER_TICK));
    throw outOfRange(`${field}.rate`, given.rate, `${frames}, ${least} bits per second or more`);
  }
  if (passesBurst(bytes.burst)) return;
  let least = Math.max(longest, bytes.burst);
  while (!passesBurst(least)) least++;
  throw outOfRange(`${field}.burst`, given.burst, `${frames}, ${least} bytes or more`);
}

/** The link, as far as the length of its frames goes. */
export type BurstLink = Pick<Link, 'name' | 'mtu' | 'mac'>;

/** The options of the tbf for a limit. */
export function tbfFor(given: BandwidthLimit, field: string): TbfAttributes {
  const bytes = inBytes(given, field);
  const { spec, wide } = rateFields(bytes.rate);
  // Without TCA_TBF_BURST, so that the kernel keeps the ticks as they are.
  return {
    parameters: { rate: spec, peakRate: NO_RATE, limit: bytes.limit, buffer: bufferOf(bytes, field), mtu: 0 },
    rate64: wide,
  };
}

/** The limit that a tbf comes to. */
export function limitTold({ parameters, rate64 }: TbfAttributes): Required<BandwidthLimit> | undefined {
  if (parameters === undefined) return undefined;
  const { rate: spec, limit, buffer } = parameters;
  const bits = bitsOf(spec, rate64);
  const rate = bits / 8;
  if (rate === 0) return undefined;
  // A tick is less than a microsecond, but what takes a few microseconds may be many bytes: the burst is told by
  // `limit`, once the latency is known, and that is mostly a round number.
  const microseconds = Math.ceil(buffer / TICKS_PER_MICROSECOND);
  const least = (microseconds * rate) / 1e6;
  const most = ((microseconds + 1) * rate) / 1e6;
  const shown = ((limit - (least + most) / 2) * 1000) / rate;
  // A tbf that could not count that far says nothing of the burst.
  const full = buffer === U32;
  for (const latency of full ? [DEFAULT_LATENCY] : [DEFAULT_LATENCY, Math.round(shown * 100) / 100]) {
    const burst = limit - limitFor(rate, latency, 0);
    if (burst >= Math.floor(least) && (full || burst <= Math.ceil(most))) return { rate: bits, burst, latency };
  }
  const burst = Math.ceil(least);
  return { rate: bits, burst, latency: Math.max(0, Math.round(((limit - burst) * 1e6) / rate) / 1000) };
}
