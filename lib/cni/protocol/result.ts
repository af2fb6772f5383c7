/**
 * Results: what a plugin tells of an attachment. Kept as version 1.1.0 has it, and read from and written to all
 * others. Pure.
 */
import { CniError } from './error.js';
import { Fields } from './fields.js';
import { isSince, type Version, versionOf } from './version.js';

export interface Interface {
  readonly name: string;
  readonly mac?: string | undefined;
  /** Path of the namespace; absent for links of the host. */
  readonly sandbox?: string | undefined;
  readonly mtu?: number | undefined;
  readonly socketPath?: string | undefined;
  readonly pciID?: string | undefined;
}

export interface IpConfig {
  /** `10.0.0.5/24` */
  readonly address: string;
  readonly gateway?: string | undefined;
  /** Place in `interfaces` of the link that has the address. */
  readonly interface?: number | undefined;
}

export interface ResultRoute {
  /** `0.0.0.0/0` */
  readonly dst: string;
  readonly gw?: string | undefined;
  readonly mtu?: number | undefined;
  readonly advmss?: number | undefined;
  readonly priority?: number | undefined;
  readonly table?: number | undefined;
  readonly scope?: number | undefined;
}

export interface Dns {
  readonly nameservers?: readonly string[] | undefined;
  readonly domain?: string | undefined;
  readonly search?: readonly string[] | undefined;
  readonly options?: readonly string[] | undefined;
}

export interface Result {
  readonly interfaces: readonly Interface[];
  readonly ips: readonly IpConfig[];
  readonly routes: readonly ResultRoute[];
  readonly dns: Dns;
}

export const EMPTY_RESULT: Result = { interfaces: [], ips: [], routes: [], dns: {} };

/** Whether an address, with its length or without, is one of IPv4. */
export const isV4 = (address: string): boolean => !address.includes(':');

/** Reads a result of any version. */
export function readResult(value: unknown, place: string): Result {
  const fields = new Fields(value, place);
  const dns = readDns(fields.fields('dns'));
  if (!isSince(versionOf(fields.value('cniVersion')), '0.3.0')) return { ...readPair(fields), dns };
  return {
    interfaces: fields.objects('interfaces', readInterface) ?? [],
    ips: fields.objects('ips', readIpConfig) ?? [],
    routes: readRoutes(fields) ?? [],
    dns,
  };
}

function readInterface(fields: Fields): Interface {
  return {
    name: fields.text('name') ?? '',
    mac: fields.text('mac'),
    sandbox: fields.text('sandbox'),
    mtu: fields.integer('mtu'),
    socketPath: fields.text('socketPath'),
    pciID: fields.text('pciID'),
  };
}

function readIpConfig(fields: Fields): IpConfig {
  fields.ip('gateway');
  return {
    address: required(fields.prefix('address'), fields, 'address'),
    gateway: fields.text('gateway') || undefined,
    interface: fields.integer('interface', -1),
  };
}

/** The `routes` of a result or of an IPAM configuration. */
export const readRoutes = (fields: Fields): ResultRoute[] | undefined =>
  fields.objects('routes', (route) => {
    route.ip('gw');
    return {
      dst: required(route.prefix('dst'), route, 'dst'),
      gw: route.text('gw') || undefined,
      mtu: route.integer('mtu'),
      advmss: route.integer('advmss'),
      priority: route.integer('priority', 0, 0xffffffff),
      table: route.integer('table', 0, 0xffffffff),
      scope: route.integer('scope', 0, 255),
    };
  });

export function readDns(fields: Fields | undefined): Dns {
  if (fields === undefined) return {};
  return {
    nameservers: fields.texts('nameservers'),
    domain: fields.text('domain') || undefined,
    search: fields.texts('search'),
    options: fields.texts('options'),
  };
}

/** Whether anything is said of DNS, for what may replace something else. */
export const saysDns = ({ nameservers, domain, search, options }: Dns): boolean =>
  nameservers !== undefined || domain !== undefined || search !== undefined || options !== undefined;

// Before 0.3.0 a result was one address of each family, which brought its routes along.
function readPair(fields: Fields): Omit<Result, 'dns'> {
  const ips: IpConfig[] = [];
  const routes: ResultRoute[] = [];
  for (const name of ['ip4', 'ip6']) {
    const one = fields.fields(name);
    if (one === undefined) continue;
    one.ip('gateway');
    ips.push({ address: required(one.prefix('ip'), one, 'ip'), gateway: one.text('gateway') || undefined });
    routes.push(...(readRoutes(one) ?? []));
  }
  return { interfaces: [], ips, routes };
}

function required(value: string | undefined, fields: Fields, name: string): string {
  if (value === undefined) throw new CniError('config', `${fields.place(name)} is missing`);
  return value;
}

/** The result as `version` has it, for JSON. */
export function resultObject(result: Result, version: Version): object {
  const { dns } = result;
  if (!isSince(version, '0.3.0')) return { cniVersion: version, ...pairObject(result), dns };
  const full = isSince(version, '1.1.0');
  const { interfaces, ips, routes } = result;
  return {
    cniVersion: version,
    interfaces: omitEmpty(full ? interfaces : interfaces.map(({ name, mac, sandbox }) => ({ name, mac, sandbox }))),
    ips: omitEmpty(
      isSince(version, '1.0.0') ? ips : ips.map((ip) => ({ version: isV4(ip.address) ? '4' : '6', ...ip })),
    ),
    routes: omitEmpty(full ? routes : routes.map(({ dst, gw }) => ({ dst, gw }))),
    dns,
  };
}

function pairObject({ ips, routes }: Result): object {
  const pair: Record<string, object> = {};
  for (const [name, v4] of [
    ['ip4', true],
    ['ip6', false],
  ] as const) {
    const first = ips.find(({ address }) => isV4(address) === v4);
    if (first === undefined) continue;
    const own = routes.filter(({ dst }) => isV4(dst) === v4).map(({ dst, gw }) => ({ dst, gw }));
    pair[name] = { ip: first.address, gateway: first.gateway, routes: omitEmpty(own) };
  }
  return pair;
}

const omitEmpty = <T>(list: readonly T[]): readonly T[] | undefined => (list.length === 0 ? undefined : list);
