/** `listen`: a server of the calling thread (node:net, node:http, node:tls, node:http2) that listens inside a namespace. */
import cluster from 'node:cluster';
import { closeSync, fstatSync } from 'node:fs';
import { type AddressInfo, Server } from 'node:net';
import { closedError, invalidValue, wrongType } from '../errors.js';
import type { Handle } from '../native/handle.js';
import { givenNetns, type Netns } from '../netns/netns.js';
import { call, type Effect, type Operation, perform } from '../operation.js';
import { boundAt, checkBoundPort, type Host, parseHost, parsePort } from './endpoint.js';
import { type BindOptions, checkBacklog, flagsOf, openHandle } from './open.js';

export interface ListenOptions extends BindOptions {
  /** The IP address to listen on. If absent all of them, IPv6 and IPv4, as in Node: `::`, or `0.0.0.0` without IPv6. */
  readonly host?: string | undefined;
  /** Connections that may wait to be accepted, 1 or more; 511 if absent, as in Node. net.core.somaxconn is the most. */
  readonly backlog?: number | undefined;
}

const OPTIONS = { host: true, port: true, backlog: true, reuseAddr: true, reusePort: true, ipv6Only: true } as const;

const IN_CLUSTER =
  'cannot listen in a worker of node:cluster, where Node takes a descriptor for one of the primary process; a Worker of ' +
  'netnsWorker can';

/**
 * Lets a server listen inside a namespace: `server.listen` of node:net, and of what is made of it (node:http, node:https,
 * node:http2, node:tls). The server runs on this thread as any other, so one event loop serves many namespaces, on the
 * same address and port in each. Gives `server.address()`; closing the server closes the socket.
 *
 * Of a peer with a link-local address Node cannot tell `remoteAddress`, but throws: it looks for the link in the
 * namespace of this thread. A Worker of `netnsWorker` can.
 *
 * `ip netns exec NAME ...`, for the socket alone
 *
 *     const server = http.createServer((request, response) => response.end('hello'));
 *     const { port } = await listen(netns, server, { port: 80 });
 *
 * @throws as `openSocket`; ERR_INVALID_ARG_VALUE for a server that listens already, and in a worker of node:cluster;
 *   ERR_INVALID_STATE if the server is closed meanwhile.
 */
export const listen = call(
  'listen',
  OPTIONS,
  function* (netns: Netns, server: Server, options: ListenOptions = {}): Operation<AddressInfo> {
    const inside = givenNetns(netns);
    if (!(server instanceof Server)) throw wrongType('server', 'a server of node:net, node:http ...', server);
    if (server.listening) throw invalidValue('server', server, 'listens already');
    if (cluster.isWorker) throw invalidValue('server', server, IN_CLUSTER);
    const { port = 0, backlog = 511 } = options;
    checkBacklog(backlog, 1);
    const wanted = { port: parsePort(port), backlog };
    const { handle, host } = yield* open(inside, wanted, options);
    try {
      return yield* perform(adoption(server, handle, backlog, () => boundAt(host, port, () => addressOf(server))));
    } finally {
      handle.close();
    }
  },
);

interface Opened {
  readonly handle: Handle;
  readonly host: Host;
}

function* open(
  netns: Netns,
  wanted: { readonly port: number; readonly backlog: number },
  options: ListenOptions,
): Operation<Opened> {
  if (options.host !== undefined) return yield* openAt(netns, wanted, parseHost(options.host, 'host'), options);
  try {
    return yield* openAt(netns, wanted, parseHost('::', 'host'), options);
  } catch (error) {
    if (!isWithoutIpv6(error) || options.ipv6Only) throw error;
    return yield* openAt(netns, wanted, parseHost('0.0.0.0', 'host'), options);
  }
}

function* openAt(
  netns: Netns,
  wanted: { readonly port: number; readonly backlog: number },
  host: Host,
  options: ListenOptions,
): Operation<Opened> {
  const { family } = host;
  checkBoundPort(host, wanted.port);
  const flags = flagsOf(options, family, 'stream');
  return { handle: yield* openHandle(netns, { ...wanted, family, type: 'stream', host, flags }), host };
}

/** As where the kernel was started with ipv6.disable=1. */
const isWithoutIpv6 = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'EAFNOSUPPORT' || error.code === 'EADDRNOTAVAIL');

/** The server takes the socket over. Where it fails, nobody has it any more. */
function adoption(server: Server, handle: Handle, backlog: number, tell: () => AddressInfo): Effect<AddressInfo> {
  const { fd } = handle;
  const { ino } = fstatSync(fd);
  // Throws for a server that has begun to listen meanwhile; the socket is still the handle's then.
  const start = (): void => {
    // Not among the options: Node passes it over there, beside a descriptor.
    server.listen({ fd }, backlog);
    handle.release();
  };
  // Node closes what it has opened and could not use, but not what it could not open.
  const discard = (): void => {
    if (isSocket(fd, ino)) closeSync(fd);
  };
  return {
    now() {
      start();
      if (server.listening) return tell();
      discard();
      throw invalidValue('server', server, "cannot listen; its 'error' event, in the next turn, says why");
    },
    later(waiting) {
      const settled = (): void => void server.off('listening', listening).off('error', failed).off('close', closed);
      const listening = (): void => {
        settled();
        waiting.done(tell());
      };
      const failed = (error: Error): void => {
        settled();
        discard();
        waiting.failed(error);
      };
      // By somebody else: it will never say that it listens. Its socket is closed with it.
      const closed = (): void => {
        settled();
        waiting.failed(closedError('server'));
      };
      server.on('listening', listening).on('error', failed).on('close', closed);
      try {
        start();
      } catch (error) {
        settled();
        throw error;
      }
    },
    // biome-ignore lint/correctness/useYield: an undo is an operation, also where it has nothing to wait for
    *undo() {
      server.close();
    },
  };
}

function isSocket(fd: number, ino: number): boolean {
  try {
    return fstatSync(fd).ino === ino;
  } catch {
    return false;
  }
}

const addressOf = (server: Server): AddressInfo => server.address() as AddressInfo;
