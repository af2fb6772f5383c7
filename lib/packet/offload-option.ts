/**
 * What is said of the offloads of a packet device: types, checks, and their bits (TUN_F_*, linux/if_tun.h;
 * set_offload() in drivers/net/tun.c). Pure.
 */
import { constants } from 'node:os';
import { invalidValue, systemError, wrongType } from '../errors.js';

/** Work that the reader of a device takes over: what it may be handed unfinished. */
export interface OffloadOptions {
  /** Packets whose checksum is still to be filled in (VIRTIO_NET_HDR_F_NEEDS_CSUM). All others need it: they imply it. */
  readonly checksum?: boolean | undefined;
  /** TCP over IPv4 in super-packets of up to 64 KiB (VIRTIO_NET_HDR_GSO_TCPV4). */
  readonly tso4?: boolean | undefined;
  /** TCP over IPv6 in super-packets (VIRTIO_NET_HDR_GSO_TCPV6). */
  readonly tso6?: boolean | undefined;
  /** UDP in super-packets of equal datagrams (VIRTIO_NET_HDR_GSO_UDP_L4). Linux 6.2. */
  readonly uso?: boolean | undefined;
  /** TCP super-packets whose first segment has CWR (VIRTIO_NET_HDR_GSO_ECN); only together with `tso4` or `tso6`. */
  readonly ecn?: boolean | undefined;
}

/** Which offloads are on. */
export type Offload = Readonly<Record<keyof OffloadOptions, boolean>>;

/** Options of everything that opens a packet device. */
export interface VnetOptions {
  /**
   * Puts a vnet header (struct virtio_net_hdr, linux/virtio_net.h, little endian) in front of every frame, read and
   * written, and lets the kernel leave work undone: `true` for checksums, TSO and, where the kernel has it, USO; or
   * those that are named (`{}`: none yet, the header alone). No header, no offload if absent or false.
   *
   * `ethtool -K NAME tx on tso on`
   */
  readonly offload?: boolean | OffloadOptions | undefined;
  /** Bytes of the vnet header: 10, or 12 with the field `num_buffers`. 10 if absent. */
  readonly vnetHeaderSize?: 10 | 12 | undefined;
}

/** USO is one feature of two bits (USO4 and USO6): the kernel knows no other. */
const TUN_F = { checksum: 0x01, tso4: 0x02, tso6: 0x04, uso: 0x60, ecn: 0x08 } as const;
const NAMES = Object.keys(TUN_F) as (keyof OffloadOptions)[];

/** Bits to ask for, and which of them the kernel may lack. */
export interface OffloadMask {
  readonly offload: number;
  readonly optionalOffload: number;
}

const NONE: OffloadMask = { offload: 0, optionalOffload: 0 };
const ALL: OffloadMask = {
  offload: TUN_F.checksum | TUN_F.tso4 | TUN_F.tso6 | TUN_F.uso,
  optionalOffload: TUN_F.uso,
};

/** The bits of what was asked for. */
export function offloadMask(wanted: boolean | OffloadOptions): OffloadMask {
  if (wanted === true) return ALL;
  if (wanted === false) return NONE;
  if (typeof wanted !== 'object' || wanted === null) throw wrongType('offload', 'true, false or an object', wanted);
  let offload = 0;
  for (const [name, on] of Object.entries(wanted)) {
    if (!Object.hasOwn(TUN_F, name))
      throw invalidValue(`offload.${name}`, on, `is no offload (${NAMES.join(', ')} are)`);
    if (on === undefined) continue;
    if (typeof on !== 'boolean') throw wrongType(`offload.${name}`, 'true or false', on);
    if (on) offload |= TUN_F[name as keyof OffloadOptions];
  }
  if (offload !== 0 && wanted.checksum === false)
    throw invalidValue('offload.checksum', false, 'cannot be: the other offloads leave checksums to be filled in');
  if ((offload & TUN_F.ecn) !== 0 && (offload & (TUN_F.tso4 | TUN_F.tso6)) === 0)
    throw invalidValue('offload.ecn', true, 'says how TCP is offloaded; it needs tso4 or tso6');
  if (offload !== 0) offload |= TUN_F.checksum;
  return { offload, optionalOffload: 0 };
}

/** What `VnetOptions` ask for. */
export interface VnetPlan extends OffloadMask {
  /** 0: no header. */
  readonly vnetHeaderSize: number;
}

export function planVnet({ offload = false, vnetHeaderSize }: VnetOptions): VnetPlan {
  const mask = offloadMask(offload);
  if (vnetHeaderSize !== undefined && vnetHeaderSize !== 10 && vnetHeaderSize !== 12)
    throw invalidValue('vnetHeaderSize', vnetHeaderSize, 'must be 10 or 12');
  if (offload === false) {
    if (vnetHeaderSize !== undefined)
      throw invalidValue('vnetHeaderSize', vnetHeaderSize, 'is the size of a header that only `offload` brings');
    return { ...mask, vnetHeaderSize: 0 };
  }
  return { ...mask, vnetHeaderSize: vnetHeaderSize ?? 10 };
}

/** What the bits say. */
export function offloadOf(mask: number): Offload {
  const has = (bits: number): boolean => (mask & bits) === bits;
  return Object.freeze({
    checksum: has(TUN_F.checksum),
    tso4: has(TUN_F.tso4),
    tso6: has(TUN_F.tso6),
    uso: has(TUN_F.uso),
    ecn: has(TUN_F.ecn),
  });
}

/** Says what the kernel lacks where it refuses the bits. */
export function explainOffload(error: unknown, mask: number, name: string): unknown {
  const { EINVAL } = constants.errno;
  if (!(error instanceof Error && 'syscall' in error && 'errno' in error)) return error;
  if (error.syscall !== 'TUNSETOFFLOAD' || error.errno !== -EINVAL || (mask & TUN_F.uso) === 0) return error;
  return systemError(
    -EINVAL,
    error.syscall,
    `'${name}': uso needs Linux 6.2; offload: true takes it where it is there`,
  );
}
