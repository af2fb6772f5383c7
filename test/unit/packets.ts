/** Packets whose fields are known, for the tests of views. */
import { expect } from 'vitest';

export const hex = (...parts: string[]): Uint8Array =>
  Uint8Array.from(Buffer.from(parts.join('').replaceAll(' ', ''), 'hex'));

/** A view that is at these bytes. */
export function at<V extends { at(bytes: Uint8Array): boolean }>(view: V, bytes: Uint8Array): V {
  expect(view.at(bytes)).toBe(true);
  return view;
}

export const ETHERNET = '0200000000aa 0200000000bb';
export const ARP = '0001 0800 06 04 0001 0200000000bb 0a000001 000000000000 0a00002a';
/** Wikipedia's example of a header checksum: b861. */
export const IPV4 = '45 00 0073 0000 4000 40 11 b861 c0a80001 c0a800c7';

// What Linux sends into a TUN: `abcde` by UDP to port 7, and an echo request with 5 bytes.
export const IPV4_UDP = '45 00 0021 c2ef 4000 40 11 63da 0a000001 0a000002 a816 0007 000d 19ed 6162636465';
export const IPV4_ICMP = '45 00 0021 6cab 4000 40 01 ba2e 0a000001 0a000002 08 00 5a0a 3cf4 0001 6100000000';
export const IPV6 = '60097e12 000d 11 40 fd000000000000000000000000000001 fd000000000000000000000000000002';
export const UDP = 'e069 0007 000d fb97 6162636465';
export const IPV6_ICMP =
  '6002a651 000d 3a 40 fd000000000000000000000000000001 fd000000000000000000000000000002 80 00 e7be 3cf3 0001 6100000000';

/** A packet whose length field is right. */
export const sized = (...parts: string[]): Uint8Array => {
  const packet = hex(...parts);
  new DataView(packet.buffer).setUint16(packet[0] === 0x60 ? 4 : 2, packet.length - (packet[0] === 0x60 ? 40 : 0));
  return packet;
};
