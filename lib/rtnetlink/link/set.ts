/** Changing links: `setLink`. */
import { invalidValue, wrongType } from '../../errors.js';
import { namesThere } from '../../known-names.js';
import type { Request } from '../../netlink/message.js';
import { exchange, request, valuesOf } from '../../netlink/request.js';
import type { Netns, NetnsOptions } from '../../netns/netns.js';
import { call, type Operation, perform } from '../../operation.js';
import { RTM } from '../types.js';
import { getLinkRequest, type LinkRef, netnsOfLink } from './find.js';
import { altNamesRequest, bridgePortRequest, changeLinkRequest, hasValue } from './finish.js';
import { checkOptions, type LinkKinds, requireKind, toData } from './kind.js';
import type { Link } from './link.js';
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
    if (kind === undefined) {
      const near = namesThere(option, Object.keys(CHANGES));
      throw invalidValue(option, value, `is no option of every link${near}; name its \`kind\``);
    }
    if (option === 'peer' || option === 'parent') throw invalidValue(option, value, 'is fixed when a link is made');
    own[option] = value;
  }
  if (kind === undefined) return undefined;
  const definition = requireKind(kind);
  checkOptions(definition, own, CHANGES);
  return toData(definition, own);
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
