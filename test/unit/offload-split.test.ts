import { FrameSlab, gsoSplit, type SegmentationOptions } from 'netloom';
import { expect, test } from 'vitest';
import {
  ACK,
  build,
  CWR,
  ECE,
  ethernet,
  FIN,
  KINDS,
  type Packet,
  PSH,
  payload,
  segments,
  superPacket,
} from './offload-packets.js';

function split(packet: Uint8Array, options: SegmentationOptions, out = new FrameSlab({ slots: 64 })): Uint8Array[] {
  const count = gsoSplit(packet, out, options);
  return Array.from({ length: count }, (_, i) => out.frame(i).slice());
}

const tcp4: Packet = { version: 4, protocol: 'tcp', payload: payload(3500) };

for (const { kind, ...base } of KINDS) {
  const LINKS = [
    ['a packet', undefined],
    ['a frame', ethernet(base.version)],
    ['a frame with a VLAN tag', ethernet(base.version, 0x8100)],
    ['a frame with two VLAN tags', ethernet(base.version, 0x88a8, 0x8100)],
  ] as const;
  for (const [what, link] of LINKS)
    for (const headerSize of [10, 12] as const)
      test(`${kind} in ${what} behind ${headerSize} bytes becomes packets with headers of their own`, () => {
        const packet: Packet = { ...base, ...(link && { ethernet: link }), payload: payload(3500), id: 0xfffe, tos: 3 };
        const got = split(superPacket(packet, 1000, headerSize), { layer: link ? 2 : 3, headerSize });
        expect(got).toEqual(segments(packet, 1000).map((segment) => build(segment)));
        expect(got.map((frame) => frame.length - (got[0] as Uint8Array).length)).toEqual([0, 0, 0, -500]);
      });

  test(`${kind} of exactly two segments gives two of the same length`, () => {
    const packet = { ...base, payload: payload(800) };
    const got = split(superPacket(packet, 400), { layer: 3 });
    expect(got).toEqual(segments(packet, 400).map((segment) => build(segment)));
    expect(got).toHaveLength(2);
  });

  test(`${kind} that is no longer than a segment gives one packet`, () => {
    const packet = { ...base, payload: payload(400) };
    expect(split(superPacket(packet, 400), { layer: 3 })).toEqual([build(packet)]);
    expect(split(superPacket(packet, 65535), { layer: 3 })).toEqual([build(packet)]);
  });

  test(`${kind} without payload gives one packet`, () => {
    const packet = { ...base, payload: payload(0) };
    expect(split(superPacket(packet, 400), { layer: 3 })).toEqual([build(packet)]);
  });

  test(`${kind} of every odd and even length has right checksums`, () => {
    for (let size = 1; size < 40; size++) {
      const packet = { ...base, payload: payload(size, size) };
      expect(split(superPacket(packet, 7), { layer: 3 })).toEqual(segments(packet, 7).map((segment) => build(segment)));
    }
  });
}

test('the IPv4 ID counts on from that of the super-packet, round the end', () => {
  const packet = { ...tcp4, id: 0xffff };
  const ids = split(superPacket(packet, 1000), { layer: 3 }).map((frame) => Buffer.from(frame).readUInt16BE(4));
  expect(ids).toEqual([0xffff, 0, 1, 2]);
});

test('the TCP sequence number counts the payload, round the end', () => {
  const packet = { ...tcp4, sequence: 0xffffff00 };
  const sequences = split(superPacket(packet, 1000), { layer: 3 }).map((frame) => Buffer.from(frame).readUInt32BE(24));
  expect(sequences).toEqual([0xffffff00, 0x2e8, 0x6d0, 0xab8]);
});

test('FIN and PSH are on the last segment alone, CWR on the first, the others on all', () => {
  const packet = { ...tcp4, flags: ACK | PSH | FIN | CWR | ECE };
  const flags = split(superPacket(packet, 1000), { layer: 3 }).map((frame) => frame[33]);
  expect(flags).toEqual([ACK | ECE | CWR, ACK | ECE, ACK | ECE, ACK | ECE | PSH | FIN]);
});

test('TCP and IPv4 options are in every segment', () => {
  const packet: Packet = {
    ...tcp4,
    ipOptions: Uint8Array.of(1, 1, 1, 0),
    tcpOptions: Uint8Array.of(1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8),
  };
  expect(split(superPacket(packet, 1000), { layer: 3 })).toEqual(segments(packet, 1000).map((part) => build(part)));
});

const PADDING = Uint8Array.of(1, 4, 0, 0, 0, 0);
const extension = (next: number, content: Uint8Array): Uint8Array => Uint8Array.of(next, 0, ...content);

test.each([
  ['hop-by-hop options', 0, extension(6, PADDING)],
  ['destination options', 60, extension(6, PADDING)],
  ['a routing header that has done its work', 43, extension(6, Uint8Array.of(4, 0, 0, 0, 0, 0))],
  ['hop-by-hop and destination options', 0, Uint8Array.of(...extension(60, PADDING), ...extension(6, PADDING))],
] as const)('IPv6 with %s is split, and every packet has them', (_, first, content) => {
  const packet: Packet = { ...tcp4, version: 6, extensions: [first, content] };
  expect(split(superPacket(packet, 1000), { layer: 3 })).toEqual(segments(packet, 1000).map((part) => build(part)));
});

test('header lengths in the vnet header that lie are not believed', () => {
  const honest = superPacket(tcp4, 1000);
  const lying = honest.slice();
  // hdr_len, csum_start, csum_offset
  lying.set([0xff, 0xff], 2);
  lying.set([0xff, 0xff, 0xff, 0xff], 6);
  expect(split(lying, { layer: 3 })).toEqual(split(honest, { layer: 3 }));
  lying.set([0, 0], 2);
  lying.set([0, 0, 0, 0], 6);
  expect(split(lying, { layer: 3 })).toEqual(split(honest, { layer: 3 }));
});

test('padding behind the IP packet is left out', () => {
  const packet = { ...tcp4, ethernet: ethernet(4), payload: payload(5) };
  const padded = Uint8Array.of(...superPacket(packet, 3), ...new Uint8Array(6));
  expect(split(padded, { layer: 2 })).toEqual(segments(packet, 3).map((part) => build(part)));
});

test('an IPv4 super-packet too long to say so has length 0 and is split all the same', () => {
  const bytes = superPacket(tcp4, 1000);
  bytes.set([0, 0], 10 + 2);
  expect(split(bytes, { layer: 3 })).toEqual(segments(tcp4, 1000).map((part) => build(part)));
});

test('a packet that is no super-packet comes out alone, with its checksum', () => {
  const packet = { ...tcp4, ethernet: ethernet(4), payload: payload(99) };
  const bytes = superPacket(packet, 0);
  bytes[1] = 0;
  expect(split(bytes, { layer: 2 })).toEqual([build(packet)]);
  const whole = Uint8Array.of(...new Uint8Array(10), ...build(packet));
  expect(split(whole, { layer: 2 })).toEqual([build(packet)]);
});

test('what is not even IP comes out alone and unchanged', () => {
  expect(split(Uint8Array.of(...new Uint8Array(12), 1, 2, 3), { layer: 2, headerSize: 12 })).toEqual([
    Uint8Array.of(1, 2, 3),
  ]);
});

test('as many segments as there are slots, as long as a slot, are taken', () => {
  const out = new FrameSlab({ slots: 4, frameSize: 1040 });
  expect(split(superPacket({ ...tcp4, payload: payload(4000) }, 1000), { layer: 3 }, out)).toHaveLength(4);
});

const value = { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' };
const range = { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' };
const change = (bytes: Uint8Array, at: number, ...values: number[]): Uint8Array => {
  const copy = bytes.slice();
  copy.set(values, at);
  return copy;
};
const good = superPacket(tcp4, 1000);
const good6 = superPacket({ ...tcp4, version: 6 }, 1000);
const with6 = (first: number, content: Uint8Array): Uint8Array =>
  superPacket({ ...tcp4, version: 6, extensions: [first, content] }, 1000);
const udp4 = superPacket({ ...tcp4, protocol: 'udp' }, 1000);

const REFUSED: [what: string, packet: Uint8Array, error: object, message: string][] = [
  ['gso_size 0', change(good, 4, 0, 0), value, 'gso_size 0 must be more than 0 in a super-packet'],
  ['gso_type 3', change(good, 1, 3), value, 'gso_type 3 is unknown (0, 1, 4 and 5 are known)'],
  ['gso_type none with ECN', change(good, 1, 0x80), value, 'gso_type 128 is unknown (0, 1, 4 and 5 are known)'],
  ['UDP with ECN', change(udp4, 1, 0x85), value, 'gso_type 133 is unknown (0, 1, 4 and 5 are known)'],
  [
    'gso_type tcp6 on IPv4',
    change(good, 1, 4),
    value,
    'packet 3550 bytes is not of the protocol that its gso_type 4 stands for',
  ],
  [
    'gso_type tcp4 on UDP',
    change(udp4, 1, 1),
    value,
    'packet 3538 bytes is not of the protocol that its gso_type 1 stands for',
  ],
  [
    'gso_type udp on TCP',
    change(good6, 1, 5),
    value,
    'packet 3570 bytes is not of the protocol that its gso_type 5 stands for',
  ],
  [
    'another protocol',
    change(good, 10 + 9, 132),
    value,
    'packet 3550 bytes is not of the protocol that its gso_type 1 stands for',
  ],
  ['neither IPv4 nor IPv6', change(good, 10, 0x55), value, 'packet 3550 bytes is neither IPv4 nor IPv6'],
  ['the first fragment', change(good, 10 + 6, 0x20, 0), value, 'packet 3550 bytes is an IP fragment'],
  ['a later fragment', change(good, 10 + 6, 0, 1), value, 'packet 3550 bytes is an IP fragment'],
  ['an IPv6 fragment', with6(44, extension(6, PADDING)), value, 'packet 3578 bytes is an IP fragment'],
  ...(
    [
      ['an authentication header', with6(51, extension(6, PADDING))],
      ['a mobility header', with6(135, extension(6, PADDING))],
      ['a jumbo payload', with6(0, extension(6, Uint8Array.of(0xc2, 4, 0, 1, 0, 0)))],
      ['a home address', with6(60, extension(6, Uint8Array.of(0xc9, 4, 0, 1, 0, 0)))],
      ['a routing header with segments left', with6(43, extension(6, Uint8Array.of(4, 1, 0, 0, 0, 0)))],
      ['an option that is longer than its header', with6(0, extension(6, Uint8Array.of(1, 5, 0, 0, 0, 0)))],
    ] as const
  ).map(([what, packet]): [string, Uint8Array, object, string] => [
    what,
    packet,
    value,
    'packet 3578 bytes has an IPv6 extension header that is not understood',
  ]),
  ...(
    [
      ['an IPv4 header of 16 bytes', change(good, 10, 0x44)],
      ['an IPv4 length that is longer than the packet', change(good, 10 + 2, 0xff, 0xff)],
      ['an IPv4 length that is shorter than the headers', change(good, 10 + 2, 0, 30)],
      ['an IPv4 length that is shorter than its own header', change(good, 10 + 2, 0, 10)],
      ['a TCP header of 16 bytes', change(good, 10 + 32, 0x40)],
      [
        'a TCP header that is longer than the packet',
        change(superPacket({ ...tcp4, payload: payload(9) }, 5), 42, 0xf0),
      ],
      ['an IPv6 length that is longer than the packet', change(good6, 10 + 4, 0xff, 0xff)],
      [
        'an IPv6 extension header that is longer than the packet',
        with6(0, Uint8Array.of(6, 255, 0, 0, 0, 0, 0, 0)).subarray(0, 999),
      ],
    ] as const
  ).map(([what, packet]): [string, Uint8Array, object, string] => [
    what,
    packet,
    value,
    `packet ${packet.length} bytes has headers that are cut short or contradict its length`,
  ]),
  ['no byte', new Uint8Array(0), range, 'packet.length 0 is out of range (a vnet header has 10 bytes)'],
  ['half a vnet header', good.subarray(0, 9), range, 'packet.length 9 is out of range (a vnet header has 10 bytes)'],
  [
    'a vnet header alone',
    good.subarray(0, 10),
    range,
    'packet.length 10 is out of range (nothing follows the vnet header of 10 bytes)',
  ],
  [
    'csum_start behind the end, without segments',
    change(good, 1, 0, 0, 0, 0, 0, 0, 0x10),
    range,
    'packet.length 3550 is out of range (csum_start 4096 and csum_offset 16 want 4124)',
  ],
];

test.each(REFUSED)('%s is refused, and out is as it was', (_, packet, error, message) => {
  const out = new FrameSlab({ slots: 64, frameSize: 4000 });
  const before = out.bytes.slice();
  const whole = { ...error, message: `gsoSplit: ${message}` };
  expect(() => gsoSplit(packet, out, { layer: 3 })).toThrow(expect.objectContaining(whole));
  expect(Buffer.from(out.bytes).equals(before)).toBe(true);
  expect(out.lengths).toEqual(new Uint32Array(64));
});

test('headers that end anywhere too early are refused', () => {
  for (const { kind, ...base } of KINDS)
    for (const tags of [[], [0x8100], [0x88a8, 0x8100]]) {
      const packet = { ...base, ethernet: ethernet(base.version, ...tags), payload: payload(1) };
      const bytes = superPacket(packet, 1);
      for (let size = 11; size < bytes.length; size++) {
        const cut = () => gsoSplit(bytes.subarray(0, size), new FrameSlab(), { layer: 2 });
        expect(cut, `${kind} cut to ${size}`).toThrow(/^gsoSplit: packet \d+ bytes has headers that are cut short/);
      }
    }
});

test('more segments than slots are refused', () => {
  const out = new FrameSlab({ slots: 3 });
  expect(() => gsoSplit(good, out, { layer: 3 })).toThrow(
    expect.objectContaining({
      ...range,
      message: 'gsoSplit: out.slots 3 is out of range (the packet has more segments)',
    }),
  );
  expect(() => gsoSplit(superPacket(tcp4, 1), new FrameSlab({ slots: 1024 }), { layer: 3 })).toThrow(RangeError);
});

test('a segment that is longer than a slot is refused', () => {
  expect(() => gsoSplit(good, new FrameSlab({ frameSize: 1039 }), { layer: 3 })).toThrow(
    expect.objectContaining({
      ...range,
      message: 'gsoSplit: out.frameSize 1039 is out of range (a segment has 1000 bytes and its headers)',
    }),
  );
  const single = Uint8Array.of(...new Uint8Array(10), ...build(tcp4));
  expect(() => gsoSplit(single, new FrameSlab({ frameSize: 3539 }), { layer: 3 })).toThrow(
    expect.objectContaining({
      ...range,
      message: 'gsoSplit: out.frameSize 3539 is out of range (the packet has 3540 bytes)',
    }),
  );
});

test('a segment that is longer than an IP packet can be is refused', () => {
  const bytes = superPacket({ ...tcp4, payload: payload(66000) }, 65535);
  bytes.set([0, 0], 12);
  expect(() => gsoSplit(bytes, new FrameSlab({ slots: 2, frameSize: 70000 }), { layer: 3 })).toThrow(
    expect.objectContaining({
      ...range,
      message: 'gsoSplit: gso_size 65535 is out of range (with its headers, an IP packet has 65535 bytes)',
    }),
  );
});

test('a packet that lies in out itself is refused', () => {
  const out = new FrameSlab({ slots: 8, frameSize: 4000 });
  out.set(0, good);
  expect(() => gsoSplit(out.frame(0), out, { layer: 3 })).toThrow(
    expect.objectContaining({
      ...value,
      message: 'gsoSplit: out an object (FrameSlab) shares memory with what is read',
    }),
  );
});

test('arguments of other types are named', () => {
  const out = new FrameSlab();
  const type = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' };
  expect(() => gsoSplit('x' as unknown as Uint8Array, out, { layer: 3 })).toThrow(
    expect.objectContaining({ ...type, message: 'gsoSplit: packet must be a Uint8Array; received "x"' }),
  );
  expect(() => gsoSplit(good, {} as FrameSlab, { layer: 3 })).toThrow(
    expect.objectContaining({ ...type, message: 'gsoSplit: out must be a FrameSlab; received an object (Object)' }),
  );
  expect(() => gsoSplit(good, out, undefined as unknown as SegmentationOptions)).toThrow(
    expect.objectContaining({ ...type, message: 'gsoSplit: options must be an object; received undefined' }),
  );
  expect(() => gsoSplit(good, out, {} as SegmentationOptions)).toThrow(
    expect.objectContaining({ ...type, message: 'gsoSplit: layer must be a number; received undefined' }),
  );
  expect(() => gsoSplit(good, out, { layer: 4 as 3 })).toThrow(
    expect.objectContaining({ ...range, message: 'gsoSplit: layer 4 is out of range (2 or 3)' }),
  );
  expect(() => gsoSplit(good, out, { layer: 3, headerSize: 11 as 12 })).toThrow(
    expect.objectContaining({ ...range, message: 'gsoSplit: headerSize 11 is out of range (10 or 12)' }),
  );
});
