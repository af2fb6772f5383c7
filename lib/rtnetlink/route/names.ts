/** The names of what a route is made of: type, protocol, table, preference, encapsulation (linux/rtnetlink.h). */
import { invalidValue } from '../../errors.js';

/** RTN_*: what happens to packets that take the route. */
const TYPES = {
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
  nat: 10,
} as const;

/** RTPROT_*: who made the route. */
const PROTOCOLS = {
  unspec: 0,
  redirect: 1,
  kernel: 2,
  boot: 3,
  static: 4,
  gated: 8,
  ra: 9,
  mrt: 10,
  zebra: 11,
  bird: 12,
  dnrouted: 13,
  xorp: 14,
  ntk: 15,
  dhcp: 16,
  mrouted: 17,
  keepalived: 18,
  babel: 42,
  ovn: 84,
  openr: 99,
  bgp: 186,
  isis: 187,
  ospf: 188,
  rip: 189,
  eigrp: 192,
} as const;

/** RT_TABLE_*. */
const TABLES = { default: 253, main: 254, local: 255 } as const;

/** ICMPV6_ROUTER_PREF_* (RFC 4191), as in RTA_PREF. */
const PREFERENCES = { medium: 0, high: 1, low: 3 } as const;

/** LWTUNNEL_ENCAP_* (linux/lwtunnel.h). */
const ENCAPSULATIONS = {
  none: 0,
  mpls: 1,
  ip: 2,
  ila: 3,
  ip6: 4,
  seg6: 5,
  bpf: 6,
  seg6local: 7,
  rpl: 8,
  ioam6: 9,
  xfrm: 10,
} as const;

export type RouteType = keyof typeof TYPES;
/** A protocol by name, or by number as in /etc/iproute2/rt_protos. */
export type RouteProtocol = keyof typeof PROTOCOLS | number;
/** A table by name, or by number; names of /etc/iproute2/rt_tables are not known here. */
export type RouteTable = 'main' | 'local' | 'default' | number;
export type RoutePreference = keyof typeof PREFERENCES;
export type EncapsulationType = keyof typeof ENCAPSULATIONS | number;

interface Names<T> {
  /** The number of a name; a number passes if it is in range. */
  number(value: T, field: string): number;
  /** The name of a number, or the number where it has none. */
  name(number: number): T;
}

function namesOf<T extends string | number>(names: Readonly<Record<string, number>>, most: number): Names<T> {
  let texts: Map<number, T> | undefined;
  return {
    number(value, field) {
      if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most) return value;
      const number = typeof value === 'string' && Object.hasOwn(names, value) ? names[value] : undefined;
      if (number !== undefined) return number;
      throw invalidValue(field, value, `is none of ${Object.keys(names).join(', ')}, nor 0 to ${most}`);
    },
    name(number) {
      texts ??= new Map(Object.entries(names).map(([name, one]) => [one, name as T]));
      return texts.get(number) ?? (number as T);
    },
  };
}

export const routeTypes = namesOf<RouteType>(TYPES, 255);
export const routeProtocols = namesOf<RouteProtocol>(PROTOCOLS, 255);
export const routeTables = namesOf<RouteTable>(TABLES, 0xffffffff);
export const routePreferences = namesOf<RoutePreference>(PREFERENCES, 3);
export const encapsulations = namesOf<EncapsulationType>(ENCAPSULATIONS, 0xffff);
