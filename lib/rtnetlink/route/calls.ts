/** Changing routes: `addRoute`, `prependRoute`, `replaceRoute`, `deleteRoute`. */
import { wrongType } from '../../errors.js';
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../../netlink/message.js';
import { send } from '../../netlink/request.js';
import { type Netns, type NetnsOptions, netnsOf } from '../../netns/netns.js';
import { call, type Operation } from '../../operation.js';
import { type DeleteOptions, removal } from '../if-exists.js';
import { indexOf, netnsOfLink } from '../link/find.js';
import { netnsTold } from '../netns-told.js';
import { RTM } from '../types.js';
import { type RouteSpec, routeRequest, type WeightedNexthop } from './spec.js';

type Change = (typeof RTM)['NEWROUTE' | 'DELROUTE'];

// Not a generator, since routes are added by the ten thousand: without names to look up it is one request.
function change(type: Change, flags: number, spec: RouteSpec, options: NetnsOptions): Operation<void> {
  if (typeof spec !== 'object' || spec === null) {
    throw wrongType('route', "an object like { to: '10.1.0.0/16', via: '10.0.0.1' }", spec);
  }
  const { link, nexthops } = spec;
  const netns = netnsOfRoute(spec, options);
  if (nexthops === undefined && typeof link !== 'string') {
    const index = typeof link === 'object' ? link.index : link;
    return send(netns, routeRequest(type, flags, spec, index));
  }
  return changeByLookup(type, flags, spec, netns);
}

function* changeByLookup(type: Change, flags: number, spec: RouteSpec, netns: Netns): Operation<void> {
  const { link, nexthops } = spec;
  const index = link === undefined ? undefined : yield* indexOf(netns, link);
  const indices = nexthops === undefined ? undefined : yield* indicesOf(netns, nexthops);
  yield* send(netns, routeRequest(type, flags, spec, index, indices));
}

function netnsOfRoute({ link, netns, nexthops }: RouteSpec, options: NetnsOptions): Netns {
  const told = netnsTold(netns, options.netns);
  if (link !== undefined) return netnsOfLink(link, told);
  if (told === undefined && Array.isArray(nexthops)) {
    for (const nexthop of nexthops as WeightedNexthop[]) {
      if (typeof nexthop?.link === 'object') return netnsOfLink(nexthop.link, undefined);
    }
  }
  return netnsOf(told);
}

function* indicesOf(netns: Netns, nexthops: readonly WeightedNexthop[]): Operation<(number | undefined)[]> {
  if (!Array.isArray(nexthops)) throw wrongType('nexthops', 'an array', nexthops);
  const indices: (number | undefined)[] = [];
  for (const [i, nexthop] of (nexthops as WeightedNexthop[]).entries()) {
    if (typeof nexthop !== 'object' || nexthop === null) throw wrongType(`nexthops[${i}]`, 'an object', nexthop);
    indices.push(nexthop.link === undefined ? undefined : yield* indexOf(netns, nexthop.link, `nexthops[${i}].link`));
  }
  return indices;
}

/**
 * Adds a route. Routes that are added together travel together:
 * `await Promise.all(prefixes.map((to) => addRoute({ to, link })))`.
 *
 * `ip route add 10.1.0.0/16 via 10.0.0.1 dev NAME metric N table T`
 *
 * @throws NetlinkError EEXIST if the table has a route to that destination with that metric; ENETUNREACH if
 *   no link reaches the gateway; ENODEV if there is no such link.
 */
export const addRoute = call(
  'addRoute',
  { netns: true },
  (route: RouteSpec, options: NetnsOptions = {}): Operation<void> =>
    change(RTM.NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route, options),
);

/**
 * Adds a route, or puts it in the place of the one with that destination, metric and table.
 *
 * `ip route replace 10.1.0.0/16 via 10.0.0.1`
 *
 * @throws NetlinkError ENETUNREACH if no link reaches the gateway, ENODEV if there is no such link.
 */
export const replaceRoute = call(
  'replaceRoute',
  { netns: true },
  (route: RouteSpec, options: NetnsOptions = {}): Operation<void> =>
    change(RTM.NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route, options),
);

/**
 * Adds a route in front of those to the same destination with the same metric: where there are several, as of a host
 * with two ways out, the last one added counts. IPv6 makes one route with several paths of them.
 *
 * `ip route prepend 10.1.0.0/16 via 10.0.0.1`
 *
 * @throws NetlinkError EEXIST if there is exactly this route; ENETUNREACH if no link reaches the gateway; ENODEV if
 *   there is no such link.
 */
export const prependRoute = call(
  'prependRoute',
  { netns: true },
  (route: RouteSpec, options: NetnsOptions = {}): Operation<void> => change(RTM.NEWROUTE, NLM_F_CREATE, route, options),
);

/**
 * Removes the first route that has everything the given one says; what it does not say matches any.
 *
 * `ip route delete 10.1.0.0/16 via 10.0.0.1`
 *
 * @throws NetlinkError ESRCH if there is none, ENODEV if there is no link of that name; neither with `ifExists`.
 */
export const deleteRoute = call(
  'deleteRoute',
  { netns: true, ifExists: true },
  (route: RouteSpec, options: DeleteOptions = {}): Operation<void> =>
    removal(change(RTM.DELROUTE, 0, route, options), options),
);
