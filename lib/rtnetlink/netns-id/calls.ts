/**
 * Ids of namespaces, by which links that reach into others name them (`parentNetnsId`): `listNetnsIds`, `getNetnsId`,
 * `setNetnsId`.
 */
import { type ErrorContext, wrongType } from '../../errors.js';
import { align4, type ByteReader } from '../../netlink/bytes.js';
import { checkInteger } from '../../netlink/codec.js';
import { makeRequest, NLM_F_DUMP, type Request } from '../../netlink/message.js';
import { dump, exchange, request, valuesOf } from '../../netlink/request.js';
import { type Netns, type NetnsOptions, netnsOf } from '../../netns/netns.js';
import { call, type Operation, perform } from '../../operation.js';
import { RTM } from '../types.js';
import { NOT_ASSIGNED, netnsIdFamily, rtgenmsg } from './attributes.js';

/** An id that a namespace has for another: plain and frozen. */
export interface NetnsId {
  /** The namespace that has the id. */
  readonly netns: Netns;
  /** The id, 0 or more: what `Link.parentNetnsId` says. It is not the number that is `Netns.id`. */
  readonly nsid: number;
}

/** Reads an RTM_NEWNSID or RTM_DELNSID, from behind its nlmsghdr. Undefined where it tells no id. */
export function decodeNetnsId(netns: Netns, input: ByteReader, start: number, end: number): NetnsId | undefined {
  const { nsid = NOT_ASSIGNED } = netnsIdFamily.attributes.decode(input, start + align4(rtgenmsg.size), end);
  return nsid === NOT_ASSIGNED ? undefined : Object.freeze({ netns, nsid });
}

/**
 * The ids that a namespace has for others, in no order. The kernel gives one where a link comes to reach from one
 * into the other; it goes with the other namespace.
 *
 * `ip netns list-id`
 */
export const listNetnsIds = call('listNetnsIds', { netns: true }, function* (options: NetnsOptions = {}): Operation<
  NetnsId[]
> {
  const netns = netnsOf(options.netns);
  return yield* dump(
    netns,
    makeRequest(netnsIdFamily, {
      type: RTM.GETNSID,
      name: 'RTM_GETNSID',
      flags: NLM_F_DUMP,
      decode: (input, start, end, type) => (type === RTM.NEWNSID ? decodeNetnsId(netns, input, start, end) : undefined),
    }),
  );
});

const askFor = (netns: Netns, fd: number, context: ErrorContext): Request<NetnsId> =>
  makeRequest(netnsIdFamily, {
    type: RTM.GETNSID,
    name: 'RTM_GETNSID',
    attributes: { fd },
    decode: (input, start, end, type) => (type === RTM.NEWNSID ? decodeNetnsId(netns, input, start, end) : undefined),
    context,
  });

/**
 * The id that a namespace (`options.netns`) has for another; undefined where it has none.
 *
 * `ip netns list-id`, by its name
 */
export const getNetnsId = call(
  'getNetnsId',
  { netns: true },
  function* (of: Netns, options: NetnsOptions = {}): Operation<number | undefined> {
    const [other, netns] = [named(of), netnsOf(options.netns)];
    const release = other.hold();
    try {
      const [found] = yield* request(netns, askFor(netns, other.fd, contextOf(other)));
      return found?.nsid;
    } finally {
      release();
    }
  },
);

/**
 * Gives another namespace an id in this one (`options.netns`): a number of one's own, or `auto` for one that is free.
 * Gives the id. It cannot be changed afterwards.
 *
 * `ip netns set NAME ID`
 *
 * @throws NetlinkError EEXIST if that namespace has an id already (ENOSPC or EEXIST if another one has that id).
 */
export const setNetnsId = call(
  'setNetnsId',
  { netns: true },
  function* (of: Netns, nsid: number | 'auto', options: NetnsOptions = {}): Operation<number> {
    const [other, netns] = [named(of), netnsOf(options.netns)];
    if (nsid !== 'auto') {
      if (typeof nsid !== 'number') throw wrongType('nsid', "a number or 'auto'", nsid);
      checkInteger(nsid, 0, 0x7fffffff, 'nsid');
    }
    const release = other.hold();
    try {
      const context = contextOf(other);
      const give = makeRequest(netnsIdFamily, {
        type: RTM.NEWNSID,
        name: 'RTM_NEWNSID',
        attributes: { nsid: nsid === 'auto' ? NOT_ASSIGNED : nsid, fd: other.fd },
        context,
      });
      const [given, found] = yield* perform(exchange(netns, [give, askFor(netns, other.fd, context)]));
      if (given?.error) throw given.error;
      return (valuesOf(found)[0] as NetnsId).nsid;
    } finally {
      release();
    }
  },
);

function named(of: Netns): Netns {
  if (of === undefined) throw wrongType('of', 'a Netns (from createNetns or openNetns)', of);
  return netnsOf(of, 'of');
}

const contextOf = (of: Netns): ErrorContext => ({ entry: of.name ?? String(of.id) });
