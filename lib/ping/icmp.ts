/**
 * ICMP echo messages (RFC 792, RFC 4443): encoding, parsing. Pure functions over bytes.
 *
 *     type 1 | code 1 | checksum 2 | identifier 2 | sequence 2 | data ...
 */
import { AF_INET, type IpFamily } from '../addressing/ip.js';
import { internetChecksum } from '../packet/views/checksum.js';

export const ICMP_HEADER = 8;

/** Types of an echo request and its reply, by family. */
export const echoTypes = (family: IpFamily): { request: number; reply: number } =>
  family === AF_INET ? { request: 8, reply: 0 } : { request: 128, reply: 129 };

export interface Echo {
  readonly type: number;
  readonly code: number;
  readonly identifier: number;
  /** 16 bits. */
  readonly sequence: number;
  /** Where the data begins. */
  readonly data: number;
}

/**
 * An echo request with `data`. Its checksum is right for IPv4; that of ICMPv6 covers the addresses too and is
 * always written by the kernel.
 */
export function encodeEchoRequest(
  family: IpFamily,
  identifier: number,
  sequence: number,
  data: Uint8Array,
): Uint8Array {
  const message = new Uint8Array(ICMP_HEADER + data.length);
  const view = new DataView(message.buffer);
  message[0] = echoTypes(family).request;
  view.setUint16(4, identifier);
  view.setUint16(6, sequence);
  message.set(data, ICMP_HEADER);
  view.setUint16(2, internetChecksum(message));
  return message;
}

/** The message at `bytes[start, end)`, be it an echo or not; undefined when its header is not all there. */
export function parseEcho(bytes: Uint8Array, start: number, end: number): Echo | undefined {
  if (end - start < ICMP_HEADER || end > bytes.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, ICMP_HEADER);
  return {
    type: view.getUint8(0),
    code: view.getUint8(1),
    identifier: view.getUint16(4),
    sequence: view.getUint16(6),
    data: start + ICMP_HEADER,
  };
}

/** Where the payload of the IPv4 packet at `start` begins; `end` or less, undefined for what is no such packet. */
export function ipv4Payload(bytes: Uint8Array, start: number, end: number): number | undefined {
  const first = bytes[start] ?? 0;
  const length = (first & 15) * 4;
  return first >> 4 === 4 && length >= 20 && start + length <= end ? start + length : undefined;
}

/** True where the message holds `cookie` from `start` on, as far as it has been quoted or received at all. */
export function carriesCookie(bytes: Uint8Array, start: number, end: number, cookie: Uint8Array): boolean {
  const length = Math.min(cookie.length, end - start);
  for (let i = 0; i < length; i++) {
    if (bytes[start + i] !== cookie[i]) return false;
  }
  return true;
}
