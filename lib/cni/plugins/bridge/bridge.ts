/** bridge: a container's link is the one end of a pair, whose other end is a port of a bridge of the host. */

import { pause } from '../../../pause.js';
import { createVeth, getLink, type Link, type Netns, setLink } from '../../../sync.js';
import { now } from '../../clock.js';
import { announce, enableAnnouncements } from '../../container/announce.js';
import { addAddresses, addRoutes, setSysctlIfThere } from '../../container/configure.js';
import {
  containerInterface,
  expectAddresses,
  expectLink,
  expectRoutes,
  prevResultOf,
} from '../../container/expected.js';
import { enableForwarding } from '../../container/forwarding.js';
import { collectMasquerades, expectMasquerade, masquerade, removeMasquerade } from '../../container/masquerade.js';
import { findContainer, openContainer } from '../../container/netns.js';
import { expectNftables } from '../../container/nftables.js';
import { told } from '../../container/told.js';
import { collectVeths, hostEnd, removeVeth } from '../../container/veth.js';
import { allocateAddresses, ipamOf } from '../../ipam/ipam.js';
import { CniError } from '../../protocol/error.js';
import type { Invocation, Plugin } from '../../protocol/plugin.js';
import { EMPTY_RESULT, type Result, saysDns } from '../../protocol/result.js';
import { withRollback } from '../../rollback.js';
import { type BridgeConfig, readBridge } from './config.js';
import { bridgeAddresses, completeResult } from './gateways.js';
import { ensureAddress, ensureBridge } from './link.js';
import { ensureGatewayLink, setPortVlans } from './vlan.js';

/** Place of the container's link in the result. */
const CONTAINER = 2;

/** How long a port may take to become one that forwards, in milliseconds. */
const PORT_TIMEOUT = 2_500;

export const bridge: Plugin = {
  add(call) {
    const options = readBridge(call);
    const netns = openContainer(call);
    const ipam = ipamOf(call);
    return withRollback((undo) => {
      const given = ipam === undefined ? EMPTY_RESULT : allocateAddresses(ipam, call, undo);
      const result = completeResult(given, options, CONTAINER);
      const bridge = ensureBridge(options);
      const [container, port] = makeVeth(call, options, bridge, netns);
      // Not before: where there is such a link already, it is somebody else's.
      undo(() => removeVeth(call, netns));
      setPortVlans(port, bridge, options);
      const gateway = options.isGateway && ipam !== undefined ? ensureGatewayLink(bridge, options) : bridge;
      if (options.isGateway)
        for (const address of bridgeAddresses(result.ips))
          ensureAddress(gateway, bridge, address, options.forceAddress);
      if (ipam !== undefined) configure(netns, container, result, options);
      else if (options.containerUp) setLink(container, { up: true });
      if (options.isGateway) enableForwarding(result.ips);
      if (options.ipMasq && ipam !== undefined) masquerade(call, result.ips, undo);
      if (options.containerUp) waitForPort(port);
      if (ipam !== undefined) announce(container);
      const { dns } = call.config;
      return {
        ...result,
        // Read again: the MAC of a bridge may have become that of the new port.
        interfaces: [
          told(getLink(bridge)),
          told(getLink(port)),
          told(getLink(container), call.netns),
          ...(gateway === bridge ? [] : [told(gateway)]),
        ],
        dns: saysDns(dns) ? dns : result.dns,
      };
    });
  },

  del(call) {
    removeVeth(call, findContainer(call));
    // Afterwards: nobody else may be given the address while it is in use.
    ipamOf(call)?.del(call);
    removeMasquerade(call);
  },

  check(call) {
    const { bridge: name, promiscuous, ipMasq } = readBridge(call);
    const netns = openContainer(call);
    ipamOf(call)?.check(call);
    const result = prevResultOf(call);
    const told = result.interfaces.find((one) => one.name === name && !one.sandbox);
    const bridge = expectLink(told ?? { name }, 'bridge');
    if (bridge.flags.includes('promiscuous') !== promiscuous)
      throw new CniError('changed', `bridge ${name}: promiscMode is ${!promiscuous}, not ${promiscuous}`);
    const container = expectLink(containerInterface(call), 'veth', netns);
    expectPort(result, container, bridge);
    expectAddresses(container, result);
    expectRoutes(netns, result);
    if (ipMasq) expectMasquerade(call, result.ips);
  },

  gc(call) {
    collectVeths(call);
    ipamOf(call)?.gc?.(call);
    collectMasquerades(call);
  },

  status(call) {
    if (readBridge(call).ipMasq) expectNftables();
    ipamOf(call)?.status?.(call);
  },
};

/** The pair, each end straight in its place. The port is up, the container's end not yet. */
function makeVeth(call: Invocation, options: BridgeConfig, bridge: Link, netns: Netns): [Link, Link] {
  const { mtu, mac, hairpin, portIsolation } = options;
  return createVeth({
    name: call.ifname,
    netns,
    mtu,
    mac,
    peer: {
      ...hostEnd(call),
      mtu,
      master: bridge,
      up: true,
      bridgePort: { hairpin, ...(portIsolation && { isolated: true }) },
    },
  });
}

function configure(netns: Netns, container: Link, result: Result, { enableDad }: BridgeConfig): void {
  const parameters = `net/ipv6/conf/${container.name}`;
  if (enableDad) setSysctlIfThere(`${parameters}/enhanced_dad`, 1, netns);
  setSysctlIfThere(`${parameters}/accept_dad`, enableDad ? 1 : 0, netns);
  enableAnnouncements(netns, container.name);
  addAddresses(netns, container, result.ips);
  addRoutes(container, result);
}

/** The bridge learns by a notice, somewhat later, that its port has a carrier; before, nothing goes through. */
function waitForPort(port: Link): void {
  const end = now() + PORT_TIMEOUT;
  for (let milliseconds = 1; ; milliseconds = Math.min(milliseconds * 2, 50)) {
    const { operState } = getLink(port);
    if (operState === 'up') return;
    if (now() > end) throw new CniError('kernel', `bridge port in error state: ${operState}`);
    pause(milliseconds).now();
  }
}

/** The result's link of the host that is the container's other end, and a port of the bridge. */
function expectPort({ interfaces }: Result, container: Link, bridge: Link): void {
  const host = interfaces.filter(({ name, sandbox }) => !sandbox && name !== bridge.name);
  for (const told of host) {
    const port = expectLink(told, undefined);
    if (port.kind === 'veth' && port.index === container.parent && port.master === bridge.index) return;
  }
  throw new CniError('changed', `no port of bridge ${bridge.name} is the other end of ${container.name}`);
}
