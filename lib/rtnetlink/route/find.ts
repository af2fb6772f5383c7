/** Finding routes: `listRoutes`, `getRoute`. */
import { AF_INET, AF_INET6, familyNumber, familyOf, parseIp } from '../../addressing/ip.js';
import { invalidValue, NetlinkError } from '../../errors.js';
import { makeRequest, NLM_F_DUMP, type Request } from '../../netlink/message.js';
import { dump, request } from '../../netlink/request.js';
import { type Netns, type NetnsOptions, netnsOf } from '../../netns/netns.js';
import { call, type Operation } from '../../operation.js';
import { indexOf, type LinkRef, netnsOfLink } from '../link/find.js';
import { RTM } from '../types.js';
import { routeFamily } from './attributes.js';
import {
  type RouteProtocol,
  type RouteTable,
  type RouteType,
  routeProtocols,
  routeTables,
  routeTypes,
} from './names.js';
import { decodeRoute, destinationText, type Route } from './route.js';
import { destination } from './spec.js';

/** RTM_F_* (linux/rtnetlink.h). */
const CLONED = 0x200;
const LOOKUP_TABLE = 0x1000;
const FIB_MATCH = 0x2000;

export interface ListRoutesOptions extends NetnsOptions {
  /** `main` if absent, as `ip route`; `all` for every table. */
  readonly table?: RouteTable | 'all' | undefined;
  /** Both if absent. */
  readonly family?: 'inet' | 'inet6' | undefined;
  /** Only those that leave by this link; of several paths, by one of them. */
  readonly link?: LinkRef | undefined;
  readonly protocol?: RouteProtocol | undefined;
  readonly type?: RouteType | undefined;
  /** Only those to exactly this destination: `ip route show to exact PREFIX`. */
  readonly to?: string | undefined;
  /** The kernel's cached exceptions (path MTU, redirects) in place of the routes. */
  readonly cached?: boolean | undefined;
}

/**
 * The routes of a namespace: of the main table, of both families, unless said otherwise. The kernel filters by
 * family, table, link, protocol and type. A table that does not exist has no routes.
 *
 * `ip route show table T dev NAME proto P type TYPE`
 *
 * @throws NetlinkError ENODEV if there is no such link, DumpInterruptedError if the list kept changing while it was
 *   read.
 */
export const listRoutes = call(
  'listRoutes',
  { netns: true, table: true, family: true, link: true, protocol: true, type: true, to: true, cached: true },
  function* (options: ListRoutesOptions = {}): Operation<Route[]> {
    const { link } = options;
    const netns = link === undefined ? netnsOf(options.netns) : netnsOfLink(link, options.netns);
    const index = link === undefined ? undefined : yield* indexOf(netns, link);
    try {
      return yield* dump(netns, listRoutesRequest(netns, options, index));
    } catch (error) {
      // "FIB table does not exist": a table comes into being with its first route.
      if (error instanceof NetlinkError && error.code === 'ENOENT') return [];
      throw error;
    }
  },
);

/** The dump for {@link listRoutes}; `index` is that of `options.link`. Pure. */
export function listRoutesRequest(netns: Netns, options: ListRoutesOptions, index: number | undefined): Request<Route> {
  const prefix = options.to === undefined ? undefined : destination(options.to, 'to');
  const family = options.family === undefined ? prefix?.family : familyNumber(options.family);
  if (prefix !== undefined && prefix.family !== family)
    throw invalidValue('to', options.to, `is not of family ${options.family}`);
  const table = options.table === 'all' ? undefined : routeTables.number(options.table ?? 'main', 'table');
  const protocol = options.protocol === undefined ? 0 : routeProtocols.number(options.protocol, 'protocol');
  const type = options.type === undefined ? 0 : routeTypes.number(options.type, 'type');
  const to = options.to === undefined ? undefined : destinationText(prefix);
  return makeRequest(routeFamily, {
    type: RTM.GETROUTE,
    name: 'RTM_GETROUTE',
    flags: NLM_F_DUMP,
    header: { family: family ?? 0, protocol, type, flags: options.cached ? CLONED : 0 },
    attributes: { table, link: index },
    decode: (input, start, end, message) => {
      if (message !== RTM.NEWROUTE) return undefined;
      // A dump of all families brings those of multicast routing and MPLS too.
      const of = input.bytes[start];
      if (of !== family && (family !== undefined || (of !== AF_INET && of !== AF_INET6))) return undefined;
      const route = decodeRoute(netns, input, start, end);
      return to === undefined || route?.to === to ? route : undefined;
    },
  });
}

export interface GetRouteOptions extends NetnsOptions {
  /** Source address of the packet. */
  readonly from?: string | undefined;
  /** The link that it came in by; needs `from` for IPv4. */
  readonly iif?: LinkRef | undefined;
  /** The link that it shall leave by. */
  readonly oif?: LinkRef | undefined;
  readonly mark?: number | undefined;
  readonly tos?: number | undefined;
  /** User that sends it. */
  readonly uid?: number | undefined;
  /** Number of the protocol above IP: 6 TCP, 17 UDP. */
  readonly ipProtocol?: number | undefined;
  readonly sport?: number | undefined;
  readonly dport?: number | undefined;
  /** Give the route of the table that matched (`fibmatch`), and not what it comes to for this packet. */
  readonly fibMatch?: boolean | undefined;
}

/**
 * The route that a packet to `destination` would take.
 *
 * `ip route get 10.1.0.7 from 10.0.0.1 iif NAME mark N`
 *
 * @throws NetlinkError ENETUNREACH (or the error of an `unreachable`, `prohibit` or `blackhole` route) if it
 *   could not be sent.
 */
export const getRoute = call(
  'getRoute',
  {
    netns: true,
    from: true,
    iif: true,
    oif: true,
    mark: true,
    tos: true,
    uid: true,
    ipProtocol: true,
    sport: true,
    dport: true,
    fibMatch: true,
  },
  function* (destination: string, options: GetRouteOptions = {}): Operation<Route> {
    const { iif, oif } = options;
    const netns = netnsOfPacket(options);
    const iifIndex = iif === undefined ? undefined : yield* indexOf(netns, iif, 'iif');
    const oifIndex = oif === undefined ? undefined : yield* indexOf(netns, oif, 'oif');
    const [route] = yield* request(netns, getRouteRequest(netns, destination, options, iifIndex, oifIndex));
    return route as Route;
  },
);

function netnsOfPacket({ iif, oif, netns }: GetRouteOptions): Netns {
  const link = typeof iif === 'object' ? iif : oif;
  return link === undefined ? netnsOf(netns) : netnsOfLink(link, netns, link === iif ? 'iif' : 'oif');
}

/** The request of {@link getRoute}. Pure. */
export function getRouteRequest(
  netns: Netns,
  to: string,
  options: GetRouteOptions,
  iif: number | undefined,
  oif: number | undefined,
): Request<Route> {
  const { from, mark, tos, uid, ipProtocol, sport, dport, fibMatch } = options;
  const family = familyOf(parseIp(to, 'destination'));
  if (from !== undefined && familyOf(parseIp(from, 'from')) !== family)
    throw invalidValue('from', from, `is of another family than ${to}`);
  const whole = family === AF_INET ? 32 : 128;
  return makeRequest(routeFamily, {
    type: RTM.GETROUTE,
    name: 'RTM_GETROUTE',
    header: {
      family,
      destinationLength: whole,
      sourceLength: from === undefined ? 0 : whole,
      tos: tos ?? 0,
      // IPv6 always tells the table, and refuses to be asked for it.
      flags: (family === AF_INET ? LOOKUP_TABLE : 0) | (fibMatch ? FIB_MATCH : 0),
    },
    attributes: { to, from, iif, link: oif, mark, uid, ipProtocol, sport, dport },
    decode: (input, start, end, type) => (type === RTM.NEWROUTE ? decodeRoute(netns, input, start, end) : undefined),
    context: { entry: to },
  });
}
