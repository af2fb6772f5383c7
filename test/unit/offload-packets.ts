/**
 * TCP and UDP packets for the offload tests, built field by field with checksums from the textbook: the reference
 * that the library is compared with, which shares nothing with it.
 */

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;
export const URG = 0x20;
export const ECE = 0x40;
export const CWR = 0x80;

export interface Packet {
  readonly version: 4 | 6;
  readonly protocol: 'tcp' | 'udp';
  readonly payload: Uint8Array;
  /** Ethernet and tags in front, or nothing. */
  readonly ethernet?: Uint8Array;
  readonly tos?: number;
  readonly ttl?: number;
  readonly source?: number;
  readonly sourcePort?: number;
  /** IPv4 */
  readonly id?: number;
  /** Flags and offset: 0x4000 is DF. */
  readonly fragment?: number;
  readonly ipOptions?: Uint8Array;
  /** IPv6 */
  readonly flowLabel?: number;
  /** The first extension header's number, and all of them; the last names the protocol. */
  readonly extensions?: readonly [number, Uint8Array];
  /** TCP */
  readonly sequence?: number;
  readonly acknowledged?: number;
  readonly flags?: number;
  readonly window?: number;
  readonly tcpOptions?: Uint8Array;
}

const NUMBERS = { tcp: 6, udp: 17 } as const;
const MACS = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

/** An Ethernet header with the given tags (their ethertypes) and the type of the IP version. */
export function ethernet(version: 4 | 6, ...tags: readonly number[]): Uint8Array {
  const types = [...tags, version === 4 ? 0x0800 : 0x86dd];
  const bytes = [...MACS];
  types.forEach((type, i) => {
    if (i > 0) bytes.push(0, 100 + i);
    bytes.push(type >> 8, type & 255);
  });
  return Uint8Array.from(bytes);
}

/** `size` bytes that differ from place to place. */
export function payload(size: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => ((i + seed) * 2654435761) >>> 13);
}

/** The sum of RFC 1071, one word at a time, not complemented. */
export function naiveSum(...parts: readonly Uint8Array[]): number {
  const bytes = parts.flatMap((part) => [...part]);
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += (bytes[i] as number) * 256 + (bytes[i + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

export const naiveChecksum = (...parts: readonly Uint8Array[]): number => 0xffff - naiveSum(...parts);

function addresses(packet: Packet): Uint8Array {
  const source = packet.source ?? 1;
  if (packet.version === 4) return Uint8Array.of(10, 0, 0, source, 10, 0, 0, 2);
  const bytes = new Uint8Array(32);
  bytes.set([0xfd, 0], 0);
  bytes.set([0xfd, 0], 16);
  bytes[15] = source;
  bytes[31] = 2;
  return bytes;
}

function pseudoHeader(packet: Packet, length: number): Uint8Array {
  const rest = new DataView(new ArrayBuffer(8));
  rest.setUint32(0, length);
  rest.setUint8(7, NUMBERS[packet.protocol]);
  return Uint8Array.of(...addresses(packet), ...new Uint8Array(rest.buffer));
}

/** Where the parts of the packet begin. */
export function offsets(packet: Packet): { network: number; transport: number; payload: number } {
  const network = packet.ethernet?.length ?? 0;
  const ip = packet.version === 4 ? 20 + (packet.ipOptions?.length ?? 0) : 40 + (packet.extensions?.[1].length ?? 0);
  const header = packet.protocol === 'tcp' ? 20 + (packet.tcpOptions?.length ?? 0) : 8;
  return { network, transport: network + ip, payload: network + ip + header };
}

const CHECKSUM_AT = { tcp: 16, udp: 6 } as const;

/** The packet's bytes. `partial`: with the sum of the pseudo header in place of the checksum. */
export function build(packet: Packet, { partial = false } = {}): Uint8Array {
  const at = offsets(packet);
  const bytes = new Uint8Array(at.payload + packet.payload.length);
  const view = new DataView(bytes.buffer);
  bytes.set(packet.ethernet ?? []);
  bytes.set(packet.payload, at.payload);
  const length = bytes.length - at.network;
  if (packet.version === 4) {
    view.setUint8(at.network, 0x40 | ((at.transport - at.network) / 4));
    view.setUint8(at.network + 1, packet.tos ?? 0);
    view.setUint16(at.network + 2, length);
    view.setUint16(at.network + 4, packet.id ?? 0);
    view.setUint16(at.network + 6, packet.fragment ?? 0);
    view.setUint8(at.network + 8, packet.ttl ?? 64);
    view.setUint8(at.network + 9, NUMBERS[packet.protocol]);
    bytes.set(addresses(packet), at.network + 12);
    bytes.set(packet.ipOptions ?? [], at.network + 20);
    view.setUint16(at.network + 10, naiveChecksum(bytes.subarray(at.network, at.transport)));
  } else {
    view.setUint32(at.network, 0x60000000 + (packet.tos ?? 0) * 0x100000 + (packet.flowLabel ?? 0));
    view.setUint16(at.network + 4, length - 40);
    view.setUint8(at.network + 6, packet.extensions?.[0] ?? NUMBERS[packet.protocol]);
    view.setUint8(at.network + 7, packet.ttl ?? 64);
    bytes.set(addresses(packet), at.network + 8);
    bytes.set(packet.extensions?.[1] ?? [], at.network + 40);
  }
  view.setUint16(at.transport, packet.sourcePort ?? 1000);
  view.setUint16(at.transport + 2, 2000);
  if (packet.protocol === 'tcp') {
    view.setUint32(at.transport + 4, packet.sequence ?? 1);
    view.setUint32(at.transport + 8, packet.acknowledged ?? 7);
    view.setUint8(at.transport + 12, ((at.payload - at.transport) / 4) << 4);
    view.setUint8(at.transport + 13, packet.flags ?? ACK);
    view.setUint16(at.transport + 14, packet.window ?? 500);
    bytes.set(packet.tcpOptions ?? [], at.transport + 20);
  } else {
    view.setUint16(at.transport + 4, bytes.length - at.transport);
  }
  const pseudo = pseudoHeader(packet, bytes.length - at.transport);
  const whole = naiveChecksum(pseudo, bytes.subarray(at.transport));
  const field = at.transport + CHECKSUM_AT[packet.protocol];
  if (partial) view.setUint16(field, naiveSum(pseudo));
  else view.setUint16(field, whole === 0 && packet.protocol === 'udp' ? 0xffff : whole);
  return bytes;
}

const GSO_TYPES = { tcp4: 1, tcp6: 4, udp4: 5, udp6: 5 } as const;

/** The vnet header, byte for byte, of a super-packet. */
export function vnetHeader(packet: Packet, segmentSize: number, headerSize = 10): Uint8Array {
  const at = offsets(packet);
  const view = new DataView(new ArrayBuffer(headerSize));
  view.setUint8(0, 1);
  const ecn = packet.protocol === 'tcp' && ((packet.flags ?? 0) & CWR) !== 0;
  view.setUint8(1, GSO_TYPES[`${packet.protocol}${packet.version}`] | (ecn ? 0x80 : 0));
  view.setUint16(2, at.payload, true);
  view.setUint16(4, segmentSize, true);
  view.setUint16(6, at.transport, true);
  view.setUint16(8, CHECKSUM_AT[packet.protocol], true);
  return new Uint8Array(view.buffer);
}

/** A vnet header and the packet, whose checksum is left to the device. */
export function superPacket(packet: Packet, segmentSize: number, headerSize = 10): Uint8Array {
  return Uint8Array.of(...vnetHeader(packet, segmentSize, headerSize), ...build(packet, { partial: true }));
}

/** What the packet is when it is sent in segments. */
export function segments(packet: Packet, size: number): Packet[] {
  const count = Math.max(1, Math.ceil(packet.payload.length / size));
  return Array.from({ length: count }, (_, i) => {
    let flags = packet.flags ?? ACK;
    if (i < count - 1) flags &= ~(FIN | PSH);
    if (i > 0) flags &= ~CWR;
    return {
      ...packet,
      payload: packet.payload.subarray(i * size, (i + 1) * size),
      id: ((packet.id ?? 0) + i) % 65536,
      sequence: ((packet.sequence ?? 1) + i * size) % 2 ** 32,
      flags,
    };
  });
}

/** Every kind of packet that can be a super-packet. */
export const KINDS = [
  { kind: 'tcp4', version: 4, protocol: 'tcp' },
  { kind: 'tcp6', version: 6, protocol: 'tcp' },
  { kind: 'udp4', version: 4, protocol: 'udp' },
  { kind: 'udp6', version: 6, protocol: 'udp' },
] as const;
