/** Changing links: `setLink` and `moveToNetns`. */
import { constants } from 'node:os';
import { invalidValue, NetlinkError, wrongType } from '../../errors.js';
import { makeRequest, type Request } from '../../netlink/message.js';
import { exchange, request, valuesOf } from '../../netlink/request.js';
import { type Netns, type NetnsOptions, netnsOf } from '../../netns/netns.js';
import { call, type Operation, perform } from '../../operation.js';
import { RTM } from '../types.js';
import { linkFamily } from './attributes.js';
import { getLinkRequest, isGone, type LinkRef, netnsOfLink } from './find.js';
import { altNamesRequest, bridgePortRequest, changeLinkRequest, hasValue } from './finish.js';
import { type LinkKinds, requireKind, toData } from './kind.js';
import { LINK_FLAGS, type Link } from './link.js';
import { aboutMaster, masterIndexOf } from './master.js';
import { checkLinkName, checkMtu, checkUnicastMac, LINK_OPTIONS, type LinkOptions } from './options.js';

/** What may change on any link. What is absent stays as it is. */
export interface CommonChanges extends LinkOptions {
  readonly name?: string | undefined;
  /** The bridge, bond or VRF that it becomes a port of; null: of none. */
  readonly master?: LinkRef | null | undefined;
  /** All alternative names: those that are missing are added, the others removed. */
  readonly altNames?: readonly string[] | undefined;
}

/** A link keeps its parent, and a pair its ends. */
type DataChanges<Options> = Options extends unknown ? Partial<Omit<Options, 'parent' | 'peer'>> : never;

/** Changes to a link; with its `kind` named, to the options of the kind too. */
export type LinkChanges =
  | (CommonChanges & { readonly kind?: undefined })
  | { [K in keyof LinkKinds]: CommonChanges & { readonly kind: K } & DataChanges<LinkKinds[K]> }[keyof LinkKinds];

/**
 * Changes a link, and tells how it then is.
 *
 * `ip link set dev NAME up mtu 1400 master br0`, `bridge link set dev NAME hairpin on`,
 * `ip link set dev NAME type bridge vlan_filtering 1`
 *
 * The kernel makes the changes one after the other; where it refuses one, those before it are done.
 */
export const setLink = call(
  'setLink',
  { netns: true },
  function* (ref: LinkRef, changes: LinkChanges, options: NetnsOptions = {}): Operation<Link> {
    if (typeof changes !== 'object' || changes === null) throw wrongType('changes', 'an object', changes);
    const { name, altNames, mtu, mac } = changes;
    if (name !== undefined) checkLinkName(name);
    checkUnicastMac(mac);
    if (altNames !== undefined && !Array.isArray(altNames)) throw wrongType('altNames', 'an array of names', altNames);
    const netns = netnsOfLink(ref, options.netns);
    const known = yield* lookUp(netns, ref, mtu !== undefined || altNames !== undefined);
    const { index } = known;
    const label = known.link?.name ?? index;
    if (known.link) checkMtu(mtu, { least: known.link.minMtu ?? 0, most: known.link.maxMtu ?? 0x7fffffff });
    const { master } = changes;
    const masterIndex = master === undefined ? undefined : master === null ? 0 : yield* masterIndexOf(netns, master);

    const replies = yield* perform(
      exchange(netns, [
        ...changeRequests(index, label, changes, masterIndex),
        ...(altNames && known.link ? altNameRequests(known.link, altNames) : []),
        getLinkRequest(netns, index),
      ]),
    );
    for (const { error } of replies) if (error) throw aboutMaster(error, masterIndex);
    return valuesOf(replies.at(-1))[0] as Link;
  },
);

interface Known {
  readonly index: number;
  readonly link?: Link;
}

/** The index, and a snapshot where there is one or the call needs it. */
function* lookUp(netns: Netns, ref: LinkRef, needed: boolean): Operation<Known> {
  if (typeof ref === 'object') {
    if (!needed) return { index: ref.index, link: ref };
  } else if (typeof ref === 'number' && !needed) {
    return { index: ref };
  }
  const [link] = yield* request(netns, getLinkRequest(netns, ref));
  return { index: (link as Link).index, link: link as Link };
}

function changeRequests(
  index: number,
  label: string | number,
  changes: LinkChanges,
  master: number | undefined,
): Request[] {
  const { bridgePort, kind, name, ...rest } = changes;
  const data = dataChanges(kind, rest);
  const info = data && { kind, data };
  const requests: Request[] = [];
  // A port's options can only follow its becoming a port.
  if (hasValue({ ...rest, name, master, info, altNames: undefined })) {
    requests.push(changeLinkRequest(index, label, rest, { name, master, ...(info && { info }) }));
  }
  if (bridgePort !== undefined) requests.push(bridgePortRequest(index, label, bridgePort));
  return requests;
}

const CHANGES: object = { ...LINK_OPTIONS, name: true, master: true } satisfies Record<keyof CommonChanges, true>;

/** The changes to what the kind keeps; undefined where none is named. */
function dataChanges(kind: string | undefined, changes: object): Record<string, unknown> | undefined {
  const own: Record<string, unknown> = {};
  for (const [option, value] of Object.entries(changes)) {
    if (value === undefined || Object.hasOwn(CHANGES, option)) continue;
    if (kind === undefined) throw invalidValue(option, value, 'is no option of every link; name its `kind`');
    if (option === 'peer' || option === 'parent') throw invalidValue(option, value, 'is fixed when a link is made');
    own[option] = value;
  }
  return kind === undefined ? undefined : toData(requireKind(kind), own);
}

function altNameRequests(link: Link, wanted: readonly string[]): Request[] {
  const { index, name, altNames } = link;
  const added = wanted.filter((altName) => !altNames.includes(altName));
  const removed = altNames.filter((altName) => !wanted.includes(altName));
  return [
    ...(removed.length > 0 ? [altNamesRequest(RTM.DELLINKPROP, index, name, removed)] : []),
    ...(added.length > 0 ? [altNamesRequest(RTM.NEWLINKPROP, index, name, added)] : []),
  ];
}

export interface MoveOptions extends NetnsOptions {
  /** The name that it gets there; its own if absent. */
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
    if (to === undefined) throw wrongType('netns', 'a Netns (from createNetns or openNetns)', to);
    const target = netnsOf(to);
    // A snapshot may be older than its link's name, which must not come back by the move.
    const [link] = (yield* request(from, getLinkRequest(from, ref))) as [Link];
    // Where the old name is free there, the kernel moves first and renames then: a name that is taken would
    // leave the link there under its old one.
    if (name !== undefined && name !== link.name) yield* refuseTakenName(target, link, name);
    const release = target.hold();
    try {
      yield* request(
        from,
        makeRequest(linkFamily, {
          type: RTM.NEWLINK,
          name: 'RTM_NEWLINK',
          header: {
            index: link.index,
            ...(up !== undefined && { flags: up ? LINK_FLAGS.up : 0, change: LINK_FLAGS.up }),
          },
          attributes: { netnsFd: target.fd, name: name ?? link.name },
          context: { link: link.name },
        }),
      );
    } catch (error) {
      throw name === undefined ? error : yield* whereItIs(error, link, target, name);
    } finally {
      release();
    }
    const [moved] = yield* request(target, getLinkRequest(target, name ?? link.name));
    return moved as Link;
  },
);

// The name was taken after it was looked up: the kernel has moved the link, and only then failed to rename it.
function* whereItIs(error: unknown, link: Link, target: Netns, name: string): Operation<unknown> {
  if (!(error instanceof NetlinkError) || error.code !== 'EEXIST') return error;
  const [there] = yield* perform(exchange(target, [getLinkRequest(target, link.name)]));
  const [here] = yield* perform(exchange(link.netns, [getLinkRequest(link.netns, link.index)]));
  if (there?.error || !isGone(here?.error)) return error;
  return takenName(link, target, `${nameIsTaken(name)}; the link has moved there, and is called "${link.name}"`);
}

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
