/** IPv4 and IPv6 addresses and prefixes, between text and bytes. Pure. */
import { isIPv4, isIPv6 } from 'node:net';
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

// Halves of addresses, made when they are first seen: putting together two is cheaper than four.
const PAIR: string[] = new Array(65536).fill('');
const GROUP: string[] = new Array(65536).fill('');

/** The number of a family that is called as `ip -family` calls it. */
export function familyNumber(family: unknown, field = 'family'): IpFamily {
  if (family === 'inet') return AF_INET;
  if (family === 'inet6') return AF_INET6;
  throw invalidValue(field, family, 'is none of inet, inet6');
}

/** 4 or 16 bytes of an address; anything else is an error that names `field`, and shows `given`. */
export function parseIp(text: unknown, field = 'address', given = text): Uint8Array {
  if (typeof text !== 'string') throw wrongType(field, 'an IP address as a string', text);
  const v4 = parseIpv4(text);
  if (v4) return v4;
  if (!isIPv6(text) || text.includes('%')) throw invalidValue(field, given, 'is no IP address');
  return parseIpv6(text);
}

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

function parseIpv4(text: string): Uint8Array | undefined {
  if (text.length > 15 || !isIPv4(text)) return undefined;
  const bytes = new Uint8Array(4);
  let index = 0;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 46) {
      bytes[index++] = value;
      value = 0;
    } else {
      value = value * 10 + c - 48;
    }
  }
  bytes[index] = value;
  return bytes;
}

function parseIpv6(text: string): Uint8Array {
  const bytes = new Uint8Array(16);
  const [head = '', tail] = text.split('::');
  const left = groupsOf(head);
  const right = tail === undefined ? [] : groupsOf(tail);
  left.forEach((group, i) => {
    bytes[i * 2] = group >> 8;
    bytes[i * 2 + 1] = group & 255;
  });
  right.forEach((group, i) => {
    const at = 16 - (right.length - i) * 2;
    bytes[at] = group >> 8;
    bytes[at + 1] = group & 255;
  });
  return bytes;
}

// The 16-bit groups of one side of '::', the last of which may be written as IPv4.
function groupsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((part) => {
    if (!part.includes('.')) return [Number.parseInt(part, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = part.split('.').map(Number);
    return [(a << 8) | b, (c << 8) | d];
  });
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

function pair(value: number): string {
  let text = PAIR[value] as string;
  if (text === '') {
    text = `${value >> 8}.${value & 255}`;
    PAIR[value] = text;
  }
  return text;
}

function group(value: number): string {
  let text = GROUP[value] as string;
  if (text === '') {
    text = value.toString(16);
    GROUP[value] = text;
  }
  return text;
}
