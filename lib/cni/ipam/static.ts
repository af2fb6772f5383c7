/** static: addresses that the configuration, or the runtime, says. Keeps nothing. */
import { formatIp, isSameIp, masked, parseIp, parsePrefix } from '../../addressing/ip.js';
import { checkArguments } from '../protocol/arguments.js';
import { CniError } from '../protocol/error.js';
import { checkPrefix, unmapped } from '../protocol/fields.js';
import type { Invocation, Plugin } from '../protocol/plugin.js';
import { EMPTY_RESULT, type IpConfig, isV4, readDns, readRoutes } from '../protocol/result.js';
import { isSince } from '../protocol/version.js';
import { KNOWN_ARGUMENTS } from './arguments.js';

export const staticIpam: Plugin = {
  add(call) {
    const fields = call.config.ipam?.fields;
    if (fields === undefined) throw new CniError('config', "IPAM config missing 'ipam' key");
    return {
      ...EMPTY_RESULT,
      ips: addressesOf(call),
      routes: readRoutes(fields) ?? [],
      dns: readDns(fields.fields('dns')),
    };
  },

  del() {},

  check(call) {
    const found = call.config.prevResult?.ips ?? [];
    for (const { address, gateway } of addressesOf(call)) {
      const same = found.find((ip) => ip.address === address);
      if (same === undefined) throw new CniError('changed', `static: failed to find address ${address} in prevResult`);
      if (gateway !== undefined && same.gateway !== gateway)
        throw new CniError('changed', `static: gateway of ${address} is ${same.gateway}, not ${gateway}`);
    }
  },

  status(call) {
    addressesOf(call);
  },
};

/** What the runtime asks for replaces what the configuration says; CNI_ARGS add to that. */
function addressesOf({ config, args }: Invocation): IpConfig[] {
  checkArguments(args, KNOWN_ARGUMENTS);
  let ips: IpConfig[] =
    config.ipam?.fields.objects('addresses', (entry) => {
      const address = entry.prefix('address');
      if (address === undefined) throw new CniError('config', `${entry.place('address')} is missing`);
      const gateway = entry.ip('gateway');
      return { address: normal(address), gateway: gateway && formatIp(gateway) };
    }) ?? [];
  ips.push(...listed(args.get('IP')).map((text) => ({ address: normal(checkPrefix(text, 'IP of CNI_ARGS')) })));
  for (const text of listed(args.get('GATEWAY'))) {
    const gateway = unmapped(parseIp(text, 'GATEWAY of CNI_ARGS'));
    ips = ips.map((ip) => (isInSubnet(gateway, ip.address) ? { ...ip, gateway: formatIp(gateway) } : ip));
  }
  for (const [place, texts] of [
    ['args.cni.ips', config.args?.texts('ips')],
    ['runtimeConfig.ips', config.runtimeConfig?.texts('ips')],
  ] as const) {
    if (texts !== undefined && texts.length > 0)
      ips = texts.map((text) => ({ address: normal(checkPrefix(text, place)) }));
  }
  if (
    !isSince(config.cniVersion, '0.3.0') &&
    [true, false].some((v4) => ips.filter((ip) => isV4(ip.address) === v4).length > 1)
  )
    throw new CniError('config', 'versions below 0.3.0 do not support more than 1 address per family');
  return ips;
}

const listed = (text: string | undefined): string[] =>
  text === undefined || text === '' ? [] : text.split(',').map((item) => item.trim());

function normal(text: string): string {
  const { bytes, length } = parsePrefix(text);
  return `${formatIp(bytes)}/${length}`;
}

function isInSubnet(address: Uint8Array, subnet: string): boolean {
  const { bytes, length } = parsePrefix(subnet);
  return bytes.length === address.length && isSameIp(masked(bytes, length), masked(address, length));
}
