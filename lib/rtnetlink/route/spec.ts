/** What users say of a route, and the request that says it to the kernel. Pure. */
import {
  AF_INET,
  AF_INET6,
  familyNumber,
  formatIp,
  type IpFamily,
  isNetworkAddress,
  masked,
  type Prefix,
  parsePrefix,
} from '../../addressing/ip.js';
import { type ErrorContext, invalidValue, wrongType } from '../../errors.js';
import { writeAttribute } from '../../netlink/attributes.js';
import { type ByteWriter, LITTLE_ENDIAN } from '../../netlink/bytes.js';
import { bytes, checkInteger } from '../../netlink/codec.js';
import type { Request } from '../../netlink/message.js';
import type { Netns } from '../../netns/netns.js';
import { checkFields, fieldsOf } from '../fields.js';
import { flagBits } from '../flags.js';
import type { LinkRef } from '../link/find.js';
import { type Scope, scopeNumber } from '../scope.js';
import { RTM } from '../types.js';
import { type RawNexthop, RTMSG, routeAttributes, routeFamily } from './attributes.js';
import { metricAttributes, type RouteMetrics } from './metrics.js';
import {
  type EncapsulationType,
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

/** RTNH_F_* (linux/rtnetlink.h), and RTM_F_OFFLOAD and the like, which share the field. */
export const ROUTE_FLAGS = {
  dead: 0x1,
  pervasive: 0x2,
  onlink: 0x4,
  offload: 0x8,
  linkdown: 0x10,
  unresolved: 0x20,
  trap: 0x40,
  cloned: 0x200,
} as const;
export type RouteFlag = keyof typeof ROUTE_FLAGS;

// The others are the kernel's to tell; a route that was listed may carry them into a change.
const SETTABLE = ROUTE_FLAGS.pervasive | ROUTE_FLAGS.onlink;

/** A lightweight tunnel that packets of the route go through. */
export interface Encapsulation {
  readonly type: EncapsulationType;
  /** What stands inside RTA_ENCAP: the attributes of the type (linux/lwtunnel.h, seg6_iptunnel.h ...), as bytes. */
  readonly data: Uint8Array;
}

/** Where packets go next. */
export interface Nexthop {
  /** Gateway, of either family: IPv4 routes may go through IPv6 gateways (RTA_VIA). */
  readonly via?: string | undefined;
  /** The link to leave by. The kernel finds it by `via` if absent. */
  readonly link?: LinkRef | undefined;
  /** `onlink`: the gateway is reachable on the link though no route says so. Others are passed over. */
  readonly flags?: readonly RouteFlag[] | undefined;
  /** RTA_FLOW: realms, as SOURCE << 16 | DESTINATION. */
  readonly realm?: number | undefined;
  readonly encap?: Encapsulation | undefined;
}

/** One of several paths of a route. */
export interface WeightedNexthop extends Nexthop {
  /** Its share among the paths, 1 to 256; 1 if absent. */
  readonly weight?: number | undefined;
}

export interface RouteSpec extends Nexthop, RouteMetrics {
  /** `10.1.0.0/16`, `2001:db8::/32`, an address, or `default`. Absent, `0.0.0.0/0` and `::/0` are `default` too. */
  readonly to?: string | undefined;
  /** Of a default route that no address tells it of; `inet` if absent. */
  readonly family?: 'inet' | 'inet6' | undefined;
  /** `unicast` if absent. */
  readonly type?: RouteType | undefined;
  /** `main`, or `local` for routes of type local, broadcast, anycast and nat, if absent. */
  readonly table?: RouteTable | undefined;
  /** Priority among routes to the same destination, the lowest wins. */
  readonly metric?: number | undefined;
  /** Address that packets sent from here prefer as their source: `src` of ip-route(8), RTA_PREFSRC. */
  readonly source?: string | undefined;
  /** Only for packets from this prefix; IPv6 with CONFIG_IPV6_SUBTREES. */
  readonly from?: string | undefined;
  /** Who made it; `boot` if absent, as iproute2 says. */
  readonly protocol?: RouteProtocol | undefined;
  /**
   * IPv4 only. If absent, as iproute2: `host` for local and nat routes; `link` for broadcast, multicast and
   * anycast routes and for unicast routes without a gateway; `global` for all others.
   */
  readonly scope?: Scope | undefined;
  readonly tos?: number | undefined;
  /** Several paths, in place of `via` and `link`. */
  readonly nexthops?: readonly WeightedNexthop[] | undefined;
  /** A nexthop object (`ip nexthop`), in place of `via` and `link`. */
  readonly nexthopId?: number | undefined;
  /** IPv6: router preference (RFC 4191). */
  readonly pref?: RoutePreference | undefined;
  /** IPv6: milliseconds until it is gone. Kept in whole seconds. */
  readonly expires?: number | undefined;
  /** MPLS: copy the TTL between the label and the packet. */
  readonly ttlPropagate?: boolean | undefined;
  /** The namespace, where no `link` brings it. */
  readonly netns?: Netns | undefined;
}

const ENCAPSULATION_FIELDS = fieldsOf<keyof Encapsulation>({ type: true, data: true });
const PATH_FIELDS = { via: true, link: true, flags: true, realm: true, encap: true } as const;
const NEXTHOP_FIELDS = fieldsOf<keyof WeightedNexthop>({ ...PATH_FIELDS, weight: true });
// Without the metrics, which are a table of their own.
const FIELDS = fieldsOf<Exclude<keyof RouteSpec, keyof RouteMetrics>>({
  to: true,
  family: true,
  type: true,
  table: true,
  metric: true,
  source: true,
  from: true,
  protocol: true,
  scope: true,
  tos: true,
  nexthops: true,
  nexthopId: true,
  pref: true,
  expires: true,
  ttlPropagate: true,
  netns: true,
  ...PATH_FIELDS,
});

type Change = (typeof RTM)['NEWROUTE' | 'DELROUTE'];
type Values = Parameters<typeof routeAttributes.encode>[1];

const NO_LINKS: readonly (number | undefined)[] = [];

/**
 * A NEWROUTE or DELROUTE. `index` is the index of `spec.link`, `nexthopIndices` are those of the links of
 * `spec.nexthops`.
 */
export const routeRequest = (
  type: Change,
  flags: number,
  spec: RouteSpec,
  index: number | undefined,
  nexthopIndices = NO_LINKS,
): Request => new RouteRequest(type, flags, spec, index, nexthopIndices);

// A class, since tens of thousands of them may wait for their answers: no closure, no context of errors ahead.
class RouteRequest implements Request {
  readonly type: Change;
  readonly flags: number;
  readonly #spec: RouteSpec;
  readonly #index: number | undefined;
  readonly #nexthopIndices: readonly (number | undefined)[];

  constructor(
    type: Change,
    flags: number,
    spec: RouteSpec,
    index: number | undefined,
    nexthopIndices: readonly (number | undefined)[],
  ) {
    this.type = type;
    this.flags = flags;
    this.#spec = spec;
    this.#index = index;
    this.#nexthopIndices = nexthopIndices;
  }

  get name(): string {
    return this.type === RTM.NEWROUTE ? 'RTM_NEWROUTE' : 'RTM_DELROUTE';
  }

  get family(): Request['family'] {
    return routeFamily as Request['family'];
  }

  get context(): ErrorContext {
    const { to = 'default', link } = this.#spec;
    return { entry: to, link: typeof link === 'object' ? link.name : link };
  }

  encode(out: ByteWriter): void {
    const spec = this.#spec;
    const change = this.type;
    const metrics = checkFields(spec, FIELDS, 'a route', '', metricAttributes) ? metricsOf(spec) : undefined;
    const to = destination(spec.to, 'to');
    const from = destination(spec.from, 'from');
    const family = familyOfRoute(spec, to, from);
    const table = tableOf(spec);
    const at = out.reserve(RTMSG.size);
    const header = out.bytes;
    header[at + RTMSG.family] = family;
    header[at + RTMSG.destinationLength] = to?.length ?? 0;
    header[at + RTMSG.sourceLength] = from?.length ?? 0;
    header[at + RTMSG.tos] = tosOf(spec);
    // A table that the header has no room for is told by RTA_TABLE alone (RT_TABLE_UNSPEC here).
    header[at + RTMSG.table] = table < 256 ? table : 0;
    header[at + RTMSG.protocol] = protocolOf(spec, change);
    header[at + RTMSG.scope] = scopeOf(spec, change, family);
    header[at + RTMSG.type] = typeOf(spec, change);
    out.view.setUint32(at + RTMSG.flags, flagsOf(spec), LITTLE_ENDIAN);
    // A destination of no bits is the default route, however it is written.
    if (to !== undefined && to.length > 0) writeAttribute(out, TO, bytes, to.bytes, 'to');
    if (from !== undefined && from.length > 0) writeAttribute(out, FROM, bytes, from.bytes, 'from');
    const values: Values = pathOf(spec, family);
    if (this.#index !== undefined) values.link = this.#index;
    if (table >= 256) values.table = table;
    if (spec.metric !== undefined) values.metric = spec.metric;
    if (spec.source !== undefined) values.source = spec.source;
    if (metrics !== undefined) values.metrics = metrics;
    if (spec.nexthops !== undefined) values.nexthops = nexthopsOf(spec.nexthops, this.#nexthopIndices, family);
    if (spec.nexthopId !== undefined) values.nexthopId = spec.nexthopId;
    if (spec.pref !== undefined) values.pref = routePreferences.number(spec.pref, 'pref');
    if (spec.expires !== undefined) values.expires = spec.expires;
    if (spec.ttlPropagate !== undefined) values.ttlPropagate = spec.ttlPropagate;
    routeAttributes.encode(out, values, '');
  }
}

const TO = routeAttributes.entries.to[0];
const FROM = routeAttributes.entries.from[0];

function metricsOf(spec: RouteSpec): Values['metrics'] {
  let metrics: Record<string, unknown> | undefined;
  for (const name in spec) {
    const value: unknown = spec[name as keyof RouteSpec];
    if (value !== undefined && metricAttributes.has(name)) (metrics ??= {})[name] = value;
  }
  return metrics as Values['metrics'];
}

/** The prefix that a text means; undefined for the default route of a family that other fields tell. */
export function destination(text: string | undefined, field: string): Prefix | undefined {
  if (text === undefined || text === 'default') return undefined;
  const prefix = parsePrefix(text, field);
  // The kernel refuses such IPv4 routes without naming the field, and masks IPv6 ones.
  if (prefix.family === AF_INET && !isNetworkAddress(prefix)) {
    throw invalidValue(
      field,
      text,
      `has bits behind its prefix length; the network is ${formatIp(masked(prefix.bytes, prefix.length))}/${prefix.length}`,
    );
  }
  return prefix;
}

const familyOfText = (text: string): IpFamily => (text.includes(':') ? AF_INET6 : AF_INET);

function familyOfRoute(spec: RouteSpec, to: Prefix | undefined, from: Prefix | undefined): IpFamily {
  const told = spec.family === undefined ? undefined : familyNumber(spec.family);
  const { source } = spec;
  const prefix = to ?? from;
  const family =
    prefix?.family ?? told ?? (source === undefined ? familyOfGateway(spec) : familyOfText(String(source)));
  if (told !== undefined && told !== family)
    throw invalidValue('family', spec.family, `is not the family of ${spec.to ?? spec.from}`);
  if (from !== undefined && from.family !== family)
    throw invalidValue('from', spec.from, `is of another family than ${spec.to}`);
  if (source !== undefined && familyOfText(String(source)) !== family) {
    throw invalidValue('source', source, 'is of another family than the route');
  }
  return family;
}

function familyOfGateway({ via, nexthops }: RouteSpec): IpFamily {
  const gateway = via ?? (Array.isArray(nexthops) ? nexthops[0]?.via : undefined);
  return typeof gateway === 'string' ? familyOfText(gateway) : AF_INET;
}

function tableOf({ table, type }: RouteSpec): number {
  if (table !== undefined) return routeTables.number(table, 'table');
  return type === 'local' || type === 'broadcast' || type === 'anycast' || type === 'nat' ? 255 : 254;
}

const BOOT = routeProtocols.number('boot', '');
const UNICAST = routeTypes.number('unicast', '');

// 0 in a deletion matches any.
function protocolOf({ protocol }: RouteSpec, change: Change): number {
  if (protocol !== undefined) return routeProtocols.number(protocol, 'protocol');
  return change === RTM.NEWROUTE ? BOOT : 0;
}

function typeOf({ type }: RouteSpec, change: Change): number {
  if (type !== undefined) return routeTypes.number(type, 'type');
  return change === RTM.NEWROUTE ? UNICAST : 0;
}

function tosOf({ tos }: RouteSpec): number {
  if (tos === undefined) return 0;
  checkInteger(tos, 0, 255, 'tos');
  return tos;
}

const GLOBAL = scopeNumber('global');
const LINK = scopeNumber('link');
const HOST = scopeNumber('host');
const NOWHERE = scopeNumber('nowhere');

// iproute2, iproute.c: iproute_modify. `nowhere` in a deletion matches routes of any scope.
function scopeOf(spec: RouteSpec, type: Change, family: IpFamily): number {
  if (spec.scope !== undefined) return scopeNumber(spec.scope);
  if (family === AF_INET6) return GLOBAL;
  switch (spec.type) {
    case 'local':
    case 'nat':
      return HOST;
    case 'broadcast':
    case 'multicast':
    case 'anycast':
      return LINK;
    case undefined:
    case 'unicast':
      if (type === RTM.DELROUTE) return NOWHERE;
      return spec.via === undefined && spec.nexthops === undefined && spec.nexthopId === undefined ? LINK : GLOBAL;
    default:
      return type === RTM.DELROUTE ? NOWHERE : GLOBAL;
  }
}

const flagsOf = ({ flags }: Nexthop): number => (flags === undefined ? 0 : flagBits(flags, ROUTE_FLAGS) & SETTABLE);

function pathOf({ via, realm, encap }: Nexthop, family: IpFamily): RawNexthop['attributes'] {
  const values: RawNexthop['attributes'] = {};
  if (via !== undefined) {
    if (typeof via === 'string' && familyOfText(via) !== family) values.viaOther = via;
    else values.via = via;
  }
  if (realm !== undefined) values.realm = realm;
  if (encap !== undefined) {
    if (typeof encap !== 'object' || encap === null) throw wrongType('encap', 'an object', encap);
    checkFields(encap, ENCAPSULATION_FIELDS, 'an encapsulation', 'encap.');
    values.encapType = encapsulations.number(encap.type, 'encap.type');
    values.encap = encap.data;
  }
  return values;
}

function nexthopsOf(
  nexthops: readonly WeightedNexthop[],
  indices: readonly (number | undefined)[],
  family: IpFamily,
): RawNexthop[] {
  return nexthops.map((nexthop, i) => {
    checkFields(nexthop, NEXTHOP_FIELDS, 'a nexthop', `nexthops[${i}].`);
    const { weight = 1 } = nexthop;
    checkInteger(weight, 1, 256, `nexthops[${i}].weight`);
    return { flags: flagsOf(nexthop), hops: weight - 1, index: indices[i] ?? 0, attributes: pathOf(nexthop, family) };
  });
}
