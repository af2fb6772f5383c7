/** The table of an id that one namespace has for another: rtgenmsg and the NETNSA_* attributes (linux/net_namespace.h). */
import { attributes } from '../../netlink/attributes.js';
import { s32, u8, u32 } from '../../netlink/codec.js';
import { family } from '../../netlink/message.js';
import { struct } from '../../netlink/struct.js';

export const rtgenmsg = struct(1, { family: [0, u8] });

export const netnsIdAttributes = attributes(() => ({
  nsid: [1, 'NETNSA_NSID', s32],
  pid: [2, 'NETNSA_PID', u32],
  fd: [3, 'NETNSA_FD', u32],
  targetNsid: [4, 'NETNSA_TARGET_NSID', s32],
  currentNsid: [5, 'NETNSA_CURRENT_NSID', s32],
}));

export const netnsIdFamily = family(rtgenmsg, netnsIdAttributes);

/** NETNSA_NSID_NOT_ASSIGNED. */
export const NOT_ASSIGNED = -1;
