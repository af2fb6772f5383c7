/** noqueue: what a link sends goes at once, or is dropped (net/sched/sch_generic.c). */
import { fieldsOf } from '../../fields.js';
import { defineQdisc } from '../qdisc-kind.js';

/** A noqueue has no options. */
export type NoqueueOptions = Readonly<Record<never, never>>;

declare module '../qdisc-kind.js' {
  interface QdiscKinds {
    noqueue: { options: NoqueueOptions; told: Readonly<Record<never, never>> };
  }
}

export const noqueue = defineQdisc({ kind: 'noqueue', fields: fieldsOf<never>({}) });
