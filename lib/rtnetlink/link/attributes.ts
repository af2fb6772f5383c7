/**
 * The table of a link: ifinfomsg and the IFLA_* attributes (linux/if_link.h), which every RTM_*LINK message
 * shares.
 */
import { attributes } from '../../netlink/attributes.js';
import { bool8, bytes, mac, named, repeated, s32, text, u8, u16, u32 } from '../../netlink/codec.js';
import { family } from '../../netlink/message.js';
import { struct } from '../../netlink/struct.js';
import { addressFamilies } from './af-spec.js';
import { bridgePortAttributes } from './bridge-port.js';
import { linkInfo } from './info.js';
import { linkStatistics } from './stats.js';

/** Longest name of a link, IFNAMSIZ less its NUL, and of an alternative name (ALTIFNAMSIZ less its NUL). */
export const NAME_LIMIT = 15;
export const ALT_NAME_LIMIT = 127;

export const linkName = text(NAME_LIMIT, 'IFNAMSIZ');

/** linux/if.h, RFC 2863. */
export const OPERATIONAL_STATES = {
  unknown: 0,
  'not-present': 1,
  down: 2,
  'lower-layer-down': 3,
  testing: 4,
  dormant: 5,
  up: 6,
} as const;

/** What stands before the attributes (linux/rtnetlink.h). */
export const ifinfomsg = struct(16, {
  family: [0, u8],
  type: [2, u16],
  index: [4, s32],
  flags: [8, u32],
  change: [12, u32],
});

const xdpAttributes = attributes(() => ({
  fd: [1, 'IFLA_XDP_FD', s32],
  attached: [2, 'IFLA_XDP_ATTACHED', named(u8, { none: 0, driver: 1, generic: 2, hardware: 3, multi: 4 })],
  flags: [3, 'IFLA_XDP_FLAGS', u32],
  programId: [4, 'IFLA_XDP_PROG_ID', u32],
  driverProgramId: [5, 'IFLA_XDP_DRV_PROG_ID', u32],
  genericProgramId: [6, 'IFLA_XDP_SKB_PROG_ID', u32],
  hardwareProgramId: [7, 'IFLA_XDP_HW_PROG_ID', u32],
  expectedFd: [8, 'IFLA_XDP_EXPECTED_FD', s32],
}));

const propertyAttributes = attributes(() => ({
  altNames: [53, 'IFLA_ALT_IFNAME', repeated(text(ALT_NAME_LIMIT, 'ALTIFNAMSIZ'))],
}));

const protoDownReasonAttributes = attributes(() => ({
  mask: [1, 'IFLA_PROTO_DOWN_REASON_MASK', u32],
  value: [2, 'IFLA_PROTO_DOWN_REASON_VALUE', u32],
}));

export const linkAttributes = attributes(() => ({
  mac: [1, 'IFLA_ADDRESS', mac],
  broadcast: [2, 'IFLA_BROADCAST', mac],
  name: [3, 'IFLA_IFNAME', linkName],
  mtu: [4, 'IFLA_MTU', u32],
  parent: [5, 'IFLA_LINK', u32],
  qdisc: [6, 'IFLA_QDISC', text(15, 'IFNAMSIZ')],
  // IFLA_STATS has the same counters in 32 bits, which wrap.
  stats32: [7, 'IFLA_STATS', bytes],
  master: [10, 'IFLA_MASTER', u32],
  bridgePort: [12, 'IFLA_PROTINFO', bridgePortAttributes],
  txQueueLength: [13, 'IFLA_TXQLEN', u32],
  map: [14, 'IFLA_MAP', bytes],
  operState: [16, 'IFLA_OPERSTATE', named(u8, OPERATIONAL_STATES)],
  linkMode: [17, 'IFLA_LINKMODE', named(u8, { default: 0, dormant: 1, testing: 2 })],
  info: [18, 'IFLA_LINKINFO', linkInfo],
  netnsPid: [19, 'IFLA_NET_NS_PID', u32],
  // Without NUL: a payload of no bytes takes the alias away.
  alias: [20, 'IFLA_IFALIAS', text(255, 'IFALIASZ', { terminated: false })],
  virtualFunctions: [21, 'IFLA_NUM_VF', u32],
  virtualFunctionList: [22, 'IFLA_VFINFO_LIST', bytes],
  stats: [23, 'IFLA_STATS64', linkStatistics],
  addressFamilies: [26, 'IFLA_AF_SPEC', addressFamilies.called('')],
  group: [27, 'IFLA_GROUP', u32],
  netnsFd: [28, 'IFLA_NET_NS_FD', u32],
  extendedMask: [29, 'IFLA_EXT_MASK', u32],
  promiscuity: [30, 'IFLA_PROMISCUITY', u32],
  txQueues: [31, 'IFLA_NUM_TX_QUEUES', u32],
  rxQueues: [32, 'IFLA_NUM_RX_QUEUES', u32],
  carrier: [33, 'IFLA_CARRIER', bool8],
  physicalPortId: [34, 'IFLA_PHYS_PORT_ID', bytes],
  carrierChanges: [35, 'IFLA_CARRIER_CHANGES', u32],
  physicalSwitchId: [36, 'IFLA_PHYS_SWITCH_ID', bytes],
  parentNetnsId: [37, 'IFLA_LINK_NETNSID', s32],
  physicalPortName: [38, 'IFLA_PHYS_PORT_NAME', text(255, 'IFALIASZ')],
  protoDown: [39, 'IFLA_PROTO_DOWN', bool8],
  gsoMaxSegments: [40, 'IFLA_GSO_MAX_SEGS', u32],
  gsoMaxSize: [41, 'IFLA_GSO_MAX_SIZE', u32],
  xdp: [43, 'IFLA_XDP', xdpAttributes],
  event: [44, 'IFLA_EVENT', u32],
  newNetnsId: [45, 'IFLA_NEW_NETNSID', s32],
  targetNetnsId: [46, 'IFLA_IF_NETNSID', s32],
  carrierUpCount: [47, 'IFLA_CARRIER_UP_COUNT', u32],
  carrierDownCount: [48, 'IFLA_CARRIER_DOWN_COUNT', u32],
  newIndex: [49, 'IFLA_NEW_IFINDEX', s32],
  minMtu: [50, 'IFLA_MIN_MTU', u32],
  maxMtu: [51, 'IFLA_MAX_MTU', u32],
  properties: [52, 'IFLA_PROP_LIST', propertyAttributes.called('')],
  altName: [53, 'IFLA_ALT_IFNAME', text(ALT_NAME_LIMIT, 'ALTIFNAMSIZ')],
  permanentMac: [54, 'IFLA_PERM_ADDRESS', mac],
  protoDownReason: [55, 'IFLA_PROTO_DOWN_REASON', protoDownReasonAttributes],
  parentDevice: [56, 'IFLA_PARENT_DEV_NAME', text(255, 'IFALIASZ')],
  parentBus: [57, 'IFLA_PARENT_DEV_BUS_NAME', text(255, 'IFALIASZ')],
  groMaxSize: [58, 'IFLA_GRO_MAX_SIZE', u32],
  tsoMaxSize: [59, 'IFLA_TSO_MAX_SIZE', u32],
  tsoMaxSegments: [60, 'IFLA_TSO_MAX_SEGS', u32],
  allMulticastCount: [61, 'IFLA_ALLMULTI', u32],
  devlinkPort: [62, 'IFLA_DEVLINK_PORT', bytes],
  gsoIpv4MaxSize: [63, 'IFLA_GSO_IPV4_MAX_SIZE', u32],
  groIpv4MaxSize: [64, 'IFLA_GRO_IPV4_MAX_SIZE', u32],
  dpllPin: [65, 'IFLA_DPLL_PIN', bytes],
  maxPacingOffloadHorizon: [66, 'IFLA_MAX_PACING_OFFLOAD_HORIZON', u32],
  netnsImmutable: [67, 'IFLA_NETNS_IMMUTABLE', bool8],
  headroom: [68, 'IFLA_HEADROOM', u16],
  tailroom: [69, 'IFLA_TAILROOM', u16],
}));

export const linkFamily = family(ifinfomsg, linkAttributes);
