/** Published ports: `addPortMapping`, `deletePortMappings`, `listPortMappings`. */
import { formatIp } from '../../addressing/ip.js';
import { NetlinkError } from '../../errors.js';
import { type Netns, type NetnsOptions, netnsOf } from '../../netns/netns.js';
import { call, type Operation } from '../../operation.js';
import { checkOptionNames } from '../../option-names.js';
import { getLink } from '../../rtnetlink/link/find.js';
import { netnsTold } from '../../rtnetlink/netns-told.js';
import { getRoute } from '../../rtnetlink/route/find.js';
import { getSysctl, setSysctl } from '../../sysctl.js';
import {
  addEntries,
  alreadyThere,
  type Conflict,
  type Entry,
  missingEntries,
  readEntries,
  removeEntries,
} from './entries.js';
import { type MappedPort, mappedPortOf, type PortMappingSpec, planOf, portText, targetText } from './mapping.js';
import type { ListByOwnerOptions, OwnerSelection } from './masquerade.js';
import { checkOwner } from './owner.js';
import { addressPortMap, portMap, portSection } from './sections.js';
import { forgetUdpAfter, forgetUdpBefore } from './stale-udp.js';

const SPEC = { owner: true, mappings: true, to: true, snat: true, netns: true };
const SECTION_MAPS = portSection.maps.map(({ name }) => name);
const PORT_MAPS = ([4, 6] as const).flatMap((family) => [portMap(family), addressPortMap(family)]);

/**
 * Publishes ports of a container: what reaches `hostPort` of this host, from outside or from the host itself, goes to
 * `containerPort` of the container. Each family reaches the address of its own in `to`.
 *
 * With `snat` (the default) the container reaches its own published port, as do others in the network of `to`, and
 * 127.0.0.1 does: for that, `route_localnet` is set on the link that leads to the container, and packets from outside
 * to 127.0.0.0/8 are dropped. (`::1` does not lead to a container: the kernel has nothing like it for IPv6.)
 *
 * The namespace must forward (`net.ipv4.ip_forward`, `net.ipv6.conf.all.forwarding`), and what others filter, as
 * `FORWARD` policies do, is theirs. A process of the host that listens on the port hears no more of it.
 *
 * `nft add rule ... tcp dport 8080 dnat to 10.1.0.5:80`, as the CNI plugin `portmap` does, in the table `inet netloom`.
 *
 * @throws NetlinkError EEXIST if the port is another owner's, or leads elsewhere; EOPNOTSUPP if the kernel has no
 *   nf_tables, EPERM without CAP_NET_ADMIN. Then none of them is mapped.
 */
export const addPortMapping = call(
  'addPortMapping',
  { netns: true },
  function* (spec: PortMappingSpec, options: NetnsOptions = {}): Operation<void> {
    checkOptionNames(spec, SPEC);
    checkOwner(spec.owner);
    const { entries, targets, mappings } = planOf(spec);
    const netns = netnsOf(netnsTold(spec.netns, options.netns));
    const takeBack = yield* addEntries(netns, portSection, entries, refuseTaken(netns));
    try {
      const target = targets.get(4);
      const byLoopback = mappings.some(({ address }) => address === undefined || address[0] === LOOPBACK);
      if (spec.snat !== false && target !== undefined && byLoopback) {
        yield* letLoopbackOut(netns, formatIp(target.bytes));
      }
      yield* forgetUdpBefore(netns, mappedPortsOf(netns, entries));
    } catch (error) {
      yield* takeBack();
      throw error;
    }
  },
);

// 127.0.0.0/8.
const LOOPBACK = 127;

const mappedPortsOf = (netns: Netns, entries: readonly Entry[]): MappedPort[] =>
  entries.flatMap((entry) => mappedPortOf(netns, entry) ?? []);

// A container is new with its address, so that it takes over what was left of the one that had it before. A port is
// not given away.
const refuseTaken =
  (netns: Netns): Conflict =>
  (there, wanted) => {
    const taken = mappedPortOf(netns, there);
    if (taken === undefined) return;
    const owner = there.owner === wanted.owner ? 'the same owner' : `owner ${JSON.stringify(there.owner)}`;
    throw alreadyThere(netns, portText(taken), `the port leads to ${targetText(taken)}, for ${owner}`);
  };

/** Sets route_localnet of the link that leads to a container, where there is one. */
function* letLoopbackOut(netns: Netns, container: string): Operation<void> {
  const name = yield* linkTowards(netns, container);
  if (name === undefined) return;
  const sysctl = `net/ipv4/conf/${name}/route_localnet`;
  // /proc/sys may be read-only, and prepared.
  if ((yield* getSysctl.steps(sysctl, { netns })) === '1') return;
  yield* setSysctl.steps(sysctl, true, { netns });
}

function* linkTowards(netns: Netns, container: string): Operation<string | undefined> {
  try {
    const { link, type } = yield* getRoute.steps(container, { netns });
    return link === undefined || type !== 'unicast' ? undefined : (yield* getLink.steps(link, { netns })).name;
  } catch (error) {
    // No route to it, yet.
    if (error instanceof NetlinkError) return undefined;
    throw error;
  }
}

/**
 * Removes the port mappings of an owner; succeeds where there are none. The table goes with its last entry.
 *
 * @throws NetlinkError EPERM without CAP_NET_ADMIN.
 */
export const deletePortMappings = call(
  'deletePortMappings',
  { netns: true },
  function* (selection: OwnerSelection, options: NetnsOptions = {}): Operation<void> {
    checkOptionNames(selection, { owner: true, netns: true });
    const { owner, netns } = selection;
    checkOwner(owner);
    const mine = (entry: Entry): boolean => SECTION_MAPS.includes(entry.map) && entry.owner === owner;
    const place = netnsOf(netnsTold(netns, options.netns));
    yield* forgetUdpAfter(place, mappedPortsOf(place, yield* removeEntries(place, mine)));
  },
);

/**
 * The ports that are published by {@link addPortMapping}, of whichever process: one for each family that reaches them.
 *
 * `nft list table inet netloom`
 */
export const listPortMappings = call(
  'listPortMappings',
  { netns: true, owner: true },
  function* (options: ListByOwnerOptions = {}): Operation<MappedPort[]> {
    const { owner } = options;
    if (owner !== undefined) checkOwner(owner);
    const netns = netnsOf(options.netns);
    const { entries } = yield* readEntries(netns, PORT_MAPS);
    return mappedPortsOf(netns, entries).filter((port) => owner === undefined || port.owner === owner);
  },
);

/** For the CHECK of CNI: what of a spec is not in force, for errors to say. */
export const findUnpublished = call(
  'findUnpublished',
  { netns: true },
  function* (spec: PortMappingSpec, options: NetnsOptions = {}): Operation<string[]> {
    const netns = netnsOf(netnsTold(spec.netns, options.netns));
    const missing = yield* missingEntries(netns, planOf(spec).entries);
    return missing.map((entry) => {
      const port = mappedPortOf(netns, entry);
      return port === undefined
        ? `${formatIp(entry.key)} does not reach its own ports, nor do others near it`
        : `port ${portText(port)} does not lead to ${targetText(port)}`;
    });
  },
);
