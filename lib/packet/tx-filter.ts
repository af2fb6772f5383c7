/**
 * Which Ethernet destinations a TAP hands to its reader (struct tun_filter, linux/if_tun.h; update_filter() in
 * drivers/net/tun.c). Pure.
 */

import { parseMac } from '../addressing/mac.js';
import { outOfRange, wrongType } from '../errors.js';
import { LITTLE_ENDIAN } from '../netlink/bytes.js';
import { checkBoolean } from './spec.js';

/** Destinations of the frames that are read. */
export interface DestinationFilter {
  /**
   * MAC addresses, of which at most 8 unicast. Broadcast is one like any other. Multicast addresses beyond the
   * first 8 of all addresses are told apart by a hash, so that a few others may pass too.
   */
  readonly addresses: readonly string[];
  /** All multicast frames, broadcast too. False if absent. */
  readonly allMulticast?: boolean | undefined;
}

/** FLT_EXACT_COUNT (drivers/net/tun.c): with a unicast address behind these, the kernel drops the whole filter. */
const MOST_UNICAST = 8;
const MOST_ADDRESSES = 0xffff;
const TUN_FLT_ALLMULTI = 0x1;

export function encodeDestinations(filter: DestinationFilter | null): Uint8Array {
  if (filter === null) return encode(0, []);
  if (typeof filter !== 'object') throw wrongType('txFilter', 'an object or null', filter);
  const { addresses, allMulticast } = filter;
  if (!Array.isArray(addresses)) throw wrongType('txFilter.addresses', 'an array', addresses);
  checkBoolean(allMulticast, 'txFilter.allMulticast');
  const macs = addresses.map((text, i) => parseMac(text, `txFilter.addresses[${i}]`));
  const unicast = macs.filter((mac) => !isMulticast(mac));
  if (unicast.length > MOST_UNICAST)
    throw outOfRange('txFilter.addresses', unicast.length, `at most ${MOST_UNICAST} unicast addresses`);
  // An empty list would let everything pass.
  if (macs.length < 1 || macs.length > MOST_ADDRESSES)
    throw outOfRange('txFilter.addresses.length', macs.length, `1 to ${MOST_ADDRESSES}; null lets all frames pass`);
  return encode(allMulticast ? TUN_FLT_ALLMULTI : 0, [...unicast, ...macs.filter(isMulticast)]);
}

const isMulticast = (mac: Uint8Array): boolean => ((mac[0] as number) & 1) === 1;

function encode(flags: number, macs: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(4 + macs.length * 6);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, flags, LITTLE_ENDIAN);
  view.setUint16(2, macs.length, LITTLE_ENDIAN);
  macs.forEach((mac, i) => void bytes.set(mac, 4 + i * 6));
  return bytes;
}
