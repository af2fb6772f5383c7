/**
 * prio: bands, of which the first that has packets sends (struct tc_prio_qopt, linux/pkt_sched.h;
 * net/sched/sch_prio.c, tc-prio(8)). Band 0 is class `1:1`.
 */
import { invalidValue, wrongType } from '../../../errors.js';
import { type Codec, checkInteger, s32 } from '../../../netlink/codec.js';
import { fieldsOf } from '../../fields.js';
import { defineQdisc } from '../qdisc-kind.js';

/** TCQ_MIN_PRIO_BANDS, TCQ_PRIO_BANDS, and TC_PRIO_MAX + 1. */
const LEAST = 2;
const MOST = 16;
const PRIORITIES = 16;
/** Of tc-prio(8). */
const DEFAULT_MAP = [1, 2, 2, 2, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1];

export interface PrioOptions {
  /** 2 to 16; 3 if absent. */
  readonly bands?: number | undefined;
  /** The band of each of the 16 priorities of packets. */
  readonly priomap?: readonly number[] | undefined;
}

declare module '../qdisc-kind.js' {
  interface QdiscKinds {
    prio: { options: PrioOptions; told: { readonly bands: number; readonly priomap: readonly number[] } };
  }
}

interface Data {
  readonly bands: number;
  readonly priomap: readonly number[];
}

/** The struct is TCA_OPTIONS itself. */
const options: Codec<Data> = {
  minimum: 4 + PRIORITIES,
  encode(out, { bands, priomap }) {
    s32.encode(out, bands, 'bands');
    out.writeBytes(Uint8Array.from(priomap));
  },
  decode: (input, start) => ({
    bands: s32.decode(input, start, start + 4),
    priomap: [...input.copy(start + 4, start + 4 + PRIORITIES)],
  }),
};

function toData({ bands = 3, priomap = DEFAULT_MAP }: Readonly<Record<string, unknown>>): Data {
  checkInteger(bands, LEAST, MOST, 'bands');
  if (!Array.isArray(priomap)) throw wrongType('priomap', 'an array of bands', priomap);
  if (priomap.length !== PRIORITIES)
    throw invalidValue('priomap', priomap, `has no band for each of the ${PRIORITIES} priorities`);
  for (const [i, band] of (priomap as unknown[]).entries()) checkInteger(band, 0, bands - 1, `priomap[${i}]`);
  return { bands, priomap: priomap as number[] };
}

export const prio = defineQdisc({
  kind: 'prio',
  fields: fieldsOf<keyof PrioOptions>({ bands: true, priomap: true }),
  options,
  toData,
});
