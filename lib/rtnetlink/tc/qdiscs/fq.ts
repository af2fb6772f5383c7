/** fq: paces each flow of the machine's own sockets (TCA_FQ_*, linux/pkt_sched.h; net/sched/sch_fq.c, tc-fq(8)). */
import { invalidValue, wrongType } from '../../../errors.js';
import { attributes, type Decoded } from '../../../netlink/attributes.js';
import { bool8, bool32, bytes, mapped, u32 } from '../../../netlink/codec.js';
import { fieldsOf } from '../../fields.js';
import { flat } from '../attributes.js';
import { defineQdisc } from '../qdisc-kind.js';
import { microseconds, rate32 } from '../rate.js';

const log2 = mapped(
  u32,
  (value: number, field) => {
    if (typeof value !== 'number') throw wrongType(field, 'a number', value);
    const log = Math.log2(value);
    if (!Number.isInteger(log) || log < 0 || log > 18) throw invalidValue(field, value, 'is no power of 2, 1 to 2^18');
    return log;
  },
  (log) => 2 ** log,
);

export const fqAttributes = attributes(() => ({
  limit: [1, 'TCA_FQ_PLIMIT', u32],
  flowLimit: [2, 'TCA_FQ_FLOW_PLIMIT', u32],
  quantum: [3, 'TCA_FQ_QUANTUM', u32],
  initialQuantum: [4, 'TCA_FQ_INITIAL_QUANTUM', u32],
  pacing: [5, 'TCA_FQ_RATE_ENABLE', bool32],
  defaultRate: [6, 'TCA_FQ_FLOW_DEFAULT_RATE', u32],
  maxRate: [7, 'TCA_FQ_FLOW_MAX_RATE', rate32],
  buckets: [8, 'TCA_FQ_BUCKETS_LOG', log2],
  refillDelay: [9, 'TCA_FQ_FLOW_REFILL_DELAY', microseconds],
  orphanMask: [10, 'TCA_FQ_ORPHAN_MASK', u32],
  lowRateThreshold: [11, 'TCA_FQ_LOW_RATE_THRESHOLD', rate32],
  ceThreshold: [12, 'TCA_FQ_CE_THRESHOLD', microseconds],
  timerSlack: [13, 'TCA_FQ_TIMER_SLACK', u32],
  horizon: [14, 'TCA_FQ_HORIZON', microseconds],
  horizonDrop: [15, 'TCA_FQ_HORIZON_DROP', bool8],
  priomap: [16, 'TCA_FQ_PRIOMAP', bytes],
  weights: [17, 'TCA_FQ_WEIGHTS', bytes],
}));

/**
 * Options of fq, by the words of `tc`: rates in bits per second (Infinity for no limit), times in milliseconds
 * (`timerSlack` in nanoseconds), limits in packets, quanta in bytes.
 */
export type FqOptions = Readonly<
  Omit<Decoded<typeof fqAttributes.entries>, 'unknown' | 'defaultRate' | 'priomap' | 'weights'>
>;

declare module '../qdisc-kind.js' {
  interface QdiscKinds {
    fq: { options: FqOptions; told: FqOptions };
  }
}

export const fq = defineQdisc({
  kind: 'fq',
  fields: fieldsOf<keyof FqOptions>({
    limit: true,
    flowLimit: true,
    quantum: true,
    initialQuantum: true,
    pacing: true,
    maxRate: true,
    buckets: true,
    refillDelay: true,
    orphanMask: true,
    lowRateThreshold: true,
    ceThreshold: true,
    timerSlack: true,
    horizon: true,
    horizonDrop: true,
  }),
  options: flat(fqAttributes),
  fromData: ({
    defaultRate: _obsolete,
    priomap: _map,
    weights: _weights,
    ...told
  }: Decoded<typeof fqAttributes.entries>) => told,
});
