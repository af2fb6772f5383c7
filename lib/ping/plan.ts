/** What a ping is asked to do: its options with their defaults, checked. Pure. */
import { AF_INET, familyOf, formatIp, type IpFamily, parseIp } from '../addressing/ip.js';
import { invalidValue, outOfRange, wrongType } from '../errors.js';
import type { NetnsOptions } from '../netns/netns.js';
import { signalOf } from '../operation.js';

/** A request that was answered. */
export interface PingAnswer {
  /** From 1 on. */
  readonly sequence: number;
  /** Round-trip time in milliseconds, with fractions. The kernel notes the arrival, so a busy event loop adds nothing. */
  readonly time: number;
  /** TTL or hop limit that the answer arrived with. */
  readonly ttl?: number;
  /** Size of the ICMP message: `size` and 8 bytes of header, as ping(8) counts. */
  readonly bytes: number;
  readonly error?: undefined;
}

/** A request that was not answered. */
export interface PingFailure {
  readonly sequence: number;
  /**
   * `ETIMEDOUT`: no answer in time. Otherwise what the kernel, or the ICMP message of a router, said:
   * `EHOSTUNREACH` (no such neighbour, or the TTL ran out), `ENETUNREACH` (no route), `ECONNREFUSED`, `EMSGSIZE` ...
   *
   * Of many pings at once to what cannot be reached some are told `ETIMEDOUT`: a kernel sends no more ICMP errors than
   * its sysctls net.ipv4.icmp_msgs_burst (50) and icmp_msgs_per_sec allow, this machine's to its own pings included.
   */
  readonly error: string;
  /** The machine that sent the ICMP message, where the error is one. */
  readonly from?: string;
  /** Type and code of that message (RFC 792, RFC 4443): 11/0 or 3/0 for a TTL that ran out. */
  readonly icmp?: { readonly type: number; readonly code: number };
  readonly time?: undefined;
  readonly ttl?: undefined;
  readonly bytes?: undefined;
}

export type PingReply = PingAnswer | PingFailure;

export interface PingOptions extends NetnsOptions {
  /** Requests to send, 1 to 65535. 4 if absent: ping(8) has no end, a promise needs one. */
  readonly count?: number | undefined;
  /** Milliseconds from one request to the next, whether it is answered or not; 1000 if absent. Timers round up to 1. */
  readonly interval?: number | undefined;
  /** Milliseconds to wait for each answer; 1000 if absent. What comes later is lost. */
  readonly timeout?: number | undefined;
  /** Bytes of data in each request; 56 if absent, as ping(8). */
  readonly size?: number | undefined;
  /** TTL or hop limit of the requests, 1 to 255; the namespace's default if absent. */
  readonly ttl?: number | undefined;
  /** Called with each answer, and each failure, as it happens. What it throws ends the ping and rejects its promise. */
  readonly onReply?: ((reply: PingReply) => void) | undefined;
}

const OPTIONS: object = {
  netns: true,
  count: true,
  interval: true,
  timeout: true,
  size: true,
  ttl: true,
  onReply: true,
} satisfies Record<Exclude<keyof PingOptions, 'signal'>, true>;

export interface Target {
  readonly family: IpFamily;
  readonly bytes: Uint8Array;
  /** The part behind '%': a link's name or index. */
  readonly zone: string | undefined;
}

export interface Plan {
  readonly family: IpFamily;
  readonly count: number;
  readonly interval: number;
  readonly timeout: number;
  readonly size: number;
  /** 0: the namespace's default. */
  readonly ttl: number;
  readonly onReply: ((reply: PingReply) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** What a packet of 65535 bytes has room for: IPv4 counts its header of 20 bytes, IPv6 does not. */
const MOST_DATA = { v4: 65535 - 20 - 8, v6: 65535 - 8 };
const LONGEST_TIMER = 0x7fffffff;

export function parseTarget(address: unknown): Target {
  if (typeof address !== 'string') throw wrongType('address', 'an IP address as a string', address);
  const percent = address.indexOf('%');
  const zone = percent < 0 ? undefined : address.slice(percent + 1);
  const bytes = parseIp(percent < 0 ? address : address.slice(0, percent));
  const family = familyOf(bytes);
  const [first = 0, second = 0] = bytes;
  const v4 = family === AF_INET;
  if (zone === '' || (v4 && zone !== undefined)) throw invalidValue('address', address, 'is no IP address');
  if (v4 ? first >= 224 && first < 240 : first === 255) {
    throw invalidValue('address', address, 'is a multicast address; ping asks one machine');
  }
  if (!v4 && zone === undefined && first === 0xfe && (second & 0xc0) === 0x80) {
    throw invalidValue('address', address, `is link-local and needs its link: ${formatIp(bytes)}%eth0`);
  }
  return { family, bytes, zone };
}

export function planOf(family: IpFamily, options: PingOptions): Plan {
  const signal = signalOf(options, OPTIONS);
  const { count = 4, interval = 1000, timeout = 1000, size = 56, ttl, onReply } = options;
  if (onReply !== undefined && typeof onReply !== 'function') throw wrongType('onReply', 'a function', onReply);
  return {
    family,
    count: integer('count', count, 1, 65535),
    interval: milliseconds('interval', interval),
    timeout: milliseconds('timeout', timeout),
    size: integer('size', size, 0, family === AF_INET ? MOST_DATA.v4 : MOST_DATA.v6),
    ttl: ttl === undefined ? 0 : integer('ttl', ttl, 1, 255),
    onReply,
    signal,
  };
}

function integer(field: string, value: unknown, least: number, most: number): number {
  if (typeof value !== 'number') throw wrongType(field, 'a number', value);
  if (!Number.isInteger(value) || value < least || value > most) throw outOfRange(field, value, `${least} to ${most}`);
  return value;
}

function milliseconds(field: string, value: unknown): number {
  if (typeof value !== 'number') throw wrongType(field, 'a number of milliseconds', value);
  if (!(value >= 0 && value <= LONGEST_TIMER)) throw outOfRange(field, value, `0 to ${LONGEST_TIMER} ms`);
  return value;
}
