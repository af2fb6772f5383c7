/** Port mappings between what users say and the elements of the maps. Pure. */
import { AF_INET, formatIp, type Prefix, parseIp, parsePrefix } from '../../addressing/ip.js';
import { invalidValue, outOfRange, wrongType } from '../../errors.js';
import { namesThere } from '../../known-names.js';
import type { Netns } from '../../netns/netns.js';
import type { Entry } from './entries.js';
import type { Family } from './matches.js';
import { networkOf, prefixChainName } from './prefix-chain.js';
import { addressPortMap, HAIRPIN, portMap, publishedMap } from './sections.js';

/** Protocols that have ports where port mappings look for them (linux/in.h). */
export const PORT_PROTOCOLS = { tcp: 6, udp: 17, sctp: 132 } as const;
export type PortProtocol = keyof typeof PORT_PROTOCOLS;

/** A port of the host that leads to one of a container. */
export interface PortMapping {
  readonly hostPort: number;
  readonly containerPort: number;
  /** `tcp` if absent. */
  readonly protocol?: PortProtocol | undefined;
  /** The address of the host that has the port; every one of its addresses if absent, of a family for `0.0.0.0` or `::`. */
  readonly hostAddress?: string | undefined;
}

export interface PortMappingSpec {
  /** An id of your own, by which they are deleted; `nft list ruleset` shows it as comment. At most 127 bytes. */
  readonly owner: string;
  readonly mappings: readonly PortMapping[];
  /**
   * The container's addresses, at most one of each family. With the length of its network (`10.1.0.5/24`), others in
   * there reach the host's port too, where they and the container are on one bridge.
   */
  readonly to: string | readonly string[];
  /** Let the container itself, and 127.0.0.1, reach the host's port, by giving them the host's address. True if absent. */
  readonly snat?: boolean | undefined;
  readonly netns?: Netns | undefined;
}

/** One port of the host, for one family: plain data. */
export interface MappedPort {
  readonly netns: Netns;
  readonly owner: string;
  readonly hostPort: number;
  readonly protocol: PortProtocol;
  /** Absent for every address. */
  readonly hostAddress?: string;
  readonly containerPort: number;
  /** The container's address. */
  readonly to: string;
}

const MAPPING = { hostPort: true, containerPort: true, protocol: true, hostAddress: true };

interface Parsed {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: number;
  readonly family?: Family;
  /** One address of the host. */
  readonly address?: Uint8Array;
}

const familyOf = (bytes: Uint8Array): Family => (bytes.length === 4 ? 4 : 6);

function checkPort(port: unknown, field: string): asserts port is number {
  if (typeof port !== 'number') throw wrongType(field, 'a number', port);
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw outOfRange(field, port, 'an integer, 1 to 65535');
}

function parseMapping(given: PortMapping, field: string): Parsed {
  if (typeof given !== 'object' || given === null) throw wrongType(field, 'an object', given);
  for (const name in given) {
    if (!Object.hasOwn(MAPPING, name))
      throw invalidValue(
        `${field}.${name}`,
        given[name as keyof PortMapping],
        `is no option here${namesThere(name, Object.keys(MAPPING))}`,
      );
  }
  const { hostPort, containerPort, protocol = 'tcp', hostAddress } = given;
  checkPort(hostPort, `${field}.hostPort`);
  checkPort(containerPort, `${field}.containerPort`);
  if (!Object.hasOwn(PORT_PROTOCOLS, protocol)) {
    throw invalidValue(`${field}.protocol`, protocol, `is none of ${Object.keys(PORT_PROTOCOLS).join(', ')}`);
  }
  const ports = { hostPort, containerPort, protocol: PORT_PROTOCOLS[protocol] };
  if (hostAddress === undefined) return ports;
  const address = parseIp(hostAddress, `${field}.hostAddress`);
  const family = familyOf(address);
  return address.every((byte) => byte === 0) ? { ...ports, family } : { ...ports, family, address };
}

function parseTo(given: unknown): Map<Family, Prefix> {
  const list: unknown[] = Array.isArray(given) ? given : [given];
  if (list.length === 0) throw invalidValue('to', given, 'must not be empty');
  const targets = new Map<Family, Prefix>();
  for (const [i, text] of list.entries()) {
    const field = Array.isArray(given) ? `to[${i}]` : 'to';
    const prefix = parsePrefix(text, field);
    const family = prefix.family === AF_INET ? 4 : 6;
    if (targets.has(family)) throw invalidValue(field, text, `is a second address of IPv${family}`);
    targets.set(family, prefix);
  }
  return targets;
}

const WORD = 4;
/** Parts of a concatenation, each beginning on 4 bytes. */
function concatenate(...parts: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + Math.ceil(part.length / WORD) * WORD, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += Math.ceil(part.length / WORD) * WORD;
  }
  return bytes;
}
const portBytes = (port: number): Uint8Array => Uint8Array.of(port >> 8, port & 255);

/** What the table has to have. */
export interface Plan {
  readonly entries: Entry[];
  readonly targets: ReadonlyMap<Family, Prefix>;
  readonly mappings: readonly Parsed[];
}

/** The entries of a spec whose names and owner are checked. */
export function planOf({ owner, mappings, to, snat = true }: PortMappingSpec): Plan {
  if (!Array.isArray(mappings)) throw wrongType('mappings', 'an array', mappings);
  if (mappings.length === 0) throw invalidValue('mappings', mappings, 'must not be empty');
  if (typeof snat !== 'boolean') throw wrongType('snat', 'true or false', snat);
  const targets = parseTo(to);
  const parsed = mappings.map((mapping, i) => parseMapping(mapping, `mappings[${i}]`));
  const entries = new Map<string, Entry>();
  for (const [i, { hostPort, containerPort, protocol, family: only, address }] of parsed.entries()) {
    if (only !== undefined && !targets.has(only)) {
      throw invalidValue(`mappings[${i}].hostAddress`, mappings[i]?.hostAddress, `is IPv${only}, and 'to' is not`);
    }
    for (const [family, target] of targets) {
      if (only !== undefined && family !== only) continue;
      const map = address === undefined ? portMap(family) : addressPortMap(family);
      const parts = [Uint8Array.of(protocol), portBytes(hostPort)];
      const key = address === undefined ? concatenate(...parts) : concatenate(address, ...parts);
      const id = `${map} ${key}`;
      if (entries.has(id)) throw invalidValue(`mappings[${i}].hostPort`, hostPort, 'is mapped twice');
      entries.set(id, { map, key, owner, data: concatenate(target.bytes, portBytes(containerPort)) });
    }
  }
  const hairpins: Entry[] = [];
  for (const [family, target] of snat ? targets : []) {
    const near = networkOf(`${formatIp(target.bytes)}/${target.length}`, 'to');
    const chain = prefixChainName(HAIRPIN, [near], 'to');
    hairpins.push({ map: publishedMap(family), key: target.bytes, owner, chain });
  }
  return { entries: [...entries.values(), ...hairpins], targets, mappings: parsed };
}

const protocolName = (number: number | undefined): PortProtocol =>
  (Object.entries(PORT_PROTOCOLS).find(([, value]) => value === number)?.[0] ?? String(number)) as PortProtocol;

/** What an entry maps; undefined for one that is about something else. */
export function mappedPortOf(netns: Netns, { map, key, owner, data }: Entry): MappedPort | undefined {
  const family = ([4, 6] as const).find((one) => map === portMap(one) || map === addressPortMap(one));
  if (family === undefined || data === undefined) return undefined;
  const length = family === 4 ? 4 : 16;
  const at = map === addressPortMap(family) ? length : 0;
  if (key.length < at + 2 * WORD || data.length < length + WORD) return undefined;
  const port = (bytes: Uint8Array, from: number): number =>
    ((bytes[from] as number) << 8) | (bytes[from + 1] as number);
  return {
    netns,
    owner,
    hostPort: port(key, at + WORD),
    protocol: protocolName(key[at]),
    ...(at > 0 && { hostAddress: formatIp(key, 0, length) }),
    containerPort: port(data, length),
    to: formatIp(data, 0, length),
  };
}

/** `192.0.2.1:8080/tcp`, and `*:8080/tcp` for every address. */
export const portText = ({ hostAddress, hostPort, protocol }: MappedPort): string =>
  `${hostAddress === undefined ? '*' : withBrackets(hostAddress)}:${hostPort}/${protocol}`;
export const targetText = ({ to, containerPort }: MappedPort): string => `${withBrackets(to)}:${containerPort}`;
const withBrackets = (address: string): string => (address.includes(':') ? `[${address}]` : address);
