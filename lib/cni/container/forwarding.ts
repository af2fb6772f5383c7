/** Packets between containers and the rest pass through the host. */
import { getSysctl, setSysctl } from '../../sync.js';
import { type IpConfig, isV4 } from '../protocol/result.js';

const FORWARDING = { v4: 'net/ipv4/ip_forward', v6: 'net/ipv6/conf/all/forwarding' } as const;

/** Lets the host forward packets of the families that these addresses have. */
export function enableForwarding(ips: readonly IpConfig[]): void {
  for (const v4 of [true, false]) {
    if (!ips.some(({ address }) => isV4(address) === v4)) continue;
    const parameter = FORWARDING[v4 ? 'v4' : 'v6'];
    // Writing what is there already would reset other parameters (inet_forward_change).
    if (getSysctl(parameter) !== '1') setSysctl(parameter, 1);
  }
}
