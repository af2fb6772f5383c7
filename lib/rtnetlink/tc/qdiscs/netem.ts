/**
 * netem: a network as it may be: delay, loss, duplicates, disorder, damage, and a rate (struct tc_netem_qopt and
 * TCA_NETEM_*, linux/pkt_sched.h; net/sched/sch_netem.c, tc-netem(8)).
 */
import { invalidValue } from '../../../errors.js';
import { attributes, type Decoded } from '../../../netlink/attributes.js';
import { ByteWriter } from '../../../netlink/bytes.js';
import { bytes, type Codec, checkInteger, s32, u32, u64 } from '../../../netlink/codec.js';
import { struct } from '../../../netlink/struct.js';
import { fieldsOf } from '../../fields.js';
import { flat } from '../attributes.js';
import { defineQdisc } from '../qdisc-kind.js';
import { bytesPerSecond, probability, tickTime } from '../rate.js';

/** struct tc_netem_qopt. */
export const netemParameters = struct(24, {
  latency: [0, tickTime],
  limit: [4, u32],
  loss: [8, probability],
  gap: [12, u32],
  duplicate: [16, probability],
  jitter: [20, tickTime],
});
const correlated = struct(8, { probability: [0, probability], correlation: [4, probability] });
/** struct tc_netem_rate. */
export const netemRate = struct(16, {
  rate: [0, u32],
  packetOverhead: [4, s32],
  cellSize: [8, u32],
  cellOverhead: [12, s32],
});

export const netemAttributes = attributes(() => ({
  correlations: [
    1,
    'TCA_NETEM_CORR',
    struct(12, { delay: [0, probability], loss: [4, probability], duplicate: [8, probability] }),
  ],
  distribution: [2, 'TCA_NETEM_DELAY_DIST', bytes],
  reorder: [3, 'TCA_NETEM_REORDER', correlated],
  corrupt: [4, 'TCA_NETEM_CORRUPT', correlated],
  lossModel: [5, 'TCA_NETEM_LOSS', bytes],
  rate: [6, 'TCA_NETEM_RATE', netemRate],
  ecn: [7, 'TCA_NETEM_ECN', u32],
  rate64: [8, 'TCA_NETEM_RATE64', u64],
  latency64: [10, 'TCA_NETEM_LATENCY64', u64],
  jitter64: [11, 'TCA_NETEM_JITTER64', u64],
  slot: [12, 'TCA_NETEM_SLOT', bytes],
  slotDistribution: [13, 'TCA_NETEM_SLOT_DIST', bytes],
  seed: [14, 'TCA_NETEM_PRNG_SEED', u64],
}));
type Attributes = Decoded<typeof netemAttributes.entries>;
interface Data extends Attributes {
  parameters: ReturnType<typeof netemParameters.decode>;
}

/** Probabilities are 0 to 1. A correlation says how much each packet fares as the one before it did, 0 to 1. */
export interface NetemOptions {
  /** Milliseconds. */
  readonly delay?: number | undefined;
  /** Milliseconds more or less than `delay`. */
  readonly jitter?: number | undefined;
  readonly delayCorrelation?: number | undefined;
  readonly loss?: number | undefined;
  readonly lossCorrelation?: number | undefined;
  readonly duplicate?: number | undefined;
  readonly duplicateCorrelation?: number | undefined;
  /** Of packets that go at once, before those that are delayed. Goes with `delay`. */
  readonly reorder?: number | undefined;
  readonly reorderCorrelation?: number | undefined;
  /** Of each so many packets one may be reordered; 1 if absent. Goes with `reorder`. */
  readonly gap?: number | undefined;
  /** Of packets with one bit turned over. */
  readonly corrupt?: number | undefined;
  readonly corruptCorrelation?: number | undefined;
  /** Bits per second. */
  readonly rate?: number | undefined;
  /** Packets that may wait; 1000 if absent. */
  readonly limit?: number | undefined;
}

declare module '../qdisc-kind.js' {
  interface QdiscKinds {
    netem: { options: NetemOptions; told: NetemOptions };
  }
}

/** The struct, with the attributes behind it. */
const options: Codec<Data> = {
  minimum: netemParameters.size,
  encode(out, { parameters, ...attributes }) {
    netemParameters.encode(out, parameters, '');
    flat(netemAttributes).encode(out, attributes, '');
  },
  decode: (input, start, end) => ({
    parameters: netemParameters.decode(input, start, end),
    ...netemAttributes.decode(input, start + netemParameters.size, end),
  }),
  path: (input, start, end, target) => netemAttributes.path(input, start + netemParameters.size, end, target),
};

const MODELS = ['delay', 'loss', 'duplicate', 'reorder', 'corrupt'] as const;

function toData(given: Readonly<Record<string, unknown>>): Data {
  const options = given as NetemOptions;
  const { delay, jitter, reorder, gap, rate, limit = 1000 } = options;
  for (const of of MODELS) {
    const correlation = options[`${of}Correlation`];
    if (correlation !== undefined && options[of] === undefined)
      throw invalidValue(`${of}Correlation`, correlation, `goes with \`${of}\` only`);
  }
  if (jitter !== undefined && delay === undefined) throw invalidValue('jitter', jitter, 'goes with `delay` only');
  if (reorder !== undefined && (delay === undefined || delay === 0))
    throw invalidValue('reorder', reorder, 'goes with `delay` only');
  if (gap !== undefined && reorder === undefined) throw invalidValue('gap', gap, 'goes with `reorder` only');
  if (gap !== undefined) checkInteger(gap, 1, 0xffffffff, 'gap');
  checkInteger(limit, 1, 0xffffffff, 'limit');
  const bytes = rate === undefined ? undefined : bytesPerSecond(rate, 'rate');
  const correlations = {
    delay: said(probability, options.delayCorrelation, 'delayCorrelation'),
    loss: said(probability, options.lossCorrelation, 'lossCorrelation'),
    duplicate: said(probability, options.duplicateCorrelation, 'duplicateCorrelation'),
  };
  const correlates = Object.values(correlations).some((one) => one > 0);
  return {
    parameters: {
      latency: said(tickTime, delay, 'delay'),
      limit,
      loss: said(probability, options.loss, 'loss'),
      gap: gap ?? (reorder ? 1 : 0),
      duplicate: said(probability, options.duplicate, 'duplicate'),
      jitter: said(tickTime, jitter, 'jitter'),
    },
    ...(correlates && { correlations }),
    reorder: pair(options, 'reorder'),
    corrupt: pair(options, 'corrupt'),
    ...(bytes !== undefined && {
      rate: { rate: Math.min(bytes, 0xffffffff), packetOverhead: 0, cellSize: 0, cellOverhead: 0 },
      rate64: bytes > 0xffffffff ? BigInt(bytes) : undefined,
    }),
  };
}

// Checked by the codec that will write it, under the name that users know.
function said(codec: Codec<number>, value: number | undefined, field: string): number {
  if (value === undefined) return 0;
  codec.encode(new ByteWriter(8), value, field);
  return value;
}

function pair(options: NetemOptions, of: 'reorder' | 'corrupt'): Attributes['reorder'] {
  const value = options[of];
  if (value === undefined) return undefined;
  return {
    probability: said(probability, value, of),
    correlation: said(probability, options[`${of}Correlation`], `${of}Correlation`),
  };
}

/** Only what is emulated: the kernel tells of all the rest that it is 0. */
function fromData({
  parameters,
  latency64,
  jitter64,
  correlations,
  reorder,
  corrupt,
  rate,
  rate64,
}: Data): Record<string, unknown> {
  const told = {
    delay: latency64 === undefined ? parameters.latency : Number(latency64) / 1e6,
    jitter: jitter64 === undefined ? parameters.jitter : Number(jitter64) / 1e6,
    delayCorrelation: correlations?.delay,
    loss: parameters.loss,
    lossCorrelation: correlations?.loss,
    duplicate: parameters.duplicate,
    duplicateCorrelation: correlations?.duplicate,
    reorder: reorder?.probability,
    reorderCorrelation: reorder?.correlation,
    gap: reorder?.probability ? parameters.gap : 0,
    corrupt: corrupt?.probability,
    corruptCorrelation: corrupt?.correlation,
    rate: Number(rate64 ?? rate?.rate ?? 0) * 8,
  };
  return { ...Object.fromEntries(Object.entries(told).filter(([, value]) => value)), limit: parameters.limit };
}

export const netem = defineQdisc({
  kind: 'netem',
  fields: fieldsOf<keyof NetemOptions>({
    delay: true,
    jitter: true,
    delayCorrelation: true,
    loss: true,
    lossCorrelation: true,
    duplicate: true,
    duplicateCorrelation: true,
    reorder: true,
    reorderCorrelation: true,
    gap: true,
    corrupt: true,
    corruptCorrelation: true,
    rate: true,
    limit: true,
  }),
  options,
  toData,
  fromData,
});
