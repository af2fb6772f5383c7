/**
 * What a network card with offloads does, for programs that stand where the card would: checksums, cutting
 * super-packets (GSO), merging packets to super-packets (GRO). Pure functions over bytes; the work is done by native
 * code (native/gso_split.cc, native/gro_coalesce.cc).
 */
import { invalidValue, nameCall, outOfRange, wrongType } from '../errors.js';
import { native } from '../native/load.js';
import { FrameSlab, slabHandle } from './slab.js';
import { checkHeaderSize, type VnetHeaderSize } from './vnet-header.js';

export interface CompleteChecksumOptions {
  /** Bytes of the vnet header. 10 if absent. */
  readonly headerSize?: VnetHeaderSize | undefined;
}

export interface SegmentationOptions extends CompleteChecksumOptions {
  /** 2: Ethernet frames (TAP, MACVTAP), with up to two VLAN tags. 3: IP packets (TUN). */
  readonly layer: 2 | 3;
}

/**
 * The internet checksum (RFC 1071) as it is written, big endian, into its field: the complement of the sum of all
 * 16-bit words. An odd last byte is the high half of a word. Over bytes that hold their own checksum it is 0.
 *
 * `initial` is the sum, not complemented, of what belongs to the checksum but is elsewhere, a pseudo header say:
 * words added up, 0 to 2^32 - 1.
 *
 * @throws RangeError ERR_OUT_OF_RANGE for such an `initial`.
 */
export function checksum(bytes: Uint8Array, initial = 0): number {
  try {
    checkBytes(bytes, 'bytes');
    if (typeof initial !== 'number') throw wrongType('initial', 'a number', initial);
    if (!Number.isInteger(initial) || initial < 0 || initial > 0xffffffff)
      throw outOfRange('initial', initial, '0 to 4294967295');
    return native.checksum(bytes, initial);
  } catch (error) {
    throw nameCall(error, 'checksum');
  }
}

/**
 * Writes, in place, the checksum that the vnet header of `packet` leaves to the device (NEEDS_CSUM), and clears that
 * flag. A packet without the flag stays as it is. As the kernel does, ffff is written for 0.
 *
 * @throws RangeError ERR_OUT_OF_RANGE if the packet is shorter than its vnet header, or than `csum_start` and
 *   `csum_offset` say.
 */
export function completeChecksum(packet: Uint8Array, options: CompleteChecksumOptions = {}): void {
  try {
    checkBytes(packet, 'packet');
    const headerSize = headerSizeOf(options, CHECKSUM_OPTIONS);
    const result = native.completeChecksum(packet, headerSize);
    if (result < 0) throw refusal(result, { packet, headerSize });
  } catch (error) {
    throw nameCall(error, 'completeChecksum');
  }
}

/**
 * Cuts a super-packet with vnet header (TCP, or UDP datagrams, over IPv4 or IPv6) into the packets that it stands
 * for, without vnet header and with all lengths, sequence numbers, IPv4 IDs and checksums of their own, in the slots
 * of `out` from the first on. Returns how many. A packet that is not one (`gso_type` none) comes out alone, its
 * checksum completed. Where the headers begin and end is read from the packet itself; what the vnet header says about
 * it is not believed. When it throws, `out` is as it was.
 *
 * @throws RangeError ERR_OUT_OF_RANGE if `out` has too few slots, or too small ones, or the packet is cut short;
 *   TypeError ERR_INVALID_ARG_VALUE if it cannot be cut: an unknown `gso_type`, `gso_size` 0, an IP fragment, an IPv6
 *   extension header that is not understood, headers that contradict themselves or `gso_type`.
 */
export function gsoSplit(packet: Uint8Array, out: FrameSlab, options: SegmentationOptions): number {
  try {
    checkBytes(packet, 'packet');
    checkSlab(out, 'out');
    const headerSize = headerSizeOf(options, OFFLOAD_OPTIONS);
    const layer = checkLayer(options.layer);
    const result = native.gsoSplit(packet, slabHandle(out), layer, headerSize);
    if (result < 0) throw refusal(result, { packet, out, headerSize });
    return result;
  } catch (error) {
    throw nameCall(error, 'gsoSplit');
  }
}

/**
 * Merges, where it can, packets of a flow that follow each other to super-packets: the first `count` frames of
 * `input`, which have no vnet header, go to `out`, with one each. Returns how many come out. What cannot be merged is
 * passed on as it is, behind an empty vnet header; the frames of each flow keep their order. A super-packet leaves
 * its checksum to the device, as the kernel wants it (virtio_net_hdr_to_skb), and {@link gsoSplit} gives back the
 * packets that it was made of (but for the IPv4 IDs of packets that must not be fragmented, which mean nothing).
 *
 * Packets are merged that have data, right checksums and equal headers (addresses, ports, TTL, TOS, flow label, TCP
 * options, window and acknowledgement), no IPv4 options or IPv6 extension headers, of TCP no flag but ACK, ECE, PSH
 * (which ends the super-packet) and CWR (which begins one); each as long as the first, only the last may be shorter;
 * up to 65535 bytes and, of UDP, 64 datagrams. A kernel before Linux 6.2 does not take those of UDP.
 *
 * `input` and `out` must not share memory. `out` needs `count` slots. When it throws, `out` is as it was.
 *
 * @throws RangeError ERR_OUT_OF_RANGE if `count` is more than either slab has, or a frame with its vnet header is
 *   longer than a slot of `out`; TypeError ERR_INVALID_ARG_VALUE if the slabs share memory.
 */
export function groCoalesce(input: FrameSlab, count: number, out: FrameSlab, options: SegmentationOptions): number {
  try {
    checkSlab(input, 'input');
    checkSlab(out, 'out');
    if (typeof count !== 'number') throw wrongType('count', 'a number', count);
    if (!Number.isInteger(count) || count < 0 || count > input.slots)
      throw outOfRange('count', count, `0 to ${input.slots}, the slots of input`);
    const headerSize = headerSizeOf(options, OFFLOAD_OPTIONS);
    const layer = checkLayer(options.layer);
    const result = native.groCoalesce(slabHandle(input), count, slabHandle(out), layer, headerSize);
    if (result < 0) throw refusal(result, { input, count, out, headerSize });
    return result;
  } catch (error) {
    throw nameCall(error, 'groCoalesce');
  }
}

const CHECKSUM_OPTIONS = ['headerSize'];
const OFFLOAD_OPTIONS = ['layer', 'headerSize'];

/** What a call was about. */
interface Refused {
  readonly packet?: Uint8Array;
  readonly input?: FrameSlab;
  readonly count?: number;
  readonly out?: FrameSlab;
  readonly headerSize: number;
}

const byteAt = (bytes: Uint8Array | undefined, at: number): number => bytes?.[at] ?? 0;
const shortAt = (bytes: Uint8Array | undefined, at: number): number => byteAt(bytes, at) | (byteAt(bytes, at + 1) << 8);

const tooShort = (packet: Uint8Array | undefined, problem: string): Error =>
  outOfRange('packet.length', packet?.length, problem);

/** The errors of native/offload_error.h. */
const REFUSALS: Readonly<Record<number, (call: Refused) => Error>> = {
  [-1]: ({ packet, headerSize }) => tooShort(packet, `a vnet header has ${headerSize} bytes`),
  [-2]: ({ packet, headerSize }) => tooShort(packet, `nothing follows the vnet header of ${headerSize} bytes`),
  [-3]: ({ packet, headerSize }) => {
    const [start, offset] = [shortAt(packet, 6), shortAt(packet, 8)];
    return tooShort(packet, `csum_start ${start} and csum_offset ${offset} want ${headerSize + start + offset + 2}`);
  },
  [-4]: ({ packet }) => invalidValue('gso_type', byteAt(packet, 1), 'is unknown (0, 1, 4 and 5 are known)'),
  [-5]: () => invalidValue('gso_size', 0, 'must be more than 0 in a super-packet'),
  [-6]: ({ packet }) => invalidValue('packet', packet, 'has headers that are cut short or contradict its length'),
  [-7]: ({ packet }) => invalidValue('packet', packet, 'is neither IPv4 nor IPv6'),
  [-8]: ({ packet }) => invalidValue('packet', packet, 'is an IP fragment'),
  [-9]: ({ packet }) => invalidValue('packet', packet, 'has an IPv6 extension header that is not understood'),
  [-10]: ({ packet }) => {
    const type = byteAt(packet, 1);
    return invalidValue('packet', packet, `is not of the protocol that its gso_type ${type} stands for`);
  },
  [-11]: ({ packet }) => outOfRange('gso_size', shortAt(packet, 4), 'with its headers, an IP packet has 65535 bytes'),
  [-12]: frameTooLong,
  [-13]: ({ out, count }) =>
    outOfRange('out.slots', out?.slots, count === undefined ? 'the packet has more segments' : `at least ${count}`),
  [-14]: ({ out }) => invalidValue('out', out, 'shares memory with what is read'),
  [-15]: (call) => {
    const slot = longest(call);
    const { lengths, frameSize } = call.input as FrameSlab;
    return outOfRange(`input.lengths[${slot}]`, lengths[slot], `0 to ${frameSize}, the frameSize of input`);
  },
};

function refusal(code: number, call: Refused): Error {
  const make = REFUSALS[code];
  // Only if native code and this table differ.
  if (make === undefined) throw new Error(`unknown refusal ${code}`);
  return make(call);
}

function frameTooLong(call: Refused): Error {
  const { packet, input, out, headerSize } = call;
  if (input === undefined) return outOfRange('out.frameSize', out?.frameSize, segmentOf(packet, headerSize));
  const slot = longest(call);
  const size = headerSize + (input.lengths[slot] as number);
  return outOfRange('out.frameSize', out?.frameSize, `frame ${slot} has ${size} bytes with its vnet header`);
}

function segmentOf(packet: Uint8Array | undefined, headerSize: number): string {
  if (byteAt(packet, 1) === 0) return `the packet has ${(packet?.length ?? 0) - headerSize} bytes`;
  return `a segment has ${shortAt(packet, 4)} bytes and its headers`;
}

function longest({ input, count = 0 }: Refused): number {
  const lengths = (input as FrameSlab).lengths.subarray(0, count);
  return lengths.indexOf(lengths.reduce((most, length) => Math.max(most, length), 0));
}

function checkBytes(value: unknown, field: string): void {
  if (!(value instanceof Uint8Array)) throw wrongType(field, 'a Uint8Array', value);
}

function checkSlab(value: unknown, field: string): void {
  if (!(value instanceof FrameSlab)) throw wrongType(field, 'a FrameSlab', value);
}

function checkLayer(value: unknown): 2 | 3 {
  if (typeof value !== 'number') throw wrongType('layer', 'a number', value);
  if (value !== 2 && value !== 3) throw outOfRange('layer', value, '2 or 3');
  return value;
}

function headerSizeOf(options: CompleteChecksumOptions, known: readonly string[]): VnetHeaderSize {
  if (typeof options !== 'object' || options === null) throw wrongType('options', 'an object', options);
  for (const name in options) {
    if (known.includes(name)) continue;
    const value = options[name as keyof typeof options];
    throw invalidValue(`options.${name}`, value, `is no option here (${known.join(', ')})`);
  }
  return checkHeaderSize(options.headerSize ?? 10);
}
