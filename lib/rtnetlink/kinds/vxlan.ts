/**
 * vxlan: Ethernet inside UDP, between hosts that are reached by IP (IFLA_VXLAN_*, linux/if_link.h;
 * drivers/net/vxlan, RFC 7348).
 */
import { parseIp } from '../../addressing/ip.js';
import { invalidValue } from '../../errors.js';
import { attributes } from '../../netlink/attributes.js';
import { be16, be32, bool8, bytes, flag, ipv4, ipv6, named, u8, u32, within } from '../../netlink/codec.js';
import { struct } from '../../netlink/struct.js';
import { createOfKind, type SpecOf } from '../link/create.js';
import type { LinkRef } from '../link/find.js';
import { defineKind } from '../link/kind.js';
import { seconds } from '../time.js';

const DF_MODES = { unset: 0, set: 1, inherit: 2 } as const;

const vxlanAttributes = attributes(() => ({
  vni: [1, 'IFLA_VXLAN_ID', within(u32, 0, 0xffffff)],
  remote4: [2, 'IFLA_VXLAN_GROUP', ipv4],
  underlay: [3, 'IFLA_VXLAN_LINK', u32],
  local4: [4, 'IFLA_VXLAN_LOCAL', ipv4],
  ttl: [5, 'IFLA_VXLAN_TTL', u8],
  tos: [6, 'IFLA_VXLAN_TOS', u8],
  learning: [7, 'IFLA_VXLAN_LEARNING', bool8],
  ageing: [8, 'IFLA_VXLAN_AGEING', seconds],
  limit: [9, 'IFLA_VXLAN_LIMIT', u32],
  portRange: [10, 'IFLA_VXLAN_PORT_RANGE', struct(4, { low: [0, be16], high: [2, be16] })],
  proxy: [11, 'IFLA_VXLAN_PROXY', bool8],
  rsc: [12, 'IFLA_VXLAN_RSC', bool8],
  l2miss: [13, 'IFLA_VXLAN_L2MISS', bool8],
  l3miss: [14, 'IFLA_VXLAN_L3MISS', bool8],
  port: [15, 'IFLA_VXLAN_PORT', be16],
  remote6: [16, 'IFLA_VXLAN_GROUP6', ipv6],
  local6: [17, 'IFLA_VXLAN_LOCAL6', ipv6],
  udpChecksum: [18, 'IFLA_VXLAN_UDP_CSUM', bool8],
  udp6ZeroChecksumTx: [19, 'IFLA_VXLAN_UDP_ZERO_CSUM6_TX', bool8],
  udp6ZeroChecksumRx: [20, 'IFLA_VXLAN_UDP_ZERO_CSUM6_RX', bool8],
  remoteChecksumTx: [21, 'IFLA_VXLAN_REMCSUM_TX', bool8],
  remoteChecksumRx: [22, 'IFLA_VXLAN_REMCSUM_RX', bool8],
  gbp: [23, 'IFLA_VXLAN_GBP', flag],
  remoteChecksumNoPartial: [24, 'IFLA_VXLAN_REMCSUM_NOPARTIAL', flag],
  collectMetadata: [25, 'IFLA_VXLAN_COLLECT_METADATA', bool8],
  flowLabel: [26, 'IFLA_VXLAN_LABEL', be32],
  gpe: [27, 'IFLA_VXLAN_GPE', flag],
  ttlInherit: [28, 'IFLA_VXLAN_TTL_INHERIT', bool8],
  df: [29, 'IFLA_VXLAN_DF', named(u8, DF_MODES)],
  vniFilter: [30, 'IFLA_VXLAN_VNIFILTER', bool8],
  localBypass: [31, 'IFLA_VXLAN_LOCALBYPASS', bool8],
  flowLabelPolicy: [32, 'IFLA_VXLAN_LABEL_POLICY', named(u32, { fixed: 0, inherit: 1 })],
  reservedBits: [33, 'IFLA_VXLAN_RESERVED_BITS', bytes],
}));

type Attributes = ReturnType<typeof vxlanAttributes.decode>;
/** What stands for other attributes, or what only the kernel tells. */
type Replaced =
  | 'vni'
  | 'remote4'
  | 'remote6'
  | 'local4'
  | 'local6'
  | 'underlay'
  | 'unknown'
  | 'reservedBits'
  | 'collectMetadata';

interface VxlanBase extends Readonly<Omit<Attributes, Replaced>> {
  /** The link that the UDP packets leave by; needed for a multicast `remote`. */
  readonly parent?: LinkRef | undefined;
  /** The other host, or the multicast group of all of them. */
  readonly remote?: string | undefined;
  /** Source address of the UDP packets. */
  readonly local?: string | undefined;
}

/**
 * Options of a vxlan, by the words of `ip link add type vxlan`; `ageing` in milliseconds, kept in seconds. Either it has
 * one network id, or it takes it from each packet's metadata (`external`).
 */
export type VxlanOptions = VxlanBase &
  (
    | {
        /** Network id, 0 to 16777215. */
        readonly vni: number;
        readonly external?: false | undefined;
      }
    | { readonly vni?: undefined; readonly external: true }
  );

declare module '../link/kind.js' {
  interface LinkKinds {
    vxlan: VxlanOptions;
  }
}

const byFamily = (field: 'remote' | 'local', address: unknown): Record<string, unknown> =>
  address === undefined ? {} : { [`${field}${parseIp(address, field).length === 4 ? 4 : 6}`]: address };

export const vxlan = defineKind({
  kind: 'vxlan',
  parent: 'optional',
  parentField: 'underlay',
  data: vxlanAttributes,
  words: ['remote', 'local', 'external'],
  check({ vni, external }) {
    if (vni === undefined && external !== true) throw invalidValue('vni', vni, 'is no network id (0 to 16777215)');
  },
  toData: ({ remote, local, external, ...options }) => ({
    ...options,
    ...byFamily('remote', remote),
    ...byFamily('local', local),
    ...(external !== undefined && { collectMetadata: external }),
  }),
  fromData({ remote4, remote6, local4, local6, underlay, collectMetadata, reservedBits: _kernels, ...data }) {
    const remote = remote4 ?? remote6;
    const local = local4 ?? local6;
    return {
      ...data,
      ...(underlay !== undefined && { parent: underlay }),
      ...(remote !== undefined && { remote }),
      ...(local !== undefined && { local }),
      ...(collectMetadata !== undefined && { external: collectMetadata }),
    };
  },
});

/** What `createVxlan` takes. */
export type VxlanSpec = SpecOf<'vxlan'>;

/**
 * Makes a vxlan.
 *
 * `ip link add NAME type vxlan id 42 remote 192.0.2.2 local 192.0.2.1 dstport 4789 dev PARENT`
 */
export const createVxlan = createOfKind('createVxlan', 'vxlan');
