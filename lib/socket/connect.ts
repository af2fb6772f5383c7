/** `connect`: a TCP connection of the calling thread that is made inside a namespace. */
import { Socket, type TcpSocketConnectOpts } from 'node:net';
import type { IpFamily } from '../addressing/ip.js';
import { invalidValue } from '../errors.js';
import { givenNetns, type Netns } from '../netns/netns.js';
import { type CallOptions, call, type Effect, type Operation, perform } from '../operation.js';
import { type Host, parseHost, parsePort, scopeOf } from './endpoint.js';
import { openHandle } from './open.js';

export interface ConnectOptions extends CallOptions {
  /** An IP address; of a link-local one with its link, `fe80::1%eth0`. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
  /** The address, of the namespace, to connect from; the kernel chooses one if absent. */
  readonly localAddress?: string | undefined;
  /** The port to connect from; the kernel chooses one if absent. */
  readonly localPort?: number | undefined;
}

const OPTIONS = { host: true, port: true, localAddress: true, localPort: true } as const;

/** Refused, as an empty object is. */
const NOWHERE = {} as ConnectOptions;

/**
 * Connects inside a namespace, and gives a `net.Socket` of this thread: `net.connect`, from there. With
 * `netloom/sync` the socket comes at once, while it still connects, as from `net.connect`: its events tell the rest. So
 * it serves as `createConnection` of node:http:
 *
 *     import { connect } from 'netloom/sync';
 *     http.get({ host: '10.0.0.2', createConnection: () => connect(netns, { host: '10.0.0.2', port: 80 }) });
 *
 * Node's names are not looked up here: `host` is an address. In a Worker of `netnsWorker` they are.
 *
 * `ip netns exec NAME nc HOST PORT`
 *
 * @throws as `net.connect`: ECONNREFUSED, ENETUNREACH, EHOSTUNREACH, ETIMEDOUT ...
 */
export const connect = call(
  'connect',
  OPTIONS,
  function* (netns: Netns, options: ConnectOptions = NOWHERE): Operation<Socket> {
    const inside = givenNetns(netns);
    const host = parseHost(options.host, 'host');
    const port = parsePort(options.port, 1);
    const local = localOf(options, host.family);
    // Bound to the link, since Node would look for its name where this thread is.
    const device = yield* scopeOf(host, inside, 'host');
    const handle = yield* openHandle(inside, { family: host.family, type: 'stream', device });
    let socket: Socket;
    try {
      socket = new Socket({ fd: handle.fd });
      handle.release();
    } finally {
      handle.close();
    }
    return yield* perform(connection(socket, { ...local, host: host.text, port }));
  },
);

function localOf({ localAddress, localPort }: ConnectOptions, family: IpFamily): Partial<TcpSocketConnectOpts> {
  const port = localPort === undefined ? 0 : parsePort(localPort, 0, 'localPort');
  let host: Host | undefined;
  if (localAddress !== undefined) {
    host = parseHost(localAddress, 'localAddress');
    if (host.family !== family) throw invalidValue('localAddress', localAddress, 'is not of the family of host');
  }
  return {
    ...(host !== undefined && { localAddress: host.text }),
    ...(port !== 0 && { localPort: port }),
  };
}

/**
 * The socket knows its namespace, so Node connects it as any other. `host` is an address: for a name Node would try
 * one after the other, with sockets that it opens itself.
 */
function connection(socket: Socket, options: TcpSocketConnectOpts): Effect<Socket> {
  return {
    now: () => socket.connect(options),
    later(waiting) {
      const settled = (): void => {
        socket.off('connect', connected).off('error', failed).off('close', closed);
      };
      const connected = (): void => {
        settled();
        waiting.done(socket);
      };
      const failed = (error: Error): void => {
        settled();
        waiting.failed(error);
      };
      // Withdrawn.
      const closed = (): void => failed(new Error('closed'));
      socket.on('connect', connected).on('error', failed).on('close', closed);
      socket.connect(options);
    },
    withdraw() {
      socket.destroy();
      return true;
    },
  };
}
