/**
 * Moving links to other namespaces: `moveToNetns`, and `lendLink` and `returnLink`, which keep a link's name for its
 * way back.
 *
 * A move is one request, which the kernel carries out in steps: the link goes to its new namespace, gets its new name
 * there, its alias, and comes up. Where a step fails, those before it are done; then the link is fetched back.
 */
import { constants } from 'node:os';
import { invalidValue, NetlinkError, wrongType } from '../../errors.js';
import type { Reply } from '../../netlink/batch.js';
import { makeRequest, type Request } from '../../netlink/message.js';
import { exchange, request, valuesOf } from '../../netlink/request.js';
import { type Netns, type NetnsOptions, netnsOf } from '../../netns/netns.js';
import { call, type Operation, perform } from '../../operation.js';
import { RTM } from '../types.js';
import { linkFamily } from './attributes.js';
import { getLinkRequest, isGone, type LinkRef, netnsOfLink } from './find.js';
import { changeLinkRequest } from './finish.js';
import { LINK_FLAGS, type Link } from './link.js';
import { checkLinkName } from './options.js';

export interface MoveOptions extends NetnsOptions {
  /** The name that it gets there; its own if absent. */
  readonly name?: string | undefined;
  /** Up at once; a link that moves is down otherwise. */
  readonly up?: boolean | undefined;
}

export interface ReturnOptions extends NetnsOptions {
  /** The namespace that it goes back to: the process's own if absent. `netns` is the one in which it is. */
  readonly to?: Netns | undefined;
  /** Another name than the one that it had before it was lent. */
  readonly name?: string | undefined;
  /** Up at once; a link that moves is down otherwise. */
  readonly up?: boolean | undefined;
}

/**
 * Moves a link to another namespace, renames it there and brings it up, all in one request. The link loses
 * its addresses and routes, and its index changes where another link has it already.
 *
 * `ip link set dev LINK netns NS name NAME up`
 *
 * Where it fails, the link is where it was, called as it was, up if it was; where the kernel had moved it before it
 * failed, its addresses and routes are gone.
 *
 * @returns the link as it is in its new namespace.
 * @throws NetlinkError EEXIST if the name is taken there, EINVAL for links that cannot move (`lo`, bridges on
 * some kernels).
 */
export const moveToNetns = call(
  'moveToNetns',
  { netns: true, name: true, up: true },
  function* (ref: LinkRef, to: Netns, options: MoveOptions = {}): Operation<Link> {
    const { name, up } = options;
    if (name !== undefined) checkLinkName(name);
    const from = netnsOfLink(ref, options.netns);
    const target = targetOf(to, 'netns');
    // A snapshot may be older than its link's name, which must not come back by the move.
    const [link] = (yield* request(from, getLinkRequest(from, ref))) as [Link];
    return yield* relocate(link, target, { name: name ?? link.name, up });
  },
);

/**
 * Moves a link into a container, a physical one too, and keeps the name that it has here in its alias, in place of
 * the alias that it had: {@link returnLink} finds it there, also in another process, and so does the CNI plugin
 * host-device, which does the same. The link loses its addresses and routes.
 *
 * `ip link set dev LINK netns NS name NAME alias LINK up`
 *
 * Where it fails, the link is where it was, with its name and alias, up if it was, a port of the bridge that it was a
 * port of; where the kernel had moved it before it failed, its addresses and routes are gone. When the container's
 * namespace ends first, the kernel puts physical links into the machine's first namespace, and removes virtual ones.
 *
 * @returns the link as it is in the container.
 * @throws NetlinkError EEXIST if the name is taken there, EINVAL for links that cannot move (`lo`, bridges on
 * some kernels), EPERM without CAP_NET_ADMIN in both namespaces.
 */
export const lendLink = call(
  'lendLink',
  { netns: true, name: true, up: true },
  function* (ref: LinkRef, netns: Netns, options: MoveOptions = {}): Operation<Link> {
    const { name, up } = options;
    if (name !== undefined) checkLinkName(name);
    const from = netnsOfLink(ref, options.netns);
    const target = elsewhere(targetOf(netns, 'netns'), from, 'netns');
    const [link] = (yield* request(from, getLinkRequest(from, ref))) as [Link];
    return yield* relocate(link, target, { name: name ?? link.name, alias: link.name, up });
  },
);

/**
 * Moves a link back that was lent: to the namespace `to`, under the name in its alias, which it then has no more.
 *
 * `ip link set dev LINK netns NS name ALIAS alias ''`
 *
 * Where that name has been taken meanwhile, that is EEXIST, and the link stays in the container as it is: return it
 * under another one (`name`), or once the name is free. Whatever else fails, it stays there or is put back, as with
 * {@link lendLink}.
 *
 * @returns the link as it is in its own namespace again.
 * @throws NetlinkError ENODEV if there is no such link in the container (it has been returned already, say), EEXIST
 * if its name is taken, ERR_INVALID_ARG_VALUE if it has no alias that can be its name.
 */
export const returnLink = call(
  'returnLink',
  { netns: true, to: true, name: true, up: true },
  function* (ref: LinkRef, options: ReturnOptions = {}): Operation<Link> {
    const { name, up } = options;
    if (name !== undefined) checkLinkName(name);
    const from = netnsOfLink(ref, options.netns);
    const target = elsewhere(netnsOf(options.to, 'to'), from, 'to');
    const [link] = (yield* request(from, getLinkRequest(from, ref))) as [Link];
    return yield* relocate(link, target, { name: name ?? nameBefore(link), alias: '', up });
  },
);

function nameBefore({ name, alias }: Link): string {
  if (!alias) throw invalidValue('link', name, 'has no alias that tells how it was called: was it lent?');
  try {
    checkLinkName(alias, 'alias');
  } catch {
    throw invalidValue(
      'link',
      name,
      `has the alias ${JSON.stringify(alias)}, which is no name of a link: was it lent?`,
    );
  }
  return alias;
}

function targetOf(to: Netns, field: string): Netns {
  if (to === undefined) throw wrongType(field, 'a Netns (from createNetns or openNetns)', to);
  return netnsOf(to, field);
}

function elsewhere(target: Netns, from: Netns, field: string): Netns {
  if (target.id === from.id) throw invalidValue(field, target.name ?? target.id, 'is where the link is already');
  return target;
}

/** How a link shall be where it arrives. What is absent stays as it is, but that it is down. */
interface Arrival {
  readonly name: string;
  readonly alias?: string | undefined;
  readonly up?: boolean | undefined;
  readonly master?: number | undefined;
  /** Linux 5.13 and later; others pass over it. */
  readonly newIndex?: number | undefined;
}

function moveRequest(index: number, label: string, target: Netns, { up, ...arrival }: Arrival): Request {
  return makeRequest(linkFamily, {
    type: RTM.NEWLINK,
    name: 'RTM_NEWLINK',
    header: { index, ...(up !== undefined && { flags: up ? LINK_FLAGS.up : 0, change: LINK_FLAGS.up }) },
    attributes: { netnsFd: target.fd, ...arrival },
    context: { link: label },
  });
}

/** Moves `link`, as it is now, to `target`; where that fails, it is here as before. */
function* relocate(link: Link, target: Netns, arrival: Arrival): Operation<Link> {
  const { netns: from, index } = link;
  const { name } = arrival;
  // Where the old name is free there, the kernel moves first and renames then, which would fail there.
  if (link.altNames.includes(name)) throw takenName(link, target, `the link has the alternative name "${name}"`);
  if (name !== link.name) yield* refuseTakenName(target, link, name);
  const releases = [from.hold(), target.hold()];
  let away = false;
  try {
    // What an aborted call has moved comes back.
    const undo = function* ([reply]: Reply[]): Operation<void> {
      if (!reply?.error) yield* fetchBack(link, target, name);
    };
    const [reply] = yield* perform(exchange(from, [moveRequest(index, link.name, target, arrival)], undo));
    away = true;
    if (reply?.error) {
      // Refused at once, or somewhere on the way.
      const [here] = yield* perform(exchange(from, [getLinkRequest(from, index)]));
      away = isGone(here?.error);
      // The name was taken after it was looked up.
      if (away && (reply.error as NetlinkError).code === 'EEXIST') throw takenName(link, target, nameIsTaken(name));
      throw reply.error;
    }
    const [there] = yield* request(target, getLinkRequest(target, name));
    return there as Link;
  } catch (error) {
    const trouble = away ? yield* fetchBack(link, target, name) : undefined;
    if (trouble !== undefined && error instanceof Error)
      error.message += `; the link has moved there, and is not as it was: ${trouble}`;
    throw error;
  } finally {
    for (const release of releases) release();
  }
}

/** Puts a link back that has moved, maybe not to its end. What hindered that, if anything did. */
function* fetchBack(link: Link, target: Netns, name: string): Operation<string | undefined> {
  const { netns: home, index, name: before, alias = '', master, up, addrGenMode } = link;
  try {
    const found = yield* findMoved(link, target, name);
    if (found === undefined) return 'it is not there any more';
    const back = (newIndex?: number): Request =>
      moveRequest(found.index, found.name, home, { name: before, alias, master, newIndex });
    let [reply] = yield* perform(exchange(target, [back(index)]));
    // Its index may be another link's by now, which is no reason to leave it there.
    if ((reply?.error as NetlinkError | undefined)?.code === 'EBUSY')
      [reply] = yield* perform(exchange(target, [back()]));
    if (reply?.error) return reply.error.message;
    const [here] = (yield* request(home, getLinkRequest(home, before))) as [Link];
    // IPv6 has forgotten how addresses come about here, and makes some as soon as the link is up.
    if (addrGenMode !== undefined)
      yield* perform(exchange(home, [changeLinkRequest(here.index, before, { addrGenMode })]));
    if (up) yield* request(home, changeLinkRequest(here.index, before, { up }));
    return undefined;
  } catch (error) {
    // The error that led here is the one to tell.
    return error instanceof Error ? error.message : String(error);
  }
}

/** The link in its new namespace, where it has its old name or the new one, and maybe another index. */
function* findMoved(link: Link, target: Netns, name: string): Operation<Link | undefined> {
  const places = [link.index, name, link.name];
  const replies = yield* perform(
    exchange(
      target,
      places.map((place) => getLinkRequest(target, place)),
    ),
  );
  for (const reply of replies) {
    const [found] = reply.error ? [] : (valuesOf(reply) as [Link]);
    if (found && (found.name === name || found.name === link.name) && isSame(found, link)) return found;
  }
  return undefined;
}

const isSame = (one: Link, other: Link): boolean =>
  one.kind === other.kind && one.type === other.type && one.mac === other.mac && one.parent === other.parent;

const nameIsTaken = (name: string): string => `the name "${name}" is taken by a link there`;

const takenName = (link: Link, target: Netns, kernelMessage: string): NetlinkError =>
  new NetlinkError({
    errno: -constants.errno.EEXIST,
    syscall: 'RTM_NEWLINK',
    link: link.name,
    netns: target.sockets.label,
    kernelMessage,
  });

function* refuseTakenName(target: Netns, link: Link, name: string): Operation<void> {
  const [reply] = yield* perform(exchange(target, [getLinkRequest(target, name)]));
  if (reply?.error) {
    if (isGone(reply.error)) return;
    throw reply.error;
  }
  const holder = reply?.values[0] as Link;
  if (target.id === link.netns.id && holder.index === link.index) return;
  throw takenName(link, target, nameIsTaken(name));
}
