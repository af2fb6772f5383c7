/** A route as the kernel tells it. Pure. */
import { AF_INET6, formatIp, type Prefix } from '../../addressing/ip.js';
import type { ByteReader } from '../../netlink/bytes.js';
import { LITTLE_ENDIAN } from '../../netlink/bytes.js';
import type { Netns } from '../../netns/netns.js';
import { flagNames } from '../flags.js';
import { type Scope, scopeName } from '../scope.js';
import { type RawNexthop, RTMSG, routeAttributes } from './attributes.js';
import type { RouteMetrics } from './metrics.js';
import {
  encapsulations,
  type RoutePreference,
  type RouteProtocol,
  type RouteTable,
  type RouteType,
  routePreferences,
  routeProtocols,
  routeTables,
  routeTypes,
} from './names.js';
import { type Encapsulation, ROUTE_FLAGS, type RouteFlag } from './spec.js';

/** One path of a route: plain data. */
export interface RouteNexthop {
  /** Index of the link. */
  readonly link?: number;
  readonly via?: string;
  readonly flags: readonly RouteFlag[];
  readonly realm?: number;
  readonly encap?: Encapsulation;
  readonly weight: number;
}

/**
 * A route: plain data. What was listed can be given to `replaceRoute` and `deleteRoute` again. Not frozen, as links
 * and addresses are: that would make a list of 300,000 routes half as long again to read.
 */
export interface Route extends RouteMetrics {
  readonly netns: Netns;
  readonly family: 'inet' | 'inet6';
  /** `10.1.0.0/16`, `10.0.0.1/32`, or `default`. */
  readonly to: string;
  readonly type: RouteType;
  readonly table: RouteTable;
  readonly protocol: RouteProtocol;
  readonly scope: Scope;
  readonly flags: readonly RouteFlag[];
  /** Index of the link that packets leave by. */
  readonly link?: number;
  /** Gateway, of either family. */
  readonly via?: string;
  readonly metric?: number;
  readonly source?: string;
  readonly from?: string;
  readonly tos?: number;
  readonly nexthops?: readonly RouteNexthop[];
  readonly nexthopId?: number;
  readonly realm?: number;
  readonly encap?: Encapsulation;
  readonly pref?: RoutePreference;
  /** Milliseconds until it is gone. */
  readonly expires?: number;
  readonly ttlPropagate?: boolean;
  /** Of the packet that `getRoute` asked for. */
  readonly iif?: number;
  readonly mark?: number;
  readonly uid?: number;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Reads an RTM_NEWROUTE, from behind its nlmsghdr. Undefined for bytes that are too few. */
export function decodeRoute(netns: Netns, input: ByteReader, start: number, end: number): Route | undefined {
  if (end - start < RTMSG.size) return undefined;
  const { view, bytes } = input;
  const a = routeAttributes.decode(input, start + RTMSG.size, end);
  const flags = view.getUint32(start + RTMSG.flags, LITTLE_ENDIAN);
  const length = bytes[start + RTMSG.destinationLength] as number;
  const route: Mutable<Route> = {
    netns,
    family: bytes[start + RTMSG.family] === AF_INET6 ? 'inet6' : 'inet',
    to: a.to === undefined ? 'default' : `${a.to}/${length}`,
    type: routeTypes.name(bytes[start + RTMSG.type] as number),
    table: routeTables.name(a.table ?? (bytes[start + RTMSG.table] as number)),
    protocol: routeProtocols.name(bytes[start + RTMSG.protocol] as number),
    scope: scopeName(bytes[start + RTMSG.scope] as number),
    flags: flagNames(flags, ROUTE_FLAGS),
  };
  // In one order, so that routes of a sort share one shape.
  if (a.link !== undefined) route.link = a.link;
  const via = a.via ?? a.viaOther;
  if (via !== undefined) route.via = via;
  if (a.metric !== undefined) route.metric = a.metric;
  if (a.source !== undefined) route.source = a.source;
  if (a.from !== undefined) route.from = `${a.from}/${bytes[start + RTMSG.sourceLength]}`;
  if (bytes[start + RTMSG.tos] !== 0) route.tos = bytes[start + RTMSG.tos] as number;
  if (a.nexthops !== undefined) route.nexthops = a.nexthops.map(nexthopOf);
  if (a.nexthopId !== undefined) route.nexthopId = a.nexthopId;
  if (a.realm !== undefined) route.realm = a.realm;
  if (a.encap !== undefined) route.encap = { type: encapsulations.name(a.encapType ?? 0), data: a.encap };
  if (a.pref !== undefined) route.pref = routePreferences.name(a.pref);
  // Hundredths of a second (USER_HZ); 0 for ever.
  const expires = a.cacheInfo?.expires ?? 0;
  if (expires > 0) route.expires = expires * 10;
  if (a.ttlPropagate !== undefined) route.ttlPropagate = a.ttlPropagate;
  if (a.iif !== undefined) route.iif = a.iif;
  if (a.mark !== undefined) route.mark = a.mark;
  if (a.uid !== undefined) route.uid = a.uid;
  return a.metrics === undefined ? route : Object.assign(route, a.metrics);
}

function nexthopOf({ flags, hops, index, attributes: a }: RawNexthop): RouteNexthop {
  const nexthop: Mutable<RouteNexthop> = { flags: flagNames(flags, ROUTE_FLAGS), weight: hops + 1 };
  if (index !== 0) nexthop.link = index;
  const via = a.via ?? a.viaOther;
  if (via !== undefined) nexthop.via = via;
  if (a.realm !== undefined) nexthop.realm = a.realm;
  if (a.encap !== undefined) nexthop.encap = { type: encapsulations.name(a.encapType ?? 0), data: a.encap };
  return nexthop;
}

/** The text that {@link Route.to} has for a prefix; undefined is the default route. */
export const destinationText = (prefix: Prefix | undefined): string =>
  prefix === undefined || prefix.length === 0 ? 'default' : `${formatIp(prefix.bytes)}/${prefix.length}`;
