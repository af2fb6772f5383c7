/** Telling the neighbours of a link which addresses it has: `announceAddresses`. */
import { constants } from 'node:os';
import { parsePrefix } from '../addressing/ip.js';
import { parseMac } from '../addressing/mac.js';
import { invalidValue, wrongType } from '../errors.js';
import type { PacketQueueHandle } from '../native/packet-binding.js';
import { checkInteger } from '../netlink/codec.js';
import type { NetnsOptions } from '../netns/netns.js';
import { call, type Operation, perform } from '../operation.js';
import { closeHandles } from '../packet/open.js';
import { refusal } from '../packet/outcome.js';
import { openSendingSocket } from '../packet/socket.js';
import { pause } from '../pause.js';
import type { Address } from '../rtnetlink/address/address.js';
import { listAddresses } from '../rtnetlink/address/calls.js';
import { getLink, type LinkRef } from '../rtnetlink/link/find.js';
import type { Link } from '../rtnetlink/link/link.js';
import { getSysctl } from '../sysctl.js';
import { gratuitousArp, unsolicitedAdvertisement } from './frames.js';

export interface AnnounceAddressesOptions extends NetnsOptions {
  /** `'10.0.0.1'`, with a prefix length or without, or as a list gave them; all that the link has settled if absent. */
  readonly addresses?: readonly (string | Address)[] | undefined;
  /** How often each is announced; once if absent. */
  readonly count?: number | undefined;
  /** Milliseconds from one time to the next; 1000 if absent. */
  readonly interval?: number | undefined;
}

const { EAGAIN, ENOBUFS } = constants.errno;
/** How long the kernel has no room for a frame before that is an error. */
const ROOM_PAUSE = 10;
const ROOM_ATTEMPTS = 100;

/** An address to announce: its text and bytes. */
interface Announced {
  readonly text: string;
  readonly bytes: Uint8Array;
}

/**
 * Tells all neighbours of an Ethernet link at which MAC its addresses are, so that those who knew them elsewhere send
 * here at once: gratuitous ARP for IPv4, unsolicited neighbour advertisements for IPv6. It goes out as a broadcast and
 * nobody answers; neighbours who do not know the address yet learn nothing by it.
 *
 * By default all addresses of the link are announced, but for those whose duplicate address detection is not over or
 * has failed: `waitFor(link, 'addresses')` before it if they shall be too. With `netloom/sync`, the thread sleeps for
 * `interval`.
 *
 * `arping -U -c COUNT -I NAME ADDRESS`, `ndsend ADDRESS NAME`; RFC 5227 3, RFC 4861 7.2.6.
 *
 * @returns the addresses that were announced, in order.
 * @throws NetlinkError ENODEV if there is no such link, ENETDOWN if it is down, ERR_INVALID_ARG_VALUE if it is none
 *   that neighbours resolve addresses on, EPERM without CAP_NET_RAW.
 */
export const announceAddresses = call(
  'announceAddresses',
  { netns: true, addresses: true, count: true, interval: true },
  function* (ref: LinkRef, options: AnnounceAddressesOptions = {}): Operation<string[]> {
    const { addresses, count = 1, interval = 1000 } = options;
    checkInteger(count, 1, 0x7fffffff, 'count');
    checkInteger(interval, 0, 0x7fffffff, 'interval');
    const asked = addresses === undefined ? undefined : parseAddresses(addresses);
    const link = yield* getLink.steps(ref, { netns: options.netns });
    const mac = macOf(link);
    const announced = asked ?? (yield* settledAddresses(link));
    if (announced.length === 0) return [];
    const frames = yield* framesOf(link, mac, announced);
    const socket = yield* openSendingSocket(link);
    try {
      for (let time = 0; time < count; time++) {
        if (time > 0) yield* perform(pause(interval));
        for (const frame of frames) yield* send(link, socket, frame);
      }
    } finally {
      yield* closeHandles([socket]);
    }
    return announced.map(({ text }) => text);
  },
);

function parseAddresses(addresses: readonly (string | Address)[]): Announced[] {
  if (!Array.isArray(addresses)) throw wrongType('addresses', 'an array', addresses);
  return (addresses as (string | Address)[]).map((given, i) =>
    typeof given === 'object' && given !== null
      ? parseAddress(given.address, `addresses[${i}].address`)
      : parseAddress(given, `addresses[${i}]`),
  );
}

function parseAddress(given: string, field: string): Announced {
  const { bytes } = parsePrefix(given, field);
  const isMulticast = bytes.length === 4 ? (bytes[0] as number) >= 224 : bytes[0] === 0xff;
  if (isMulticast || bytes.every((byte) => byte === 0))
    throw invalidValue(field, given, 'is no address that one host has');
  return { text: given.replace(/\/.*$/, ''), bytes };
}

function macOf({ name, type, mac, flags }: Link): Uint8Array {
  if (type !== 'ether' || mac === undefined)
    throw invalidValue('link', name, 'is no Ethernet link: it has no neighbours that resolve addresses');
  if (flags.includes('no-arp')) throw invalidValue('link', name, 'does not resolve addresses (it is `arp off`)');
  return parseMac(mac);
}

function* settledAddresses(link: Link): Operation<Announced[]> {
  const all = yield* listAddresses.steps({ link });
  return all
    .filter(({ flags }) => !flags.includes('tentative') && !flags.includes('dadfailed'))
    .map(({ address }) => ({ text: address, bytes: parsePrefix(address).bytes }));
}

function* framesOf(link: Link, mac: Uint8Array, announced: readonly Announced[]): Operation<Uint8Array[]> {
  const isRouter = announced.some(({ bytes }) => bytes.length === 16) && (yield* forwardsIpv6(link));
  return announced.map(({ bytes }) =>
    bytes.length === 4 ? gratuitousArp(mac, bytes) : unsolicitedAdvertisement(mac, bytes, isRouter),
  );
}

function* forwardsIpv6({ netns, name }: Link): Operation<boolean> {
  try {
    return (yield* getSysctl.steps(`net/ipv6/conf/${name}/forwarding`, { netns })) !== '0';
  } catch (error) {
    // Without IPv6 it is no router, and the link may have got another name since.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}

function* send(link: Link, socket: PacketQueueHandle, frame: Uint8Array): Operation<void> {
  for (let attempt = 1; ; attempt++) {
    const written = socket.write(frame);
    if (written >= 0) return;
    const isFull = written === -EAGAIN || written === -ENOBUFS;
    if (!isFull || attempt === ROOM_ATTEMPTS) throw refusal({ name: link.name, layer: 2 }, written, 'write');
    yield* perform(pause(ROOM_PAUSE));
  }
}
