/** The table of a route: rtmsg, rtnexthop and the RTA_* attributes (linux/rtnetlink.h). */
import { AF_INET, AF_INET6, formatIp, parseIp } from '../../addressing/ip.js';
import { wrongType } from '../../errors.js';
import { attributes, type Decoded } from '../../netlink/attributes.js';
import { align4, LITTLE_ENDIAN } from '../../netlink/bytes.js';
import { be16, bool8, bytes, type Codec, checkInteger, ip, s32, u8, u16, u32 } from '../../netlink/codec.js';
import { family } from '../../netlink/message.js';
import { struct } from '../../netlink/struct.js';
import { seconds } from '../time.js';
import { metricAttributes } from './metrics.js';

export const rtmsg = struct(12, {
  family: [0, u8],
  destinationLength: [1, u8],
  sourceLength: [2, u8],
  tos: [3, u8],
  table: [4, u8],
  protocol: [5, u8],
  scope: [6, u8],
  type: [7, u8],
  flags: [8, u32],
});

/** Where rtmsg has what, for those who pass by it a million times a second. */
export const RTMSG = {
  family: 0,
  destinationLength: 1,
  sourceLength: 2,
  tos: 3,
  table: 4,
  protocol: 5,
  scope: 6,
  type: 7,
  flags: 8,
  size: 12,
} as const;

/** RTA_VIA, struct rtvia: a gateway of another family than the route's. */
const via: Codec<string> = {
  minimum: 6,
  encode(out, value, field) {
    const address = parseIp(value, field);
    const at = out.reserve(2);
    out.view.setUint16(at, address.length === 4 ? AF_INET : AF_INET6, LITTLE_ENDIAN);
    out.writeBytes(address);
  },
  decode(input, start, end) {
    const size = input.view.getUint16(start, LITTLE_ENDIAN) === AF_INET ? 4 : 16;
    return start + 2 + size <= end ? formatIp(input.bytes, start + 2, start + 2 + size) : '';
  },
};

// What the nexthop of a multipath route shares with a route of one path.
const pathAttributes = () =>
  ({
    via: [5, 'RTA_GATEWAY', ip],
    realm: [11, 'RTA_FLOW', u32],
    viaOther: [18, 'RTA_VIA', via],
    newDestination: [19, 'RTA_NEWDST', bytes],
    encapType: [21, 'RTA_ENCAP_TYPE', u16],
    // Its attributes depend on the type, and are the user's.
    encap: [22, 'RTA_ENCAP', { ...bytes, nested: true }],
  }) as const;

export const nexthopAttributes = attributes(pathAttributes);

/** One path of a multipath route: struct rtnexthop, then attributes. */
export interface RawNexthop {
  flags: number;
  /** Weight - 1. */
  hops: number;
  index: number;
  attributes: Decoded<typeof nexthopAttributes.entries>;
}

const RTNEXTHOP = 8;

const multipath: Codec<RawNexthop[]> = {
  minimum: 0,
  encode(out, paths, field) {
    if (!Array.isArray(paths)) throw wrongType(field, 'an array', paths);
    for (const [i, { flags, hops, index, attributes: own }] of paths.entries()) {
      const at = out.reserve(RTNEXTHOP);
      checkInteger(index, 0, 0x7fffffff, `${field}[${i}].link`);
      nexthopAttributes.encode(out, own, `${field}[${i}]`);
      out.view.setUint16(at, out.length - at, LITTLE_ENDIAN);
      out.view.setUint8(at + 2, flags);
      out.view.setUint8(at + 3, hops);
      out.view.setInt32(at + 4, index, LITTLE_ENDIAN);
    }
  },
  decode(input, start, end) {
    const { view } = input;
    const paths: RawNexthop[] = [];
    for (let at = start; at + RTNEXTHOP <= end; ) {
      const length = view.getUint16(at, LITTLE_ENDIAN);
      if (length < RTNEXTHOP || at + length > end) break;
      paths.push({
        flags: view.getUint8(at + 2),
        hops: view.getUint8(at + 3),
        index: view.getInt32(at + 4, LITTLE_ENDIAN),
        attributes: nexthopAttributes.decode(input, at + RTNEXTHOP, at + length),
      });
      at += align4(length);
    }
    return paths;
  },
  path(input, start, end, target) {
    for (let at = start; at + RTNEXTHOP <= end; ) {
      const length = input.view.getUint16(at, LITTLE_ENDIAN);
      if (length < RTNEXTHOP || at + length > end) break;
      if (target < at + length) return nexthopAttributes.path(input, at + RTNEXTHOP, at + length, target);
      at += align4(length);
    }
    return undefined;
  },
};

/** RTA_CACHEINFO; times in hundredths of a second (USER_HZ). */
export const routeCacheInfo = struct(32, {
  references: [0, u32],
  lastUse: [4, u32],
  expires: [8, s32],
  error: [12, u32],
  used: [16, u32],
});

export const routeAttributes = attributes(() => ({
  to: [1, 'RTA_DST', ip],
  from: [2, 'RTA_SRC', ip],
  iif: [3, 'RTA_IIF', u32],
  link: [4, 'RTA_OIF', u32],
  ...pathAttributes(),
  metric: [6, 'RTA_PRIORITY', u32],
  source: [7, 'RTA_PREFSRC', ip],
  metrics: [8, 'RTA_METRICS', metricAttributes],
  nexthops: [9, 'RTA_MULTIPATH', multipath],
  cacheInfo: [12, 'RTA_CACHEINFO', routeCacheInfo],
  table: [15, 'RTA_TABLE', u32],
  mark: [16, 'RTA_MARK', u32],
  pref: [20, 'RTA_PREF', u8],
  expires: [23, 'RTA_EXPIRES', seconds],
  uid: [25, 'RTA_UID', u32],
  ttlPropagate: [26, 'RTA_TTL_PROPAGATE', bool8],
  ipProtocol: [27, 'RTA_IP_PROTO', u8],
  sport: [28, 'RTA_SPORT', be16],
  dport: [29, 'RTA_DPORT', be16],
  nexthopId: [30, 'RTA_NH_ID', u32],
}));

export const routeFamily = family(rtmsg, routeAttributes);
