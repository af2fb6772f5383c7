import { FrameSlab, groCoalesce, type SegmentationOptions } from 'netloom';
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
  RST,
  SYN,
  segments,
  superPacket,
  URG,
} from './offload-packets.js';

function slabOf(frames: readonly Uint8Array[], slots = Math.max(1, frames.length)): FrameSlab {
  const slab = new FrameSlab({ slots, frameSize: Math.max(1, ...frames.map((frame) => frame.length)) });
  for (const [i, frame] of frames.entries()) slab.set(i, frame);
  return slab;
}

function coalesce(
  frames: readonly Uint8Array[],
  { layer = 3, headerSize = 10 }: Partial<SegmentationOptions> = {},
  frameSize = 66000,
): Uint8Array[] {
  const out = new FrameSlab({ slots: Math.max(1, frames.length), frameSize });
  const count = groCoalesce(slabOf(frames), frames.length, out, { layer, headerSize });
  return Array.from({ length: count }, (_, i) => out.frame(i).slice());
}

const parts = (packet: Packet, size: number): Uint8Array[] => segments(packet, size).map((part) => build(part));
const passedOn = (frame: Uint8Array, headerSize = 10): Uint8Array =>
  Uint8Array.of(...new Uint8Array(headerSize), ...frame);

const tcp4: Packet = { version: 4, protocol: 'tcp', payload: payload(2000), id: 7 };
const udp4: Packet = { ...tcp4, protocol: 'udp' };
const tcp6: Packet = { ...tcp4, version: 6 };
const udp6: Packet = { ...udp4, version: 6 };

for (const { kind, ...base } of KINDS) {
  const LINKS = [
    ['packets', undefined],
    ['frames', ethernet(base.version)],
    ['frames with a VLAN tag', ethernet(base.version, 0x8100)],
    ['frames with two VLAN tags', ethernet(base.version, 0x88a8, 0x8100)],
  ] as const;
  for (const [what, link] of LINKS)
    for (const headerSize of [10, 12] as const)
      test(`${kind} ${what} become one super-packet behind ${headerSize} bytes of vnet header`, () => {
        const packet: Packet = { ...base, ...(link && { ethernet: link }), payload: payload(3500), id: 0xfffe, tos: 3 };
        const merged = coalesce(parts(packet, 1000), { layer: link ? 2 : 3, headerSize });
        expect(merged).toEqual([superPacket(packet, 1000, headerSize)]);
      });

  test(`${kind} of odd lengths merge`, () => {
    const packet: Packet = { ...base, payload: payload(38) };
    expect(coalesce(parts(packet, 7))).toEqual([superPacket(packet, 7)]);
  });

  test(`a single packet of ${kind} stays as it is`, () => {
    const frame = build({ ...base, payload: payload(100) });
    expect(coalesce([frame], { headerSize: 12 })).toEqual([passedOn(frame, 12)]);
  });

  test(`a shorter packet of ${kind} is the last of its super-packet`, () => {
    const packet: Packet = { ...base, payload: payload(1000) };
    const all = parts(packet, 300);
    const next = segments({ ...packet, payload: payload(900), id: 4, sequence: 1001 }, 300);
    expect(coalesce([...all, ...next.map((part) => build(part))])).toEqual([
      superPacket(packet, 300),
      superPacket({ ...packet, payload: payload(900), id: 4, sequence: 1001 }, 300),
    ]);
  });

  test(`a longer packet of ${kind} begins a super-packet`, () => {
    const first = build({ ...base, payload: payload(100), sequence: 1, id: 0 });
    const longer: Packet = { ...base, payload: payload(400), sequence: 101, id: 1 };
    expect(coalesce([first, ...parts(longer, 200)])).toEqual([passedOn(first), superPacket(longer, 200)]);
  });

  test(`two flows of ${kind} that alternate become two super-packets, in the order of their first packets`, () => {
    const a: Packet = { ...base, payload: payload(600), sourcePort: 1 };
    const b: Packet = { ...base, payload: payload(900, 5), sourcePort: 2 };
    const [partsOfA, partsOfB] = [parts(a, 200), parts(b, 300)];
    const mixed = partsOfA.flatMap((part, i) => [part, partsOfB[i] as Uint8Array]);
    expect(coalesce(mixed)).toEqual([superPacket(a, 200), superPacket(b, 300)]);
  });
}

test.each([
  [20, 20],
  [200, 599],
])('%i flows at once each keep their order, and become at most %i packets', (count, most) => {
  const flows = Array.from({ length: count }, (_, i): Packet => ({ ...udp4, payload: payload(60, i), sourcePort: i }));
  const rounds = [0, 1, 2].flatMap((round) => flows.map((flow) => parts(flow, 20)[round] as Uint8Array));
  const merged = coalesce(rounds, {}, 200);
  const byFlow = new Map<number, number[]>();
  for (const packet of merged) {
    const port = Buffer.from(packet).readUInt16BE(10 + 20);
    const data = [...packet.subarray(10 + 28)];
    byFlow.set(port, [...(byFlow.get(port) ?? []), ...data]);
  }
  expect([...byFlow]).toEqual(flows.map((flow) => [flow.sourcePort, [...flow.payload]]));
  expect(merged.length).toBeLessThanOrEqual(most);
});

test('PSH ends a super-packet, which has it then', () => {
  const first: Packet = { ...tcp4, payload: payload(600), flags: ACK | PSH };
  const second: Packet = { ...tcp4, payload: payload(400), sequence: 601, id: 10 };
  expect(coalesce([...parts(first, 200), ...parts(second, 200)])).toEqual([
    superPacket(first, 200),
    superPacket(second, 200),
  ]);
});

test('CWR begins a super-packet, whose gso_type says so', () => {
  const first: Packet = { ...tcp4, payload: payload(400) };
  const reduced: Packet = { ...tcp4, payload: payload(600), sequence: 401, id: 9, flags: ACK | CWR };
  expect(coalesce([...parts(first, 200), ...parts(reduced, 200)])).toEqual([
    superPacket(first, 200),
    superPacket(reduced, 200),
  ]);
});

test('packets that all have ECE merge', () => {
  const packet: Packet = { ...tcp4, payload: payload(600), flags: ACK | ECE };
  expect(coalesce(parts(packet, 200))).toEqual([superPacket(packet, 200)]);
});

test('a sequence number that goes round the end goes on', () => {
  const packet: Packet = { ...tcp4, payload: payload(600), sequence: 0xffffff00 };
  expect(coalesce(parts(packet, 200))).toEqual([superPacket(packet, 200)]);
});

test('where DF is set, the IPv4 ID means nothing', () => {
  const packet: Packet = { ...tcp4, payload: payload(600), fragment: 0x4000, id: 0 };
  const frames = segments(packet, 200).map((part) => build({ ...part, id: 0 }));
  expect(coalesce(frames)).toEqual([superPacket(packet, 200)]);
});

test('a super-packet is at most 65535 bytes long', () => {
  const packet: Packet = { ...tcp4, payload: payload(66000) };
  const merged = coalesce(parts(packet, 1000), {}, 70000);
  const first: Packet = { ...packet, payload: packet.payload.subarray(0, 65000) };
  const second: Packet = { ...packet, payload: packet.payload.subarray(65000), id: 7 + 65, sequence: 65001 };
  expect(merged).toEqual([superPacket(first, 1000), passedOn(build(second))]);
  const exact: Packet = { ...packet, payload: payload(65495) };
  expect(coalesce(parts(exact, 1000), {}, 70000)).toEqual([superPacket(exact, 1000)]);
  const over: Packet = { ...packet, payload: payload(65496) };
  expect(coalesce(parts(over, 1000), {}, 70000)).toHaveLength(2);
});

test('a super-packet is at most as long as a slot of out, with its vnet header', () => {
  const packet: Packet = { ...tcp4, payload: payload(600) };
  expect(coalesce(parts(packet, 200), {}, 10 + 640)).toEqual([superPacket(packet, 200)]);
  expect(coalesce(parts(packet, 200), {}, 10 + 639)).toHaveLength(2);
});

test('64 datagrams are the most that one super-packet has', () => {
  const packet: Packet = { ...udp4, payload: payload(65 * 10) };
  const merged = coalesce(parts(packet, 10));
  expect(merged).toHaveLength(2);
  expect(merged[0]).toEqual(superPacket({ ...packet, payload: packet.payload.subarray(0, 640) }, 10));
});

const options = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes);
const OTHER: [what: string, packet: Packet, changed: Partial<Packet>, layer?: 2][] = [
  ['source address', tcp4, { source: 9 }],
  ['IPv6 source address', tcp6, { source: 9 }],
  ['port', udp4, { sourcePort: 9 }],
  ['TTL', tcp4, { ttl: 63 }],
  ['hop limit', udp6, { ttl: 63 }],
  ['TOS', udp4, { tos: 0x10 }],
  ['ECN mark', tcp4, { tos: 3 }],
  ['traffic class', tcp6, { tos: 0x10 }],
  ['flow label', tcp6, { flowLabel: 5 }],
  ['DF', tcp4, { fragment: 0x4000 }],
  ['reserved bit', tcp4, { fragment: 0x8000 }],
  ['IPv4 ID that does not follow', tcp4, { id: 9 }],
  ['IPv4 ID that stays the same', udp4, { id: 7 }],
  ['sequence number that leaves a gap', tcp4, { sequence: 202 }],
  ['sequence number that was seen before', tcp4, { sequence: 1 }],
  ['acknowledgement', tcp6, { acknowledged: 8 }],
  ['window', tcp4, { window: 501 }],
  ['TCP options', tcp4, { tcpOptions: options(1, 1, 1, 0) }],
  ['ECE', tcp4, { flags: ACK | ECE }],
  ['source MAC', { ...tcp4, ethernet: ethernet(4) }, { ethernet: ethernet(4).with(11, 9) }, 2],
  ['VLAN', { ...udp6, ethernet: ethernet(6, 0x8100) }, { ethernet: ethernet(6, 0x8100).with(15, 9) }, 2],
  ['number of VLAN tags', { ...udp4, ethernet: ethernet(4) }, { ethernet: ethernet(4, 0x8100) }, 2],
];

test.each(OTHER)('packets with another %s do not merge', (_, packet, changed, layer = undefined) => {
  const [first, second] = segments({ ...packet, payload: payload(400) }, 200) as [Packet, Packet];
  const frames = [build(first), build({ ...second, ...changed })];
  expect(coalesce(frames, { layer: layer ?? 3 })).toEqual(frames.map((frame) => passedOn(frame)));
  // And the reason is that, and nothing else.
  expect(coalesce([build(first), build(second)], { layer: layer ?? 3 })).toHaveLength(1);
});

test('TCP options that are the same, but for one byte, do not merge', () => {
  const packet: Packet = { ...tcp4, payload: payload(400), tcpOptions: options(1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2) };
  const [first, second] = segments(packet, 200) as [Packet, Packet];
  const later = { ...second, tcpOptions: options(1, 1, 8, 10, 0, 0, 0, 2, 0, 0, 0, 2) };
  expect(coalesce([build(first), build(later)])).toHaveLength(2);
  expect(coalesce([build(first), build(second)])).toEqual([superPacket(packet, 200)]);
});

const wrongChecksum = (frame: Uint8Array, at: number): Uint8Array => frame.with(at, (frame[at] as number) ^ 1);
const lone = (packet: Packet, changed: Partial<Packet> = {}): Uint8Array =>
  build({ ...(segments({ ...packet, payload: payload(400) }, 200)[1] as Packet), ...changed });
const NEVER: [what: string, frame: Uint8Array][] = [
  ['SYN', lone(tcp4, { flags: ACK | SYN })],
  ['FIN', lone(tcp4, { flags: ACK | FIN })],
  ['RST', lone(tcp4, { flags: ACK | RST })],
  ['URG', lone(tcp4, { flags: ACK | URG })],
  ['no ACK', lone(tcp4, { flags: 0 })],
  ['CWR', lone(tcp4, { flags: ACK | CWR })],
  ['no data', lone(tcp4, { payload: payload(0) })],
  ['IPv4 options', lone(tcp4, { ipOptions: options(1, 1, 1, 0) })],
  ['a wrong TCP checksum', wrongChecksum(lone(tcp4), 20 + 17)],
  ['a wrong IPv4 checksum', wrongChecksum(lone(tcp4), 11)],
  ['a wrong byte of data', wrongChecksum(lone(tcp4), 100)],
  ['padding behind it', Uint8Array.of(...lone(tcp4), 0)],
];

test.each(NEVER)('TCP with %s is passed on, and what follows does not overtake it', (_, frame) => {
  const [first, second, third] = segments({ ...tcp4, payload: payload(600) }, 200) as [Packet, Packet, Packet];
  expect(build(second)).toEqual(lone(tcp4));
  const frames = [build(first), frame, build(second), build(third)];
  const merged = coalesce(frames);
  const rest = { ...tcp4, payload: payload(600).subarray(200), sequence: 201, id: 8 };
  expect(merged).toEqual([passedOn(build(first)), passedOn(frame), superPacket(rest, 200)]);
});

const NEVER_UDP: [what: string, frame: Uint8Array][] = [
  ['no data', lone(udp4, { payload: payload(0) })],
  ['a wrong checksum', wrongChecksum(lone(udp4), 27)],
  ['no checksum', lone(udp4).with(26, 0).with(27, 0)],
  ['a length that is not that of IP', lone(udp4).with(25, 100)],
];

test.each(NEVER_UDP)('UDP with %s is passed on, and what follows does not overtake it', (_, frame) => {
  const [first, second] = segments({ ...udp4, payload: payload(400) }, 200) as [Packet, Packet];
  const frames = [build(first), frame, build(second)];
  expect(coalesce(frames)).toEqual(frames.map((whole) => passedOn(whole)));
});

test('IPv6 with extension headers is passed on, and what follows does not overtake it', () => {
  const extended = lone(tcp6, { extensions: [60, options(6, 0, 1, 4, 0, 0, 0, 0)] });
  const [first, second] = parts({ ...tcp6, payload: payload(400) }, 200) as [Uint8Array, Uint8Array];
  const frames = [first, extended, second];
  expect(coalesce(frames)).toEqual(frames.map((frame) => passedOn(frame)));
});

const FRAGMENTS: [what: string, frame: Uint8Array][] = [
  ['an IPv4 fragment', lone(udp4, { fragment: 0x2000 })],
  ['an IPv6 fragment', lone(udp6, { extensions: [44, options(17, 0, 0, 1, 0, 0, 0, 1)] })],
  ['an IPv6 extension header that is not understood', lone(udp6, { extensions: [51, new Uint8Array(8)] })],
  ['headers that are cut short', lone(udp4).subarray(0, 25)],
  ['no byte at all', new Uint8Array(0)],
];

test.each(FRAGMENTS)('%s may be of any flow, so nothing overtakes it', (_, frame) => {
  const [first, second] = parts({ ...udp4, payload: payload(400) }, 200) as [Uint8Array, Uint8Array];
  const frames = [first, frame, second];
  expect(coalesce(frames)).toEqual(frames.map((whole) => passedOn(whole)));
});

test('what is neither TCP nor UDP is passed on, and others merge around it', () => {
  const icmp = lone(udp4).with(9, 1);
  const packet = { ...udp4, payload: payload(400) };
  const [first, second] = parts(packet, 200) as [Uint8Array, Uint8Array];
  expect(coalesce([first, icmp, second])).toEqual([superPacket(packet, 200), passedOn(icmp)]);
  const tagged = { ...packet, ethernet: ethernet(4) };
  const arp = Uint8Array.of(...ethernet(4).subarray(0, 12), 8, 6, ...new Uint8Array(46));
  const [third, fourth] = parts(tagged, 200) as [Uint8Array, Uint8Array];
  expect(coalesce([third, arp, fourth], { layer: 2 })).toEqual([superPacket(tagged, 200), passedOn(arp)]);
});

test('a TCP checksum of ffff, which splitting would write as 0, is passed on', () => {
  // The first two bytes of data make up for the sum.
  const parted = segments({ ...tcp4, payload: payload(400) }, 200) as [Packet, Packet];
  const data = parted[1].payload.slice();
  data.set([0, 0]);
  const zero = Buffer.from(build({ ...parted[1], payload: data })).readUInt16BE(36);
  data.set([zero >> 8, zero & 255]);
  const second = build({ ...parted[1], payload: data });
  expect(Buffer.from(second).readUInt16BE(36)).toBe(0);
  const frames = [build(parted[0]), second];
  expect(coalesce(frames)).toHaveLength(1);
  expect(coalesce([frames[0] as Uint8Array, second.with(36, 255).with(37, 255)])).toHaveLength(2);
});

test('no frames give none', () => {
  expect(coalesce([])).toEqual([]);
});

const range = { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' };

test('more frames than out has slots are refused, and out is as it was', () => {
  const input = slabOf(parts(tcp4, 1000));
  const out = new FrameSlab({ slots: 1 });
  expect(() => groCoalesce(input, 2, out, { layer: 3 })).toThrow(
    expect.objectContaining({ ...range, message: 'groCoalesce: out.slots 1 is out of range (at least 2)' }),
  );
  expect(Buffer.from(out.bytes).equals(new Uint8Array(out.bytes.length))).toBe(true);
});

test('a frame that is longer than a slot of out is refused, and out is as it was', () => {
  const input = slabOf([payload(10), payload(91), payload(20)]);
  const out = new FrameSlab({ slots: 3, frameSize: 100 });
  expect(() => groCoalesce(input, 3, out, { layer: 3 })).toThrow(
    expect.objectContaining({
      ...range,
      message: 'groCoalesce: out.frameSize 100 is out of range (frame 1 has 101 bytes with its vnet header)',
    }),
  );
  expect(Buffer.from(out.bytes).equals(new Uint8Array(out.bytes.length))).toBe(true);
});

test('an output slot that is smaller than a vnet header is refused', () => {
  const out = new FrameSlab({ slots: 1, frameSize: 4 });
  expect(() => groCoalesce(slabOf([new Uint8Array(0)]), 1, out, { layer: 3 })).toThrow(
    expect.objectContaining({
      ...range,
      message: expect.stringMatching(/^groCoalesce: out\.frameSize 4 is out of range/),
    }),
  );
});

test('a length that a slot cannot have is refused', () => {
  const input = slabOf(parts(tcp4, 1000));
  input.lengths[1] = 5000;
  const out = new FrameSlab({ frameSize: 66000 });
  expect(() => groCoalesce(input, 2, out, { layer: 3 })).toThrow(
    expect.objectContaining({
      ...range,
      message: 'groCoalesce: input.lengths[1] 5000 is out of range (0 to 1040, the frameSize of input)',
    }),
  );
});

test('slabs that share memory are refused', () => {
  const slab = slabOf(parts(tcp4, 1000));
  const value = { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' };
  expect(() => groCoalesce(slab, 2, slab, { layer: 3 })).toThrow(
    expect.objectContaining({
      ...value,
      message: 'groCoalesce: out an object (FrameSlab) shares memory with what is read',
    }),
  );
});

test.each([3, -1, 1.5])('a count of %s of 2 slots is out of range', (count) => {
  expect(() => groCoalesce(slabOf(parts(tcp4, 1000)), count, new FrameSlab(), { layer: 3 })).toThrow(
    expect.objectContaining({
      ...range,
      message: `groCoalesce: count ${count} is out of range (0 to 2, the slots of input)`,
    }),
  );
});

test('slabs of other types are named', () => {
  const slab = new FrameSlab();
  const type = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' };
  expect(() => groCoalesce([] as unknown as FrameSlab, 0, slab, { layer: 3 })).toThrow(
    expect.objectContaining({ ...type, message: 'groCoalesce: input must be a FrameSlab; received an array of 0' }),
  );
  expect(() => groCoalesce(slab, 0, slab.bytes as unknown as FrameSlab, { layer: 3 })).toThrow(
    expect.objectContaining({
      ...type,
      message: expect.stringMatching(/^groCoalesce: out must be a FrameSlab; received \d+ bytes$/),
    }),
  );
});
