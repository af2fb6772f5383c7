/** Forwarding databases: `addFdbEntry`, `appendFdbEntry`, `replaceFdbEntry`, `deleteFdbEntry`, `listFdbEntries`. */
import {
  makeRequest,
  NLM_F_APPEND,
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
import { AF_BRIDGE, RTM } from '../types.js';
import { neighborFamily } from './attributes.js';
import { decodeFdbEntry, type FdbEntry, type FdbSpec, fdbRequest, isFdbEntry, toFdbSpec } from './fdb.js';

type Change = (typeof RTM)['NEWNEIGH' | 'DELNEIGH'];

function* change(type: Change, flags: number, given: FdbSpec | FdbEntry, options: NetnsOptions): Operation<void> {
  const spec = toFdbSpec(given);
  const netns = netnsOfLink(spec.link, netnsTold(spec.netns, options.netns));
  const index = yield* indexOf(netns, spec.link);
  const via = spec.via === undefined ? undefined : yield* indexOf(netns, spec.via, 'via');
  yield* request(netns, fdbRequest(type, flags, spec, index, via));
}

/**
 * Adds a forwarding entry.
 *
 * `bridge fdb add 02:00:00:00:00:02 dev NAME master static vlan 10`, `bridge fdb add MAC dev VXLAN dst 192.0.2.1`
 *
 * @throws NetlinkError EEXIST if it is there already, ENODEV if there is no such link.
 */
export const addFdbEntry = call(
  'addFdbEntry',
  { netns: true },
  (entry: FdbSpec | FdbEntry, options: NetnsOptions = {}): Operation<void> =>
    change(RTM.NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL, entry, options),
);

/**
 * Adds one more remote endpoint for a MAC on a VXLAN: `00:00:00:00:00:00` so gets a list to flood to.
 *
 * `bridge fdb append 00:00:00:00:00:00 dev VXLAN dst 192.0.2.1`
 *
 * @throws NetlinkError ENODEV if there is no such link, EOPNOTSUPP or EINVAL if its table takes no such entry.
 */
export const appendFdbEntry = call(
  'appendFdbEntry',
  { netns: true },
  (entry: FdbSpec | FdbEntry, options: NetnsOptions = {}): Operation<void> =>
    change(RTM.NEWNEIGH, NLM_F_CREATE | NLM_F_APPEND, entry, options),
);

/**
 * Adds a forwarding entry, or changes the one that is there.
 *
 * `bridge fdb replace 02:00:00:00:00:02 dev NAME master`
 *
 * @throws NetlinkError ENODEV if there is no such link, EOPNOTSUPP or EINVAL if its table takes no such entry.
 */
export const replaceFdbEntry = call(
  'replaceFdbEntry',
  { netns: true },
  (entry: FdbSpec | FdbEntry, options: NetnsOptions = {}): Operation<void> =>
    change(RTM.NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, entry, options),
);

/**
 * Removes a forwarding entry.
 *
 * `bridge fdb delete 02:00:00:00:00:02 dev NAME master`
 *
 * @throws NetlinkError ENOENT if there is none, EOPNOTSUPP if the link is no port of a bridge, ENODEV if there is no
 *   such link; none of them with `ifExists`.
 */
export const deleteFdbEntry = call(
  'deleteFdbEntry',
  { netns: true, ifExists: true },
  (entry: FdbSpec | FdbEntry, options: DeleteOptions = {}): Operation<void> =>
    // A link that is no port any more: its bridge has gone, or let it go, and with it the entry.
    removal(change(RTM.DELNEIGH, 0, entry, options), options, 'EOPNOTSUPP'),
);

export interface ListFdbEntriesOptions extends NetnsOptions {
  /** Only those of this port or VXLAN. */
  readonly link?: LinkRef | undefined;
  /** Only those of this bridge. */
  readonly bridge?: LinkRef | undefined;
}

/**
 * The forwarding entries of a namespace. The kernel filters by link and bridge.
 *
 * `bridge fdb show brport NAME br BRIDGE`
 *
 * @throws NetlinkError ENODEV if there is no such link, DumpInterruptedError if the list kept changing while it was
 *   read.
 */
export const listFdbEntries = call(
  'listFdbEntries',
  { netns: true, link: true, bridge: true },
  function* (options: ListFdbEntriesOptions = {}): Operation<FdbEntry[]> {
    const { link, bridge } = options;
    const told = link ?? bridge;
    const netns =
      told === undefined
        ? netnsOf(options.netns)
        : netnsOfLink(told, options.netns, link === undefined ? 'bridge' : 'link');
    const index = link === undefined ? undefined : yield* indexOf(netns, link);
    const bridgeIndex = bridge === undefined ? undefined : yield* indexOf(netns, bridge, 'bridge');
    return yield* dump(netns, listFdbEntriesRequest(netns, index, bridgeIndex));
  },
);

/** The dump for {@link listFdbEntries}. Pure. */
export function listFdbEntriesRequest(
  netns: Netns,
  index: number | undefined,
  bridge: number | undefined,
): Request<FdbEntry> {
  return makeRequest(neighborFamily, {
    type: RTM.GETNEIGH,
    name: 'RTM_GETNEIGH',
    flags: NLM_F_DUMP,
    header: { family: AF_BRIDGE, index: index ?? 0 },
    attributes: { master: bridge },
    decode: (input, start, end, type) =>
      isFdbEntry(input, start, type) ? decodeFdbEntry(netns, input, start, end) : undefined,
  });
}
