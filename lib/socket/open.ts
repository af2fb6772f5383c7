/**
 * Sockets that are opened inside a namespace and used from outside. A socket stays in the namespace where it was opened,
 * whichever thread holds it, so one event loop can serve as many namespaces as there are: `openSocket`.
 */
import { AF_INET, AF_INET6, familyNumber, type IpFamily } from '../addressing/ip.js';
import { invalidValue, wrongType } from '../errors.js';
import type { Handle } from '../native/handle.js';
import { native } from '../native/load.js';
import { checkInteger } from '../netlink/codec.js';
import { descriptorOf, givenNetns, type Netns } from '../netns/netns.js';
import { both, type CallOptions, call, type Operation, perform } from '../operation.js';
import { endpointText, type Host, parseHost, parsePort, scopeOf } from './endpoint.js';

/** SOCK_* (socket(2)). */
const TYPES = { stream: 1, dgram: 2, raw: 3, seqpacket: 5 } as const;

/** As of socket(2). */
export type SocketType = keyof typeof TYPES;

/** What of `bind(2)` may be said; the names are Node's. */
export interface BindOptions extends CallOptions {
  /** 0 if absent: the kernel chooses one. */
  readonly port?: number | undefined;
  /** SO_REUSEADDR. Where absent, true for 'stream', as in Node: ports of connections that were closed are free at once. */
  readonly reuseAddr?: boolean | undefined;
  /** SO_REUSEPORT: other sockets may have the same address and port, and the kernel spreads the load. */
  readonly reusePort?: boolean | undefined;
  /** An IPv6 socket takes no IPv4. false if absent, whatever the sysctl net.ipv6.bindv6only says. */
  readonly ipv6Only?: boolean | undefined;
}

export interface OpenSocketOptions extends BindOptions {
  /** That of `address` if absent; 'inet' without one. */
  readonly family?: 'inet' | 'inet6' | undefined;
  /** 'stream' (TCP) if absent. */
  readonly type?: SocketType | undefined;
  /** IPPROTO_*: 0 if absent, which is TCP or UDP; `raw` needs one (1: ICMP). 132 is SCTP, 262 MPTCP. */
  readonly protocol?: number | undefined;
  /** An IP address that the socket is bound to: `10.0.0.1`, `::`, `fe80::1%eth0`. All of its family if only `port` is given. */
  readonly address?: string | undefined;
  /** The socket listens (listen(2)), with room for so many connections that wait to be accepted. */
  readonly backlog?: number | undefined;
}

const OPTIONS = {
  family: true,
  type: true,
  protocol: true,
  address: true,
  port: true,
  reuseAddr: true,
  reusePort: true,
  ipv6Only: true,
  backlog: true,
} as const;

/**
 * Opens a socket inside a namespace and gives its descriptor (nonblocking, closed on exec), which is the caller's to
 * close. `net.Socket`, `server.listen({ fd })` and `socket.bind({ fd })` of node:dgram take one over; for those
 * `connect`, `listen` and `bindDgram` do it all. A closed `netns` does not close it: the namespace lives as long as its
 * sockets.
 *
 * socket(2), bind(2) and listen(2), inside `ip netns exec NAME`
 *
 *     const fd = await openSocket(netns, { type: 'dgram', address: '10.0.0.1', port: 5353 });
 *
 * @throws EADDRINUSE, EADDRNOTAVAIL where no link of the namespace has the address, EACCES for a low port without
 *   CAP_NET_BIND_SERVICE, EPERM for `raw` without CAP_NET_RAW.
 */
export const openSocket = call(
  'openSocket',
  OPTIONS,
  function* (netns: Netns, options: OpenSocketOptions = {}): Operation<number> {
    return (yield* openHandle(givenNetns(netns), wantedOf(options))).release();
  },
);

/** A socket to open, checked. */
export interface WantedSocket {
  readonly family: IpFamily;
  readonly type: SocketType;
  readonly protocol?: number;
  /** Undefined: it is not bound. */
  readonly host?: Host | undefined;
  readonly port?: number;
  readonly flags?: number;
  readonly backlog?: number | undefined;
  /** Index of the link that it sends through. */
  readonly device?: number;
}

const ANY: Readonly<Record<IpFamily, string>> = { [AF_INET]: '0.0.0.0', [AF_INET6]: '::' };

function wantedOf(options: OpenSocketOptions): WantedSocket {
  const { type = 'stream', protocol = 0, backlog } = options;
  if (!Object.hasOwn(TYPES, type)) throw invalidValue('type', type, `is none of ${Object.keys(TYPES).join(', ')}`);
  checkInteger(protocol, 0, 0xffff, 'protocol');
  if (type === 'raw' && protocol === 0) throw invalidValue('type', type, 'needs a protocol');
  if (backlog !== undefined) {
    checkBacklog(backlog);
    if (type !== 'stream' && type !== 'seqpacket')
      throw invalidValue('backlog', backlog, `is for sockets that listen; those of type '${type}' do not`);
  }
  const bound = options.address !== undefined || options.port !== undefined;
  const given = options.family === undefined ? undefined : familyNumber(options.family);
  const host = bound ? parseHost(options.address ?? ANY[given ?? AF_INET], 'address') : undefined;
  const family = given ?? host?.family ?? AF_INET;
  if (host !== undefined && host.family !== family)
    throw invalidValue('address', options.address, `is not of family '${options.family}'`);
  const port = parsePort(options.port ?? 0);
  if (type === 'raw' && port !== 0) throw invalidValue('port', port, "is none for type 'raw', which has no ports");
  return { family, type, protocol, host, port, flags: flagsOf(options, family, type), backlog };
}

export function checkBacklog(backlog: unknown, least = 0): asserts backlog is number {
  checkInteger(backlog, least, 0x7fffffff, 'backlog');
}

export function flagsOf(options: BindOptions, family: IpFamily, type: SocketType): number {
  const { reuseAddr = type === 'stream', reusePort = false, ipv6Only = false } = options;
  for (const [name, value] of Object.entries({ reuseAddr, reusePort, ipv6Only }))
    if (typeof value !== 'boolean') throw wrongType(name, 'true or false', value);
  if (ipv6Only && family !== AF_INET6) throw invalidValue('ipv6Only', ipv6Only, 'is for IPv6 sockets');
  return (reuseAddr ? 1 : 0) | (reusePort ? 2 : 0) | (family !== AF_INET6 ? 0 : ipv6Only ? 4 : 8);
}

/** The socket, owned by a handle until somebody takes it over. */
export function* openHandle(netns: Netns, wanted: WantedSocket): Operation<Handle> {
  const { host, port = 0, type, family, protocol = 0, flags = 0, backlog = -1, device = 0 } = wanted;
  const fd = descriptorOf(netns);
  const scope = host === undefined ? 0 : yield* scopeOf(host, netns, 'address');
  const options = { family, type: TYPES[type], protocol, flags, backlog, port, scope, device };
  const bytes = host?.bytes ?? new Uint8Array();
  try {
    return yield* perform(
      both(
        () => native.openSocket(fd, options, bytes),
        () => native.openSocketAsync(fd, options, bytes),
        closeIt,
      ),
    );
  } catch (error) {
    throw host === undefined ? error : explain(error, host, port);
  }
}

// biome-ignore lint/correctness/useYield: an undo is an operation, also where it has nothing to wait for
function* closeIt(handle: Handle): Operation<void> {
  handle.close();
}

const HINTS: Readonly<Record<string, string>> = {
  EADDRNOTAVAIL: 'no link of the namespace has that address',
  EACCES: 'a port below the sysctl net.ipv4.ip_unprivileged_port_start needs CAP_NET_BIND_SERVICE in the namespace',
};

/** Says where the socket was to be bound, as Node does: in the message, and as `address` and `port`. */
function explain(error: unknown, host: Host, port: number): unknown {
  if (!(error instanceof Error && 'syscall' in error && 'code' in error)) return error;
  if (error.syscall !== 'bind' && error.syscall !== 'listen') return error;
  const hint = HINTS[String(error.code)];
  error.message += ` ${endpointText(host, port)}${hint === undefined ? '' : `; ${hint}`}`;
  return Object.assign(error, { address: host.text, port });
}
