import { expect, test } from 'vitest';
import { offloadMask, offloadOf, planVnet, type VnetOptions } from '../../lib/packet/offload-option.js';
import { type DestinationFilter, encodeDestinations } from '../../lib/packet/tx-filter.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

// TUN_F_CSUM 1, TSO4 2, TSO6 4, TSO_ECN 8, USO4 0x20, USO6 0x40 (linux/if_tun.h).
test.each<[VnetOptions, offload: number, optionalOffload: number, vnetHeaderSize: number]>([
  [{}, 0, 0, 0],
  [{ offload: false }, 0, 0, 0],
  [{ offload: true }, 0x67, 0x60, 10],
  [{ offload: true, vnetHeaderSize: 12 }, 0x67, 0x60, 12],
  [{ offload: {} }, 0, 0, 10],
  [{ offload: { checksum: true } }, 0x01, 0, 10],
  [{ offload: { checksum: false } }, 0, 0, 10],
  [{ offload: { tso4: true, uso: false, ecn: undefined } }, 0x03, 0, 10],
  [{ offload: { tso6: true, ecn: true } }, 0x0d, 0, 10],
  [{ offload: { uso: true } }, 0x61, 0, 10],
])('%j asks for these bits, and this header', (options, offload, optionalOffload, vnetHeaderSize) => {
  expect(planVnet(options)).toEqual({ offload, optionalOffload, vnetHeaderSize });
});

test.each<[object, string, RegExp]>([
  [{ offload: 1 }, 'ERR_INVALID_ARG_TYPE', /^offload must be true, false or an object; received 1/],
  [{ offload: null }, 'ERR_INVALID_ARG_TYPE', /^offload must be/],
  [
    { offload: { tso: true } },
    'ERR_INVALID_ARG_VALUE',
    /^offload.tso true is no offload \(checksum, tso4, tso6, uso, /,
  ],
  [{ offload: { tso4: 'on' } }, 'ERR_INVALID_ARG_TYPE', /^offload.tso4 must be true or false/],
  [{ offload: { ecn: true } }, 'ERR_INVALID_ARG_VALUE', /^offload.ecn true .* needs tso4 or tso6/],
  [{ offload: { checksum: false, tso4: true } }, 'ERR_INVALID_ARG_VALUE', /^offload.checksum false cannot be/],
  [{ offload: true, vnetHeaderSize: 11 }, 'ERR_INVALID_ARG_VALUE', /^vnetHeaderSize 11 must be 10 or 12/],
  [{ vnetHeaderSize: 10 }, 'ERR_INVALID_ARG_VALUE', /^vnetHeaderSize 10 is the size of a header that only `offload`/],
])('%j is refused', (options, code, message) => {
  expect(() => planVnet(options as VnetOptions)).toThrow(
    expect.objectContaining({ code, message: expect.stringMatching(message) }),
  );
});

test('the bits say what is on', () => {
  expect(offloadOf(0)).toEqual({ checksum: false, tso4: false, tso6: false, uso: false, ecn: false });
  expect(offloadOf(0x6f)).toEqual({ checksum: true, tso4: true, tso6: true, uso: true, ecn: true });
  // USO is both of its bits.
  expect(offloadOf(0x21)).toMatchObject({ checksum: true, uso: false });
  expect(offloadOf(offloadMask({ uso: true }).offload)).toMatchObject({ checksum: true, uso: true, tso4: false });
});

test('a destination filter is struct tun_filter, unicast addresses first', () => {
  expect(hex(encodeDestinations(null))).toBe('00000000');
  const addresses = ['01:00:5e:00:00:01', '02-00-00-00-00-0A'];
  expect(hex(encodeDestinations({ addresses, allMulticast: true }))).toBe('0100020002000000000a01005e000001');
});

test.each<[unknown, string, RegExp]>([
  [{ addresses: [] }, 'ERR_OUT_OF_RANGE', /txFilter.addresses.length 0 is out of range .* null lets all frames pass/],
  [{ addresses: Array(9).fill('02:00:00:00:00:01') }, 'ERR_OUT_OF_RANGE', /at most 8 unicast/],
  [{ addresses: ['x'] }, 'ERR_INVALID_ARG_VALUE', /^txFilter.addresses\[0\] "x" is no MAC address/],
  [{ addresses: 'x' }, 'ERR_INVALID_ARG_TYPE', /^txFilter.addresses must be an array/],
  [{ addresses: ['02:00:00:00:00:01'], allMulticast: 1 }, 'ERR_INVALID_ARG_TYPE', /^txFilter.allMulticast must be/],
  ['all', 'ERR_INVALID_ARG_TYPE', /^txFilter must be an object or null/],
])('%j is no destination filter', (filter, code, message) => {
  expect(() => encodeDestinations(filter as DestinationFilter)).toThrow(
    expect.objectContaining({ code, message: expect.stringMatching(message) }),
  );
});
