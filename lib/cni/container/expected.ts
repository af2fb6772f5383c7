/** CHECK: what ADD told of a container against what is there. Later plugins of a chain may have added to it. */
import { formatIp, parseIp, parsePrefix } from '../../addressing/ip.js';
import { getLink, type Link, type LinkRef, listAddresses, listRoutes, NetlinkError, type Netns } from '../../sync.js';
import { CniError } from '../protocol/error.js';
import type { Invocation } from '../protocol/plugin.js';
import { type Interface, isV4, type Result } from '../protocol/result.js';

const changed = (problem: string): CniError => new CniError('changed', problem);

/** The result of ADD, which the runtime gives back. */
export const prevResultOf = ({ config }: Invocation): Result => config.prevResult as Result;

/** A link that a result tells of: of that kind, and with that MAC. */
export function expectLink({ name, mac }: Interface, kind: string | undefined, netns?: Netns): Link {
  const link = findLink(name, netns);
  if (link === undefined) throw changed(`interface ${name} is not there`);
  if (kind !== undefined && link.kind !== kind) throw changed(`interface ${name} is no ${kind} (${link.kind})`);
  if (mac !== undefined && mac !== '' && mac.toLowerCase() !== link.mac)
    throw changed(`interface ${name}: MAC is ${link.mac}, not ${mac}`);
  return link;
}

/** The container's link in a result. */
export function containerInterface(call: Invocation): Interface {
  const found = prevResultOf(call).interfaces.find(
    ({ name, sandbox }) => name === call.ifname && sandbox === call.netns,
  );
  if (found === undefined) throw changed(`prevResult has no interface ${call.ifname} in ${call.netns}`);
  return found;
}

/** The addresses that a result gives to a link. */
export function expectAddresses(link: Link, { interfaces, ips }: Result): void {
  const there = listAddresses({ link }).map(({ address, prefixLength }) => `${address}/${prefixLength}`);
  for (const { address, interface: place } of ips) {
    if (place !== undefined && interfaces[place]?.name !== link.name) continue;
    const { bytes, length } = parsePrefix(address);
    if (!there.includes(`${formatIp(bytes)}/${length}`))
      throw changed(`interface ${link.name} does not have ${address}`);
  }
}

/** The routes that a result tells of. */
export function expectRoutes(netns: Netns, { routes }: Result): void {
  for (const { dst, gw, table } of routes) {
    const family = isV4(dst) ? 'inet' : 'inet6';
    const { bytes, length } = parsePrefix(dst);
    const to = length === 0 ? 'default' : `${formatIp(bytes)}/${length}`;
    const found = listRoutes({ netns, family, ...(table !== undefined && { table }) }).filter(
      (route) => route.to === to,
    );
    // As the kernel's routes are told: results have it as somebody wrote it.
    const gateway = gw && formatIp(parseIp(gw));
    // A later plugin may have put another default route in place of this one.
    const wanted = gateway === undefined || to === 'default' ? found : found.filter(({ via }) => via === gateway);
    if (wanted.length === 0) throw changed(`route ${dst}${gw === undefined ? '' : ` via ${gw}`} is not there`);
  }
}

export function findLink(ref: LinkRef, netns?: Netns): Link | undefined {
  try {
    return getLink(ref, { netns });
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'ENODEV') return undefined;
    throw error;
  }
}
