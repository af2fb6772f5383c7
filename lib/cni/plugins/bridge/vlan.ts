/** VLANs of the bridge plugin: which of them a container's port belongs to, and the gateway in one. */
import {
  addBridgeVlan,
  createVeth,
  currentNetns,
  deleteBridgeVlan,
  isKind,
  type Link,
  NetlinkError,
} from '../../../sync.js';
import { findLink } from '../../container/expected.js';
import { CniError } from '../../protocol/error.js';
import type { BridgeConfig } from './config.js';

/** Puts a port into its VLANs. */
export function setPortVlans(port: Link, bridge: Link, options: BridgeConfig): void {
  const { vlan, trunk, keepsDefaultVlan } = options;
  if (vlan === undefined && trunk.length === 0) return;
  const given = isKind(bridge, 'bridge') ? bridge.data.vlanDefaultPvid : undefined;
  if (!keepsDefaultVlan && given) deleteBridgeVlan(port, { vid: given }, { ifExists: true });
  if (vlan !== undefined) addBridgeVlan(port, { vid: vlan, pvid: true, untagged: true });
  for (const { vid, end } of trunk) addBridgeVlan(port, end === vid ? { vid } : { vid, end });
}

/**
 * The link of the host that has the gateway's address: the bridge, or where there is a VLAN a pair, one end of which is a
 * port in it. All containers of the VLAN share it, as they do the bridge.
 */
export function ensureGatewayLink(bridge: Link, options: BridgeConfig): Link {
  const { vlan, mtu } = options;
  if (vlan === undefined) return bridge;
  const name = `${bridge.name}.${vlan}`;
  const known = findLink(name);
  if (known !== undefined) return known;
  const peer = portName(bridge, vlan);
  try {
    const [gateway, port] = createVeth({
      name,
      mtu: mtu ?? bridge.mtu,
      up: true,
      peer: { name: peer, netns: currentNetns(), mtu: mtu ?? bridge.mtu, master: bridge, up: true },
    });
    setPortVlans(port, bridge, options);
    return gateway;
  } catch (error) {
    // Another container of the VLAN was faster.
    if (!(error instanceof NetlinkError) || error.code !== 'EEXIST') throw error;
    const other = findLink(name);
    if (other === undefined) throw new CniError('kernel', error.message);
    return other;
  }
}

const portName = ({ index }: Link, vlan: number): string => `vethg${index.toString(36)}v${vlan}`.slice(0, 15);
