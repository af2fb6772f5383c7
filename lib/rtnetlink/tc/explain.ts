/** What can be done about a kernel that lacks a kind of traffic control. */
import { NetlinkError } from '../../errors.js';

// In net/sched/sch_api.c, cls_api.c and act_api.c, which have asked for the module by then.
const UNKNOWN = /^(Specified qdisc kind is unknown|TC classifier not found|Failed to load TC action module)/;

/** Puts behind the kernel's word that it does not have a kind which module has it. */
export function explainUnknownKind(error: unknown, prefix: 'sch' | 'cls', kind: string): unknown {
  if (error instanceof NetlinkError && UNKNOWN.test(error.kernelMessage ?? '')) {
    const what = error.kernelMessage?.includes('action') === true ? 'one of these actions' : `no ${kind}`;
    const module = error.kernelMessage?.includes('action') === true ? 'act_...' : `${prefix}_${kind}`;
    error.message += `; this kernel ${what === `no ${kind}` ? 'has' : 'lacks'} ${what}: it has no module ${module}, or could not load it`;
  }
  return error;
}
