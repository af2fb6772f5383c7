/**
 * The vnet header in front of each packet of a device with offload: `struct virtio_net_hdr` (linux/virtio_net.h),
 * little endian. It says which checksum is still missing, and into which segments the packet is to be cut.
 *
 *     flags 1 | gso_type 1 | hdr_len 2 | gso_size 2 | csum_start 2 | csum_offset 2 [ num_buffers 2 ]
 */
import { invalidValue, nameCall, outOfRange, wrongType } from '../errors.js';

/** `udp`: datagrams (VIRTIO_NET_HDR_GSO_UDP_L4). */
export type GsoType = 'none' | 'tcp4' | 'tcp6' | 'udp';

/** Bytes of a vnet header: 12 with `num_buffers`, as `TUNSETVNETHDRSZ` chooses. */
export type VnetHeaderSize = 10 | 12;

export interface VnetHeader {
  /**
   * The checksum is left to the device: its field, at `checksumOffset` behind `checksumStart`, holds the sum of the
   * pseudo header, and it covers all from `checksumStart` on.
   */
  readonly needsChecksum: boolean;
  /** The device has found the checksum right. */
  readonly dataValid: boolean;
  readonly gsoType: GsoType;
  /** TCP's CWR is set, which only the first segment may carry. */
  readonly ecn: boolean;
  /** Bytes of all headers behind this one: a hint, which may be wrong. */
  readonly headerLength: number;
  /** Bytes of payload of each segment but the last. */
  readonly segmentSize: number;
  /** From the start of the frame. */
  readonly checksumStart: number;
  readonly checksumOffset: number;
  /** Only in a header of 12 bytes. */
  readonly buffers?: number;
}

const NEEDS_CSUM = 1;
const DATA_VALID = 2;
const GSO_ECN = 0x80;
const GSO_TYPES: readonly (readonly [GsoType, number])[] = [
  ['none', 0],
  ['tcp4', 1],
  ['tcp6', 4],
  ['udp', 5],
];

/**
 * Reads the header at `offset`.
 *
 * @throws RangeError ERR_OUT_OF_RANGE if the bytes end before it does; TypeError ERR_INVALID_ARG_VALUE for a
 *   `gso_type` that is none of the above.
 */
export function parseVnetHeader(bytes: Uint8Array, offset = 0, headerSize: VnetHeaderSize = 10): VnetHeader {
  try {
    const view = viewOf(bytes, offset, checkHeaderSize(headerSize));
    const flags = view.getUint8(0);
    const type = view.getUint8(1);
    const gsoType = GSO_TYPES.find(([, number]) => number === (type & ~GSO_ECN))?.[0];
    if (gsoType === undefined) throw invalidValue('gso_type', type & ~GSO_ECN, 'is unknown (0, 1, 4 and 5 are known)');
    return {
      needsChecksum: (flags & NEEDS_CSUM) !== 0,
      dataValid: (flags & DATA_VALID) !== 0,
      gsoType,
      ecn: (type & GSO_ECN) !== 0,
      headerLength: view.getUint16(2, true),
      segmentSize: view.getUint16(4, true),
      checksumStart: view.getUint16(6, true),
      checksumOffset: view.getUint16(8, true),
      ...(headerSize === 12 && { buffers: view.getUint16(10, true) }),
    };
  } catch (error) {
    throw nameCall(error, 'parseVnetHeader');
  }
}

/**
 * Writes a header at `offset`, of 12 bytes if it has `buffers`, else of 10, and returns how many. What is left out is
 * 0, so that `{}` is the header of a packet that needs nothing.
 *
 * @throws RangeError ERR_OUT_OF_RANGE if the bytes have no room for it, or a number takes more than 16 bits.
 */
export function writeVnetHeader(bytes: Uint8Array, header: Partial<VnetHeader>, offset = 0): VnetHeaderSize {
  try {
    if (typeof header !== 'object' || header === null) throw wrongType('header', 'an object', header);
    const size = header.buffers === undefined ? 10 : 12;
    const view = viewOf(bytes, offset, size);
    const { gsoType = 'none' } = header;
    const type = GSO_TYPES.find(([name]) => name === gsoType)?.[1];
    if (type === undefined) throw invalidValue('gsoType', gsoType, "must be 'none', 'tcp4', 'tcp6' or 'udp'");
    const numbers = [
      uint16(header.headerLength, 'headerLength'),
      uint16(header.segmentSize, 'segmentSize'),
      uint16(header.checksumStart, 'checksumStart'),
      uint16(header.checksumOffset, 'checksumOffset'),
      uint16(header.buffers, 'buffers'),
    ];
    view.setUint8(0, (header.needsChecksum ? NEEDS_CSUM : 0) | (header.dataValid ? DATA_VALID : 0));
    view.setUint8(1, type | (header.ecn ? GSO_ECN : 0));
    for (let at = 2; at < size; at += 2) view.setUint16(at, numbers[at / 2 - 1] as number, true);
    return size;
  } catch (error) {
    throw nameCall(error, 'writeVnetHeader');
  }
}

/** @internal */
export function checkHeaderSize(value: unknown): VnetHeaderSize {
  if (typeof value !== 'number') throw wrongType('headerSize', 'a number', value);
  if (value !== 10 && value !== 12) throw outOfRange('headerSize', value, '10 or 12');
  return value;
}

function viewOf(bytes: Uint8Array, offset: number, size: number): DataView {
  if (!(bytes instanceof Uint8Array)) throw wrongType('bytes', 'a Uint8Array', bytes);
  if (typeof offset !== 'number') throw wrongType('offset', 'a number', offset);
  const most = bytes.length - size;
  if (most < 0) throw outOfRange('bytes.length', bytes.length, `a header has ${size} bytes`);
  if (!Number.isInteger(offset) || offset < 0 || offset > most) throw outOfRange('offset', offset, `0 to ${most}`);
  return new DataView(bytes.buffer, bytes.byteOffset + offset, size);
}

function uint16(value: unknown, field: string): number {
  if (value === undefined) return 0;
  if (typeof value !== 'number') throw wrongType(field, 'a number', value);
  if (!Number.isInteger(value) || value < 0 || value > 0xffff) throw outOfRange(field, value, '0 to 65535');
  return value;
}
