import { expect, test } from 'vitest';
import { gratuitousArp, unsolicitedAdvertisement } from '../../lib/announce/frames.js';

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 7);
const hex = (frame: Uint8Array): string => Buffer.from(frame).toString('hex');

// What Linux 6.18 itself sends with the sysctls arp_notify and ndisc_notify (test/kernel/announce-addresses.test.ts).
test('a gratuitous ARP is a request of the address for itself', () => {
  expect(hex(gratuitousArp(MAC, Uint8Array.of(10, 1, 0, 7)))).toBe(
    'ffffffffffff0200000000070806' + '0001080006040001' + '0200000000070a010007' + '0000000000000a010007',
  );
});

const ADDRESS = Uint8Array.from(Buffer.from('20010db8000100000000000000000007', 'hex'));
const ETHERNET_AND_IP = `33330000000102000000000786dd6000000000203aff${hex(ADDRESS)}ff02${'0'.repeat(27)}1`;

test.each([
  [false, '8800f91620000000'],
  [true, '88007916a0000000'],
])('an unsolicited advertisement overrides, and says whether it is from a router: %s', (isRouter, head) => {
  expect(hex(unsolicitedAdvertisement(MAC, ADDRESS, isRouter))).toBe(
    `${ETHERNET_AND_IP}${head}${hex(ADDRESS)}0201020000000007`,
  );
});
