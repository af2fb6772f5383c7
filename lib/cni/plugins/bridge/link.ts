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
 * another, `force` replaces it.
 */
export function ensureAddress(bridge: Link, address: string, force: boolean): void {
  const wanted = parsePrefix(address);
  const family = wanted.bytes.length === 4 ? 'inet' : 'inet6';
  for (const other of listAddresses({ link: bridge, family })) {
    const bytes = parsePrefix(other.address).bytes;
    if (isSameIp(bytes, wanted.bytes) && other.prefixLength === wanted.length) return;
    const length = Math.min(wanted.length, other.prefixLength);
    if (family === 'inet6' && !isSameIp(masked(bytes, length), masked(wanted.bytes, length))) continue;
    if (!force)
      throw new CniError(
        'config',
        `${bridge.name} already has an IP address different from ${address}: ${other.address}/${other.prefixLength} (forceAddress replaces it)`,
      );
    deleteAddress(bridge, other, { ifExists: true });
  }
  try {
    addAddress(bridge, addressSpec(address));
  } catch (error) {
    if (!(error instanceof NetlinkError) || error.code !== 'EEXIST') throw error;
  }
  // A bridge takes the lowest MAC of its ports, until it is given one: with each port that comes or goes, the address of
  // the gateway would be that of another MAC. Read again: one that has lost all its ports has no MAC, until it gets another.
  setLink(bridge, { mac: getLink(bridge).mac });
}
