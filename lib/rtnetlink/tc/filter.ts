/** A filter: what users say, what they see, and the requests in between. Pure. */
import { invalidValue, outOfRange, wrongType } from '../../errors.js';
import type { UnknownAttribute } from '../../netlink/attributes.js';
import type { ByteReader } from '../../netlink/bytes.js';
import { checkInteger } from '../../netlink/codec.js';
import { makeRequest, NLM_F_DUMP, type Request } from '../../netlink/message.js';
import type { Netns } from '../../netns/netns.js';
import { snapshot } from '../snapshot.js';
import { RTM } from '../types.js';
import { familyOf, kindIn, type TcAttributes, tcFamily, tcmsg } from './attributes.js';
import { type FilterDefinition, type FilterKinds, filterNamed, requireFilter } from './filter-kind.js';
import './filters/index.js';
import { type FilterParent, filterParent, filterParentText } from './handle.js';
import { optionsOf, payloadOf } from './qdisc-kind.js';

/** ETH_P_* (linux/if_ether.h) of the packets that a filter looks at, by the words of `tc`. */
export const FILTER_PROTOCOLS = {
  all: 0x0003,
  ip: 0x0800,
  arp: 0x0806,
  '802.1q': 0x8100,
  ipv6: 0x86dd,
  '802.1ad': 0x88a8,
} as const;
/** Of others, the EtherType as a number. */
export type FilterProtocol = keyof typeof FILTER_PROTOCOLS | number;

/** What is said of a filter of any kind. */
export interface FilterPlace {
  /** Where it stands; at the root qdisc if absent. */
  readonly parent?: FilterParent | undefined;
  /**
   * 1 to 65535, tried by rising number. If absent, the kernel chooses from 49152 down, so that it comes in front of those
   * for which it chose before.
   */
  readonly priority?: number | undefined;
  /** The packets that it looks at; those of the addresses that it matches, or `all`, if absent. */
  readonly protocol?: FilterProtocol | undefined;
  /** Its own number among those of its priority; the kernel chooses if absent. */
  readonly handle?: number | undefined;
  /** 0 if absent: the chain that packets enter. */
  readonly chain?: number | undefined;
}

/** All that `addFilter` takes, by kind. */
export type FilterSpec = {
  [K in keyof FilterKinds]: { readonly kind: K } & FilterPlace & FilterKinds[K]['options'];
}[keyof FilterKinds];

/**
 * Which filters of a place: one by kind, priority, protocol and handle; all of a priority; or, with nothing but the
 * place and perhaps a chain, all of that chain.
 */
export interface FilterKey extends FilterPlace {
  readonly parent: FilterParent;
  readonly kind?: string | undefined;
}

/** A filter as the kernel tells it: plain and frozen. */
export interface Filter {
  readonly netns: Netns;
  /** Index of its link. */
  readonly link: number;
  readonly kind: string;
  readonly parent: FilterParent;
  readonly priority: number;
  readonly protocol: FilterProtocol;
  readonly handle: number;
  readonly chain: number;
  /** What the kind keeps; absent for kinds that netloom does not know. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** Attributes that netloom does not know, as the kernel sent them. */
  readonly unknown?: readonly UnknownAttribute[];
}

/** A filter of a kind, with what that kind keeps. */
export type FilterOf<K extends keyof FilterKinds> = Filter & {
  readonly kind: K;
  readonly data: Readonly<FilterKinds[K]['told']>;
};

// tcm_info holds the priority, and the protocol in network order.
const swap16 = (number: number): number => ((number & 0xff) << 8) | (number >>> 8);

function protocolNumber(protocol: unknown): number {
  if (typeof protocol === 'number') {
    checkInteger(protocol, 1, 0xffff, 'protocol');
    return protocol;
  }
  const number =
    typeof protocol === 'string' && Object.hasOwn(FILTER_PROTOCOLS, protocol)
      ? FILTER_PROTOCOLS[protocol as keyof typeof FILTER_PROTOCOLS]
      : undefined;
  if (number === undefined)
    throw invalidValue('protocol', protocol, `is none of ${Object.keys(FILTER_PROTOCOLS).join(', ')}, nor a number`);
  return number;
}

function protocolText(number: number): FilterProtocol {
  const words = Object.keys(FILTER_PROTOCOLS) as (keyof typeof FILTER_PROTOCOLS)[];
  return words.find((word) => FILTER_PROTOCOLS[word] === number) ?? number;
}

/** Reads an RTM_NEWTFILTER, from behind its nlmsghdr. */
export function decodeFilter(netns: Netns, input: ByteReader, start: number, end: number): Filter {
  const at = Math.min(end, start + tcmsg.size);
  const { ifindex, handle, parent, info } = tcmsg.decode(input, start, at);
  const kind = kindIn(input, at, end) ?? '';
  const definition = filterNamed(kind);
  const { options, chain = 0, unknown } = familyOf(definition?.options).attributes.decode(input, at, end);
  return snapshot<Filter>({
    netns,
    link: ifindex,
    kind,
    parent: filterParentText(parent),
    priority: info >>> 16,
    protocol: protocolText(swap16(info & 0xffff)),
    handle,
    chain,
    data: optionsOf(definition, options),
    unknown,
  });
}

type Spec = FilterSpec & Readonly<Record<string, unknown>>;
const ENTRY = 'filter';

function headerOf({ parent, priority = 0, handle = 0 }: FilterPlace, protocol: number, index: number) {
  checkInteger(priority, 0, 0xffff, 'priority');
  checkInteger(handle, 0, 0xffffffff, 'handle');
  return {
    ifindex: index,
    handle,
    parent: parent === undefined ? 0 : filterParent(parent),
    info: ((priority << 16) | swap16(protocol)) >>> 0,
  };
}

function checkChain(chain: number | undefined): void {
  if (chain !== undefined) checkInteger(chain, 0, 0x0fffffff, 'chain');
}

const PLACE = ['kind', 'parent', 'priority', 'protocol', 'handle', 'chain'];

/** A NEWTFILTER for the link with that index. The links of its actions are indices already. */
export function filterRequest(flags: number, spec: FilterSpec, index: number, link: string | number): Request {
  const { kind, parent, priority, protocol, handle, chain, ...options } = spec as Spec;
  const definition = requireFilter(kind);
  const told = definition.protocolOf?.(options);
  const wanted = protocolNumber(protocol ?? told ?? 'all');
  if (told !== undefined && wanted !== FILTER_PROTOCOLS[told])
    throw invalidValue('protocol', protocol, `is not that of the addresses (${told})`);
  if (priority === 0) throw outOfRange('priority', priority, '1 to 65535');
  checkChain(chain);
  return newFilterRequest(
    flags,
    definition,
    headerOf({ parent, priority, handle }, wanted, index),
    { options: payloadOf(definition, options, `a ${kind} filter`, PLACE, wanted), chain },
    { link, entry: `${ENTRY} ${kind} ${parent ?? 'root'}` },
  );
}

const newFilterRequest = (
  flags: number,
  { kind, options }: FilterDefinition,
  header: ReturnType<typeof headerOf>,
  attributes: { options: unknown; chain: number | undefined },
  context: { link: string | number; entry: string },
): Request =>
  makeRequest(familyOf(options), {
    type: RTM.NEWTFILTER,
    name: 'RTM_NEWTFILTER',
    flags,
    header,
    attributes: { kind, ...attributes } as TcAttributes,
    context,
  });

/** Refuses what names no filter. */
export function checkFilterKey(which: unknown): asserts which is FilterKey {
  if (typeof which !== 'object' || which === null || !('parent' in which) || which.parent === undefined)
    throw wrongType('filter', "an object like { parent: 'ingress', priority: 1 }", which);
}

// To the kernel, no priority means every filter of the chain: nothing else may be told, which would be passed over.
function checkPlaceAlone(which: object): void {
  for (const [field, value] of Object.entries(which)) {
    if (value !== undefined && field !== 'parent' && field !== 'chain')
      throw invalidValue(field, value, 'goes with `priority` only, without which all filters of the place are meant');
  }
}

/** A DELTFILTER for the link with that index. */
export function deleteFilterRequest(which: FilterKey, index: number, link: string | number): Request {
  checkFilterKey(which);
  const { kind, parent, protocol, chain, priority } = which;
  if (priority === undefined) checkPlaceAlone(which);
  if (priority === 0) throw outOfRange('priority', priority, '1 to 65535');
  checkChain(chain);
  return makeRequest(tcFamily, {
    type: RTM.DELTFILTER,
    name: 'RTM_DELTFILTER',
    header: headerOf(which, protocol === undefined ? 0 : protocolNumber(protocol), index),
    attributes: { kind, chain } as TcAttributes,
    context: { link, entry: `${ENTRY}${kind === undefined ? '' : ` ${kind}`} ${parent}` },
  });
}

/** The dump of the filters at one place. Without the heads of priorities, and the hash tables of u32. */
export const listFiltersRequest = (
  netns: Netns,
  index: number,
  link: string | number,
  parent: FilterParent | undefined,
  wanted: (filter: Filter) => boolean,
): Request<Filter> =>
  makeRequest(tcFamily, {
    type: RTM.GETTFILTER,
    name: 'RTM_GETTFILTER',
    flags: NLM_F_DUMP,
    header: { ifindex: index, parent: parent === undefined ? 0 : filterParent(parent) },
    decode: (input, start, end, type) => {
      if (type !== RTM.NEWTFILTER) return undefined;
      const filter = decodeFilter(netns, input, start, end);
      if (filter.handle === 0 || filter.data?.['divisor'] !== undefined) return undefined;
      return wanted(filter) ? filter : undefined;
    },
    context: { link },
  });
