/** A link as users see it, from a message of the kernel. */

import type { UnknownAttribute } from '../../netlink/attributes.js';
import type { ByteReader } from '../../netlink/bytes.js';
import { align4 } from '../../netlink/bytes.js';
import type { Netns } from '../../netns/netns.js';
import { type AddrGenMode, linkAddressFamilies } from './af-spec.js';
import { ifinfomsg, linkAttributes, type OPERATIONAL_STATES } from './attributes.js';
import type { BridgePortAttributes } from './bridge-port.js';
import type { LinkInfo } from './info.js';
import { kindNamed, type LinkKinds } from './kind.js';
import type { LinkStatistics } from './stats.js';

/** Flags of a link (linux/if.h). `up` is what was asked for, `running` and `lower-up` what the device says. */
export const LINK_FLAGS = {
  up: 1 << 0,
  broadcast: 1 << 1,
  debug: 1 << 2,
  loopback: 1 << 3,
  'point-to-point': 1 << 4,
  'no-trailers': 1 << 5,
  running: 1 << 6,
  'no-arp': 1 << 7,
  promiscuous: 1 << 8,
  'all-multicast': 1 << 9,
  master: 1 << 10,
  slave: 1 << 11,
  multicast: 1 << 12,
  'port-select': 1 << 13,
  'auto-media': 1 << 14,
  dynamic: 1 << 15,
  'lower-up': 1 << 16,
  dormant: 1 << 17,
  echo: 1 << 18,
} as const;
export type LinkFlag = keyof typeof LINK_FLAGS;

/** Hardware types worth a name (linux/if_arp.h); others are shown by number. */
const HARDWARE_TYPES: ReadonlyMap<number, string> = new Map([
  [1, 'ether'],
  [32, 'infiniband'],
  [65534, 'none'],
  [768, 'ipip'],
  [769, 'tunnel6'],
  [772, 'loopback'],
  [776, 'sit'],
  [778, 'gre'],
  [823, 'gre6'],
]);

/**
 * A link: a snapshot, plain and frozen. Its identity is `netns` and `index`; names and the rest may have
 * changed since. Fields that the kernel did not tell are absent.
 */
export interface Link {
  /** The namespace in which it was seen. */
  readonly netns: Netns;
  readonly index: number;
  readonly name: string;
  /** `veth`, `bridge` ...; absent for devices that drivers made by themselves (lo, physical ones). */
  readonly kind?: string;
  /** Hardware type: `ether`, `loopback`, `none` (a TUN) ... */
  readonly type: string;
  /** Administratively up: `ip link set NAME up`. */
  readonly up: boolean;
  /** The device has a carrier: for a veth, its peer is up. */
  readonly carrier: boolean;
  /** RFC 2863: `up`, `down`, `lower-layer-down`, `unknown` (devices that do not tell) ... */
  readonly operState: keyof typeof OPERATIONAL_STATES;
  readonly flags: readonly LinkFlag[];
  readonly mtu: number;
  readonly minMtu?: number;
  readonly maxMtu?: number;
  readonly mac?: string;
  readonly broadcast?: string;
  readonly permanentMac?: string;
  /** Index of the bridge, bond or VRF that it is a port of. */
  readonly master?: number;
  /** Index of the link that it stands on, or of a veth's peer; in the namespace `parentNetnsId` where that is set. */
  readonly parent?: number;
  /** Id, in this link's namespace, of the namespace of `parent` (`ip netns list-id`). */
  readonly parentNetnsId?: number;
  readonly group: number;
  readonly alias?: string;
  readonly altNames: readonly string[];
  readonly qdisc?: string;
  readonly txQueueLength?: number;
  readonly txQueues?: number;
  readonly rxQueues?: number;
  readonly promiscuity?: number;
  readonly addrGenMode?: AddrGenMode;
  readonly gsoMaxSize?: number;
  readonly groMaxSize?: number;
  /** What the kind keeps: `link.data.mode` of a macvlan. Typed once `isKind` has told which kind it is. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** What the bridge keeps of it as a port. Times in milliseconds. */
  readonly bridgePort?: Readonly<BridgePortAttributes>;
  /** Counters, where the call asked for them. */
  readonly stats?: LinkStatistics;
  /** Attributes that netloom does not know, as the kernel sent them. */
  readonly unknown?: readonly UnknownAttribute[];
}

/** A link of a kind, with what that kind keeps. */
export type LinkOf<K extends keyof LinkKinds> = Link & {
  readonly kind: K;
  readonly data: Readonly<Partial<LinkKinds[K]>>;
};

/** Tells a link's kind to TypeScript: `if (isKind(link, 'vxlan')) link.data.vni`. */
export const isKind = <K extends Extract<keyof LinkKinds, string>>(link: Link, kind: K): link is LinkOf<K> =>
  link.kind === kind;

const SHOWN = {
  mac: true,
  broadcast: true,
  name: true,
  mtu: true,
  parent: true,
  qdisc: true,
  master: true,
  bridgePort: true,
  txQueueLength: true,
  operState: true,
  info: true,
  alias: true,
  addressFamilies: linkAddressFamilies,
  group: true,
  promiscuity: true,
  txQueues: true,
  rxQueues: true,
  carrier: true,
  parentNetnsId: true,
  gsoMaxSize: true,
  minMtu: true,
  maxMtu: true,
  properties: true,
  permanentMac: true,
  groMaxSize: true,
} as const;

// Much of what the kernel tells of a link nobody asked for. Counters are a third of it, and the kernel sends
// them in any case; to decode them only when asked for makes reading a link twice as fast.
const withoutStats = linkAttributes.only(SHOWN);
const withStats = linkAttributes.only({ ...SHOWN, stats: true });

type Attributes = ReturnType<typeof withStats.decode>;

/** Who a link is, and on which one it stands (for a veth: who its peer is). */
export type LinkIdentity = Pick<Link, 'index' | 'parent'>;

const identity = linkAttributes.only({ parent: true });

/** Reads that much of an RTM_NEWLINK, from behind its nlmsghdr: a fraction of the work. */
export function decodeIdentity(input: ByteReader, start: number, end: number): LinkIdentity {
  const { index } = ifinfomsg.decode(input, start, Math.min(end, start + ifinfomsg.size));
  const { parent } = identity.decode(input, start + align4(ifinfomsg.size), end);
  return parent ? { index, parent } : { index };
}

/** Reads an RTM_NEWLINK, from behind its nlmsghdr. */
export function decodeLink(netns: Netns, input: ByteReader, start: number, end: number, stats = false): Link {
  const header = ifinfomsg.decode(input, start, Math.min(end, start + ifinfomsg.size));
  const table = stats ? withStats : withoutStats;
  return toLink(netns, header, table.decode(input, start + align4(ifinfomsg.size), end));
}

function toLink(netns: Netns, header: ReturnType<typeof ifinfomsg.decode>, attributes: Attributes): Link {
  const { info, bridgePort = info?.slaveKind === 'bridge' ? info.slaveData : undefined } = attributes;
  // Field by field: `snapshot`, for so many of them, would make reading a link three times as long.
  const link: Writable<Link> = {
    netns,
    index: header.index,
    name: attributes.name ?? '',
    type: HARDWARE_TYPES.get(header.type) ?? String(header.type),
    up: (header.flags & LINK_FLAGS.up) !== 0,
    carrier: attributes.carrier ?? (header.flags & LINK_FLAGS['lower-up']) !== 0,
    operState: attributes.operState ?? 'unknown',
    flags: flagsIn(header.flags),
    mtu: attributes.mtu ?? 0,
    group: attributes.group ?? 0,
    altNames: attributes.properties?.altNames ?? NONE,
  };
  if (info?.kind !== undefined) link.kind = info.kind;
  if (attributes.mac) link.mac = attributes.mac;
  if (attributes.broadcast) link.broadcast = attributes.broadcast;
  if (attributes.permanentMac !== undefined) link.permanentMac = attributes.permanentMac;
  if (attributes.minMtu !== undefined) link.minMtu = attributes.minMtu;
  // The kernel says 0 for "no limit", and for "none".
  if (attributes.maxMtu) link.maxMtu = attributes.maxMtu;
  if (attributes.master) link.master = attributes.master;
  if (attributes.parent) link.parent = attributes.parent;
  if (attributes.parentNetnsId !== undefined) link.parentNetnsId = attributes.parentNetnsId;
  if (attributes.alias !== undefined) link.alias = attributes.alias;
  if (attributes.qdisc !== undefined) link.qdisc = attributes.qdisc;
  if (attributes.txQueueLength !== undefined) link.txQueueLength = attributes.txQueueLength;
  if (attributes.txQueues !== undefined) link.txQueues = attributes.txQueues;
  if (attributes.rxQueues !== undefined) link.rxQueues = attributes.rxQueues;
  if (attributes.promiscuity !== undefined) link.promiscuity = attributes.promiscuity;
  const addrGenMode = attributes.addressFamilies?.inet6?.addrGenMode;
  if (addrGenMode !== undefined) link.addrGenMode = addrGenMode;
  if (attributes.gsoMaxSize !== undefined) link.gsoMaxSize = attributes.gsoMaxSize;
  if (attributes.groMaxSize !== undefined) link.groMaxSize = attributes.groMaxSize;
  const data = dataOf(info);
  if (data !== undefined) link.data = data;
  if (bridgePort !== undefined) link.bridgePort = bridgePort;
  if (attributes.stats !== undefined) link.stats = attributes.stats;
  if (attributes.unknown !== undefined) link.unknown = attributes.unknown;
  return Object.freeze(link);
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

const NONE: readonly string[] = Object.freeze([]);

const flagLists = new Map<number, readonly LinkFlag[]>();

// Links share few combinations of flags, so the lists are shared too.
function flagsIn(flags: number): readonly LinkFlag[] {
  let list = flagLists.get(flags);
  if (list === undefined) {
    const names = Object.keys(LINK_FLAGS) as LinkFlag[];
    list = Object.freeze(names.filter((name) => (flags & LINK_FLAGS[name]) !== 0));
    if (flagLists.size < 256) flagLists.set(flags, list);
  }
  return list;
}

function dataOf(info: LinkInfo | undefined): Readonly<Record<string, unknown>> | undefined {
  if (info?.kind === undefined || info.data === undefined) return undefined;
  const fromData = kindNamed(info.kind)?.fromData;
  return fromData ? fromData(info.data) : info.data;
}
