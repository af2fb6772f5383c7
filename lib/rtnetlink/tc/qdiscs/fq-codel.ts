/**
 * fq_codel: each flow gets its share, and no queue gets long (TCA_FQ_CODEL_*, linux/pkt_sched.h;
 * net/sched/sch_fq_codel.c, tc-fq_codel(8)).
 */
import { attributes, type Decoded } from '../../../netlink/attributes.js';
import { bool32, u8, u32 } from '../../../netlink/codec.js';
import { fieldsOf } from '../../fields.js';
import { flat } from '../attributes.js';
import { defineQdisc } from '../qdisc-kind.js';
import { microseconds } from '../rate.js';

export const fqCodelAttributes = attributes(() => ({
  target: [1, 'TCA_FQ_CODEL_TARGET', microseconds],
  limit: [2, 'TCA_FQ_CODEL_LIMIT', u32],
  interval: [3, 'TCA_FQ_CODEL_INTERVAL', microseconds],
  ecn: [4, 'TCA_FQ_CODEL_ECN', bool32],
  flows: [5, 'TCA_FQ_CODEL_FLOWS', u32],
  quantum: [6, 'TCA_FQ_CODEL_QUANTUM', u32],
  ceThreshold: [7, 'TCA_FQ_CODEL_CE_THRESHOLD', microseconds],
  dropBatch: [8, 'TCA_FQ_CODEL_DROP_BATCH_SIZE', u32],
  memoryLimit: [9, 'TCA_FQ_CODEL_MEMORY_LIMIT', u32],
  ceThresholdSelector: [10, 'TCA_FQ_CODEL_CE_THRESHOLD_SELECTOR', u8],
  ceThresholdMask: [11, 'TCA_FQ_CODEL_CE_THRESHOLD_MASK', u8],
}));

/**
 * Options of fq_codel, by the words of `tc`: times in milliseconds, `limit` in packets, sizes in bytes. The kernel keeps
 * times in units of 1.024 µs, rounded down.
 */
export type FqCodelOptions = Readonly<
  Omit<Decoded<typeof fqCodelAttributes.entries>, 'unknown' | 'ceThresholdSelector' | 'ceThresholdMask'>
>;

declare module '../qdisc-kind.js' {
  interface QdiscKinds {
    fq_codel: { options: FqCodelOptions; told: FqCodelOptions };
  }
}

export const fqCodel = defineQdisc({
  kind: 'fq_codel',
  fields: fieldsOf<keyof FqCodelOptions>({
    target: true,
    limit: true,
    interval: true,
    ecn: true,
    flows: true,
    quantum: true,
    ceThreshold: true,
    dropBatch: true,
    memoryLimit: true,
  }),
  options: flat(fqCodelAttributes),
});
