/** The table of a neighbour and of a bridge forwarding entry: ndmsg and the NDA_* attributes (linux/neighbour.h). */
import { attributes } from '../../netlink/attributes.js';
import { be16, bytes, ip, mac, s32, u8, u16, u32, within } from '../../netlink/codec.js';
import { family } from '../../netlink/message.js';
import { struct } from '../../netlink/struct.js';

export const ndmsg = struct(12, {
  family: [0, u8],
  index: [4, s32],
  state: [8, u16],
  flags: [10, u8],
  type: [11, u8],
});

/** struct nda_cacheinfo; ages in hundredths of a second (USER_HZ). */
export const neighborCacheInfo = struct(16, {
  confirmed: [0, u32],
  used: [4, u32],
  updated: [8, u32],
  references: [12, u32],
});

export const neighborAttributes = attributes(() => ({
  address: [1, 'NDA_DST', ip],
  mac: [2, 'NDA_LLADDR', mac],
  cacheInfo: [3, 'NDA_CACHEINFO', neighborCacheInfo],
  probes: [4, 'NDA_PROBES', u32],
  vlan: [5, 'NDA_VLAN', within(u16, 1, 4094)],
  port: [6, 'NDA_PORT', be16],
  vni: [7, 'NDA_VNI', within(u32, 0, 0xffffff)],
  via: [8, 'NDA_IFINDEX', u32],
  master: [9, 'NDA_MASTER', u32],
  linkNetnsId: [10, 'NDA_LINK_NETNSID', s32],
  sourceVni: [11, 'NDA_SRC_VNI', within(u32, 0, 0xffffff)],
  protocol: [12, 'NDA_PROTOCOL', u8],
  nexthopId: [13, 'NDA_NH_ID', u32],
  fdbExtended: [14, 'NDA_FDB_EXT_ATTRS', { ...bytes, nested: true }],
  extendedFlags: [15, 'NDA_FLAGS_EXT', u32],
  stateMask: [16, 'NDA_NDM_STATE_MASK', u16],
  flagsMask: [17, 'NDA_NDM_FLAGS_MASK', u8],
}));

export const neighborFamily = family(ndmsg, neighborAttributes);

/** NUD_*. */
export const NUD = {
  none: 0,
  incomplete: 0x01,
  reachable: 0x02,
  stale: 0x04,
  delay: 0x08,
  probe: 0x10,
  failed: 0x20,
  noarp: 0x40,
  permanent: 0x80,
} as const;

/** NTF_*. */
export const NTF = {
  use: 0x01,
  self: 0x02,
  master: 0x04,
  proxy: 0x08,
  extern_learn: 0x10,
  offloaded: 0x20,
  sticky: 0x40,
  router: 0x80,
} as const;

/** NTF_EXT_MANAGED, in NDA_FLAGS_EXT. */
export const MANAGED = 0x01;
