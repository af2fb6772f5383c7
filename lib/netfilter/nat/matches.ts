/** The rules' words: what nft writes as `ip saddr 10.1.0.0/16`, `masquerade`, `jump CHAIN`. Pure. */
import { endianness } from 'node:os';
import { AF_INET, masked, maskOf, type Prefix } from '../../addressing/ip.js';
import { type Expression, register, VERDICT_REGISTER, type VERDICTS } from '../nftables/expressions.js';

type Expressions = readonly Expression[];

export type Family = 4 | 6;
const NFPROTO = { 4: 2, 6: 10 } as const;

const FIRST = register(0);

// What the kernel puts into a register as a number is in the machine's byte order.
const hostOrder = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, endianness() === 'LE');
  return bytes;
};

const compare = (value: Uint8Array, operation: 'equal' | 'different' = 'equal'): Expression => [
  'cmp',
  { source: FIRST, operation, data: { value } },
];

const and = (mask: Uint8Array): Expression => [
  'bitwise',
  {
    source: FIRST,
    destination: FIRST,
    length: mask.length,
    mask: { value: mask },
    xor: { value: new Uint8Array(mask.length) },
  },
];

/** `meta nfproto ipv4` */
export const ofFamily = (family: Family): Expressions => [
  ['meta', { key: 'nfproto', destination: FIRST }],
  compare(Uint8Array.of(NFPROTO[family])),
];

export type End = 'source' | 'destination';
const ADDRESS_OFFSETS = { 4: { source: 12, destination: 16 }, 6: { source: 8, destination: 24 } } as const;
export const addressLength = (family: Family): number => (family === 4 ? 4 : 16);

/** Loads an address into the register at a multiple of 4 bytes. */
export const loadAddress = (family: Family, end: End, at = 0): Expression => [
  'payload',
  {
    destination: register(at),
    base: 'network',
    offset: ADDRESS_OFFSETS[family][end],
    length: addressLength(family),
  },
];

export const loadProtocol = (at: number): Expression => ['meta', { key: 'l4proto', destination: register(at) }];

/** TCP, UDP and SCTP have their destination port in one place. */
export const loadDestinationPort = (at: number): Expression => [
  'payload',
  { destination: register(at), base: 'transport', offset: 2, length: 2 },
];

/** `ip saddr 10.1.0.0/16` */
export function addressIn(end: End, { family: number, bytes, length }: Prefix): Expressions {
  const family = number === AF_INET ? 4 : 6;
  const under = length === bytes.length * 8 ? [] : [and(maskOf(length, bytes.length))];
  return [...ofFamily(family), loadAddress(family, end), ...under, compare(masked(bytes, length))];
}

/** `ip saddr vmap @MAP` */
export const verdictBy = (family: Family, end: End, map: string): Expressions => [
  ...ofFamily(family),
  loadAddress(family, end),
  ['lookup', { set: map, source: FIRST, destination: VERDICT_REGISTER }],
];

const IPS_DST_NAT = 0x20;
/** `ct status dnat` */
export const destinationTranslated: Expressions = [
  ['ct', { key: 'status', destination: FIRST }],
  and(hostOrder(IPS_DST_NAT)),
  compare(hostOrder(0), 'different'),
];

const RTN_LOCAL = 2;
/** `fib daddr type local` */
export const toThisHost: Expressions = [
  ['fib', { result: 'addressType', flags: 'destination', destination: FIRST }],
  compare(hostOrder(RTN_LOCAL)),
];

// The first link of every namespace.
const LOOPBACK_INDEX = 1;
/** `iif != "lo"` */
export const notFromLoopback: Expressions = [
  ['meta', { key: 'iif', destination: FIRST }],
  compare(hostOrder(LOOPBACK_INDEX), 'different'),
];

export const masquerade: Expression = ['masq', {}];

/** `dnat ip to KEY map @MAP`, where the key is in the registers, and the map has addresses with ports. */
export const translateDestinationBy = (family: Family, map: string): Expressions => [
  ['lookup', { set: map, source: FIRST, destination: FIRST }],
  ['nat', { type: 'destination', family: NFPROTO[family], address: FIRST, port: register(addressLength(family)) }],
];

export const verdict = (code: keyof typeof VERDICTS, chain?: string): Expression => [
  'immediate',
  { destination: VERDICT_REGISTER, data: { verdict: { code, chain } } },
];
