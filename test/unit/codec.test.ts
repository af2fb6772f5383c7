import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Codec } from '../../lib/netlink/codec.js';
import * as codec from '../../lib/netlink/codec.js';
import { decoded, encoded } from './tables.js';

const hexOf = (of: unknown, value: unknown): string =>
  Buffer.from(encoded(of as Codec<unknown>, value, 'field')).toString('hex');
const valueIn = (of: unknown, hex: string): unknown => decoded(of as Codec<unknown>, Buffer.from(hex, 'hex'));
const refusal = (of: unknown, value: unknown) => {
  try {
    hexOf(of, value);
  } catch (error) {
    const { name, message, code } = error as Error & { code: string };
    return [name, code, message];
  }
  return 'was taken';
};

const modes = codec.named(codec.u8, { off: 0, on: 1, never: 0 });
const ticks = codec.mapped(
  codec.u32,
  (milliseconds: number) => milliseconds / 10,
  (hundredths) => hundredths * 10,
);

describe('numbers, little-endian unless they are of the network', () => {
  test.each([
    ['u8', codec.u8, 255, 'ff'],
    ['s8', codec.s8, -2, 'fe'],
    ['u16', codec.u16, 0x1234, '3412'],
    ['be16', codec.be16, 0x1234, '1234'],
    ['u32', codec.u32, 0xfffffffe, 'feffffff'],
    ['s32', codec.s32, -2, 'feffffff'],
    ['be32', codec.be32, 0x12345678, '12345678'],
    ['u64', codec.u64, 0x0123456789abcdefn, 'efcdab8967452301'],
    ['bool8', codec.bool8, true, '01'],
    ['bool32', codec.bool32, false, '00000000'],
    ['within', codec.within(codec.u16, 1, 4094), 4094, 'fe0f'],
    ['named', modes, 'on', '01'],
    ['mapped', ticks, 300, '1e000000'],
  ])('%s', (_name, of, value, hex) => {
    expect(hexOf(of, value)).toBe(hex);
    expect(valueIn(of, hex)).toBe(value);
  });

  test.each([
    ['u8', codec.u8, 256, 'field 256 is out of range (an integer, 0 to 255)'],
    ['s8', codec.s8, -129, 'field -129 is out of range (an integer, -128 to 127)'],
    ['u16', codec.u16, -1, 'field -1 is out of range (an integer, 0 to 65535)'],
    ['u32', codec.u32, 2 ** 32, 'field 4294967296 is out of range (an integer, 0 to 4294967295)'],
    ['s32', codec.s32, 2 ** 31, 'field 2147483648 is out of range (an integer, -2147483648 to 2147483647)'],
    ['a fraction', codec.u32, 1.5, 'field 1.5 is out of range (an integer, 0 to 4294967295)'],
    ['NaN', codec.u32, Number.NaN, 'field NaN is out of range (an integer, 0 to 4294967295)'],
    ['u64', codec.u64, 2n ** 64n, 'field 18446744073709551616n is out of range (0 to 2^64-1)'],
    ['within', codec.within(codec.u16, 1, 4094), 4095, 'field 4095 is out of range (an integer, 1 to 4094)'],
  ])('%s does not take %4$s', (_name, of, value, message) => {
    expect(refusal(of, value)).toEqual(['RangeError', 'ERR_OUT_OF_RANGE', message]);
  });

  test.each([
    ['u8', codec.u8, '1', 'field must be a number; received "1"'],
    ['u64', codec.u64, 1, 'field must be a bigint; received 1'],
    ['bool8', codec.bool8, 1, 'field must be true or false; received 1'],
    ['flag', codec.flag, false, 'field must be true, or absent; received false'],
    ['text', codec.text(5, 'SIZE'), 5, 'field must be a string; received 5'],
    ['bytes', codec.bytes, 'ab', 'field must be a Uint8Array; received "ab"'],
    ['mac', codec.mac, null, 'field must be a MAC address as a string; received null'],
    ['ip', codec.ip, {}, 'field must be an IP address as a string; received an object (Object)'],
  ])('%s takes no other type', (_name, of, value, message) => {
    expect(refusal(of, value)).toEqual(['TypeError', 'ERR_INVALID_ARG_TYPE', message]);
  });
});

describe('words for numbers', () => {
  test('a word that is none is told which there are', () => {
    expect(refusal(modes, 'auto')).toEqual([
      'TypeError',
      'ERR_INVALID_ARG_VALUE',
      'field "auto" is none of off, on, never',
    ]);
    expect(refusal(modes, 'toString')).toContain('ERR_INVALID_ARG_VALUE');
  });
  test('of two words for one number the first is read', () => expect(valueIn(modes, '00')).toBe('off'));
  test('a number of a newer kernel passes through, both ways', () => {
    expect(valueIn(modes, '07')).toBe(7);
    expect(hexOf(modes, 7)).toBe('07');
  });
});

describe('text', () => {
  test('ends with NUL, or not where the kernel wants none', () => {
    expect(hexOf(codec.text(4, 'SIZE'), 'ab')).toBe('616200');
    expect(hexOf(codec.text(4, 'SIZE', { terminated: false }), 'ab')).toBe('6162');
  });
  test('is as long as it is in bytes', () => {
    expect(hexOf(codec.text(4, 'SIZE'), 'éé')).toBe('c3a9c3a900');
    expect(refusal(codec.text(4, 'SIZE'), 'ééé')).toEqual([
      'TypeError',
      'ERR_INVALID_ARG_VALUE',
      'field "ééé" is 6 bytes; the kernel allows 4 (SIZE)',
    ]);
  });
  test('with NUL inside is refused', () => {
    expect(refusal(codec.text(4, 'SIZE'), 'a\0b')).toContain('field "a\\u0000b" must not contain NUL');
  });
});

describe('addresses', () => {
  test('a MAC is six bytes when written, of any length when read', () => {
    expect(hexOf(codec.mac, '02:00:00:00:00:0A')).toBe('02000000000a');
    expect(valueIn(codec.mac, '0a0b')).toBe('0a:0b');
    expect(valueIn(codec.mac, '')).toBe('');
  });
  test('an address is of the family of its length', () => {
    expect(valueIn(codec.ip, 'c0000201')).toBe('192.0.2.1');
    expect(valueIn(codec.ip, '20010db8000000000000000000000001')).toBe('2001:db8::1');
    expect(valueIn(codec.ip, 'c000020101')).toBe('c0:00:02:01:01');
  });
  test('an address of the other family is refused where one is wanted', () => {
    expect(refusal(codec.ipv4, '::1')).toContain('field "::1" is no IPv4 address');
    expect(refusal(codec.ipv6, '192.0.2.1')).toContain('field "192.0.2.1" is no IPv6 address');
  });
});

test('packed values stand one behind the other, and half a one at the end is not read', () => {
  expect(hexOf(codec.packed(codec.s32), [1, -1])).toBe('01000000ffffffff');
  expect(valueIn(codec.packed(codec.s32), '01000000ffffffffabab')).toEqual([1, -1]);
  expect(refusal(codec.packed(codec.u8), [1, 300])).toContain('field[1] 300 is out of range (an integer, 0 to 255)');
});

test('bytes that are read are a copy', () => {
  const message = Uint8Array.of(1, 2);
  const value = decoded(codec.bytes as never, message);
  message.fill(0);
  expect(value).toEqual(Uint8Array.of(1, 2));
});

test.each<[string, unknown, fc.Arbitrary<unknown>]>([
  ['u8', codec.u8, fc.nat(255)],
  ['s8', codec.s8, fc.integer({ min: -128, max: 127 })],
  ['u16', codec.u16, fc.nat(0xffff)],
  ['be16', codec.be16, fc.nat(0xffff)],
  ['u32', codec.u32, fc.nat(0xffffffff)],
  ['be32', codec.be32, fc.nat(0xffffffff)],
  ['s32', codec.s32, fc.integer()],
  ['u64', codec.u64, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })],
  [
    'text',
    codec.text(400, 'SIZE'),
    fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => !text.includes('\0')),
  ],
  ['bytes', codec.bytes, fc.uint8Array()],
  ['ipv4', codec.ipv4, fc.ipV4()],
  ['packed', codec.packed(codec.u16), fc.array(fc.nat(0xffff))],
])('any %s comes back', (_name, of, values) => {
  fc.assert(
    fc.property(values, (value) => {
      expect(decoded(of as Codec<unknown>, encoded(of as Codec<unknown>, value))).toEqual(value);
    }),
  );
});
