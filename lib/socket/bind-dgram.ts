/** `bindDgram`: a UDP socket of the calling thread (node:dgram) inside a namespace. */

import { Socket } from 'node:dgram';
import { closeSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { AF_INET, AF_INET6 } from '../addressing/ip.js';
import { invalidValue, wrongType } from '../errors.js';
import type { Handle } from '../native/handle.js';
import { givenNetns, type Netns } from '../netns/netns.js';
import { call, type Operation } from '../operation.js';
import { boundAt, checkBoundPort, parseHost, parsePort } from './endpoint.js';
import { type BindOptions, flagsOf, openHandle } from './open.js';

export interface BindDgramOptions extends BindOptions {
  /** The IP address to receive at; all of the socket's family if absent. */
  readonly address?: string | undefined;
}

const OPTIONS = { address: true, port: true, reuseAddr: true, reusePort: true, ipv6Only: true } as const;

/**
 * Binds a socket of node:dgram, which is not bound yet, inside a namespace: `socket.bind`, there. What it sends leaves
 * from that namespace too. Gives `socket.address()`. Names it sends to are looked up where this thread is.
 *
 *     const socket = dgram.createSocket('udp4');
 *     await bindDgram(netns, socket, { port: 53 });
 *
 * `ip netns exec NAME ...`, for the socket alone
 *
 * @throws as `openSocket`; ERR_INVALID_ARG_VALUE for a socket that is bound already.
 */
export const bindDgram = call(
  'bindDgram',
  OPTIONS,
  function* (netns: Netns, socket: Socket, options: BindDgramOptions = {}): Operation<AddressInfo> {
    const inside = givenNetns(netns);
    const family = familyOfSocket(socket);
    refuseBound(socket);
    const host = parseHost(options.address ?? (family === AF_INET ? '0.0.0.0' : '::'), 'address');
    if (host.family !== family)
      throw invalidValue('address', options.address, `is none for a socket of type '${typeOf(socket)}'`);
    const port = parsePort(options.port ?? 0);
    checkBoundPort(host, port);
    const flags = flagsOf(options, family, 'dgram');
    const handle = yield* openHandle(inside, { family, type: 'dgram', host, port, flags });
    try {
      adopt(socket, handle);
    } finally {
      handle.close();
    }
    return boundAt(host, port, () => socket.address());
  },
);

function adopt(socket: Socket, handle: Handle): void {
  refuseBound(socket);
  const fd = handle.release();
  try {
    socket.bind({ fd, exclusive: true });
  } catch (error) {
    // A 'listening' listener may throw too, after the socket has taken it.
    if (!isBound(socket)) closeSync(fd);
    throw error;
  }
}

const typeOf = (socket: object): unknown => ('type' in socket ? socket.type : undefined);

function familyOfSocket(socket: unknown): typeof AF_INET | typeof AF_INET6 {
  if (!(socket instanceof Socket)) throw wrongType('socket', 'a socket of node:dgram', socket);
  return typeOf(socket) === 'udp6' ? AF_INET6 : AF_INET;
}

function refuseBound(socket: Socket): void {
  if (isBound(socket)) throw invalidValue('socket', socket, 'is bound already');
}

function isBound(socket: Socket): boolean {
  try {
    socket.address();
    return true;
  } catch (error) {
    // Bound to a link-local address (see boundAt).
    return error instanceof Error && 'code' in error && error.code === 'ENXIO';
  }
}
