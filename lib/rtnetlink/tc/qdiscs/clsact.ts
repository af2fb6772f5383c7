/** clsact: no queue, but the place of the filters for what a link receives and sends (net/sched/sch_ingress.c). */
import { fieldsOf } from '../../fields.js';
import { defineQdisc } from '../qdisc-kind.js';
import type { IngressOptions } from './ingress.js';

/** A clsact qdisc has no options, and the place of an ingress qdisc. */
export type ClsactOptions = IngressOptions;

declare module '../qdisc-kind.js' {
  interface QdiscKinds {
    clsact: { options: ClsactOptions; told: Readonly<Record<never, never>> };
  }
}

export const clsact = defineQdisc({ kind: 'clsact', ingress: true, fields: fieldsOf<never>({}) });
