/** The master of a link: the bridge, bond or VRF that it is, or becomes, a port of. */
import { invalidValue, NetlinkError } from '../../errors.js';
import type { Netns } from '../../netns/netns.js';
import type { Operation } from '../../operation.js';
import { indexOf, type LinkRef, LOOPBACK, labelOf } from './find.js';

/** The index of a master; that it is one, only the kernel knows. */
export function* masterIndexOf(netns: Netns, ref: LinkRef, field = 'master'): Operation<number> {
  const index = yield* indexOf(netns, ref, field);
  if (index === LOOPBACK) throw invalidValue(field, labelOf(ref), 'is the loopback, which takes no ports');
  return index;
}

/** Puts behind a refusal that it may be the master's, of which do_set_master() in net/core/rtnetlink.c says nothing. */
export function aboutMaster(error: unknown, master: number | undefined): unknown {
  if (master && error instanceof NetlinkError && error.code === 'EOPNOTSUPP' && error.kernelMessage === undefined) {
    error.message += '; is its master a bridge, bond or VRF?';
  }
  return error;
}
