/** ingress: no queue, but the place of the filters for what a link receives (net/sched/sch_ingress.c). */
import { fieldsOf } from '../../fields.js';
import { defineQdisc } from '../qdisc-kind.js';

/** An ingress qdisc has no options, and one place. */
export interface IngressOptions {
  readonly parent?: 'ingress' | undefined;
  readonly handle?: 'ffff:' | undefined;
}

declare module '../qdisc-kind.js' {
  interface QdiscKinds {
    ingress: { options: IngressOptions; told: Readonly<Record<never, never>> };
  }
}

export const ingress = defineQdisc({ kind: 'ingress', ingress: true, fields: fieldsOf<never>({}) });
