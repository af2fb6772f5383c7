/** An address of a link: what users say, what they see, and the requests in between. Pure. */
import { AF_INET, AF_INET6, formatIp, type Prefix, parseIp, parsePrefix } from '../../addressing/ip.js';
import { invalidValue, outOfRange, wrongType } from '../../errors.js';
import { align4, type ByteReader } from '../../netlink/bytes.js';
import { makeRequest, type Request } from '../../netlink/message.js';
import type { Netns } from '../../netns/netns.js';
import { type Scope, scopeName, scopeNumber } from '../scope.js';
import { RTM } from '../types.js';
import { addressAttributes, addressFamily, ifaddrmsg } from './attributes.js';

/** Flags of an address (linux/if_addr.h), by the words of `ip address`. */
export const ADDRESS_FLAGS = {
  secondary: 0x01,
  nodad: 0x02,
  optimistic: 0x04,
  dadfailed: 0x08,
  home: 0x10,
  deprecated: 0x20,
  tentative: 0x40,
  permanent: 0x80,
  mngtmpaddr: 0x100,
  noprefixroute: 0x200,
  autojoin: 0x400,
  'stable-privacy': 0x800,
} as const;
export type AddressFlag = keyof typeof ADDRESS_FLAGS;

/** Flags that a user may set; the others are the kernel's to tell. */
export type SettableAddressFlag = 'nodad' | 'optimistic' | 'home' | 'mngtmpaddr' | 'noprefixroute' | 'autojoin';

export interface AddressSpec {
  /** `10.0.0.1/24`, `2001:db8::1/64`; without a length, /32 or /128. */
  readonly address: string;
  /** The other end of a point-to-point link; the prefix then is that of the peer. */
  readonly peer?: string | undefined;
  /** IPv4 only. `true` derives it from the prefix, as `broadcast +` does. Absent: none. */
  readonly broadcast?: string | true | undefined;
  /** IPv4 only: `eth0:web`. Must start with the link's name. */
  readonly label?: string | undefined;
  readonly scope?: Scope | undefined;
  /** Milliseconds until it is gone; absent or Infinity: for ever. Kept in whole seconds. */
  readonly validLifetime?: number | undefined;
  /** Milliseconds until it is deprecated: used by what uses it, not chosen any more. */
  readonly preferredLifetime?: number | undefined;
  readonly flags?: readonly SettableAddressFlag[] | undefined;
  /** Metric of the prefix route that comes with the address. */
  readonly metric?: number | undefined;
  /** Who made it: IFAPROT_* (linux/if_addr.h), 0 to 255. */
  readonly protocol?: number | undefined;
}

/** An address as the kernel tells it: plain and frozen. */
export interface Address {
  readonly netns: Netns;
  /** Index of its link. */
  readonly link: number;
  readonly family: 'inet' | 'inet6';
  /** Without the prefix length: `10.0.0.1`. */
  readonly address: string;
  readonly prefixLength: number;
  readonly peer?: string;
  readonly broadcast?: string;
  readonly anycast?: string;
  readonly label?: string;
  readonly scope: Scope;
  readonly flags: readonly AddressFlag[];
  /** Milliseconds left, Infinity for ever. */
  readonly validLifetime: number;
  readonly preferredLifetime: number;
  readonly metric?: number;
  readonly protocol?: number;
}

const FOREVER = 0xffffffff;

export const toSpec = (address: string | AddressSpec): AddressSpec => {
  if (typeof address === 'string') return { address };
  if (typeof address !== 'object' || address === null)
    throw wrongType('address', "a string like '10.0.0.1/24' or an object", address);
  return address;
};

/** A NEWADDR or DELADDR for one address of the link with that index. */
export function addressRequest(
  type: typeof RTM.NEWADDR | typeof RTM.DELADDR,
  flags: number,
  index: number,
  given: string | AddressSpec,
  link: string | number = index,
): Request {
  const spec = toSpec(given);
  const own = parsePrefix(spec.address, 'address');
  const peer = spec.peer === undefined ? undefined : parsePrefix(spec.peer, 'peer');
  if (peer && peer.family !== own.family)
    throw invalidValue('peer', spec.peer, `is of another family than ${spec.address}`);
  // With a peer, the prefix is the peer's; one that is written at the address itself counts where the peer has none.
  const length = peer === undefined || !spec.peer?.includes('/') ? own.length : peer.length;
  const local = formatIp(own.bytes);
  const bits = flagBits(spec.flags);
  return makeRequest(addressFamily, {
    type,
    name: type === RTM.NEWADDR ? 'RTM_NEWADDR' : 'RTM_DELADDR',
    flags,
    header: {
      family: own.family,
      prefixLength: length,
      index,
      scope: spec.scope !== undefined ? scopeNumber(spec.scope) : type === RTM.DELADDR ? 0 : defaultScope(own),
      // Old kernels know the eight flags of the header only.
      flags: bits <= 0xff ? bits : 0,
    },
    attributes: {
      local,
      address: peer ? formatIp(peer.bytes) : local,
      broadcast: broadcastOf(spec, own, length),
      label: spec.label,
      cacheInfo: lifetimesOf(spec),
      flags: bits > 0xff ? bits : undefined,
      metric: spec.metric,
      protocol: spec.protocol,
    },
    context: { link },
  });
}

// As iproute2: addresses of the loopback network reach no further than the host.
const defaultScope = ({ family, bytes }: Prefix): number =>
  family === AF_INET && bytes[0] === 127 ? scopeNumber('host') : scopeNumber('global');

function broadcastOf({ broadcast }: AddressSpec, own: Prefix, length: number): string | undefined {
  if (broadcast === undefined) return undefined;
  if (own.family !== AF_INET) throw invalidValue('broadcast', broadcast, 'is for IPv4 addresses only');
  if (broadcast !== true) {
    if (parseIp(broadcast, 'broadcast').length !== 4) throw invalidValue('broadcast', broadcast, 'is no IPv4 address');
    return broadcast;
  }
  return formatIp(own.bytes.map((byte, i) => byte | (0xff >> Math.min(8, Math.max(0, length - i * 8)))));
}

function lifetimesOf({ validLifetime, preferredLifetime }: AddressSpec) {
  if (validLifetime === undefined && preferredLifetime === undefined) return undefined;
  const valid = seconds(validLifetime, 'validLifetime');
  const preferred = preferredLifetime === undefined ? valid : seconds(preferredLifetime, 'preferredLifetime');
  if (preferred > valid) throw outOfRange('preferredLifetime', preferredLifetime, 'at most validLifetime');
  // The stamps are the kernel's to set.
  return { valid, preferred, created: 0, updated: 0 };
}

function seconds(milliseconds: number | undefined, field: string): number {
  if (milliseconds === undefined || milliseconds === Number.POSITIVE_INFINITY) return FOREVER;
  if (typeof milliseconds !== 'number') throw wrongType(field, 'a number of milliseconds', milliseconds);
  const whole = Math.ceil(milliseconds / 1000);
  if (!(whole >= 0 && whole < FOREVER)) throw outOfRange(field, milliseconds, '0 or more milliseconds');
  return whole;
}

function flagBits(flags: readonly string[] | undefined): number {
  if (flags === undefined) return 0;
  let bits = 0;
  for (const flag of flags) {
    const bit = Object.hasOwn(ADDRESS_FLAGS, flag) ? ADDRESS_FLAGS[flag as AddressFlag] : undefined;
    if (bit === undefined) throw invalidValue('flags', flag, `is none of ${Object.keys(ADDRESS_FLAGS).join(', ')}`);
    bits |= bit;
  }
  return bits;
}

/** Reads an RTM_NEWADDR, from behind its nlmsghdr. */
export function decodeAddress(netns: Netns, input: ByteReader, start: number, end: number): Address {
  const header = ifaddrmsg.decode(input, start, Math.min(end, start + ifaddrmsg.size));
  const attributes = addressAttributes.decode(input, start + align4(ifaddrmsg.size), end);
  const { address, local = address, cacheInfo } = attributes;
  const bits = attributes.flags ?? header.flags;
  const decoded: Record<string, unknown> = {
    netns,
    link: header.index,
    family: header.family === AF_INET6 ? 'inet6' : 'inet',
    address: local,
    prefixLength: header.prefixLength,
    peer: address === local ? undefined : address,
    broadcast: attributes.broadcast,
    anycast: attributes.anycast,
    label: attributes.label,
    scope: scopeName(header.scope),
    flags: (Object.keys(ADDRESS_FLAGS) as AddressFlag[]).filter((flag) => (bits & ADDRESS_FLAGS[flag]) !== 0),
    validLifetime: milliseconds(cacheInfo?.valid),
    preferredLifetime: milliseconds(cacheInfo?.preferred),
    metric: attributes.metric,
    protocol: attributes.protocol || undefined,
  };
  for (const field in decoded) if (decoded[field] === undefined) delete decoded[field];
  return Object.freeze(decoded) as unknown as Address;
}

const milliseconds = (lifetime: number | undefined): number =>
  lifetime === undefined || lifetime === FOREVER ? Number.POSITIVE_INFINITY : lifetime * 1000;
