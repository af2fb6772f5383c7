/** Neighbours (ARP and NDP): `addNeighbor`, `replaceNeighbor`, `deleteNeighbor`, `listNeighbors`, `getNeighbor`. */
import { AF_INET, AF_INET6, familyNumber } from '../../addressing/ip.js';
import { NetlinkError } from '../../errors.js';
import {
  makeRequest,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  type Request,
} from '../../netlink/message.js';
import { dump, request } from '../../netlink/request.js';
import { type Netns, type NetnsOptions, netnsOf } from '../../netns/netns.js';
import { call, type Operation } from '../../operation.js';
import { type DeleteOptions, removal } from '../if-exists.js';
import { indexOf, type LinkRef, netnsOfLink } from '../link/find.js';
import { netnsTold } from '../netns-told.js';
import { RTM } from '../types.js';
import { NTF, NUD, neighborFamily } from './attributes.js';
import {
  checkNeighbor,
  decodeNeighbor,
  missingMac,
  type Neighbor,
  type NeighborKey,
  type NeighborSpec,
  type NeighborState,
  neighborRequest,
  stateNumber,
} from './neighbor.js';

type Type = (typeof RTM)['NEWNEIGH' | 'DELNEIGH' | 'GETNEIGH'];

function* send(type: Type, flags: number, spec: NeighborSpec, options: NetnsOptions): Operation<Neighbor[]> {
  checkNeighbor(spec);
  const netns = netnsOfLink(spec.link, netnsTold(spec.netns, options.netns));
  const index = yield* indexOf(netns, spec.link);
  return yield* request(netns, neighborRequest(type, flags, { ...spec, netns }, index));
}

function* change(type: Type, flags: number, spec: NeighborSpec, options: NetnsOptions): Operation<void> {
  yield* send(type, flags, spec, options);
}

// What else is said of a neighbour does not tell which one it is.
function keyOf(neighbor: NeighborKey): NeighborKey {
  checkNeighbor(neighbor);
  const { address, link, proxy, netns } = neighbor;
  return { address, link, proxy, netns };
}

/**
 * Adds a neighbour: a permanent one unless `state` says otherwise, or an address to answer for (`proxy`).
 *
 * `ip neighbour add 10.0.0.2 lladdr 02:00:00:00:00:02 dev NAME nud permanent`, `ip neighbour add proxy 10.0.0.9 dev NAME`
 *
 * @throws NetlinkError EEXIST if the link has it already, ENODEV if there is no such link.
 */
export const addNeighbor = call(
  'addNeighbor',
  { netns: true },
  (neighbor: NeighborSpec, options: NetnsOptions = {}): Operation<void> =>
    change(RTM.NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL, neighbor, options),
);

/**
 * Adds a neighbour, or changes the one that is there, which keeps its address if `mac` is absent.
 *
 * `ip neighbour replace 10.0.0.2 lladdr 02:00:00:00:00:02 dev NAME`
 *
 * @throws NetlinkError ENODEV if there is no such link, EINVAL if the one that is there has no address to keep.
 *   TypeError ERR_INVALID_ARG_TYPE if there is none, and no `mac`.
 */
export const replaceNeighbor = call(
  'replaceNeighbor',
  { netns: true },
  function* (neighbor: NeighborSpec, options: NetnsOptions = {}): Operation<void> {
    try {
      yield* change(RTM.NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, neighbor, options);
    } catch (error) {
      // It was not to be made.
      throw error instanceof NetlinkError && error.code === 'ENOENT' ? missingMac(neighbor) : error;
    }
  },
);

/**
 * Removes a neighbour.
 *
 * `ip neighbour delete 10.0.0.2 dev NAME`
 *
 * @throws NetlinkError ENOENT if there is none, ENODEV if there is no such link; neither with `ifExists`.
 */
export const deleteNeighbor = call(
  'deleteNeighbor',
  { netns: true, ifExists: true },
  (neighbor: NeighborKey, options: DeleteOptions = {}): Operation<void> =>
    removal(change(RTM.DELNEIGH, 0, keyOf(neighbor), options), options),
);

/**
 * One neighbour.
 *
 * `ip neighbour get 10.0.0.2 dev NAME`
 *
 * @throws NetlinkError ENOENT if there is none, ENODEV if there is no such link.
 */
export const getNeighbor = call(
  'getNeighbor',
  { netns: true },
  function* (neighbor: NeighborKey, options: NetnsOptions = {}): Operation<Neighbor> {
    const [found] = yield* send(RTM.GETNEIGH, 0, keyOf(neighbor), options);
    return found as Neighbor;
  },
);

export interface ListNeighborsOptions extends NetnsOptions {
  /** Only those on this link. */
  readonly link?: LinkRef | undefined;
  /** Only those on ports of this bridge, bond or VRF. */
  readonly master?: LinkRef | undefined;
  readonly family?: 'inet' | 'inet6' | undefined;
  /** Only those in one of these states. As with `ip neighbour`, all but `none` and `noarp` if absent. */
  readonly states?: readonly NeighborState[] | undefined;
  /** The addresses that are answered for, in place of the neighbours. */
  readonly proxy?: boolean | undefined;
}

/**
 * The neighbours of a namespace. The kernel filters by link and master.
 *
 * `ip neighbour show dev NAME nud STATE`, `ip neighbour show proxy`
 *
 * @throws NetlinkError ENODEV if there is no such link, DumpInterruptedError if the list kept changing while it was
 *   read.
 */
export const listNeighbors = call(
  'listNeighbors',
  { netns: true, link: true, master: true, family: true, states: true, proxy: true },
  function* (options: ListNeighborsOptions = {}): Operation<Neighbor[]> {
    const { link, master } = options;
    const netns = link === undefined ? netnsOf(options.netns) : netnsOfLink(link, options.netns);
    const index = link === undefined ? undefined : yield* indexOf(netns, link);
    const masterIndex = master === undefined ? undefined : yield* indexOf(netns, master, 'master');
    return yield* dump(netns, listNeighborsRequest(netns, options, index, masterIndex));
  },
);

/** The dump for {@link listNeighbors}. Pure. */
export function listNeighborsRequest(
  netns: Netns,
  options: ListNeighborsOptions,
  index: number | undefined,
  master: number | undefined,
): Request<Neighbor> {
  const family = options.family === undefined ? 0 : familyNumber(options.family);
  const proxy = options.proxy === true;
  const states = options.states?.map(stateNumber);
  return makeRequest(neighborFamily, {
    type: RTM.GETNEIGH,
    name: 'RTM_GETNEIGH',
    flags: NLM_F_DUMP,
    header: { family, flags: proxy ? NTF.proxy : 0 },
    attributes: { via: index, master },
    decode: (input, start, end, type) => {
      const of = input.bytes[start];
      if (type !== RTM.NEWNEIGH || (of !== AF_INET && of !== AF_INET6)) return undefined;
      const neighbor = decodeNeighbor(netns, input, start, end);
      return proxy || wanted(neighbor, states) ? neighbor : undefined;
    },
  });
}

// As iproute2, ipneigh.c: print_neigh. What a control plane vouches for is shown in every state.
function wanted({ state, flags }: Neighbor, states: readonly number[] | undefined): boolean {
  if (states !== undefined) return states.includes(NUD[state]);
  return (state !== 'noarp' && state !== 'none') || flags.includes('extern_learn');
}
