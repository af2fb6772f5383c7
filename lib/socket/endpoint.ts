/** Where a socket is bound, listens or connects to: an IP address and a port, as options have them. */
import type { AddressInfo } from 'node:net';
import { AF_INET6, familyOf, type IpFamily, parseIp } from '../addressing/ip.js';
import { invalidValue, wrongType } from '../errors.js';
import { checkInteger } from '../netlink/codec.js';
import type { Netns } from '../netns/netns.js';
import type { Operation } from '../operation.js';
import { getLink, isGone } from '../rtnetlink/link/find.js';

export interface Host {
  readonly family: IpFamily;
  readonly bytes: Uint8Array;
  /** Without its zone. */
  readonly text: string;
  /** The link that a link-local IPv6 address is of, by name or index: what stands behind the '%'. */
  readonly zone: string | undefined;
}

/** An address, never a name: which namespace should look it up? */
export function parseHost(host: unknown, field: string): Host {
  if (typeof host !== 'string') throw wrongType(field, 'an IP address as a string', host);
  const percent = host.indexOf('%');
  const zone = percent < 0 ? undefined : host.slice(percent + 1);
  const text = percent < 0 ? host : host.slice(0, percent);
  const bytes = parseIp(text, field, host);
  const family = familyOf(bytes);
  if (zone === '' || (zone !== undefined && family !== AF_INET6)) throw invalidValue(field, host, 'is no IP address');
  if (zone === undefined && bytes[0] === 0xfe && ((bytes[1] ?? 0) & 0xc0) === 0x80 && family === AF_INET6)
    throw invalidValue(field, host, `is link-local and needs its link: ${text}%eth0`);
  return { family, bytes, text, zone };
}

export function parsePort(port: unknown, least = 0, field = 'port'): number {
  checkInteger(port, least, 65535, field);
  return port;
}

/** The index of the link that a zone names, in the namespace; 0 without one. */
export function* scopeOf({ zone, text }: Host, netns: Netns, field: string): Operation<number> {
  if (zone === undefined) return 0;
  try {
    return (yield* getLink.steps(/^\d{1,9}$/.test(zone) ? Number(zone) : zone, { netns })).index;
  } catch (error) {
    throw isGone(error)
      ? invalidValue(field, `${text}%${zone}`, 'names a link that the namespace does not have')
      : error;
  }
}

/** `10.0.0.1:80`, `[::1]:80`: as errors name it. */
export const endpointText = ({ family, text }: Host, port: number): string =>
  family === AF_INET6 ? `[${text}]:${port}` : `${text}:${port}`;

/**
 * Where a socket is bound, as its own `address()` tells it: but not of a link-local address, where Node looks for the
 * link in the namespace of this thread, and throws, or names another link.
 */
export const boundAt = (host: Host, port: number, tell: () => AddressInfo): AddressInfo =>
  host.zone === undefined ? tell() : { address: `${host.text}%${host.zone}`, family: 'IPv6', port };

/** A port that can be told. */
export function checkBoundPort(host: Host, port: number): void {
  if (host.zone !== undefined && port === 0)
    throw invalidValue('port', port, 'must be chosen with a link-local address: Node could not tell which one it got');
}
