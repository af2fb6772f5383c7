/**
 * The bridge itself. It belongs to all containers of the network: it is made by the first, and stays after the last, also
 * where the ADD that made it fails, since another may use it by then.
 */
import { isSameIp, masked, parsePrefix } from '../../../addressing/ip.js';
import {
  addAddress,
  createBridge,
  deleteAddress,
  getLink,
  type Link,
  listAddresses,
  listLinks,
  NetlinkError,
  setLink,
} from '../../../sync.js';
import { addressSpec, setSysctlIfThere } from '../../container/configure.js';
import { findLink } from '../../container/expected.js';
import { CniError } from '../../protocol/error.js';
import type { BridgeConfig } from './config.js';

/** The bridge, made where it is missing, up. */
export function ensureBridge({ bridge: name, mtu, promiscuous, vlan, trunk }: BridgeConfig): Link {
  const bridge = findLink(name) ?? makeBridge(name, mtu, vlan !== undefined || trunk.length > 0);
  if (bridge.kind !== 'bridge') throw new CniError('config', `${name} already exists but is not a bridge`);
  if (bridge.up && !(promiscuous && !bridge.flags.includes('promiscuous'))) return bridge;
  // Routes of this link are the plugin's.
  setSysctlIfThere(`net/ipv6/conf/${name}/accept_ra`, 0);
  return setLink(bridge, { up: true, ...(promiscuous && { promiscuous }) });
}

function makeBridge(name: string, mtu: number | undefined, filters: boolean): Link {
  try {
    return createBridge({ name, mtu, ...(filters && { vlanFiltering: true }) });
  } catch (error) {
    // Another container of the network was faster.
    if (error instanceof NetlinkError && error.code === 'EEXIST') return getLink(name);
    throw error;
  }
}

/**
 * Gives the bridge the address of a gateway. A bridge has one of IPv4, and of IPv6 one of each subnet: where there is
 * another, `force` replaces it. `gateway` is the bridge, or its link in a VLAN.
 */
export function ensureAddress(gateway: Link, bridge: Link, address: string, force: boolean): void {
  const wanted = parsePrefix(address);
  const family = wanted.bytes.length === 4 ? 'inet' : 'inet6';
  for (const other of listAddresses({ link: gateway, family })) {
    const bytes = parsePrefix(other.address).bytes;
    if (isSameIp(bytes, wanted.bytes) && other.prefixLength === wanted.length) return;
    const length = Math.min(wanted.length, other.prefixLength);
    if (family === 'inet6' && !isSameIp(masked(bytes, length), masked(wanted.bytes, length))) continue;
    if (!force)
      throw new CniError(
        'config',
        `${gateway.name} already has an IP address different from ${address}: ${other.address}/${other.prefixLength} (forceAddress replaces it)`,
      );
    deleteAddress(gateway, other, { ifExists: true });
  }
  try {
    addAddress(gateway, {
      ...addressSpec(address),
      ...(family === 'inet6' && !leadsOutside(bridge) && { flags: ['nodad'] }),
    });
  } catch (error) {
    if (!(error instanceof NetlinkError) || error.code !== 'EEXIST') throw error;
  }
  // A bridge takes the lowest MAC of its ports, until it is given one: with each port that comes or goes, the address of
  // the gateway would be that of another MAC. Read again: one that has lost all its ports has no MAC, until it gets another.
  setLink(gateway, { mac: getLink(gateway).mac });
}

/**
 * Whether others than containers are behind the bridge, who may have the address of the gateway. Only there is detection
 * of duplicates (DAD) of use: for a second or two the address cannot be used, nor the host reached by it, which ADD
 * would have to wait for. That of a container comes from IPAM, which gives nobody the gateway's.
 */
const leadsOutside = (bridge: Link): boolean => listLinks({ master: bridge }).some(({ kind }) => kind !== 'veth');
