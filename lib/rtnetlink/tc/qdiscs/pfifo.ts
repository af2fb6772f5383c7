/** pfifo and bfifo: first come, first served, up to a limit (struct tc_fifo_qopt; net/sched/sch_fifo.c). */
import { type Codec, u32 } from '../../../netlink/codec.js';
import { fieldsOf } from '../../fields.js';
import { defineQdisc } from '../qdisc-kind.js';

export interface PfifoOptions {
  /** Packets that may wait; the link's `txQueueLength` if absent. */
  readonly limit?: number | undefined;
}

export interface BfifoOptions {
  /** Bytes that may wait; `txQueueLength` packets of the link's MTU if absent. */
  readonly limit?: number | undefined;
}

declare module '../qdisc-kind.js' {
  interface QdiscKinds {
    pfifo: { options: PfifoOptions; told: { readonly limit: number } };
    bfifo: { options: BfifoOptions; told: { readonly limit: number } };
  }
}

/** struct tc_fifo_qopt, which is TCA_OPTIONS itself. */
const options: Codec<{ limit: number }> = {
  minimum: 4,
  encode: (out, { limit }) => u32.encode(out, limit, 'limit'),
  decode: (input, start, end) => ({ limit: u32.decode(input, start, end) }),
};
const fields = fieldsOf<keyof PfifoOptions>({ limit: true });

export const pfifo = defineQdisc({ kind: 'pfifo', fields, options });
export const bfifo = defineQdisc({ kind: 'bfifo', fields, options });
