/**
 * What may be said of any link when it is made or changed, checked and turned into attributes. Pure.
 */
import { parseMac } from '../../addressing/mac.js';
import { invalidValue, outOfRange, wrongType } from '../../errors.js';
import type { Decoded } from '../../netlink/attributes.js';
import { checkInteger } from '../../netlink/codec.js';
import type { AddrGenMode } from './af-spec.js';
import { type ifinfomsg, type linkAttributes, NAME_LIMIT } from './attributes.js';
import type { BridgePortOptions } from './bridge-port.js';
import { LINK_FLAGS } from './link.js';

/** Options of every kind of link, at creation and later. */
export interface LinkOptions {
  /** Administratively up. */
  readonly up?: boolean | undefined;
  /** Largest packet, in bytes, without the link-layer header. */
  readonly mtu?: number | undefined;
  /** A unicast link-layer address. */
  readonly mac?: string | undefined;
  readonly broadcast?: string | undefined;
  /** Text for people, up to 255 bytes. */
  readonly alias?: string | undefined;
  /** Names beside the name, each up to 127 bytes. */
  readonly altNames?: readonly string[] | undefined;
  /** A number that gathers links: `deleteLinks({ group })`, `listLinks({ group })`. */
  readonly group?: number | undefined;
  /** Packets that may wait to be sent; 0 is a value of its own. */
  readonly txQueueLength?: number | undefined;
  readonly promiscuous?: boolean | undefined;
  readonly allMulticast?: boolean | undefined;
  /** Whether it can do multicast. */
  readonly multicast?: boolean | undefined;
  /** Whether it resolves addresses by ARP. */
  readonly arp?: boolean | undefined;
  /** How IPv6 link-local addresses come about. */
  readonly addrGenMode?: AddrGenMode | undefined;
  /** What its bridge keeps of it; it must be, or become, a port of one. */
  readonly bridgePort?: BridgePortOptions | undefined;
  readonly gsoMaxSize?: number | undefined;
  readonly gsoMaxSegments?: number | undefined;
  readonly groMaxSize?: number | undefined;
}

/** What `LinkOptions` has, for checks. */
export const LINK_OPTIONS = {
  up: true,
  mtu: true,
  mac: true,
  broadcast: true,
  alias: true,
  altNames: true,
  group: true,
  txQueueLength: true,
  promiscuous: true,
  allMulticast: true,
  multicast: true,
  arp: true,
  addrGenMode: true,
  bridgePort: true,
  gsoMaxSize: true,
  gsoMaxSegments: true,
  groMaxSize: true,
} satisfies Record<keyof LinkOptions, true>;

/** The MTUs that a kind of link can have. */
export interface MtuRange {
  readonly least: number;
  readonly most: number;
}

/** What the kernel gives devices that carry Ethernet: ETH_MIN_MTU and ETH_MAX_MTU (linux/if_ether.h). */
export const ETHERNET_MTU: MtuRange = { least: 68, most: 65535 };

/** dev_valid_name() in net/core/dev.c, and sysctl_dev_name_is_allowed() in net/ipv4/devinet.c. */
export function checkLinkName(name: unknown, field = 'name'): asserts name is string {
  if (typeof name !== 'string') throw wrongType(field, 'a string', name);
  const size = Buffer.byteLength(name);
  if (size === 0) throw invalidValue(field, name, 'must not be empty');
  if (size > NAME_LIMIT)
    throw invalidValue(field, name, `is ${size} bytes; the kernel allows ${NAME_LIMIT} (IFNAMSIZ)`);
  if (name === '.' || name === '..') throw invalidValue(field, name, 'is no name of a link');
  if (name === 'all' || name === 'default')
    throw invalidValue(field, name, 'is no name of a link: /proc/sys/net/ipv4/conf has another use for it');
  const bad = /[/:\s\0]/.exec(name);
  if (bad) throw invalidValue(field, name, `must not contain ${JSON.stringify(bad[0])}`);
  if (name.includes('%')) throw invalidValue(field, name, "must not contain '%'; name links by what they are for");
}

export function checkMtu(mtu: unknown, { least, most }: MtuRange, field = 'mtu'): void {
  if (mtu === undefined) return;
  if (typeof mtu !== 'number') throw wrongType(field, 'a number of bytes', mtu);
  if (!Number.isInteger(mtu) || mtu < least || mtu > most) throw outOfRange(field, mtu, `${least} to ${most} bytes`);
}

/** is_valid_ether_addr() in linux/etherdevice.h: neither multicast nor all zero. */
export function checkUnicastMac(mac: unknown, field = 'mac'): void {
  if (mac === undefined) return;
  const bytes = parseMac(mac, field);
  if (((bytes[0] as number) & 1) !== 0) throw invalidValue(field, mac, 'is a multicast address');
  if (bytes.every((byte) => byte === 0)) throw invalidValue(field, mac, 'is all zero');
}

const FLAG_OPTIONS = [
  ['up', LINK_FLAGS.up, true],
  ['promiscuous', LINK_FLAGS.promiscuous, true],
  ['allMulticast', LINK_FLAGS['all-multicast'], true],
  ['multicast', LINK_FLAGS.multicast, true],
  ['arp', LINK_FLAGS['no-arp'], false],
] as const;

/** Flags and which of them change, for ifinfomsg. */
export function flagsOf(options: LinkOptions): Pick<Partial<ReturnType<typeof ifinfomsg.decode>>, 'flags' | 'change'> {
  let flags = 0;
  let change = 0;
  for (const [option, bit, sets] of FLAG_OPTIONS) {
    const value = options[option];
    if (value === undefined) continue;
    if (typeof value !== 'boolean') throw wrongType(option, 'true or false', value);
    change |= bit;
    if (value === sets) flags |= bit;
  }
  return change === 0 ? {} : { flags, change };
}

/** The attributes that the kernel takes both in the request that makes a link and later. */
export function commonAttributes(options: LinkOptions): Decoded<typeof linkAttributes.entries> {
  const { mtu, mac, broadcast, group, txQueueLength, gsoMaxSize, gsoMaxSegments, groMaxSize } = options;
  if (group !== undefined) checkInteger(group, 0, 0x7fffffff, 'group');
  return { mtu, mac, broadcast, group, txQueueLength, gsoMaxSize, gsoMaxSegments, groMaxSize };
}

/**
 * The attributes that the kernel only takes for a link that exists: rtnl_create_link() in
 * net/core/rtnetlink.c passes over them.
 */
export const lateAttributes = ({ alias, addrGenMode }: LinkOptions): Decoded<typeof linkAttributes.entries> => ({
  alias,
  addressFamilies: addrGenMode === undefined ? undefined : { inet6: { addrGenMode } },
});
