/** The attribute table of a tracked connection (linux/netfilter/nfnetlink_conntrack.h). Numbers are big-endian. */
import { attributes } from '../../netlink/attributes.js';
import { be16, be32, be64, ipv4, ipv6, mapped, named, u8 } from '../../netlink/codec.js';
import { family, NETLINK_NETFILTER } from '../../netlink/message.js';
import { messageType, nfgenmsg, SUBSYSTEM } from '../nfnetlink.js';

/** IPCTNL_MSG_CT_* with their subsystem. */
export const CT = {
  NEW: messageType(SUBSYSTEM.CTNETLINK, 0),
  GET: messageType(SUBSYSTEM.CTNETLINK, 1),
  DELETE: messageType(SUBSYSTEM.CTNETLINK, 2),
} as const;

/** IPPROTO_* (linux/in.h, linux/icmpv6.h) of what the kernel tracks by more than addresses. */
export const PROTOCOLS = {
  icmp: 1,
  tcp: 6,
  udp: 17,
  dccp: 33,
  gre: 47,
  icmpv6: 58,
  sctp: 132,
  udplite: 136,
} as const;

/** TCP_CONNTRACK_* (linux/netfilter/nf_conntrack_tcp.h). */
export const TCP_STATES = {
  none: 0,
  'syn-sent': 1,
  'syn-recv': 2,
  established: 3,
  'fin-wait': 4,
  'close-wait': 5,
  'last-ack': 6,
  'time-wait': 7,
  close: 8,
  'syn-sent2': 9,
} as const;

/** SCTP_CONNTRACK_* (linux/netfilter/nf_conntrack_sctp.h). */
export const SCTP_STATES = {
  none: 0,
  closed: 1,
  'cookie-wait': 2,
  'cookie-echoed': 3,
  established: 4,
  'shutdown-sent': 5,
  'shutdown-recd': 6,
  'shutdown-ack-sent': 7,
  'heartbeat-sent': 8,
} as const;

/** IPS_* (linux/netfilter/nf_conntrack_common.h), without those that only the kernel's own steps need. */
export const STATUS_FLAGS = {
  expected: 0x1,
  'seen-reply': 0x2,
  assured: 0x4,
  confirmed: 0x8,
  'src-nat': 0x10,
  'dst-nat': 0x20,
  dying: 0x200,
  'fixed-timeout': 0x400,
  helper: 0x2000,
  offload: 0x4000,
  'hw-offload': 0x8000,
} as const;

const ipAttributes = attributes(() => ({
  source4: [1, 'CTA_IP_V4_SRC', ipv4],
  destination4: [2, 'CTA_IP_V4_DST', ipv4],
  source6: [3, 'CTA_IP_V6_SRC', ipv6],
  destination6: [4, 'CTA_IP_V6_DST', ipv6],
}));

const protocolAttributes = attributes(() => ({
  number: [1, 'CTA_PROTO_NUM', u8],
  sourcePort: [2, 'CTA_PROTO_SRC_PORT', be16],
  destinationPort: [3, 'CTA_PROTO_DST_PORT', be16],
  icmpId: [4, 'CTA_PROTO_ICMP_ID', be16],
  icmpType: [5, 'CTA_PROTO_ICMP_TYPE', u8],
  icmpCode: [6, 'CTA_PROTO_ICMP_CODE', u8],
  icmpv6Id: [7, 'CTA_PROTO_ICMPV6_ID', be16],
  icmpv6Type: [8, 'CTA_PROTO_ICMPV6_TYPE', u8],
  icmpv6Code: [9, 'CTA_PROTO_ICMPV6_CODE', u8],
}));

const tupleAttributes = attributes(() => ({
  ip: [1, 'CTA_TUPLE_IP', ipAttributes],
  protocol: [2, 'CTA_TUPLE_PROTO', protocolAttributes],
  zone: [3, 'CTA_TUPLE_ZONE', be16],
}));

const counterAttributes = attributes(() => ({
  packets: [1, 'CTA_COUNTERS_PACKETS', be64],
  bytes: [2, 'CTA_COUNTERS_BYTES', be64],
}));

const stateAttributes = attributes(() => ({
  tcp: [1, 'CTA_PROTOINFO_TCP', attributes(() => ({ state: [1, 'CTA_PROTOINFO_TCP_STATE', named(u8, TCP_STATES)] }))],
  sctp: [
    3,
    'CTA_PROTOINFO_SCTP',
    attributes(() => ({ state: [1, 'CTA_PROTOINFO_SCTP_STATE', named(u8, SCTP_STATES)] })),
  ],
}));

/** Seconds to the kernel, milliseconds to users. */
const seconds = mapped(
  be32,
  (milliseconds: number) => milliseconds / 1000,
  (value) => value * 1000,
);

export const conntrackAttributes = attributes(() => ({
  original: [1, 'CTA_TUPLE_ORIG', tupleAttributes],
  reply: [2, 'CTA_TUPLE_REPLY', tupleAttributes],
  status: [3, 'CTA_STATUS', be32],
  state: [4, 'CTA_PROTOINFO', stateAttributes],
  timeout: [7, 'CTA_TIMEOUT', seconds],
  mark: [8, 'CTA_MARK', be32],
  originalCounters: [9, 'CTA_COUNTERS_ORIG', counterAttributes],
  replyCounters: [10, 'CTA_COUNTERS_REPLY', counterAttributes],
  id: [12, 'CTA_ID', be32],
  zone: [18, 'CTA_ZONE', be16],
}));

/** What tells whether a connection is one of those looked for. */
export const tuplesOnly = conntrackAttributes.only({ original: true, reply: true });

export const conntrackFamily = family(nfgenmsg, conntrackAttributes, NETLINK_NETFILTER);
