/** What is to be seen of a machine with a container, without what is by chance: names, MACs, numbers, timers. */
import { type Netns, ping } from 'netloom';
import type { CniOutput } from '../kernel/cni.ts';
import { iproute, witness } from '../kernel/ip.ts';
import { type Machine, WORLD } from './host.ts';

/** Values by where they stand: `host.links.br0.mtu`. */
export type Observation = ReadonlyMap<string, string>;

type Row = Record<string, unknown>;

/** Of bridges and their ports, what counts by itself or says who else is there. */
const BY_CHANCE =
  /timer|_id$|^id$|^no$|^root_|^root$|bridge$|^designated_|topology_change|^priority_mode$|^(hello|max)_|^port_no$/;

export async function observe(machine: Machine, result: CniOutput | undefined): Promise<Observation> {
  const { host, container } = machine;
  await settle([host.netns, container]);
  const seen = {
    host: await observeNetns(host.netns, result),
    container: await observeNetns(container, result),
    result: result && told(result),
    reached: await reached(container, result),
    reserved: reservedBy(machine),
  };
  return flatten(seen);
}

/** Where two observations differ, as `PLACE: A | B`. */
export function compare(a: Observation, b: Observation): string[] {
  const places = [...new Set([...a.keys(), ...b.keys()])].filter((place) => a.get(place) !== b.get(place));
  return places.sort().map((place) => `${place}: ${a.get(place) ?? '-'} | ${b.get(place) ?? '-'}`);
}

function reservedBy({ host }: Machine): string[] {
  try {
    return host.reserved('net');
  } catch {
    // Nothing was ever asked of host-local.
    return [];
  }
}

/** Waits until links have their state and addresses are usable. */
async function settle(all: readonly Netns[]): Promise<void> {
  let last = '';
  for (let i = 0; i < 100; i++) {
    const now = all.map((netns) => iproute(netns, 'ip address')).join();
    // A bridge without ports is down, as soon as a notice has told it.
    const goesDown = /br0: .*state UP/.test(now) && !now.includes('master br0');
    if (now === last && !goesDown && !now.includes('tentative')) return;
    last = now;
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
  throw new Error(`addresses do not settle:\n${last}`);
}

async function observeNetns(netns: Netns, result: CniOutput | undefined): Promise<object> {
  return {
    links: Object.fromEntries(witness(netns, 'ip -d link').map((row) => [nameOf(row['ifname']), linkOf(row, result)])),
    addresses: witness(netns, 'ip address').flatMap(addressesOf).sort(),
    routes: ['ip route show table all', 'ip -6 route show table all']
      .flatMap((command) => witness(netns, command))
      .map((row) => plain(text(row, ['expires'])))
      .filter((route) => !/^(anycast|multicast)/.test(route))
      .sort(),
    sysctls: sysctlsOf(netns),
    qdiscs: iproute(netns, 'tc qdisc show').split('\n').map(plain).sort(),
  };
}

function linkOf(row: Row, result: CniOutput | undefined): Row {
  const info = row['linkinfo'] as Record<string, Row> | undefined;
  const mac = result?.interfaces?.find(({ name }) => name === row['ifname'])?.mac;
  return {
    kind: info?.['info_kind'],
    data: settled(info?.['info_data']),
    port: settled(info?.['info_slave_data']),
    flags: (row['flags'] as string[]).toSorted(),
    mtu: row['mtu'],
    master: nameOf(row['master']),
    state: row['operstate'],
    mode: row['linkmode'],
    group: row['group'],
    queue: row['txqlen'],
    promiscuity: row['promiscuity'],
    alias: row['ifalias'],
    mac: mac === undefined ? undefined : mac === row['address'],
  };
}

function settled(data: Row | undefined): Row | undefined {
  return data && Object.fromEntries(Object.entries(data).filter(([name]) => !BY_CHANCE.test(name)));
}

function addressesOf(row: Row): string[] {
  return (row['addr_info'] as Row[]).map((address) =>
    plain(`${nameOf(row['ifname'])} ${text(address, ['valid_life_time', 'preferred_life_time', 'label'])}`),
  );
}

/** Everything of net.*.conf, by link, and what makes a router. */
function sysctlsOf(netns: Netns): Row {
  const lines = iproute(
    netns,
    'grep -rH --exclude=stable_secret --exclude=flush . /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf /proc/sys/net/ipv4/ip_forward',
  );
  const values = lines.split('\n').flatMap((line) => {
    const [path = '', ...rest] = line.replace('/proc/sys/net/', '').split(':');
    return path === '' ? [] : [[plain(path), rest.join(':')]];
  });
  return Object.fromEntries(values) as Row;
}

function told({ interfaces, ...rest }: CniOutput): object {
  return {
    ...rest,
    interfaces: interfaces?.map(({ name, mac, ...more }) => ({ ...more, name: nameOf(name), mac: mac !== undefined })),
  };
}

/** Which of what a container needs answers: its gateways, and what is beyond them. */
async function reached(netns: Netns, result: CniOutput | undefined): Promise<Row> {
  const gateways = (result?.ips ?? []).flatMap(({ gateway }) => (gateway === undefined ? [] : [gateway]));
  const answers = [...new Set([...gateways, WORLD])].map(async (address) => {
    try {
      return [address, (await ping(address, { netns, count: 2, interval: 50, timeout: 300 })).received > 0];
    } catch {
      // There is no route.
      return [address, false];
    }
  });
  return Object.fromEntries(await Promise.all(answers)) as Row;
}

/** Links of the host are named as their plugin likes. */
const nameOf = (name: unknown): string | undefined => (name === undefined ? undefined : plain(String(name)));
const plain = (line: string): string =>
  line.replace(/\bveth[0-9a-f]{8,11}\b/g, 'veth').replace(/\bfe80::[0-9a-f:]+/g, 'fe80::X');

const text = (row: Row, without: readonly string[]): string =>
  Object.entries(row)
    .filter(([name]) => !without.includes(name))
    .map(([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
    .join(' ');

function flatten(value: unknown, place = '', into = new Map<string, string>()): Map<string, string> {
  // Of lists that are sets, what is there counts, not where.
  if (
    Array.isArray(value) &&
    /\.(addresses|routes|qdiscs|flags)$/.test(place) &&
    value.every((one) => typeof one === 'string')
  )
    for (const one of value) into.set(`${place} ${one}`, 'there');
  else if (typeof value === 'object' && value !== null)
    for (const [name, one] of Object.entries(value)) flatten(one, place === '' ? name : `${place}.${name}`, into);
  else if (value !== undefined) into.set(place, String(value));
  return into;
}
