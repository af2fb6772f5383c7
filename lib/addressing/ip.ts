/** IPv4 and IPv6 addresses and prefixes, between text and bytes. Pure. */
import { invalidValue, outOfRange, wrongType } from '../errors.js';

/** AF_INET and AF_INET6, as in linux/socket.h. */
export const AF_INET = 2;
export const AF_INET6 = 10;
export type IpFamily = typeof AF_INET | typeof AF_INET6;

/** An address with the length of its network part. */
export interface Prefix {
  readonly family: IpFamily;
  readonly bytes: Uint8Array;
  readonly length: number;
}

/**
 * Halves of addresses, made when they are first seen: putting together two is cheaper than four. Where few addresses are
 * seen, room for all would be dearer.
 */
interface Halves {
  readonly texts: string[];
  readonly make: (value: number) => string;
  few: number;
}
const FEW = 1024;
const halves = (make: (value: number) => string): Halves => ({ texts: [], make, few: 0 });
const PAIRS = halves((value) => `${value >> 8}.${value & 255}`);
const GROUPS = halves((value) => value.toString(16));

/** The number of a family that is called as `ip -family` calls it. */
export function familyNumber(family: unknown, field = 'family'): IpFamily {
  if (family === 'inet') return AF_INET;
  if (family === 'inet6') return AF_INET6;
  throw invalidValue(field, family, 'is none of inet, inet6');
}

/** 4 or 16 bytes of an address; anything else is an error that names `field`, and shows `given`. */
export function parseIp(text: unknown, field = 'address', given = text): Uint8Array {
  if (typeof text !== 'string') throw wrongType(field, 'an IP address as a string', text);
  const bytes = text.includes(':') ? parseIpv6(text) : parseIpv4(text);
  if (bytes === undefined) throw invalidValue(field, given, 'is no IP address');
  return bytes;
}

/** Whether a text is an IP address, as `node:net` says it too; loading that takes milliseconds. */
export const isIpText = (text: string): boolean =>
  (text.includes(':') ? parseIpv6(text) : parseIpv4(text)) !== undefined;

/** `10.0.0.1/24`, or an address alone, which counts as its whole length. */
export function parsePrefix(text: unknown, field = 'prefix'): Prefix {
  if (typeof text !== 'string') throw wrongType(field, "a prefix as a string, like '10.0.0.0/24'", text);
  const slash = text.indexOf('/');
  const bytes = parseIp(slash < 0 ? text : text.slice(0, slash), field, text);
  const full = bytes.length * 8;
  const family = familyOf(bytes);
  if (slash < 0) return { family, bytes, length: full };
  const digits = text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(digits)) throw invalidValue(field, text, 'has no prefix length after the slash');
  const length = Number(digits);
  if (length > full) throw outOfRange(`${field}: prefix length of`, text, `0 to ${full}`);
  return { family, bytes, length };
}

export const familyOf = (bytes: Uint8Array): IpFamily => (bytes.length === 4 ? AF_INET : AF_INET6);

/** Text of 4 or 16 bytes at `start`; IPv6 in the shortest form (RFC 5952). */
export function formatIp(bytes: Uint8Array, start = 0, end = bytes.length): string {
  if (end - start === 4) {
    const high = ((bytes[start] as number) << 8) | (bytes[start + 1] as number);
    const low = ((bytes[start + 2] as number) << 8) | (bytes[start + 3] as number);
    return `${pair(high)}.${pair(low)}`;
  }
  return formatIpv6(bytes, start);
}

/** True where every bit past the prefix is zero. */
export function isNetworkAddress({ bytes, length }: Prefix): boolean {
  let at = length >> 3;
  if (at < bytes.length && ((bytes[at] as number) & (0xff >> (length & 7))) !== 0) return false;
  while (++at < bytes.length) if (bytes[at] !== 0) return false;
  return true;
}

/** `size` bytes whose first `length` bits are ones. */
export const maskOf = (length: number, size: number): Uint8Array =>
  new Uint8Array(size).map((_, i) => 0xff00 >> Math.min(8, Math.max(0, length - i * 8)));

/** An address whose bits past its network part are zeros: the first one of the network. */
export function masked(address: Uint8Array, length: number): Uint8Array {
  const mask = maskOf(length, address.length);
  return address.map((byte, i) => byte & (mask[i] as number));
}

/** An address whose bits past its network part are ones: the last one of the network. */
export function lastOf(address: Uint8Array, length: number): Uint8Array {
  const mask = maskOf(length, address.length);
  return address.map((byte, i) => byte | ~(mask[i] as number));
}

/** The address behind one. */
export function nextIp(address: Uint8Array): Uint8Array {
  const following = address.slice();
  for (let i = following.length - 1; i >= 0; i--) {
    following[i] = ((following[i] as number) + 1) & 255;
    if (following[i] !== 0) break;
  }
  return following;
}

export const isSameIp = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

const ZERO = 48;
const NINE = 57;
const DOT = 46;

function parseIpv4(text: string): Uint8Array | undefined {
  if (text.length > 15) return undefined;
  const bytes = new Uint8Array(4);
  let index = 0;
  let value = 0;
  let digits = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === DOT) {
      if (digits === 0 || index === 3) return undefined;
      bytes[index++] = value;
      value = 0;
      digits = 0;
      continue;
    }
    // Other readers take a leading zero for octal.
    if (c < ZERO || c > NINE || (digits > 0 && value === 0)) return undefined;
    value = value * 10 + c - ZERO;
    digits++;
    if (value > 255) return undefined;
  }
  if (digits === 0 || index !== 3) return undefined;
  bytes[3] = value;
  return bytes;
}

// RFC 4291, section 2.2. Without a zone (`%eth0`), which is no part of an address.
function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head = '', tail] = halves;
  const left = groupsOf(head, tail === undefined);
  const right = tail === undefined ? [] : groupsOf(tail, true);
  if (left === undefined || right === undefined) return undefined;
  const count = left.length + right.length;
  // '::' stands for one group at least.
  if (tail === undefined ? count !== 8 : count > 7) return undefined;
  const bytes = new Uint8Array(16);
  left.forEach((value, i) => {
    bytes[i * 2] = value >> 8;
    bytes[i * 2 + 1] = value & 255;
  });
  right.forEach((value, i) => {
    const at = 16 - (right.length - i) * 2;
    bytes[at] = value >> 8;
    bytes[at + 1] = value & 255;
  });
  return bytes;
}

const HEX_GROUP = /^[0-9a-f]{1,4}$/i;

// The 16-bit groups of one side of '::'. The last group of all may be written as IPv4, and is two then.
function groupsOf(text: string, isLast: boolean): number[] | undefined {
  const groups: number[] = [];
  if (text === '') return groups;
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (HEX_GROUP.test(part)) {
      groups.push(Number.parseInt(part, 16));
      continue;
    }
    const v4 = isLast && i === parts.length - 1 ? parseIpv4(part) : undefined;
    if (v4 === undefined) return undefined;
    groups.push(((v4[0] as number) << 8) | (v4[1] as number), ((v4[2] as number) << 8) | (v4[3] as number));
  }
  return groups;
}

function formatIpv6(bytes: Uint8Array, start: number): string {
  // The longest run of two or more zero groups, the first of equals, becomes '::'.
  let runStart = -1;
  let runLength = 1;
  for (let i = 0; i < 8; ) {
    let end = i;
    while (end < 8 && bytes[start + end * 2] === 0 && bytes[start + end * 2 + 1] === 0) end++;
    if (end - i > runLength) {
      runStart = i;
      runLength = end - i;
    }
    i = end + 1;
  }
  if (runStart === 0 && isMapped(bytes, start, runLength)) return `::ffff:${formatIp(bytes, start + 12, start + 16)}`;
  let text = '';
  for (let i = 0; i < 8; i++) {
    if (i === runStart) {
      text += '::';
      i += runLength - 1;
      continue;
    }
    if (i > 0 && i !== runStart + runLength) text += ':';
    text += group(((bytes[start + i * 2] as number) << 8) | (bytes[start + i * 2 + 1] as number));
  }
  return text;
}

const isMapped = (bytes: Uint8Array, start: number, zeroGroups: number): boolean =>
  zeroGroups === 5 && bytes[start + 10] === 255 && bytes[start + 11] === 255;

const pair = (value: number): string => textOf(PAIRS, value);
const group = (value: number): string => textOf(GROUPS, value);

function textOf(halves: Halves, value: number): string {
  const { texts } = halves;
  if (texts.length === 0) {
    if (++halves.few <= FEW) return halves.make(value);
    for (let i = 0; i < 65536; i++) texts.push('');
  }
  let text = texts[value] as string;
  if (text === '') {
    text = halves.make(value);
    texts[value] = text;
  }
  return text;
}
