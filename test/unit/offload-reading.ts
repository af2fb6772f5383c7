/** Reading TCP and UDP packets for the offload tests, field by field: the counterpart of offload-packets.ts. */
import { naiveChecksum, naiveSum } from './offload-packets.js';

/** A packet without extension headers and fragments, whose IP length is that of the frame. */
export interface ReadPacket {
  readonly ip: number;
  readonly transport: number;
  readonly payload: number;
  readonly version: 4 | 6;
  readonly protocol: 'tcp' | 'udp';
  readonly sourcePort: number;
  /** The place of its checksum. */
  readonly field: number;
  readonly pseudoHeader: Uint8Array;
  readonly rightChecksums: boolean;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

export function readPacket(frame: Uint8Array, layer: 2 | 3): ReadPacket | undefined {
  const view = viewOf(frame);
  let ip = 0;
  if (layer === 2) {
    ip = 14;
    while (ip < 22 && ip <= frame.length && [0x8100, 0x88a8].includes(view.getUint16(ip - 2))) ip += 4;
  }
  if (frame.length < ip + 20) return undefined;
  const version = view.getUint8(ip) >> 4;
  if (version !== 4 && version !== 6) return undefined;
  if (layer === 2 && view.getUint16(ip - 2) !== (version === 4 ? 0x0800 : 0x86dd)) return undefined;
  if (frame.length < ip + (version === 4 ? 20 : 40)) return undefined;
  if (ip + (version === 4 ? view.getUint16(ip + 2) : 40 + view.getUint16(ip + 4)) !== frame.length) return undefined;
  if (version === 4 && ((view.getUint16(ip + 6) & 0x3fff) !== 0 || (view.getUint8(ip) & 15) < 5)) return undefined;
  const transport = ip + (version === 4 ? (view.getUint8(ip) & 15) * 4 : 40);
  const number = view.getUint8(ip + (version === 4 ? 9 : 6));
  if (number !== 6 && number !== 17) return undefined;
  if (frame.length < transport + (number === 6 ? 20 : 8)) return undefined;
  const payload = transport + (number === 6 ? (view.getUint8(transport + 12) >> 4) * 4 : 8);
  if (payload > frame.length) return undefined;
  const length = frame.length - transport;
  const pseudoHeader = Uint8Array.of(
    ...frame.subarray(ip + (version === 4 ? 12 : 8), ip + (version === 4 ? 20 : 40)),
    ...[0, number, length >> 8, length & 255],
  );
  return {
    ...{ ip, transport, payload, version, pseudoHeader },
    protocol: number === 6 ? 'tcp' : 'udp',
    sourcePort: view.getUint16(transport),
    field: transport + (number === 6 ? 16 : 6),
    rightChecksums:
      (version === 6 || naiveSum(frame.subarray(ip, transport)) === 0xffff) &&
      naiveSum(pseudoHeader, frame.subarray(transport)) === 0xffff,
  };
}

/** The frame with right lengths and checksums. */
export function putRight(frame: Uint8Array, layer: 2 | 3): Uint8Array {
  const packet = readPacket(frame, layer);
  if (!packet) return frame;
  const copy = frame.slice();
  const view = viewOf(copy);
  const { ip, transport, field, protocol, version } = packet;
  if (version === 4) {
    view.setUint16(ip + 10, 0);
    view.setUint16(ip + 10, naiveChecksum(copy.subarray(ip, transport)));
  }
  if (protocol === 'udp') view.setUint16(transport + 4, copy.length - transport);
  view.setUint16(field, 0);
  const checksum = naiveChecksum(packet.pseudoHeader, copy.subarray(transport));
  view.setUint16(field, checksum === 0 && protocol === 'udp' ? 0xffff : checksum);
  return copy;
}

/** The frame as text, without the IPv4 ID where that means nothing: where DF is set. */
export function textOf(frame: Uint8Array, layer: 2 | 3): string {
  const copy = Buffer.from(frame);
  const packet = readPacket(frame, layer);
  if (packet?.version === 4 && ((copy[packet.ip + 6] as number) & 0x40) !== 0) {
    // The checksum goes up as the ID goes down: their sum is that of the packet with the ID 0.
    const sum = copy.readUInt16BE(packet.ip + 4) + copy.readUInt16BE(packet.ip + 10);
    copy.writeUInt16BE(0, packet.ip + 4);
    copy.writeUInt16BE(sum > 0xffff ? sum - 0xffff : sum, packet.ip + 10);
  }
  return copy.toString('hex');
}
