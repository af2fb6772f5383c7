/**
 * The table `inet netloom`: which maps and chains it has. Owners have elements in the maps, and no rules of their own,
 * so that a connection costs one look-up however many containers there are. Pure.
 */
import { AF_INET, type Prefix, parsePrefix } from '../../addressing/ip.js';
import type { Expression } from '../nftables/expressions.js';
import { concatenated, DATA_TYPES } from '../nftables/objects.js';
import { type ChainSpec, type MapSpec, verdictMap } from '../nftables/requests.js';
import {
  addressIn,
  addressLength,
  destinationTranslated,
  type Family,
  loadAddress,
  loadDestinationPort,
  loadProtocol,
  masquerade,
  notFromLoopback,
  ofFamily,
  toThisHost,
  translateDestinationBy,
  verdict,
  verdictBy,
} from './matches.js';
import { isOfKind, prefixesOf } from './prefix-chain.js';

export const TABLE = 'netloom';

/** Maps and the chains that ask them: all there or not at all. */
export interface Section {
  readonly maps: readonly MapSpec[];
  /** Made when they are asked for, which few calls do. */
  readonly chains: readonly ChainSpec[];
}

// NF_IP_PRI_* (linux/netfilter_ipv4.h): raw, dstnat, srcnat.
const RAW = -300;
const DESTINATION_NAT = -100;
const SOURCE_NAT = 100;

const prefix = (text: string): Prefix => parsePrefix(text);
const FAMILIES: readonly Family[] = [4, 6];

export const masqueradeMap = (family: Family): string => `masquerade${family}`;

/** Kinds of {@link prefixChainName}. */
export const OUTSIDE = 'outside';
export const HAIRPIN = 'hairpin';

export const masqueradeSection: Section = {
  maps: FAMILIES.map((family) => verdictMap(masqueradeMap(family), family)),
  get chains(): ChainSpec[] {
    return [
      {
        name: 'masquerading',
        hook: { type: 'nat', hook: 'postrouting', priority: SOURCE_NAT },
        rules: [
          [...addressIn('destination', prefix('224.0.0.0/4')), verdict('return')],
          [...addressIn('destination', prefix('ff00::/8')), verdict('return')],
          ...FAMILIES.map((family) => verdictBy(family, 'source', masqueradeMap(family))),
        ],
      },
    ];
  },
};

/** Masquerades what goes outside all of `except`. */
const outsideChain = (name: string, except: readonly Prefix[]): ChainSpec => ({
  name,
  rules: [...except.map((one) => [...addressIn('destination', one), verdict('return')]), [masquerade]],
});

/** Ports of every address of the host, and those of one. */
export const portMap = (family: Family): string => `ports${family}`;
export const addressPortMap = (family: Family): string => `address_ports${family}`;
/** Containers that need the answers of who is near them to come back through the host. */
export const publishedMap = (family: Family): string => `published${family}`;

const addressType = (family: Family): number => (family === 4 ? DATA_TYPES.ipv4 : DATA_TYPES.ipv6);

// Each part of a concatenation begins on 4 bytes.
const WORD = 4;
const portMaps = (family: Family): MapSpec[] => {
  const address = addressLength(family);
  const target = {
    dataType: concatenated(addressType(family), DATA_TYPES.port),
    dataLength: address + WORD,
  };
  return [
    {
      name: portMap(family),
      keyType: concatenated(DATA_TYPES.protocol, DATA_TYPES.port),
      keyLength: 2 * WORD,
      ...target,
    },
    {
      name: addressPortMap(family),
      keyType: concatenated(addressType(family), DATA_TYPES.protocol, DATA_TYPES.port),
      keyLength: address + 2 * WORD,
      ...target,
    },
    verdictMap(publishedMap(family), family),
  ];
};

const publish = (family: Family): Expression[][] => {
  const address = addressLength(family);
  return [
    [
      ...ofFamily(family),
      loadAddress(family, 'destination'),
      loadProtocol(address),
      loadDestinationPort(address + WORD),
      ...translateDestinationBy(family, addressPortMap(family)),
    ],
    [
      ...ofFamily(family),
      loadProtocol(0),
      loadDestinationPort(WORD),
      ...translateDestinationBy(family, portMap(family)),
    ],
  ];
};

export const portSection: Section = {
  maps: FAMILIES.flatMap(portMaps),
  // Those that are jumped to stand behind those that jump, so that they can be removed in this order.
  get chains(): ChainSpec[] {
    return [
      {
        name: 'from_outside',
        hook: { type: 'nat', hook: 'prerouting', priority: DESTINATION_NAT },
        rules: [[...toThisHost, verdict('jump', 'publish')]],
      },
      {
        name: 'from_here',
        hook: { type: 'nat', hook: 'output', priority: DESTINATION_NAT },
        rules: [
          // IPv6 has no route_localnet: the answer to ::1 would not come back.
          [...addressIn('destination', prefix('::1')), verdict('return')],
          [...toThisHost, verdict('jump', 'publish')],
        ],
      },
      {
        name: 'back_through_here',
        hook: { type: 'nat', hook: 'postrouting', priority: SOURCE_NAT },
        rules: FAMILIES.map((family) => [
          ...destinationTranslated,
          ...verdictBy(family, 'destination', publishedMap(family)),
        ]),
      },
      {
        // route_localnet lets 127.0.0.1 out to a container, and would let a container in to 127.0.0.1.
        name: 'guard_loopback',
        hook: { type: 'filter', hook: 'prerouting', priority: RAW },
        rules: [[...notFromLoopback, ...addressIn('destination', prefix('127.0.0.0/8')), verdict('drop')]],
      },
      { name: 'publish', rules: FAMILIES.flatMap(publish) },
    ];
  },
};

/** Masquerades what comes from `near`, and, of IPv4, from this host's loopback addresses. */
const hairpinChain = (name: string, near: Prefix): ChainSpec => ({
  name,
  rules: (near.family === AF_INET ? [near, prefix('127.0.0.0/8')] : [near]).map((one) => [
    ...addressIn('source', one),
    masquerade,
  ]),
});

/** The chain of a {@link prefixChainName}; undefined for one that somebody else has made. */
export function chainNamed(name: string): ChainSpec | undefined {
  if (isOfKind(OUTSIDE, name)) return outsideChain(name, prefixesOf(OUTSIDE, name).map(prefix));
  const [near] = prefixesOf(HAIRPIN, name).map(prefix);
  return near && hairpinChain(name, near);
}

export const SECTIONS: readonly Section[] = [masqueradeSection, portSection];
