/** The table of an address: ifaddrmsg and the IFA_* attributes (linux/if_addr.h). */
import { attributes } from '../../netlink/attributes.js';
import { ip, s32, text, u8, u32 } from '../../netlink/codec.js';
import { family } from '../../netlink/message.js';
import { struct } from '../../netlink/struct.js';

export const ifaddrmsg = struct(8, {
  family: [0, u8],
  prefixLength: [1, u8],
  flags: [2, u8],
  scope: [3, u8],
  index: [4, u32],
});

// Lifetimes in seconds; stamps in hundredths of a second since boot.
export const addressCacheInfo = struct(16, {
  preferred: [0, u32],
  valid: [4, u32],
  created: [8, u32],
  updated: [12, u32],
});

export const addressAttributes = attributes(() => ({
  address: [1, 'IFA_ADDRESS', ip],
  local: [2, 'IFA_LOCAL', ip],
  label: [3, 'IFA_LABEL', text(15, 'IFNAMSIZ')],
  broadcast: [4, 'IFA_BROADCAST', ip],
  anycast: [5, 'IFA_ANYCAST', ip],
  cacheInfo: [6, 'IFA_CACHEINFO', addressCacheInfo],
  multicast: [7, 'IFA_MULTICAST', ip],
  flags: [8, 'IFA_FLAGS', u32],
  metric: [9, 'IFA_RT_PRIORITY', u32],
  targetNetnsId: [10, 'IFA_TARGET_NETNSID', s32],
  protocol: [11, 'IFA_PROTO', u8],
}));

export const addressFamily = family(ifaddrmsg, addressAttributes);
