/**
 * ptp: a container's link is a cable to the host, which routes between its containers. All a container reaches it
 * reaches by the host: the route to its own subnet goes by the gateway, and to the gateway leads one of its own.
 */
import { formatIp, masked, parseIp, parsePrefix } from '../../addressing/ip.js';
import {
  addAddress,
  addRoute,
  createVeth,
  deleteRoute,
  getLink,
  type Link,
  NetlinkError,
  type Netns,
} from '../../sync.js';
import { addAddresses, addRoutes, setSysctlIfThere } from '../container/configure.js';
import { containerInterface, expectAddresses, expectLink, expectRoutes, prevResultOf } from '../container/expected.js';
import { enableForwarding } from '../container/forwarding.js';
import { collectMasquerades, expectMasquerade, masquerade, removeMasquerade } from '../container/masquerade.js';
import { findContainer, openContainer } from '../container/netns.js';
import { expectNftables } from '../container/nftables.js';
import { told } from '../container/told.js';
import { collectVeths, hostEnd, removeVeth } from '../container/veth.js';
import { allocateAddresses, ipamOf, requireIpam } from '../ipam/ipam.js';
import { CniError } from '../protocol/error.js';
import type { Invocation, Plugin } from '../protocol/plugin.js';
import { type IpConfig, isV4, type Result, saysDns } from '../protocol/result.js';
import { withRollback } from '../rollback.js';

/** Place of the container's link in the result. */
const CONTAINER = 1;

interface PtpConfig {
  readonly ipMasq: boolean;
  readonly mtu: number | undefined;
}

export const ptp: Plugin = {
  add(call) {
    const options = readPtp(call);
    const ipam = requireIpam(call);
    const netns = openContainer(call);
    return withRollback((undo) => {
      const given = allocateAddresses(ipam, call, undo);
      const result = { ...given, ips: given.ips.map((ip) => ({ ...ip, interface: CONTAINER })) };
      const pairs = result.ips.map(withGateway);
      enableForwarding(result.ips);
      const [container, host] = makeVeth(call, options, netns);
      // Not before: where there is such a link already, it is somebody else's.
      undo(() => removeVeth(call, netns));
      configureContainer(netns, container, result, pairs);
      configureHost(host, pairs);
      if (options.ipMasq) masquerade(call, result.ips, undo);
      const { dns } = call.config;
      return {
        ...result,
        interfaces: [told(getLink(host)), told(getLink(container), call.netns)],
        dns: saysDns(dns) ? dns : result.dns,
      };
    });
  },

  del(call) {
    removeVeth(call, findContainer(call));
    ipamOf(call)?.del(call);
    removeMasquerade(call);
  },

  check(call) {
    const { ipMasq } = readPtp(call);
    const netns = openContainer(call);
    ipamOf(call)?.check(call);
    const result = prevResultOf(call);
    const container = expectLink(containerInterface(call), 'veth', netns);
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
    if (readPtp(call).ipMasq) expectNftables();
    ipamOf(call)?.status?.(call);
  },
};

function readPtp({ config: { fields } }: Invocation): PtpConfig {
  return {
    ipMasq: fields.flag('ipMasq') ?? false,
    mtu: fields.integer('mtu', 0, 65535) || undefined,
  };
}

type Pair = Required<Pick<IpConfig, 'address'>> & { readonly gateway: string };

function withGateway({ address, gateway }: IpConfig): Pair {
  if (gateway === undefined)
    throw new CniError('config', `IPAM gave no gateway for ${address}; ptp reaches everything by one`);
  return { address, gateway: formatIp(parseIp(gateway, 'gateway')) };
}

function makeVeth(call: Invocation, { mtu }: PtpConfig, netns: Netns): [Link, Link] {
  const [container, host] = createVeth({
    name: call.ifname,
    netns,
    mtu,
    peer: { ...hostEnd(call), mtu, up: true },
  });
  // Routes of this link are the plugin's.
  setSysctlIfThere(`net/ipv6/conf/${host.name}/accept_ra`, 0);
  return [container, host];
}

function configureContainer(netns: Netns, container: Link, result: Result, pairs: readonly Pair[]): void {
  addAddresses(netns, container, result.ips);
  // Two addresses of one subnet share its gateway and the routes there, whose source is the first of them.
  const routed = new Set<string>();
  for (const { address, gateway } of pairs) {
    const { bytes, length } = parsePrefix(address);
    const source = formatIp(bytes);
    const subnet = `${formatIp(masked(bytes, length))}/${length}`;
    const isFirst = !routed.has(subnet);
    if (isFirst) deleteRoute({ to: subnet, link: container }, { ifExists: true });
    if (!routed.has(gateway)) reachGateway(container, gateway, source);
    if (isFirst && length < bytes.length * 8) addRoute({ to: subnet, via: gateway, link: container, source });
    routed.add(subnet).add(gateway);
  }
  addRoutes(container, result);
}

function reachGateway(link: Link, gateway: string, source: string): void {
  try {
    addRoute({ to: gateway, link, source, ...(isV4(gateway) && { scope: 'link' as const }) });
  } catch (error) {
    if (!isThere(error)) throw error;
    const problem = `the container reaches the gateway ${gateway} by another link than ${link.name}`;
    throw new CniError('config', `${problem}: each of its ptp links needs a subnet of its own`);
  }
}

function configureHost(host: Link, pairs: readonly Pair[]): void {
  for (const { address, gateway } of pairs) {
    const to = formatIp(parsePrefix(address).bytes);
    unlessThere(() => addAddress(host, gateway));
    unlessThere(() => addRoute({ to, link: host, ...(isV4(to) && { scope: 'host' as const }) }));
  }
}

function unlessThere(add: () => void): void {
  try {
    add();
  } catch (error) {
    if (!isThere(error)) throw error;
  }
}

const isThere = (error: unknown): boolean => error instanceof NetlinkError && error.code === 'EEXIST';
