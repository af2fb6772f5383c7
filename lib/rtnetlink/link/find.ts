/** Finding links: `getLink`, `listLinks`, and what stands for a link in other calls. */
import { invalidValue, NetlinkError, outOfRange, wrongType } from '../../errors.js';
import { makeRequest, NLM_F_DUMP, type ReplyDecoder, type Request } from '../../netlink/message.js';
import { dump, request } from '../../netlink/request.js';
import { Netns, type NetnsOptions, netnsOf } from '../../netns/netns.js';
import { call, type Operation } from '../../operation.js';
import { RTM } from '../types.js';
import { ALT_NAME_LIMIT, linkFamily, NAME_LIMIT } from './attributes.js';
import { decodeIdentity, decodeLink, type Link, type LinkIdentity } from './link.js';

/** What stands for a link: a snapshot, an index, or a name (an alternative one too). */
export type LinkRef = Link | number | string;

export interface GetLinkOptions extends NetnsOptions {
  /** Ask for the counters too. */
  readonly stats?: boolean | undefined;
}

export interface ListLinksOptions extends GetLinkOptions {
  /** Only links of this kind. */
  readonly kind?: string | undefined;
  /** Only ports of this bridge, bond or VRF. */
  readonly master?: LinkRef | undefined;
  /** Only links that are up (true) or down (false). */
  readonly up?: boolean | undefined;
  /** Only links of this group. */
  readonly group?: number | undefined;
}

/** RTEXT_FILTER_SKIP_STATS (linux/rtnetlink.h): leaves out the counters of IPv6 and AF_INET. */
const SKIP_STATS = 1 << 3;

/**
 * One link, by name, alternative name, index, or an earlier snapshot of it.
 *
 * `ip -d link show dev NAME`
 *
 * @throws NetlinkError ENODEV if there is none.
 */
export const getLink = call(
  'getLink',
  { netns: true, stats: true },
  function* (ref: LinkRef, options: GetLinkOptions = {}): Operation<Link> {
    const netns = netnsOfLink(ref, options.netns);
    const [link] = yield* request(netns, getLinkRequest(netns, ref, options));
    return link as Link;
  },
);

/**
 * The links of a namespace, by index. The kernel filters by kind and master itself.
 *
 * `ip -d link show type KIND master NAME up group N`
 *
 * @throws DumpInterruptedError if the list kept changing while it was read.
 */
export const listLinks = call(
  'listLinks',
  { netns: true, stats: true, kind: true, master: true, up: true, group: true },
  function* (options: ListLinksOptions = {}): Operation<Link[]> {
    const { kind, up, group, stats } = options;
    const netns = netnsOf(options.netns);
    const master = options.master === undefined ? undefined : yield* indexOf(netns, options.master, 'master');
    const wanted = (link: Link): boolean =>
      (kind === undefined || link.kind === kind) &&
      (master === undefined || link.master === master) &&
      (up === undefined || link.up === up) &&
      (group === undefined || link.group === group);
    return yield* dump(
      netns,
      makeRequest(linkFamily, {
        type: RTM.GETLINK,
        name: 'RTM_GETLINK',
        flags: NLM_F_DUMP,
        attributes: { extendedMask: stats ? 0 : SKIP_STATS, master, info: kind === undefined ? undefined : { kind } },
        // What old kernels do not filter is filtered here.
        decode: (input, start, end, type) => {
          if (type !== RTM.NEWLINK) return undefined;
          const link = decodeLink(netns, input, start, end, stats);
          return wanted(link) ? link : undefined;
        },
      }),
    );
  },
);

/** A GETLINK for one link. */
export const getLinkRequest = (netns: Netns, ref: LinkRef, { stats }: GetLinkOptions = {}): Request<Link> =>
  oneLinkRequest(ref, stats ? 0 : SKIP_STATS, (input, start, end, type) =>
    type === RTM.NEWLINK ? decodeLink(netns, input, start, end, stats) : undefined,
  );

/** The same, where only the index is to be learnt, and that of the link below. */
export const identifyRequest = (ref: LinkRef): Request<LinkIdentity> =>
  oneLinkRequest(ref, SKIP_STATS, (input, start, end, type) =>
    type === RTM.NEWLINK ? decodeIdentity(input, start, end) : undefined,
  );

function oneLinkRequest<R>(ref: LinkRef, extendedMask: number, decode: ReplyDecoder<R>): Request<R> {
  const index = typeof ref === 'object' ? ref.index : ref;
  return makeRequest(linkFamily, {
    type: RTM.GETLINK,
    name: 'RTM_GETLINK',
    header: typeof index === 'number' ? { index } : {},
    attributes: typeof index === 'number' ? { extendedMask } : { extendedMask, ...nameAttribute(index) },
    decode,
    context: { link: labelOf(ref) },
  });
}

/** The attribute that a link is found by: names that are too long for one are alternative ones. */
export const nameAttribute = (name: string): { name: string } | { altName: string } =>
  Buffer.byteLength(name) <= NAME_LIMIT ? { name } : { altName: name };

/** Checks a reference, and tells the namespace that it is to be looked up in. */
export function netnsOfLink(ref: unknown, netns: Netns | undefined, field = 'link'): Netns {
  checkLinkRef(ref, field);
  if (typeof ref !== 'object') return netnsOf(netns);
  if (netns !== undefined && netnsOf(netns).id !== ref.netns.id) {
    throw invalidValue('netns', netns, `is not the namespace of ${field} "${ref.name}"`);
  }
  return ref.netns;
}

/** The index of what a reference stands for; a name is looked up. */
export function* indexOf(netns: Netns, ref: LinkRef, field = 'link'): Operation<number> {
  checkLinkRef(ref, field);
  if (typeof ref === 'number') return ref;
  if (typeof ref === 'string') {
    const [link] = yield* request(netns, identifyRequest(ref));
    return (link as LinkIdentity).index;
  }
  if (ref.netns.id !== netns.id) {
    throw invalidValue(field, ref.name, `is in another namespace (${ref.netns.sockets.label ?? "the process's own"})`);
  }
  return ref.index;
}

/** LOOPBACK_IFINDEX (include/net/net_namespace.h): `lo` has it in every namespace, and no other link. */
export const LOOPBACK = 1;

/** What errors call the link. */
export const labelOf = (ref: LinkRef): string | number => (typeof ref === 'object' ? ref.name : ref);

export function checkLinkRef(ref: unknown, field: string): asserts ref is LinkRef {
  if (typeof ref === 'string') {
    if (ref === '') throw invalidValue(field, ref, 'is no name of a link');
    const size = Buffer.byteLength(ref);
    if (size > ALT_NAME_LIMIT)
      throw invalidValue(field, ref, `is ${size} bytes; the kernel allows ${ALT_NAME_LIMIT} (ALTIFNAMSIZ)`);
  } else if (typeof ref === 'number') {
    if (!Number.isInteger(ref) || ref <= 0 || ref > 0x7fffffff) throw outOfRange(field, ref, 'an index, 1 or more');
  } else if (typeof ref !== 'object' || ref === null || !('index' in ref) || !('netns' in ref)) {
    throw wrongType(field, 'a Link, an index or a name', ref);
  } else if (!(ref.netns instanceof Netns)) {
    // A copy of a link, through postMessage or JSON, has lost its namespace.
    throw wrongType(`${field}.netns`, 'a Netns (a link does not survive being copied to another thread)', ref.netns);
  }
}

/** True for the kernel's word that a link is not there. */
export const isGone = (error: unknown): boolean => error instanceof NetlinkError && error.code === 'ENODEV';
