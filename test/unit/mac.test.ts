import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatMac, parseMac } from '../../lib/addressing/mac.js';

test.each(['02:00:00:00:00:0a', '02-00-00-00-00-0A', '02:00:00:00:00:0A'])('%s is read', (text) => {
  expect(parseMac(text)).toEqual(Uint8Array.of(2, 0, 0, 0, 0, 10));
});

test.each([
  '',
  '02:00:00:00:00',
  '02:00:00:00:00:00:00',
  '02:00:00:00:00-00',
  '2:0:0:0:0:a',
  '02:00:00:00:00:0g',
  '020000000000',
  ' 02:00:00:00:00:00',
])('%j is none', (text) => expect(() => parseMac(text)).toThrow(`mac ${JSON.stringify(text)} is no MAC address`));

test('another type is refused', () => {
  expect(() => parseMac(Uint8Array.of(2, 0, 0, 0, 0, 1), 'peer.mac')).toThrow(
    'peer.mac must be a MAC address as a string; received 6 bytes',
  );
});

test('any six bytes are read as they were written', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (bytes) => {
      expect(parseMac(formatMac(bytes))).toEqual(bytes);
    }),
  );
});

test('addresses of other lengths are written too', () => {
  expect(formatMac(new Uint8Array(0))).toBe('');
  expect(formatMac(Uint8Array.of(192, 0, 2, 1))).toBe('c0:00:02:01');
  expect(formatMac(Uint8Array.of(9, 1, 2, 9), 1, 3)).toBe('01:02');
});
