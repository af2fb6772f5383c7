/** A neighbour: what users say, what they see, and the request in between. Pure. */
import { AF_INET6, familyOf, parseIp } from '../../addressing/ip.js';
import { invalidValue, wrongType } from '../../errors.js';
import type { ByteReader } from '../../netlink/bytes.js';
import { makeRequest, NLM_F_CREATE, NLM_F_EXCL, type Request } from '../../netlink/message.js';
import type { Netns } from '../../netns/netns.js';
import { checkFields, fieldsOf } from '../fields.js';
import { flagBits, flagNames } from '../flags.js';
import type { LinkRef } from '../link/find.js';
import { snapshot } from '../snapshot.js';
import { RTM } from '../types.js';
import { MANAGED, NTF, NUD, ndmsg, neighborAttributes, neighborFamily } from './attributes.js';

/** How much the kernel knows of a neighbour, by the words of `ip neighbour`. */
export type NeighborState = keyof typeof NUD;

const FLAGS = { use: NTF.use, extern_learn: NTF.extern_learn, offloaded: NTF.offloaded, router: NTF.router } as const;
// Above the eight bits of ndm_flags.
const EXTENDED = 8;
const ALL_FLAGS = { ...FLAGS, managed: MANAGED << EXTENDED } as const;

/**
 * `router`: it is an IPv6 router. `extern_learn`: a control plane vouches for it, so it does not age.
 * `use`: resolve it now. `managed`: keep it resolved. `offloaded` is the kernel's to tell. All are spelt as
 * `ip neighbour` spells them.
 */
export type NeighborFlag = keyof typeof ALL_FLAGS;

/** Which neighbour. */
export interface NeighborKey {
  /** Its IP address. */
  readonly address: string;
  /** The link that it is on. */
  readonly link: LinkRef;
  /** An address that is answered for here (proxy ARP, proxy NDP), in place of a neighbour. */
  readonly proxy?: boolean | undefined;
  /** The namespace, where `link` does not bring it. */
  readonly netns?: Netns | undefined;
}

export interface NeighborSpec extends NeighborKey {
  /**
   * Its link-layer address. A new neighbour needs it, but for `proxy`, the flags `use` and `managed` (the kernel resolves
   * it), and the states `none`, `incomplete` and `failed`.
   */
  readonly mac?: string | undefined;
  /** If absent, as iproute2 says: `none` with the flag `managed`, `permanent` without. */
  readonly state?: NeighborState | undefined;
  readonly flags?: readonly NeighborFlag[] | undefined;
  /** Who made it: RTPROT_*, 0 to 255. */
  readonly protocol?: number | undefined;
}

/** A neighbour as the kernel tells it: plain and frozen. It can be given back to the calls that change neighbours. */
export interface Neighbor {
  readonly netns: Netns;
  /** Index of its link. */
  readonly link: number;
  readonly family: 'inet' | 'inet6';
  readonly address: string;
  readonly mac?: string;
  readonly state: NeighborState;
  readonly flags: readonly NeighborFlag[];
  readonly proxy: boolean;
  readonly protocol?: number;
  /** Milliseconds since it was used, confirmed, changed. */
  readonly used?: number;
  readonly confirmed?: number;
  readonly updated?: number;
  /** Probes sent without an answer. */
  readonly probes?: number;
}

const FIELDS = fieldsOf<keyof NeighborSpec | keyof Neighbor>({
  address: true,
  link: true,
  proxy: true,
  netns: true,
  mac: true,
  state: true,
  flags: true,
  protocol: true,
  // Of those that were listed.
  family: true,
  used: true,
  confirmed: true,
  updated: true,
  probes: true,
});

/** Refuses what is no neighbour. */
export function checkNeighbor(neighbor: unknown): asserts neighbor is NeighborSpec {
  if (typeof neighbor !== 'object' || neighbor === null)
    throw wrongType('neighbor', "an object like { address: '10.0.0.2', link }", neighbor);
  checkFields(neighbor, FIELDS, 'a neighbour');
}

const REQUESTS = {
  [RTM.NEWNEIGH]: 'RTM_NEWNEIGH',
  [RTM.DELNEIGH]: 'RTM_DELNEIGH',
  [RTM.GETNEIGH]: 'RTM_GETNEIGH',
} as const;

/** A NEWNEIGH, DELNEIGH or GETNEIGH (not a dump) for one neighbour on the link with that index. */
export function neighborRequest(
  type: keyof typeof REQUESTS,
  flags: number,
  spec: NeighborSpec,
  index: number,
): Request<Neighbor> {
  const { address, link, mac, state, proxy, protocol, netns } = spec;
  const bits = spec.flags === undefined ? 0 : flagBits(spec.flags, ALL_FLAGS) & ~NTF.offloaded;
  const get = type === RTM.GETNEIGH;
  const word = get ? (state ?? 'none') : stateOf(state, bits);
  const known = stateNumber(word);
  // The kernel makes such an entry first and refuses it then, which leaves one in state `none` (neigh_add and
  // __neigh_update in net/core/neighbour.c). One that is there keeps its address.
  const onlyThere = mac === undefined && !proxy && needsMac(known, bits);
  if (onlyThere && (flags & NLM_F_EXCL) !== 0) throw missingMac(spec);
  return makeRequest(neighborFamily, {
    type,
    name: REQUESTS[type],
    flags: onlyThere ? flags & ~NLM_F_CREATE : flags,
    header: {
      family: familyOf(parseIp(address, 'address')),
      index,
      state: known,
      flags: (bits & 0xff) | (proxy ? NTF.proxy : 0),
    },
    attributes: { address, mac, extendedFlags: bits >> EXTENDED || undefined, protocol },
    ...(get && {
      decode: (input: ByteReader, start: number, end: number, message: number) =>
        message === RTM.NEWNEIGH ? decodeNeighbor(netns as Netns, input, start, end) : undefined,
    }),
    context: { entry: address, link: typeof link === 'object' ? link.name : link },
  });
}

const stateOf = (state: NeighborState | undefined, flags: number): NeighborState =>
  state ?? ((flags & ALL_FLAGS.managed) !== 0 ? 'none' : 'permanent');

/** What is said of a new neighbour whose link-layer address nobody knows. */
export const missingMac = ({ mac, state }: NeighborSpec): Error =>
  wrongType('mac', `the link-layer address of the neighbour, to add one that is ${stateOf(state, 0)}`, mac);

// NUD_VALID (include/net/neighbour.h). With the flags it is the kernel that finds the address.
const VALID = NUD.permanent | NUD.noarp | NUD.reachable | NUD.probe | NUD.stale | NUD.delay;
const needsMac = (state: number, flags: number): boolean =>
  (state & VALID) !== 0 && (flags & (ALL_FLAGS.use | ALL_FLAGS.managed)) === 0;

export function stateNumber(state: NeighborState): number {
  const number = Object.hasOwn(NUD, state) ? NUD[state] : undefined;
  if (number === undefined) throw invalidValue('state', state, `is none of ${Object.keys(NUD).join(', ')}`);
  return number;
}

const STATES = Object.keys(NUD) as NeighborState[];

// Age in milliseconds, from hundredths of a second.
const age = (hundredths: number | undefined): number | undefined => hundredths && hundredths * 10;

/** Reads an RTM_NEWNEIGH of IPv4 or IPv6, from behind its nlmsghdr. */
export function decodeNeighbor(netns: Netns, input: ByteReader, start: number, end: number): Neighbor {
  const header = ndmsg.decode(input, start, Math.min(end, start + ndmsg.size));
  const {
    address,
    mac,
    protocol,
    cacheInfo,
    probes,
    extendedFlags = 0,
  } = neighborAttributes.decode(input, start + ndmsg.size, end);
  return snapshot<Neighbor>({
    netns,
    link: header.index,
    family: header.family === AF_INET6 ? 'inet6' : 'inet',
    address: address ?? '',
    // Entries without one (incomplete, failed, of links without addresses) carry no bytes.
    mac: mac || undefined,
    state: STATES.find((state) => NUD[state] === header.state) ?? 'none',
    flags: flagNames(header.flags | (extendedFlags << EXTENDED), ALL_FLAGS),
    proxy: (header.flags & NTF.proxy) !== 0,
    protocol: protocol || undefined,
    used: age(cacheInfo?.used),
    confirmed: age(cacheInfo?.confirmed),
    updated: age(cacheInfo?.updated),
    probes,
  });
}
