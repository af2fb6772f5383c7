/** An address of a link: what users say, what they see, and the requests in between. Pure. */
import { AF_INET, AF_INET6, formatIp, lastOf, type Prefix, parseIp, parsePrefix } from '../../addressing/ip.js';
import { invalidValue, outOfRange, wrongType } from '../../errors.js';
import { align4, type ByteReader } from '../../netlink/bytes.js';
import { checkInteger } from '../../netlink/codec.js';
import { makeRequest, type Request } from '../../netlink/message.js';
import type { Netns } from '../../netns/netns.js';
import { checkFields, fieldsOf } from '../fields.js';
import { flagBits, flagNames } from '../flags.js';
import { type Scope, scopeName, scopeNumber } from '../scope.js';
import { snapshot } from '../snapshot.js';
import { secondsOf } from '../time.js';
import { RTM } from '../types.js';
import { addressAttributes, addressFamily, ifaddrmsg } from './attributes.js';

const SETTABLE_FLAGS = {
  nodad: 0x02,
  optimistic: 0x04,
  home: 0x10,
  mngtmpaddr: 0x100,
  noprefixroute: 0x200,
  autojoin: 0x400,
} as const;

/** IFA_F_* (linux/if_addr.h). */
export const ADDRESS_FLAGS = {
  secondary: 0x01,
  ...SETTABLE_FLAGS,
  dadfailed: 0x08,
  deprecated: 0x20,
  tentative: 0x40,
  permanent: 0x80,
  'stable-privacy': 0x800,
} as const;

/** A flag of an address, spelt as `ip address` spells it. */
export type AddressFlag = keyof typeof ADDRESS_FLAGS;

/** Flags that a user may set; the others are the kernel's to tell. */
export type SettableAddressFlag = keyof typeof SETTABLE_FLAGS;

export interface AddressSpec {
  /** `10.0.0.1/24`, `2001:db8::1/64`; without a length here or in `prefixLength`, /32 or /128. */
  readonly address: string;
  /** Length of the prefix, where `address` does not say it. */
  readonly prefixLength?: number | undefined;
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

/**
 * An address as the kernel tells it: plain and frozen. It can be given back to `deleteAddress` and
 * `replaceAddress`, and to `addAddress` for another link; what is the kernel's to tell is passed over.
 */
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

const FIELDS = fieldsOf<keyof AddressSpec | keyof Address>({
  address: true,
  prefixLength: true,
  peer: true,
  broadcast: true,
  label: true,
  scope: true,
  validLifetime: true,
  preferredLifetime: true,
  flags: true,
  metric: true,
  protocol: true,
  // Of those that were listed.
  netns: true,
  link: true,
  family: true,
  anycast: true,
});

/** True for what was listed, since a spec has no namespace: its link brings that. */
export const isListed = (address: string | AddressSpec | Address): address is Address =>
  typeof address === 'object' && 'netns' in address;

/** What users say of an address, as a spec. */
export function toSpec(given: string | AddressSpec | Address): AddressSpec {
  if (typeof given === 'string') return { address: given };
  if (typeof given !== 'object' || given === null)
    throw wrongType('address', "a string like '10.0.0.1/24' or an object", given);
  checkFields(given, FIELDS, 'an address');
  return isListed(given) ? { ...given, flags: withoutTold(given.flags) } : given;
}

// Words that are no flag stay, to be refused.
function withoutTold(flags: readonly string[] = []): readonly SettableAddressFlag[] {
  if (!Array.isArray(flags)) throw wrongType('flags', 'an array of names', flags);
  return flags.filter((flag) => Object.hasOwn(SETTABLE_FLAGS, flag) || !Object.hasOwn(ADDRESS_FLAGS, flag));
}

/** A NEWADDR or DELADDR for one address of the link with that index. */
export function addressRequest(
  type: typeof RTM.NEWADDR | typeof RTM.DELADDR,
  flags: number,
  index: number,
  given: string | AddressSpec | Address,
  link: string | number = index,
): Request {
  const spec = toSpec(given);
  const own = prefixOf(spec);
  const peer = spec.peer === undefined ? undefined : parsePrefix(spec.peer, 'peer');
  if (peer && peer.family !== own.family)
    throw invalidValue('peer', spec.peer, `is of another family than ${spec.address}`);
  // With a peer, the prefix is the peer's; one that is written at the address itself counts where the peer has none.
  const length = peer === undefined || !spec.peer?.includes('/') ? own.length : peer.length;
  const local = formatIp(own.bytes);
  const bits = spec.flags === undefined ? 0 : flagBits(spec.flags, SETTABLE_FLAGS);
  return makeRequest(addressFamily, {
    type,
    name: type === RTM.NEWADDR ? 'RTM_NEWADDR' : 'RTM_DELADDR',
    flags,
    header: {
      family: own.family,
      prefixLength: length,
      index,
      scope: spec.scope !== undefined ? scopeNumber(spec.scope) : type === RTM.DELADDR ? 0 : defaultScope(own),
      // As iproute2: the attribute is for what the eight bits of the header do not hold.
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
    context: { entry: `${local}/${own.length}`, link },
  });
}

function prefixOf({ address, prefixLength }: AddressSpec): Prefix {
  const prefix = parsePrefix(address, 'address');
  if (prefixLength === undefined) return prefix;
  checkInteger(prefixLength, 0, prefix.bytes.length * 8, 'prefixLength');
  if (address.includes('/') && prefixLength !== prefix.length)
    throw invalidValue('prefixLength', prefixLength, `is not that of ${address}`);
  return { ...prefix, length: prefixLength };
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
  return formatIp(lastOf(own.bytes, length));
}

function lifetimesOf({ validLifetime, preferredLifetime }: AddressSpec) {
  if (validLifetime === undefined && preferredLifetime === undefined) return undefined;
  const valid = lifetime(validLifetime, 'validLifetime');
  const preferred = preferredLifetime === undefined ? valid : lifetime(preferredLifetime, 'preferredLifetime');
  if (preferred > valid) throw outOfRange('preferredLifetime', preferredLifetime, 'at most validLifetime');
  // The stamps are the kernel's to set.
  return { valid, preferred, created: 0, updated: 0 };
}

const lifetime = (milliseconds: number | undefined, field: string): number =>
  milliseconds === undefined || milliseconds === Number.POSITIVE_INFINITY
    ? FOREVER
    : secondsOf(milliseconds, field, FOREVER - 1);

/** Reads an RTM_NEWADDR, from behind its nlmsghdr. */
export function decodeAddress(netns: Netns, input: ByteReader, start: number, end: number): Address {
  const header = ifaddrmsg.decode(input, start, Math.min(end, start + ifaddrmsg.size));
  const attributes = addressAttributes.decode(input, start + align4(ifaddrmsg.size), end);
  const { address, local = address, cacheInfo } = attributes;
  const bits = attributes.flags ?? header.flags;
  return snapshot<Address>({
    netns,
    link: header.index,
    family: header.family === AF_INET6 ? 'inet6' : 'inet',
    address: local ?? '',
    prefixLength: header.prefixLength,
    peer: address === local ? undefined : address,
    broadcast: attributes.broadcast,
    anycast: attributes.anycast,
    label: attributes.label,
    scope: scopeName(header.scope),
    flags: flagNames(bits, ADDRESS_FLAGS),
    validLifetime: milliseconds(cacheInfo?.valid),
    preferredLifetime: milliseconds(cacheInfo?.preferred),
    metric: attributes.metric,
    protocol: attributes.protocol || undefined,
  });
}

const milliseconds = (whole: number | undefined): number =>
  whole === undefined || whole === FOREVER ? Number.POSITIVE_INFINITY : whole * 1000;
