/** A tracked connection as the kernel tells it, and which ones a filter means. Pure. */
import { AF_INET6, familyNumber, formatIp, parseIp } from '../../addressing/ip.js';
import { invalidValue, outOfRange, wrongType } from '../../errors.js';
import type { AttributeValues } from '../../netlink/attributes.js';
import type { ByteReader } from '../../netlink/bytes.js';
import type { Netns } from '../../netns/netns.js';
import { flagNames } from '../../rtnetlink/flags.js';
import {
  conntrackAttributes,
  PROTOCOLS,
  type SCTP_STATES,
  STATUS_FLAGS,
  type TCP_STATES,
  tuplesOnly,
} from './attributes.js';

/** By name, or by its number (protocols that the kernel tracks by their addresses alone). */
export type ConntrackProtocol = keyof typeof PROTOCOLS | number;
export type ConntrackState = keyof typeof TCP_STATES | keyof typeof SCTP_STATES;
export type ConntrackStatus = keyof typeof STATUS_FLAGS;

/** The packets of one direction. */
export interface ConntrackTuple {
  readonly source: string;
  readonly destination: string;
  /** TCP, UDP, SCTP, DCCP; keys of GRE. */
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** ICMP and ICMPv6. */
  readonly icmpType?: number;
  readonly icmpCode?: number;
  readonly icmpId?: number;
  /** Where the namespace counts (`net.netfilter.nf_conntrack_acct`). */
  readonly packets?: bigint;
  readonly bytes?: bigint;
}

/** A connection that the kernel tracks: plain data. */
export interface ConntrackEntry {
  readonly netns: Netns;
  readonly id: number;
  readonly family: 'inet' | 'inet6';
  readonly protocol: ConntrackProtocol;
  /** As who began it sends. */
  readonly original: ConntrackTuple;
  /** As answers are expected: with NAT, other addresses than the original's, turned round. */
  readonly reply: ConntrackTuple;
  /** Of TCP and SCTP. */
  readonly state?: ConntrackState;
  readonly status: readonly ConntrackStatus[];
  readonly mark?: number;
  /** Milliseconds until it is forgotten. */
  readonly timeout?: number;
  readonly zone?: number;
}

/** Which connections are meant: those that are everything that is said. */
export interface ConntrackFilter {
  /** An end of either direction: before or after NAT. */
  readonly address?: string | undefined;
  readonly protocol?: ConntrackProtocol | undefined;
  /** Destination port of the original direction: of a published port, the host's. */
  readonly port?: number | undefined;
  readonly family?: 'inet' | 'inet6' | undefined;
}

type Values = AttributeValues<typeof conntrackAttributes>;
type TupleValues = NonNullable<Values['original']>;
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const names = new Map<number, keyof typeof PROTOCOLS>(
  Object.entries(PROTOCOLS).map(([name, number]) => [number, name as keyof typeof PROTOCOLS]),
);

export function protocolNumber(protocol: unknown, field = 'protocol'): number {
  if (typeof protocol === 'number') {
    if (!Number.isInteger(protocol) || protocol < 0 || protocol > 255) throw outOfRange(field, protocol, '0 to 255');
    return protocol;
  }
  if (typeof protocol !== 'string' || !Object.hasOwn(PROTOCOLS, protocol)) {
    throw invalidValue(field, protocol, `is none of ${Object.keys(PROTOCOLS).join(', ')}, and no number`);
  }
  return PROTOCOLS[protocol as keyof typeof PROTOCOLS];
}

export interface Wanted {
  /** AF_*; 0 for both. */
  readonly family: number;
  matches(tuples: Pick<Values, 'original' | 'reply'>): boolean;
}

/** Checks a filter. */
export function wantedBy({ address, protocol, port, family }: ConntrackFilter): Wanted {
  const bytes = address === undefined ? undefined : parseIp(address, 'address');
  const addressFamily = bytes && (bytes.length === 4 ? 'inet' : 'inet6');
  if (family !== undefined) familyNumber(family);
  if (addressFamily !== undefined && family !== undefined && family !== addressFamily) {
    throw invalidValue('address', address, `is not of family ${family}`);
  }
  const wantedFamily = family ?? addressFamily;
  const number = protocol === undefined ? undefined : protocolNumber(protocol);
  if (port !== undefined) {
    if (typeof port !== 'number') throw wrongType('port', 'a number', port);
    if (!Number.isInteger(port) || port < 0 || port > 65535) throw outOfRange('port', port, 'an integer, 0 to 65535');
  }
  // As the kernel's are formatted.
  const text = bytes && formatIp(bytes);
  const has = (tuple: TupleValues | undefined): boolean =>
    tuple?.ip !== undefined && Object.values(tuple.ip).some((end) => end === text);
  return {
    family: wantedFamily === undefined ? 0 : familyNumber(wantedFamily),
    matches: ({ original, reply }) =>
      (number === undefined || original?.protocol?.number === number) &&
      (port === undefined || original?.protocol?.destinationPort === port) &&
      (text === undefined || has(original) || has(reply)),
  };
}

/** What tells a connection from all others, as the kernel gave it. */
export interface Identity {
  readonly original: TupleValues;
  readonly id: number | undefined;
  readonly zone: number | undefined;
}

const identities = new WeakMap<ConntrackEntry, Identity>();
export const identityOf = (entry: ConntrackEntry): Identity => identities.get(entry) as Identity;

/** Reads an IPCTNL_MSG_CT_NEW, from behind its nlmsghdr; undefined for one that is not wanted. */
export function decodeEntry(
  netns: Netns,
  { family, matches }: Wanted,
  input: ByteReader,
  start: number,
  end: number,
): ConntrackEntry | undefined {
  const at = start + 4;
  if (at > end) return undefined;
  const of = input.bytes[start] as number;
  if (family !== 0 && of !== family) return undefined;
  if (!matches(tuplesOnly.decode(input, at, end))) return undefined;
  const a = conntrackAttributes.decode(input, at, end);
  if (a.original === undefined || a.reply === undefined) return undefined;
  const number = a.original.protocol?.number ?? 0;
  const entry: Mutable<ConntrackEntry> = {
    netns,
    id: a.id ?? 0,
    family: of === AF_INET6 ? 'inet6' : 'inet',
    protocol: names.get(number) ?? number,
    original: tupleOf(a.original, a.originalCounters),
    reply: tupleOf(a.reply, a.replyCounters),
    status: flagNames(a.status ?? 0, STATUS_FLAGS),
  };
  const state = a.state?.tcp?.state ?? a.state?.sctp?.state;
  if (state !== undefined) entry.state = state;
  if (a.mark !== undefined) entry.mark = a.mark;
  if (a.timeout !== undefined) entry.timeout = a.timeout;
  if (a.zone !== undefined) entry.zone = a.zone;
  identities.set(entry, { original: a.original, id: a.id, zone: a.zone });
  return entry;
}

function tupleOf({ ip, protocol = {} }: TupleValues, counters: Values['originalCounters']): ConntrackTuple {
  const tuple: Mutable<ConntrackTuple> = {
    source: ip?.source4 ?? ip?.source6 ?? '',
    destination: ip?.destination4 ?? ip?.destination6 ?? '',
  };
  if (protocol.sourcePort !== undefined) tuple.sourcePort = protocol.sourcePort;
  if (protocol.destinationPort !== undefined) tuple.destinationPort = protocol.destinationPort;
  const type = protocol.icmpType ?? protocol.icmpv6Type;
  const code = protocol.icmpCode ?? protocol.icmpv6Code;
  const id = protocol.icmpId ?? protocol.icmpv6Id;
  if (type !== undefined) tuple.icmpType = type;
  if (code !== undefined) tuple.icmpCode = code;
  if (id !== undefined) tuple.icmpId = id;
  if (counters?.packets !== undefined) tuple.packets = counters.packets;
  if (counters?.bytes !== undefined) tuple.bytes = counters.bytes;
  return tuple;
}
