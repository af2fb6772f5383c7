import * as netloom from 'netloom';
import { parseVnetHeader, type VnetHeader, writeVnetHeader } from 'netloom';
import * as sync from 'netloom/sync';
import { expect, test } from 'vitest';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));

const EMPTY: VnetHeader = {
  needsChecksum: false,
  dataValid: false,
  gsoType: 'none',
  ecn: false,
  headerLength: 0,
  segmentSize: 0,
  checksumStart: 0,
  checksumOffset: 0,
};

// flags, gso_type, hdr_len, gso_size, csum_start, csum_offset, num_buffers
const HEADERS: [what: string, bytes: string, header: VnetHeader][] = [
  ['a packet that needs nothing', '00 00 0000 0000 0000 0000', EMPTY],
  [
    'a packet that lacks its checksum',
    '01 00 0000 0000 2200 0600',
    { ...EMPTY, needsChecksum: true, checksumStart: 34, checksumOffset: 6 },
  ],
  ['a packet whose checksum is right', '02 00 0000 0000 0000 0000', { ...EMPTY, dataValid: true }],
  [
    'a TCP super-packet over IPv4',
    '01 01 4200 a805 2200 1000',
    {
      ...EMPTY,
      ...{ needsChecksum: true, gsoType: 'tcp4', headerLength: 66, segmentSize: 1448 },
      ...{ checksumStart: 34, checksumOffset: 16 },
    },
  ],
  [
    'a TCP super-packet over IPv6 with CWR',
    '01 84 5600 9405 3600 1000',
    {
      ...EMPTY,
      ...{ needsChecksum: true, gsoType: 'tcp6', ecn: true, headerLength: 86, segmentSize: 1428 },
      ...{ checksumStart: 54, checksumOffset: 16 },
    },
  ],
  [
    'UDP datagrams, in 12 bytes',
    '01 05 2a00 b004 2200 0600 0102',
    {
      ...EMPTY,
      ...{ needsChecksum: true, gsoType: 'udp', headerLength: 42, segmentSize: 1200 },
      ...{ checksumStart: 34, checksumOffset: 6, buffers: 513 },
    },
  ],
  [
    'the largest numbers',
    '03 80 ffff ffff ffff ffff ffff',
    {
      ...{ needsChecksum: true, dataValid: true, gsoType: 'none', ecn: true },
      ...{ headerLength: 65535, segmentSize: 65535, checksumStart: 65535, checksumOffset: 65535, buffers: 65535 },
    },
  ],
];

test.each(HEADERS)('the header of %s is read', (_, text, header) => {
  const bytes = hex(text);
  expect(parseVnetHeader(bytes, 0, bytes.length as 10 | 12)).toEqual(header);
});

test.each(HEADERS)('the header of %s is written', (_, text, header) => {
  const bytes = new Uint8Array(20).fill(0xee);
  const size = hex(text).length;
  expect(writeVnetHeader(bytes, header, 3)).toBe(size);
  expect(bytes).toEqual(Uint8Array.of(0xee, 0xee, 0xee, ...hex(text), ...new Uint8Array(17 - size).fill(0xee)));
});

test('what is left out of a header is 0', () => {
  const bytes = new Uint8Array(12).fill(0xee);
  expect(writeVnetHeader(bytes, {})).toBe(10);
  expect(bytes).toEqual(hex('0000 0000 0000 0000 0000 eeee'));
});

test('a header is read at an offset', () => {
  const bytes = hex('ffff 01 01 4200 a805 2200 1000 0300');
  expect(parseVnetHeader(bytes, 2)).toEqual(parseVnetHeader(bytes.subarray(2)));
  expect(parseVnetHeader(bytes, 2, 12).buffers).toBe(3);
});

test('a flag that is not known is passed over', () => {
  expect(parseVnetHeader(hex('04 00 0000 0000 0000 0000'))).toEqual(EMPTY);
});

const range = { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' };
const value = { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' };
const type = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' };
const REFUSED: [what: string, call: () => unknown, error: object, message: string][] = [
  [
    'bytes that are too few',
    () => parseVnetHeader(new Uint8Array(9)),
    range,
    'parseVnetHeader: bytes.length 9 is out of range (a header has 10 bytes)',
  ],
  [
    'an offset that is too large',
    () => parseVnetHeader(new Uint8Array(20), 9, 12),
    range,
    'parseVnetHeader: offset 9 is out of range (0 to 8)',
  ],
  [
    'a negative offset',
    () => parseVnetHeader(new Uint8Array(20), -1),
    range,
    'parseVnetHeader: offset -1 is out of range (0 to 10)',
  ],
  [
    'another header size',
    () => parseVnetHeader(new Uint8Array(20), 0, 20 as 12),
    range,
    'parseVnetHeader: headerSize 20 is out of range (10 or 12)',
  ],
  [
    'fragments of UDP',
    () => parseVnetHeader(hex('01 03 2a00 b004 2200 0600')),
    value,
    'parseVnetHeader: gso_type 3 is unknown (0, 1, 4 and 5 are known)',
  ],
  [
    'what is no Uint8Array',
    () => parseVnetHeader('x' as unknown as Uint8Array),
    type,
    'parseVnetHeader: bytes must be a Uint8Array; received "x"',
  ],
  [
    'no room',
    () => writeVnetHeader(new Uint8Array(11), { buffers: 1 }),
    range,
    'writeVnetHeader: bytes.length 11 is out of range (a header has 12 bytes)',
  ],
  [
    'a number that is too large',
    () => writeVnetHeader(new Uint8Array(10), { segmentSize: 65536 }),
    range,
    'writeVnetHeader: segmentSize 65536 is out of range (0 to 65535)',
  ],
  [
    'a number that is none',
    () => writeVnetHeader(new Uint8Array(10), { headerLength: '1' as unknown as number }),
    type,
    'writeVnetHeader: headerLength must be a number; received "1"',
  ],
  [
    'an unknown type',
    () => writeVnetHeader(new Uint8Array(10), { gsoType: 'udp4' as 'udp' }),
    value,
    "writeVnetHeader: gsoType \"udp4\" must be 'none', 'tcp4', 'tcp6' or 'udp'",
  ],
];

test.each(REFUSED)('%s is refused', (_, call, error, message) => {
  expect(call).toThrow(expect.objectContaining({ ...error, message }));
});

test('a header that is refused is not begun', () => {
  const bytes = new Uint8Array(10).fill(0xee);
  expect(() => writeVnetHeader(bytes, { checksumOffset: -1 })).toThrow(RangeError);
  expect(bytes).toEqual(new Uint8Array(10).fill(0xee));
});

test.each([
  ['checksum', sync.checksum, netloom.checksum],
  ['completeChecksum', sync.completeChecksum, netloom.completeChecksum],
  ['FrameSlab', sync.FrameSlab, netloom.FrameSlab],
  ['groCoalesce', sync.groCoalesce, netloom.groCoalesce],
  ['gsoSplit', sync.gsoSplit, netloom.gsoSplit],
  ['parseVnetHeader', sync.parseVnetHeader, netloom.parseVnetHeader],
  ['writeVnetHeader', sync.writeVnetHeader, netloom.writeVnetHeader],
])('netloom/sync has the same %s', (_, synchronous, other) => {
  expect(synchronous).toBe(other);
});
