/** What is watched, table by table: its groups and messages, which object a message is about, and how to list all. */
import { AF_INET, AF_INET6 } from '../../addressing/ip.js';
import type { ByteReader } from '../../netlink/bytes.js';
import type { Netns } from '../../netns/netns.js';
import { decodeAddress } from '../address/address.js';
import { listAddresses } from '../address/calls.js';
import { listLinks } from '../link/find.js';
import { decodeLink, type Link } from '../link/link.js';
import { listNeighbors } from '../neighbor/calls.js';
import { decodeNeighbor, type Neighbor } from '../neighbor/neighbor.js';
import { decodeNetnsId, listNetnsIds } from '../netns-id/calls.js';
import { listRoutes } from '../route/find.js';
import { decodeRoute, type Route } from '../route/route.js';
import { listRules } from '../rule/calls.js';
import { decodeRule, type Rule } from '../rule/rule.js';
import { RTM } from '../types.js';
import type { Watched } from './events.js';
import { GROUPS } from './monitor.js';

export interface WatchedTable<V> {
  readonly groups: readonly number[];
  /** Message types. */
  readonly told: number;
  readonly removed: number;
  /** Undefined for a message that is about something else. */
  decode(netns: Netns, input: ByteReader, start: number, end: number): V | undefined;
  /** Whether lists have it. What is told and not shown is as good as gone. */
  shown?(value: V): boolean;
  key(value: V): string | number;
  list(netns: Netns): Promise<V[]>;
  /** Without what passes by itself: two that are alike here are the same to somebody who looks anew. */
  lasting(value: V): unknown;
}

const AF_UNSPEC = 0;

const isIp = (input: ByteReader, start: number): boolean =>
  input.bytes[start] === AF_INET || input.bytes[start] === AF_INET6;

function lastingLink({ data, bridgePort, ...link }: Link): unknown {
  const { helloTimer: _hello, tcnTimer: _tcn, topologyChangeTimer: _change, gcTimer: _gc, ...kept } = data ?? {};
  const { messageAgeTimer: _age, forwardDelayTimer: _delay, holdTimer: _hold, ...port } = bridgePort ?? {};
  return { ...link, data: kept, bridgePort: port };
}

// `ip neighbour` does not show these either: multicast and broadcast, which need no neighbour, and what is not used yet.
const isShown = ({ state, proxy }: Neighbor): boolean => !proxy && state !== 'none' && state !== 'noarp';

const nexthopKey = ({ link, via }: { link?: number; via?: string }): string => `${link ?? ''}@${via ?? ''}`;

function routeKey(route: Route): string {
  const { family, table, to, from, tos, metric, type, nexthopId, nexthops = [] } = route;
  return [family, table, to, from, tos, metric, type, nexthopId, nexthopKey(route), ...nexthops.map(nexthopKey)].join(
    ' ',
  );
}

/** All that is said of it: there may be two that say the same. What the kernel says of it is no part of it. */
function ruleKey({ netns: _netns, flags: _flags, ...said }: Rule): string {
  return Object.entries(said).flat().join(' ');
}

export const TABLES: { readonly [T in keyof Watched]: WatchedTable<Watched[T]> } = {
  link: {
    groups: [GROUPS.link],
    told: RTM.NEWLINK,
    removed: RTM.DELLINK,
    // A bridge tells of its ports by messages of its own family, which look like the end of the link.
    decode: (netns, input, start, end) =>
      input.bytes[start] === AF_UNSPEC ? decodeLink(netns, input, start, end) : undefined,
    key: ({ index }) => index,
    list: (netns) => listLinks({ netns }),
    lasting: lastingLink,
  },
  address: {
    groups: [GROUPS.address4, GROUPS.address6],
    told: RTM.NEWADDR,
    removed: RTM.DELADDR,
    decode: decodeAddress,
    key: ({ link, address, prefixLength, peer }) => `${link} ${address}/${prefixLength} ${peer ?? ''}`,
    list: (netns) => listAddresses({ netns }),
    lasting: ({ validLifetime: _valid, preferredLifetime: _preferred, ...address }) => address,
  },
  route: {
    groups: [GROUPS.route4, GROUPS.route6],
    told: RTM.NEWROUTE,
    removed: RTM.DELROUTE,
    decode: (netns, input, start, end) => (isIp(input, start) ? decodeRoute(netns, input, start, end) : undefined),
    key: routeKey,
    list: (netns) => listRoutes({ netns, table: 'all' }),
    lasting: ({ expires: _expires, ...route }) => route,
  },
  neighbor: {
    groups: [GROUPS.neighbor],
    told: RTM.NEWNEIGH,
    removed: RTM.DELNEIGH,
    decode: (netns, input, start, end) => (isIp(input, start) ? decodeNeighbor(netns, input, start, end) : undefined),
    shown: isShown,
    key: ({ link, address }) => `${link} ${address}`,
    list: async (netns) => (await listNeighbors({ netns })).filter(isShown),
    lasting: ({ used: _used, confirmed: _confirmed, updated: _updated, probes: _probes, ...neighbor }) => neighbor,
  },
  rule: {
    // With links: which of them are there is part of what is told of a rule, and changes without a word of it.
    groups: [GROUPS.rule4, GROUPS.rule6, GROUPS.link],
    told: RTM.NEWRULE,
    removed: RTM.DELRULE,
    decode: (netns, input, start, end) => (isIp(input, start) ? decodeRule(netns, input, start, end) : undefined),
    key: ruleKey,
    list: (netns) => listRules({ netns }),
    lasting: (rule) => rule,
  },
  netnsId: {
    groups: [GROUPS.nsid],
    told: RTM.NEWNSID,
    removed: RTM.DELNSID,
    decode: decodeNetnsId,
    key: ({ nsid }) => nsid,
    list: (netns) => listNetnsIds({ netns }),
    lasting: (id) => id,
  },
};
