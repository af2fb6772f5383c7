/** What the native ping socket receives: a header with times and errors, and the bytes behind it. Pure. */
import { endianness } from 'node:os';
import { formatIp } from '../addressing/ip.js';

/** Size of struct ReceiveHeader (native/ping_socket.cc). The packet begins there. */
export const RECEIVE_HEADER = 40;

/** An ICMP error, or one of the kernel's own (linux/errqueue.h). */
export interface QueuedError {
  /** Negative. */
  readonly errno: number;
  /** The ICMP message that told it; absent for errors of this machine, which `send` has already reported. */
  readonly icmp?: { readonly type: number; readonly code: number };
  /** Who sent that message. */
  readonly from?: string;
}

export interface Received {
  /** CLOCK_MONOTONIC, in nanoseconds: whole, so that differences are exact. */
  readonly time: number;
  readonly ttl?: number;
  readonly error?: QueuedError;
}

const LITTLE = endianness() === 'LE';
const SO_EE_ORIGIN_ICMP = 2;
const SO_EE_ORIGIN_ICMP6 = 3;

export function readReceived(buffer: Uint8Array): Received {
  const view = new DataView(buffer.buffer, buffer.byteOffset, RECEIVE_HEADER);
  const ttl = view.getInt32(8, LITTLE);
  const errno = view.getInt32(12, LITTLE);
  return {
    time: view.getFloat64(0, LITTLE),
    ...(ttl >= 0 && { ttl }),
    ...(errno !== 0 && { error: readError(buffer, view, errno) }),
  };
}

function readError(buffer: Uint8Array, view: DataView, errno: number): QueuedError {
  const origin = view.getUint8(16);
  const fromSize = view.getUint8(19);
  return {
    errno: -errno,
    ...((origin === SO_EE_ORIGIN_ICMP || origin === SO_EE_ORIGIN_ICMP6) && {
      icmp: { type: view.getUint8(17), code: view.getUint8(18) },
    }),
    ...(fromSize !== 0 && { from: formatIp(buffer, 20, 20 + fromSize) }),
  };
}
