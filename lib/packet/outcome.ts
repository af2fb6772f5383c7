/** What the outcomes of reading and writing a queue mean: which device it is, and errors that say what happened. */
import { constants } from 'node:os';
import { closedError, systemError } from '../errors.js';

const { EALREADY, EBADF, EBUSY, EFAULT, EINVAL, EIO, EMSGSIZE, ENETDOWN, ENODEV } = constants.errno;
/** EBADFD (asm-generic/errno.h), which Node does not list: there is no device behind the descriptor any more. */
export const EBADFD = 77;

/** Which driver of the kernel is behind a device: drivers/net/tun.c (TUN, TAP) or drivers/net/tap.c (MACVTAP). */
export type Driver = 'tun' | 'macvtap';

/** What a queue knows of its device. */
export interface QueueDevice {
  /** For error messages. */
  readonly name: string;
  /** 2: Ethernet frames. 3: IP packets (TUN). */
  readonly layer: 2 | 3;
  /** Bytes of the vnet header in front of each frame; 0 without offload. */
  readonly vnetHeaderSize?: number;
  /** Bytes of the longest frame to be expected, by the link's MTU. */
  readonly frameSize?: number;
  /** Absent for what is no packet device: a packet socket. */
  readonly driver?: Driver;
  /** Whether its queues can be detached. */
  readonly multiQueue?: boolean;
  /** Whether the kernel counts what it could not keep for the queue (packet sockets). */
  readonly countsOverruns?: boolean;
  /** Whether its link was deleted, for devices whose descriptors do not tell (MACVTAP, packet sockets). */
  readonly isGone?: (fd: number) => Promise<boolean>;
  /** What it means that it is gone (ENODEV), where it is no link: a queue in memory. */
  readonly gone?: string;
}

/** The error of a read or write that the kernel refused. */
export function refusal(device: QueueDevice, errno: number, syscall: 'read' | 'write'): Error {
  if (errno === PUMPED) return pumpedError(device);
  // The descriptor is fine, what it stood for is gone: as for any other call that finds no link. libuv says
  // EBADF for all that epoll reports as an error.
  const told = errno === -EBADF || errno === -EBADFD ? -ENODEV : errno;
  const hint = hintFor(told, syscall, device);
  return systemError(told, syscall, `'${device.name}'${hint && `: ${hint}`}`);
}

function hintFor(errno: number, syscall: 'read' | 'write', device: QueueDevice): string {
  const { layer, vnetHeaderSize = 0, gone = 'the link was deleted' } = device;
  if (errno === -ENODEV) return gone;
  if (syscall === 'read') return '';
  if (errno === -EIO || errno === -ENETDOWN) return 'the link is down; setLink(link, { up: true }) brings it up';
  if (errno === -EMSGSIZE) return "the frame is longer than the link's MTU";
  if (errno === -EINVAL && vnetHeaderSize > 0)
    return `each frame begins with a vnet header of ${vnetHeaderSize} bytes (writeVnetHeader), which must be right`;
  if (errno === -EINVAL && layer === 3) return 'this is neither an IPv4 nor an IPv6 packet';
  return '';
}

/** The error of a wait that could not begin. */
export function cannotWait(device: QueueDevice, errno: number): Error {
  if (errno === -EBADF) return closedQueue(device);
  if (errno !== OCCUPIED) return refusal(device, errno, 'read');
  const error = systemError(errno, 'read', `'${device.name}': its queue is being read already, by a loop or onBatch`);
  return Object.assign(error, { code: 'ERR_INVALID_STATE' });
}

function pumpedError({ name }: QueueDevice): Error {
  const error = systemError(-EBUSY, 'read', `'${name}': its queue is being pumped`);
  return Object.assign(error, { code: 'ERR_INVALID_STATE' });
}

export const closedQueue = (device: QueueDevice): Error => closedError(`the queue of "${device.name}"`);

/** What a queue says to those who would read it while a pump does, or `onBatch` (or, to those who would wait, a loop). */
export const PUMPED = -EALREADY;
export const OCCUPIED = -EBUSY;

/** What the native flow says when its slab was transferred. */
export const LOST_MEMORY = -EFAULT;
