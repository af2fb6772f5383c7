/** What a bridge that is the containers' gateway adds to what IPAM gives. Pure. */
import { formatIp, masked, nextIp, parsePrefix } from '../../../addressing/ip.js';
import { type IpConfig, isV4, type Result, type ResultRoute } from '../../protocol/result.js';

/** The result with the gateways and default routes that it lacks. `place` is that of the container's link. */
export function completeResult(
  result: Result,
  { isGateway, isDefaultGateway }: { readonly isGateway: boolean; readonly isDefaultGateway: boolean },
  place: number,
): Result {
  const ips = result.ips.map((ip) => ({
    ...ip,
    gateway: ip.gateway ?? (isGateway ? firstAddress(ip.address) : undefined),
    interface: place,
  }));
  return { ...result, ips, routes: isDefaultGateway ? withDefaults(result.routes, ips) : result.routes };
}

function withDefaults(routes: readonly ResultRoute[], ips: readonly IpConfig[]): ResultRoute[] {
  const all = [...routes];
  for (const { address, gateway } of ips) {
    const v4 = isV4(address);
    if (all.some(({ dst }) => isV4(dst) === v4 && parsePrefix(dst).length === 0)) continue;
    all.push({ dst: v4 ? '0.0.0.0/0' : '::/0', gw: gateway });
  }
  return all;
}

/** The addresses of the bridge, each with the length of its subnet. */
export const bridgeAddresses = (ips: readonly IpConfig[]): string[] => [
  ...new Set(
    ips.flatMap(({ address, gateway }) => (gateway === undefined ? [] : `${gateway}/${address.split('/')[1]}`)),
  ),
];

function firstAddress(address: string): string {
  const { bytes, length } = parsePrefix(address);
  return formatIp(nextIp(masked(bytes, length)));
}
