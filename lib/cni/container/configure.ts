/** What a container's link gets by the result: its addresses and routes. */

import { pause } from '../../pause.js';
import {
  addAddress,
  getSysctl,
  type Link,
  listAddresses,
  type Netns,
  prependRoute,
  setLink,
  setSysctl,
} from '../../sync.js';
import { now } from '../clock.js';
import { CniError } from '../protocol/error.js';
import { type IpConfig, isV4, type Result, type ResultRoute } from '../protocol/result.js';

/** How long duplicate address detection may take; longer, and the container starts without. */
const SETTLE_TIMEOUT = 10_000;

/** Brings the link up with the addresses of a result. */
export function addAddresses(netns: Netns, link: Link, ips: readonly IpConfig[]): void {
  if (ips.some(({ address }) => !isV4(address))) enableIpv6(netns, link.name);
  // Addresses come first: with arp_notify, the kernel tells the others of them when the link comes up.
  for (const { address } of ips) addAddress(link, addressSpec(address));
  setLink(link, { up: true });
  // A TAP has no carrier before a program of the container opens it, and without one detection does not begin.
  if (link.kind !== 'tun' && gatewayOf(ips, false) !== undefined) settleAddresses(netns, link);
}

/** Adds the routes of a result. Those that say no gateway take that of their family. */
export function addRoutes(link: Link, { ips, routes }: Result): void {
  for (const route of routes) prependRoute(routeSpec(link, route, route.gw ?? gatewayOf(ips, isV4(route.dst))));
}

/** The first gateway of a family. */
const gatewayOf = (ips: readonly IpConfig[], v4: boolean): string | undefined =>
  ips.find(({ gateway }) => gateway !== undefined && isV4(gateway) === v4)?.gateway;

/** An address with its broadcast address, as ifconfig(8) always had it. */
export const addressSpec = (address: string) =>
  isV4(address) && Number(address.split('/')[1]) < 31 ? { address, broadcast: true as const } : { address };

function routeSpec(link: Link, { dst, mtu, advmss, priority, table, scope }: ResultRoute, via: string | undefined) {
  return {
    to: dst,
    link,
    ...(via !== undefined && { via }),
    // Where the result says nothing, `global`, also without a gateway.
    ...(isV4(dst) && { scope: scope ?? ('global' as const) }),
    mtu: mtu || undefined,
    advmss: advmss || undefined,
    metric: priority,
    table,
  } as const;
}

/** Containers often start with IPv6 switched off; where an address is asked for, it is meant to be on. */
function enableIpv6(netns: Netns, name: string): void {
  for (const link of ['lo', name]) {
    const parameter = `net/ipv6/conf/${link}/disable_ipv6`;
    try {
      if (getSysctl(parameter, { netns }) === '0') continue;
    } catch {
      // A kernel without IPv6 says so when the address is added.
      continue;
    }
    setSysctl(parameter, 0, { netns });
  }
}

/** Waits until duplicate address detection is over: routes by an address that may not be used yet would be refused. */
function settleAddresses(netns: Netns, link: Link): void {
  const end = now() + SETTLE_TIMEOUT;
  for (;;) {
    const addresses = listAddresses({ netns, link, family: 'inet6' });
    const failed = addresses.find(({ flags }) => flags.includes('dadfailed'));
    if (failed !== undefined) throw new CniError('addresses', `${failed.address} is in use by another host`);
    if (!addresses.some(({ flags }) => flags.includes('tentative')) || now() > end) return;
    pause(20).now();
  }
}

/** Sets a parameter that not every kernel has. */
export function setSysctlIfThere(name: string, value: number, netns?: Netns): void {
  try {
    setSysctl(name, value, { netns });
  } catch {
    // Without IPv6, say, there is nothing to set.
  }
}
