import fc from 'fast-check';
import { expect, test } from 'vitest';
import { align4, ByteReader, ByteWriter } from '../../lib/netlink/bytes.js';

const written = (out: ByteWriter): number[] => [...out.bytes.subarray(0, out.length)];

test.each([
  [0, 0],
  [1, 4],
  [4, 4],
  [5, 8],
  [16, 16],
])('%d is aligned to %d', (length, aligned) => {
  expect(align4(length)).toBe(aligned);
});

test('what is reserved is zero, also where something else was before', () => {
  const out = new ByteWriter(8);
  out.writeBytes(Uint8Array.of(1, 2, 3, 4, 5));
  out.rewind(2);
  expect(out.reserve(3)).toBe(2);
  expect(written(out)).toEqual([1, 2, 0, 0, 0]);
});

test('padding fills up to four bytes with zeros', () => {
  const out = new ByteWriter(8);
  out.writeBytes(Uint8Array.of(9));
  out.pad();
  out.pad();
  expect(written(out)).toEqual([9, 0, 0, 0]);
});

test('a buffer grows by itself and keeps what it holds', () => {
  const out = new ByteWriter(4);
  const all = Array.from({ length: 300 }, (_, i) => i & 255);
  for (const byte of all) out.writeBytes(Uint8Array.of(byte));
  expect(written(out)).toEqual(all);
  expect(out.view.buffer).toBe(out.bytes.buffer);
});

test('text is written as UTF-8, and nothing of its room is left behind', () => {
  const out = new ByteWriter(4);
  out.writeText('añ€😀');
  out.reserve(2);
  expect(written(out)).toEqual([0x61, 0xc3, 0xb1, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80, 0, 0]);
});

test('text is read up to the first NUL or the end', () => {
  const input = new ByteReader(new TextEncoder().encode('eth0\0ñ\0x'));
  expect(input.text(0, 9)).toBe('eth0');
  expect(input.text(0, 2)).toBe('et');
  expect(input.text(5, 7)).toBe('ñ');
  expect(input.text(5, 9)).toBe('ñ');
  expect(input.text(3, 3)).toBe('');
});

test('any text without NUL is read as it was written', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      fc.pre(!text.includes('\0'));
      const out = new ByteWriter(8);
      out.writeText(text);
      expect(new ByteReader(out.bytes).text(0, out.length)).toBe(text);
    }),
  );
});

test('text that starts with U+FEFF keeps it', () => {
  const out = new ByteWriter(8);
  out.writeText('\ufeffeth0');
  expect(new ByteReader(out.bytes).text(0, out.length)).toBe('\ufeffeth0');
});

test('a copy outlives the buffer that it was taken from', () => {
  const buffer = Uint8Array.of(1, 2, 3, 4);
  const copy = new ByteReader(buffer).copy(1, 3);
  buffer.fill(0);
  expect([...copy]).toEqual([2, 3]);
});

test('a reader of a part of a buffer reads that part', () => {
  const part = Uint8Array.of(9, 9, 1, 0, 9).subarray(2, 4);
  expect(new ByteReader(part).view.getUint16(0, true)).toBe(1);
});
