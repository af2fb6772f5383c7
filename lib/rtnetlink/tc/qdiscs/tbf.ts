/**
 * tbf: a token bucket that lets a link send at a rate, and bursts of some bytes at once (TCA_TBF_*,
 * linux/pkt_sched.h; net/sched/sch_tbf.c, tc-tbf(8)).
 */
import { invalidValue, outOfRange, wrongType } from '../../../errors.js';
import { attributes, type Decoded } from '../../../netlink/attributes.js';
import { bytes, u32, u64 } from '../../../netlink/codec.js';
import { struct } from '../../../netlink/struct.js';
import { fieldsOf } from '../../fields.js';
import { flat } from '../attributes.js';
import { defineQdisc } from '../qdisc-kind.js';
import {
  bitsOf,
  bytesOfTicks,
  bytesPerSecond,
  checkBytes,
  checkMilliseconds,
  inside,
  rateFields,
  rateSpec,
  ticksOf,
} from '../rate.js';

/** struct tc_tbf_qopt. */
export const tbfParameters = struct(36, {
  rate: [0, inside(rateSpec)],
  peakRate: [12, inside(rateSpec)],
  limit: [24, u32],
  buffer: [28, u32],
  mtu: [32, u32],
});

export const tbfAttributes = attributes(() => ({
  parameters: [1, 'TCA_TBF_PARMS', tbfParameters],
  rateTable: [2, 'TCA_TBF_RTAB', bytes],
  peakTable: [3, 'TCA_TBF_PTAB', bytes],
  rate64: [4, 'TCA_TBF_RATE64', u64],
  peakRate64: [5, 'TCA_TBF_PRATE64', u64],
  burst: [6, 'TCA_TBF_BURST', u32],
  peakBurst: [7, 'TCA_TBF_PBURST', u32],
}));
export type TbfAttributes = Decoded<typeof tbfAttributes.entries>;

interface TbfBase {
  /** Bits per second. */
  readonly rate: number;
  /** Bytes that may go at once. A packet larger than that never goes. */
  readonly burst: number;
}

/** How much may wait: by time, or by size. */
type TbfQueue =
  | { /** Milliseconds that a packet may wait at most. */ readonly latency: number; readonly limit?: undefined }
  | { /** Bytes that may wait. */ readonly limit: number; readonly latency?: undefined };

/** A second bucket, which limits how fast bursts go. */
type TbfPeak =
  | { readonly peakRate?: undefined; readonly mtu?: undefined }
  | {
      /** Bits per second, more than `rate`. */
      readonly peakRate: number;
      /** Bytes of the second bucket: the largest packet, or more. */
      readonly mtu: number;
    };

export type TbfOptions = TbfBase & TbfQueue & TbfPeak;

/** What the kernel tells of a tbf. */
export interface TbfTold {
  /** Bits per second. */
  readonly rate: number;
  /** Bytes; the kernel keeps a time in ticks of 64 ns, so that it may be some bytes less at high rates. */
  readonly burst: number;
  /** Bytes that may wait. */
  readonly limit: number;
  /** Milliseconds, of `limit` at `rate`. */
  readonly latency: number;
  readonly peakRate?: number;
  readonly mtu?: number;
}

declare module '../qdisc-kind.js' {
  interface QdiscKinds {
    tbf: { options: TbfOptions; told: TbfTold };
  }
}

const U32 = 0xffffffff;

/** Bytes that wait for `latency` milliseconds at a rate, besides the burst. */
export const limitFor = (rate: number, latency: number, burst: number): number =>
  Math.floor((rate * latency) / 1000) + burst;

function toData(options: Readonly<Record<string, unknown>>): TbfAttributes {
  const { burst, latency, limit, mtu } = options;
  const rate = bytesPerSecond(options['rate'], 'rate');
  checkBytes(burst, 'burst');
  const peak = options['peakRate'] === undefined ? undefined : bytesPerSecond(options['peakRate'], 'peakRate');
  if (peak !== undefined) {
    checkBytes(mtu, 'mtu');
    if (peak <= rate) throw invalidValue('peakRate', options['peakRate'], 'must be more than `rate`');
  } else if (mtu !== undefined) {
    throw invalidValue('mtu', mtu, 'goes with `peakRate` only');
  }
  const fields = rateFields(rate, mtu as number | undefined);
  const peakFields = peak === undefined ? undefined : rateFields(peak, mtu as number);
  return {
    parameters: {
      rate: fields.spec,
      peakRate: peakFields?.spec ?? NO_RATE,
      limit: limitOf(rate, burst, latency, limit, peak, mtu as number),
      buffer: ticksOf(burst, rate),
      mtu: peak === undefined ? 0 : ticksOf(mtu as number, peak),
    },
    burst,
    rate64: fields.wide,
    ...(peak !== undefined && { peakRate64: peakFields?.wide, peakBurst: mtu as number }),
  };
}

export const NO_RATE = { cellLog: 0, linkLayer: 0, overhead: 0, cellAlign: 0, mpu: 0, rate: 0 } as const;

function limitOf(
  rate: number,
  burst: number,
  latency: unknown,
  limit: unknown,
  peak: number | undefined,
  mtu: number,
): number {
  if (limit !== undefined) {
    if (latency !== undefined) throw invalidValue('latency', latency, 'and `limit` say the same; give one of them');
    checkBytes(limit, 'limit');
    return limit;
  }
  if (latency === undefined) throw wrongType('latency', 'a number of milliseconds, where there is no `limit`', latency);
  checkMilliseconds(latency, 'latency');
  const bytes = limitFor(rate, latency, burst);
  const least = peak === undefined ? bytes : Math.min(bytes, limitFor(peak, latency, mtu));
  if (least > U32)
    throw outOfRange('latency', latency, `at that rate, 0 to ${Math.floor(((U32 - burst) * 1000) / rate)}`);
  return least;
}

const NOTHING = { limit: 0, buffer: 0, mtu: 0 };

export function tbfTold({ parameters, rate64, peakRate64 }: TbfAttributes): TbfTold {
  const {
    limit,
    buffer,
    mtu,
    rate: spec,
    peakRate: peakSpec,
  } = { rate: undefined, peakRate: undefined, ...NOTHING, ...parameters };
  const rate = bitsOf(spec, rate64);
  const burst = bytesOfTicks(buffer, rate / 8);
  const latency = rate === 0 ? 0 : Math.round(((limit - burst) * 8e6) / rate) / 1000;
  const peakRate = bitsOf(peakSpec, peakRate64);
  return {
    rate,
    burst,
    limit,
    latency,
    ...(peakRate > 0 && { peakRate, mtu: bytesOfTicks(mtu, peakRate / 8) }),
  };
}

export const tbf = defineQdisc({
  kind: 'tbf',
  fields: fieldsOf<'rate' | 'burst' | 'latency' | 'limit' | 'peakRate' | 'mtu'>({
    rate: true,
    burst: true,
    latency: true,
    limit: true,
    peakRate: true,
    mtu: true,
  }),
  options: flat(tbfAttributes),
  toData,
  fromData: (data: TbfAttributes) => ({ ...tbfTold(data) }),
});
