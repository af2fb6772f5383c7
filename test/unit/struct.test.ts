import fc from 'fast-check';
import { expect, test } from 'vitest';
import { be16, s32, u8, u16, u64 } from '../../lib/netlink/codec.js';
import { struct } from '../../lib/netlink/struct.js';
import { decoded, encoded } from './tables.js';

const record = struct(24, { kind: [0, u8], size: [2, u16], offset: [4, s32], total: [8, u64], port: [16, be16] });
const all = { kind: 1, size: 2, offset: -3, total: 4n, port: 80 };

test('fields stand where they were told to, and what is between them is zero', () => {
  expect([...encoded(record as never, all)]).toEqual([
    1, 0, 2, 0, 0xfd, 0xff, 0xff, 0xff, 4, 0, 0, 0, 0, 0, 0, 0, 0, 80, 0, 0, 0, 0, 0, 0,
  ]);
});

test('what is left out is zero', () => {
  expect([...encoded(record as never, { offset: 1 })]).toEqual([0, 0, 0, 0, 1, ...new Array(19).fill(0)]);
  expect(encoded(record as never, {})).toEqual(new Uint8Array(24));
});

test('the order in which a value names its fields does not matter', () => {
  const { kind, ...others } = all;
  expect(encoded(record as never, { ...others, kind })).toEqual(encoded(record as never, all));
});

test('a structure that is short has zeros in place of what it lacks', () => {
  const bytes = encoded(record as never, all);
  expect(decoded(record as never, bytes.subarray(0, 6))).toEqual({ ...all, offset: 0xfffd, total: 0n, port: 0 });
  expect(decoded(record as never, new Uint8Array(0))).toEqual({ kind: 0, size: 0, offset: 0, total: 0n, port: 0 });
});

test('a structure that is long is read as far as it is known', () => {
  const longer = new Uint8Array(40).fill(0xff);
  longer.set(encoded(record as never, all));
  expect(decoded(record as never, longer)).toEqual(all);
});

test('a wrong value is named with the structure', () => {
  expect(() => encoded(record as never, { size: -1 }, 'header')).toThrow(
    'header.size -1 is out of range (an integer, 0 to 65535)',
  );
});

test('what is put in comes out', () => {
  const values = fc.record({
    kind: fc.nat(255),
    size: fc.nat(65535),
    offset: fc.integer(),
    total: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    port: fc.nat(65535),
  });
  fc.assert(
    fc.property(values, (value) => {
      expect(decoded(record as never, encoded(record as never, value))).toEqual(value);
    }),
  );
});
