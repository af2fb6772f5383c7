import fc from 'fast-check';
import { checksum, completeChecksum } from 'netloom';
import { expect, test } from 'vitest';
import { build, ethernet, KINDS, naiveChecksum, naiveSum, offsets, payload, superPacket } from './offload-packets.js';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));

test('the checksum of the example in RFC 1071', () => {
  // Its words sum up to ddf2.
  expect(checksum(hex('0001 f203 f4f5 f6f7'))).toBe(0x220d);
});

test('no bytes have the checksum ffff', () => {
  expect(checksum(new Uint8Array(0))).toBe(0xffff);
});

test('every length from 0 to 9001 gives what adding word by word gives', () => {
  const bytes = payload(9001);
  let sum = 0;
  for (let size = 0; size <= 9001; size++) {
    expect(checksum(bytes.subarray(0, size)), `${size} bytes`).toBe(0xffff - sum);
    // An even place is the high half of a word.
    sum += (bytes[size] ?? 0) * (size % 2 === 0 ? 256 : 1);
    if (sum > 0xffff) sum -= 0xffff;
  }
});

test('every alignment from 0 to 15 gives the same', () => {
  for (const size of [1, 2, 3, 7, 8, 9, 31, 32, 33, 63, 64, 65, 1499, 1500, 9001]) {
    const bytes = payload(size, size);
    const expected = naiveChecksum(bytes);
    for (let alignment = 0; alignment < 16; alignment++) {
      const memory = new Uint8Array(size + 32).fill(0xff);
      memory.set(bytes, alignment);
      expect(checksum(memory.subarray(alignment, alignment + size)), `${size} at ${alignment}`).toBe(expected);
    }
  }
});

test('carries are not lost where every word is ffff', () => {
  expect(checksum(new Uint8Array(9000).fill(0xff))).toBe(0);
  expect(checksum(new Uint8Array(9001).fill(0xff))).toBe(0x00ff);
});

test('the initial sum is added', () => {
  expect(checksum(hex('0001'), 0xfff0)).toBe(0x000e);
  expect(checksum(hex('0001'), 0xffffffff)).toBe(0xfffe);
  expect(checksum(hex('0001'), 0x12340000)).toBe(0xffff - 0x1235);
});

test('parts of even length can be summed one after the other', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (a, b) => {
      const first = a.subarray(0, a.length & ~1);
      expect(checksum(b, 0xffff - checksum(first))).toBe(naiveChecksum(first, b));
    }),
  );
});

test('what holds its own checksum has the checksum 0', () => {
  const bytes = payload(100);
  bytes.set([0, 0], 10);
  const own = checksum(bytes);
  bytes.set([own >> 8, own & 255], 10);
  expect(checksum(bytes)).toBe(0);
});

test.each([-1, 1.5, 2 ** 32, Number.NaN])('an initial sum of %s is out of range', (initial) => {
  expect(() => checksum(new Uint8Array(2), initial)).toThrow(
    expect.objectContaining({
      code: 'ERR_OUT_OF_RANGE',
      message: `checksum: initial ${initial} is out of range (0 to 4294967295)`,
    }),
  );
});

test('what is no Uint8Array has no checksum', () => {
  expect(() => checksum([1, 2] as unknown as Uint8Array)).toThrow(
    expect.objectContaining({
      name: 'TypeError',
      code: 'ERR_INVALID_ARG_TYPE',
      message: 'checksum: bytes must be a Uint8Array; received an array of 2',
    }),
  );
});

for (const { kind, ...packet } of KINDS)
  for (const headerSize of [10, 12] as const)
    test(`completeChecksum gives ${kind} behind ${headerSize} bytes of vnet header the checksum it lacks`, () => {
      const whole = { ...packet, ethernet: ethernet(packet.version), payload: payload(333) };
      const bytes = superPacket(whole, 0, headerSize);
      bytes[1] = 0;
      const header = bytes.slice(0, headerSize);
      completeChecksum(bytes, { headerSize });
      expect(bytes.subarray(headerSize)).toEqual(build(whole));
      header[0] = 0;
      expect(bytes.subarray(0, headerSize)).toEqual(header);
    });

test('completeChecksum leaves other flags alone', () => {
  const bytes = superPacket({ version: 4, protocol: 'udp', payload: payload(10) }, 0);
  bytes[0] = 1 | 2 | 4;
  completeChecksum(bytes);
  expect(bytes[0]).toBe(2 | 4);
});

test('completeChecksum does nothing to a packet that lacks none', () => {
  const bytes = superPacket({ version: 4, protocol: 'udp', payload: payload(10) }, 0);
  bytes[0] = 0;
  const before = bytes.slice();
  completeChecksum(bytes);
  expect(bytes).toEqual(before);
});

test('completeChecksum writes ffff for a checksum of 0, which would mean none', () => {
  const packet = { version: 4, protocol: 'udp', payload: payload(10) } as const;
  const bytes = superPacket(packet, 0);
  // A last word that makes the sum of all ffff.
  const body = bytes.subarray(10 + offsets(packet).transport);
  body.set([0, 0], body.length - 2);
  const missing = 0xffff - naiveSum(body);
  body.set([missing >> 8, missing & 255], body.length - 2);
  completeChecksum(bytes);
  expect([...body.subarray(6, 8)]).toEqual([0xff, 0xff]);
});

test('completeChecksum takes a field at the very end', () => {
  const bytes = new Uint8Array(10 + 8);
  bytes.set([1, 0, 0, 0, 0, 0, 4, 0, 2, 0]);
  bytes.set([1, 2], 14);
  completeChecksum(bytes);
  expect([...bytes.subarray(16)]).toEqual([0xfe, 0xfd]);
});

const LIES: [start: number, offset: number, wanted: number][] = [
  [4, 3, 19],
  [6, 1, 19],
  [8, 0, 20],
  [0xffff, 0, 65547],
  [0, 0xffff, 65547],
  [0xffff, 0xffff, 131082],
];
test.each(LIES)('completeChecksum refuses csum_start %i and csum_offset %i in 18 bytes', (start, offset, wanted) => {
  const bytes = new Uint8Array(18);
  bytes.set([1, 0, 0, 0, 0, 0, start & 255, start >> 8, offset & 255, offset >> 8]);
  const before = bytes.slice();
  expect(() => completeChecksum(bytes)).toThrow(
    expect.objectContaining({
      name: 'RangeError',
      code: 'ERR_OUT_OF_RANGE',
      message: `completeChecksum: packet.length 18 is out of range (csum_start ${start} and csum_offset ${offset} want ${wanted})`,
    }),
  );
  expect(bytes).toEqual(before);
});

test('completeChecksum refuses a packet that is shorter than its vnet header', () => {
  expect(() => completeChecksum(new Uint8Array(11), { headerSize: 12 })).toThrow(
    expect.objectContaining({
      code: 'ERR_OUT_OF_RANGE',
      message: 'completeChecksum: packet.length 11 is out of range (a vnet header has 12 bytes)',
    }),
  );
});

test('completeChecksum refuses options that it does not have', () => {
  const bytes = new Uint8Array(20);
  expect(() => completeChecksum(bytes, { headersize: 12 } as object)).toThrow(
    expect.objectContaining({
      code: 'ERR_INVALID_ARG_VALUE',
      message: 'completeChecksum: options.headersize 12 is no option here (headerSize)',
    }),
  );
  expect(() => completeChecksum(bytes, { headerSize: 11 as 12 })).toThrow(
    expect.objectContaining({
      code: 'ERR_OUT_OF_RANGE',
      message: 'completeChecksum: headerSize 11 is out of range (10 or 12)',
    }),
  );
});
