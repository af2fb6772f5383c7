/** What can be done about a kernel that lacks a kind of traffic control. */
import { NetlinkError } from '../../errors.js';

// In net/sched/sch_api.c, cls_api.c and act_api.c, which have asked for the module by then.
const UNKNOWN = /^(Specified qdisc kind is unknown|TC classifier not found|Failed to load TC action module)/;

/** Puts behind the kernel's word that it does not have a kind, or one of `actions`, which module has it. */
export function explainUnknownKind(
  error: unknown,
  prefix: 'sch' | 'cls',
  kind: string,
  actions: readonly string[] = [],
): unknown {
  const word = error instanceof NetlinkError ? UNKNOWN.exec(error.kernelMessage ?? '')?.[0] : undefined;
  if (word === undefined) return error;
  const names = word.includes('action') ? actions : [kind];
  const modules = names.map((name) => `${word.includes('action') ? 'act' : prefix}_${name}`);
  (error as Error).message +=
    `; this kernel has no ${names.join(' or ')}: it has no module ${modules.join(' or ')}, or could not load it`;
  return error;
}
