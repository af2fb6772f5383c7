/** Removing links: one, or many in one wait. */
import { invalidValue, wrongType } from '../../errors.js';
import { checkInteger } from '../../netlink/codec.js';
import { makeRequest, type Request } from '../../netlink/message.js';
import { exchange, request, send } from '../../netlink/request.js';
import { type Netns, netnsOf } from '../../netns/netns.js';
import { call, type Operation, perform } from '../../operation.js';
import { type DeleteOptions, removal } from '../if-exists.js';
import { RTM } from '../types.js';
import { linkFamily } from './attributes.js';
import { getLinkRequest, isGone, type LinkRef, labelOf, nameAttribute, netnsOfLink } from './find.js';
import { changeLinkRequest } from './finish.js';
import type { Link } from './link.js';

/**
 * Removes a link; a veth takes its peer along. The kernel waits for an RCU grace period: 15 ms or so each.
 *
 * `ip link delete dev NAME`
 *
 * @throws NetlinkError ENODEV if there is none, EOPNOTSUPP for one that no call made (lo, physical ones).
 */
export const deleteLink = call(
  'deleteLink',
  { netns: true, ifExists: true },
  (ref: LinkRef, options: DeleteOptions = {}): Operation<void> =>
    removal(send(netnsOfLink(ref, options.netns), deleteRequest(ref)), options),
);

/** A DELLINK for one link. */
export function deleteRequest(ref: LinkRef): Request {
  const index = typeof ref === 'object' ? ref.index : ref;
  return makeRequest(linkFamily, {
    type: RTM.DELLINK,
    name: 'RTM_DELLINK',
    ...(typeof index === 'number' ? { header: { index } } : { attributes: nameAttribute(index) }),
    context: { link: labelOf(ref) },
  });
}

/**
 * Removes many links in one wait rather than one each: 300 veth pairs in some 50 ms instead of 5 s. Either all
 * links of a group, or those listed, which are put into a group of their own for it.
 *
 * `ip link delete group N`
 *
 * @throws NetlinkError ENODEV if one of those listed is gone (unless `ifExists`; the others are removed all the
 * same).
 */
export const deleteLinks = call(
  'deleteLinks',
  { netns: true, ifExists: true },
  function* (which: readonly LinkRef[] | { readonly group: number }, options: DeleteOptions = {}): Operation<void> {
    if (Array.isArray(which)) {
      yield* deleteListed(which as readonly LinkRef[], options);
      return;
    }
    if (typeof which !== 'object' || which === null || !('group' in which)) {
      throw wrongType('which', 'an array of links, or { group }', which);
    }
    if (which.group === 0)
      throw invalidValue('group', 0, "is every link's default group, which the kernel does not remove");
    checkInteger(which.group, 1, 0x7fffffff, 'group');
    try {
      yield* request(netnsOf(options.netns), deleteGroupRequest(which.group));
    } catch (error) {
      // A group without links is no error here: there is nothing left to remove.
      if (!isGone(error)) throw error;
    }
  },
);

const deleteGroupRequest = (group: number): Request =>
  makeRequest(linkFamily, {
    type: RTM.DELLINK,
    name: 'RTM_DELLINK',
    attributes: { group },
    context: { link: `group ${group}` },
  });

function* deleteListed(refs: readonly LinkRef[], options: DeleteOptions): Operation<void> {
  const places = new Map<Netns, LinkRef[]>();
  for (const [i, ref] of refs.entries()) {
    const netns = netnsOfLink(ref, options.netns, `which[${i}]`);
    const there = places.get(netns);
    if (there) there.push(ref);
    else places.set(netns, [ref]);
  }
  let firstError: unknown;
  for (const [netns, there] of places) {
    const error = yield* deleteTogether(netns, there, options.ifExists === true);
    firstError ??= error;
  }
  if (firstError !== undefined) throw firstError;
}

function* deleteTogether(netns: Netns, refs: readonly LinkRef[], ifExists: boolean): Operation<unknown> {
  let firstError: unknown;
  const found: Link[] = [];
  for (const reply of yield* perform(
    exchange(
      netns,
      refs.map((ref) => getLinkRequest(netns, ref)),
    ),
  )) {
    if (reply.error) firstError ??= ifExists && isGone(reply.error) ? undefined : reply.error;
    else found.push(reply.values[0] as Link);
  }
  if (found.length === 0) return firstError;
  // A group that nobody uses: chosen at random among two thousand million less those that people would choose.
  const group = 0x40000000 + Math.floor(Math.random() * 0x3fffffff);
  const marks = found.map(({ index, name }) => changeLinkRequest(index, name, { group }));
  const replies = yield* perform(exchange(netns, [...marks, deleteGroupRequest(group)]));
  const refused = replies.at(-1)?.error;
  if (refused && !isGone(refused)) {
    // One that cannot be removed keeps all of them; each goes back to the group that it was in.
    yield* perform(
      exchange(
        netns,
        found.map((link) => changeLinkRequest(link.index, link.name, { group: link.group })),
      ),
    );
    return refused;
  }
  for (const { error } of replies.slice(0, -1)) if (error && !isGone(error)) firstError ??= error;
  return firstError;
}
