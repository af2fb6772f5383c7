/**
 * Making links: `createLink` for every registered kind, and the one way all `create...` calls go.
 *
 * A link is made in one request. It goes to the namespace where the link's roots are (its parent's, or the
 * first end's of a pair) and puts each end straight into the namespace where it is wanted. What the kernel
 * does not take there follows in one exchange per end; if that fails, the link is removed again.
 */
import { inField, invalidValue, wrongType } from '../../errors.js';
import type { Reply } from '../../netlink/batch.js';
import { makeRequest, NLM_F_CREATE, NLM_F_EXCL, type Request } from '../../netlink/message.js';
import { exchange, request, valuesOf } from '../../netlink/request.js';
import { type Netns, netnsOf } from '../../netns/netns.js';
import { type CallOptions, call, type Operation, perform } from '../../operation.js';
import type { AddressSpec } from '../address/address.js';
import { RTM } from '../types.js';
import { linkFamily } from './attributes.js';
import { getLinkRequest, indexOf, type LinkRef, netnsOfLink } from './find.js';
import { checkRemaining, finishLink, hasValue, type Remaining } from './finish.js';
import { type KindDefinition, kindNamed, kindNames, type LinkKinds } from './kind.js';
import type { Link, LinkOf } from './link.js';
import {
  checkLinkName,
  checkMtu,
  checkUnicastMac,
  commonAttributes,
  ETHERNET_MTU,
  flagsOf,
  type LinkOptions,
} from './options.js';

/** What may be said of any link that is made. */
export interface NewLinkOptions extends LinkOptions {
  /** 1 to 15 bytes, without '/', ':', '%' and white space. */
  readonly name: string;
  /** Where it is born: the process's own namespace if absent, or that of its parent where it has one. */
  readonly netns?: Netns | undefined;
  /** Addresses that it gets: `'10.0.0.1/24'`, or with all that `addAddress` takes. */
  readonly addresses?: readonly (string | AddressSpec)[] | undefined;
  /** The bridge, bond or VRF that it becomes a port of, in the same namespace. */
  readonly master?: LinkRef | undefined;
  /** Wanted index; the kernel chooses if absent. */
  readonly index?: number | undefined;
  readonly txQueues?: number | undefined;
  readonly rxQueues?: number | undefined;
}

/** All that `createLink` takes, by kind. */
export type LinkSpec = {
  [K in keyof LinkKinds]: { readonly kind: K } & NewLinkOptions & LinkKinds[K];
}[keyof LinkKinds];

/** The spec of one kind, without naming the kind. */
export type SpecOf<K extends keyof LinkKinds> = NewLinkOptions & LinkKinds[K];

/**
 * Makes a link of any kind that netloom knows. For a pair (veth) it gives the first end.
 *
 * `ip link add NAME type KIND ...`
 *
 * @throws NetlinkError EEXIST if the name is taken, EOPNOTSUPP if the kernel does not have the kind.
 */
export const createLink = call(
  'createLink',
  {},
  function* (spec: LinkSpec, _options: CallOptions = {}): Operation<Link> {
    if (typeof spec !== 'object' || spec === null) throw wrongType('spec', 'an object', spec);
    const [link] = yield* makeLink(spec.kind, spec as unknown as NewLinkOptions);
    return link;
  },
);

/** The public call `create...` of one kind. */
export const createOfKind = <K extends keyof LinkKinds>(name: string, kind: K) =>
  call(name, {}, function* (spec: SpecOf<K>, _options: CallOptions = {}): Operation<LinkOf<K>> {
    const [link] = yield* makeLink(kind, spec as NewLinkOptions);
    return link as LinkOf<K>;
  });

// Options that are not part of a kind's own data.
const COMMON: ReadonlySet<string> = new Set<keyof NewLinkOptions | 'kind' | 'parent' | 'peer' | 'signal'>([
  'kind',
  'parent',
  'peer',
  'signal',
  'name',
  'netns',
  'addresses',
  'master',
  'index',
  'txQueues',
  'rxQueues',
  'up',
  'mtu',
  'mac',
  'broadcast',
  'alias',
  'altNames',
  'group',
  'txQueueLength',
  'promiscuous',
  'allMulticast',
  'multicast',
  'arp',
  'addrGenMode',
  'bridgePort',
  'gsoMaxSize',
  'gsoMaxSegments',
  'groMaxSize',
]);

interface WithParent {
  readonly parent?: LinkRef | undefined;
}
interface WithPeer {
  readonly peer?: NewLinkOptions | undefined;
}

/** Makes a link, or both ends of a pair. */
export function* makeLink(kind: string, spec: NewLinkOptions & WithParent & WithPeer): Operation<[Link, ...Link[]]> {
  if (typeof spec !== 'object' || spec === null) throw wrongType('spec', 'an object', spec);
  const definition = kindNamed(kind);
  if (!definition) throw invalidValue('kind', kind, `is none of ${kindNames().join(', ')}`);
  const data = checkSpec(definition, spec);
  const rest = remainingOf(spec, false);
  if (rest) checkRemaining(spec.name, rest);

  const { parent, peer } = spec;
  const roots = parent === undefined ? netnsOf(spec.netns) : netnsOfLink(parent, parentNetns(parent, spec), 'parent');
  const target = spec.netns === undefined ? roots : netnsOf(spec.netns);
  const parentIndex = parent === undefined ? undefined : yield* indexOf(roots, parent, 'parent');
  const master = spec.master === undefined ? undefined : yield* indexOf(target, spec.master, 'master');
  const peerTarget = peer && (peer.netns === undefined ? target : netnsOf(peer.netns, 'peer.netns'));
  const peerRest = peer && remainingOf(peer, true);
  if (peerRest) checkPeer(peer.name, peerRest);
  const peerMaster =
    peer?.master === undefined ? undefined : yield* indexOf(peerTarget as Netns, peer.master, 'peer.master');

  if (parentIndex !== undefined && definition.parentField !== undefined) data[definition.parentField] = parentIndex;
  if (peer && peerTarget) data['peer'] = endOf(peer, netnsFd(peerTarget, roots), true);
  const made = makeRequest(linkFamily, {
    type: RTM.NEWLINK,
    name: 'RTM_NEWLINK',
    flags: NLM_F_CREATE | NLM_F_EXCL,
    ...withInfo(
      endOf(spec, netnsFd(target, roots), false),
      { kind, data: hasValue(data) ? data : undefined },
      {
        master,
        parent: definition.parentField === undefined ? parentIndex : undefined,
      },
    ),
    context: { link: spec.name },
  });

  const releases = [target, peerTarget].map((netns) => netns?.hold());
  let link: Link;
  try {
    link = yield* makeAndRead(roots, target, spec.name, made);
  } finally {
    for (const release of releases) release?.();
  }
  try {
    const first = rest ? yield* finishLink(target, link.index, spec.name, rest) : link;
    if (!peer || !peerTarget) return [first];
    // The kernel tells a pair's ends of each other: no need to look the peer up by its name.
    const second = yield* finishLink(peerTarget, first.parent as number, peer.name, {
      ...peerRest,
      master: peerMaster,
    });
    // The first end gets its carrier when the second comes up.
    const ready = spec.up && peer.up ? yield* finishLink(target, first.index, spec.name, {}) : first;
    return [ready, second];
  } catch (error) {
    yield* removeQuietly(target, link.index);
    throw error;
  }
}

// A parent that is given as a snapshot brings its own namespace; only for others does `netns` say where it is.
const parentNetns = (parent: LinkRef, spec: NewLinkOptions): Netns | undefined =>
  typeof parent === 'object' ? undefined : spec.netns;

/** What the kernel needs to put an end elsewhere than where the request goes. */
const netnsFd = (target: Netns, roots: Netns): number | undefined => (target.id === roots.id ? undefined : target.fd);

/** Sends the request that makes the link, and the one that reads it. */
function* makeAndRead(roots: Netns, target: Netns, name: string, made: Request): Operation<Link> {
  function* undo(replies: Reply[]): Operation<void> {
    if (!replies[0]?.error) yield* removeQuietly(target, name);
  }
  const read = getLinkRequest(target, name);
  // In one sendmsg where both go to the same namespace; the first refusal is what counts.
  if (target.id === roots.id) {
    const replies = yield* perform(exchange(roots, [made, read], undo));
    valuesOf(replies[0]);
    return valuesOf(replies[1])[0] as Link;
  }
  const [reply] = yield* perform(exchange(roots, [made], undo));
  valuesOf(reply);
  try {
    const [link] = yield* request(target, read);
    return link as Link;
  } catch (error) {
    yield* removeQuietly(target, name);
    throw error;
  }
}

function checkPeer(name: string, rest: Remaining): void {
  try {
    checkRemaining(name, rest);
  } catch (error) {
    throw inField(error, 'peer');
  }
}

function checkSpec(definition: KindDefinition, spec: NewLinkOptions & WithParent & WithPeer): Record<string, unknown> {
  checkEnd(definition, spec, '');
  if (definition.peer === true) {
    if (typeof spec.peer !== 'object' || spec.peer === null)
      throw wrongType('peer', 'an object with the name of the other end', spec.peer);
    checkEnd(definition, spec.peer, 'peer.');
    // veth_newlink() in drivers/net/veth.c passes over it otherwise.
    if (spec.peer.index !== undefined && spec.index === undefined)
      throw invalidValue('peer.index', spec.peer.index, 'needs an `index` for the first end too');
  } else if (spec.peer !== undefined) {
    throw invalidValue('peer', spec.peer, `is no option of a ${definition.kind}`);
  }
  if (definition.parent === 'required' && spec.parent === undefined) {
    throw wrongType('parent', `a Link, an index or a name (a ${definition.kind} stands on another link)`, spec.parent);
  }
  if (definition.parent === 'none' && spec.parent !== undefined) {
    throw invalidValue('parent', spec.parent, `is no option of a ${definition.kind}`);
  }
  const own = Object.fromEntries(
    Object.entries(spec).filter(([option, value]) => !COMMON.has(option) && value !== undefined),
  );
  definition.check?.(own);
  const data = definition.toData ? definition.toData(own) : own;
  for (const field in data) {
    if (!definition.data.has(field)) throw invalidValue(field, data[field], `is no option of a ${definition.kind}`);
  }
  return data;
}

function checkEnd({ mtu = ETHERNET_MTU }: KindDefinition, end: NewLinkOptions, prefix: string): void {
  checkLinkName(end.name, `${prefix}name`);
  checkMtu(end.mtu, mtu, `${prefix}mtu`);
  checkUnicastMac(end.mac, `${prefix}mac`);
}

// IPv6 makes a link-local address as soon as a link is up, and a bridge port starts to learn: what governs
// these must be said first, so such a link comes up last. A peer always does: veth_newlink() configures it
// before the two ends know each other, and to bring it up then is ENOTCONN.
const comesUpLate = ({ addrGenMode, bridgePort }: NewLinkOptions, isPeer: boolean): boolean =>
  isPeer || addrGenMode !== undefined || bridgePort !== undefined;

/** One end, as far as the kernel takes it in the request that makes it. */
function endOf(end: NewLinkOptions, netnsFd: number | undefined, isPeer: boolean) {
  const early = comesUpLate(end, isPeer) ? { ...end, up: undefined } : end;
  const { name, index, txQueues, rxQueues } = end;
  return {
    header: { ...(index !== undefined && { index }), ...flagsOf(early) },
    attributes: { name, netnsFd, txQueues, rxQueues, ...commonAttributes(end) },
  };
}

function withInfo(
  end: ReturnType<typeof endOf>,
  info: object,
  attributes: { master?: number | undefined; parent?: number | undefined },
) {
  return { header: end.header, attributes: { ...end.attributes, ...attributes, info } };
}

/** What is left for `finishLink`; undefined where that is nothing. */
function remainingOf(end: NewLinkOptions, isPeer: boolean): Remaining | undefined {
  const { addresses, altNames, alias, addrGenMode, bridgePort } = end;
  const up = comesUpLate(end, isPeer) ? end.up : undefined;
  const changes = { alias, addrGenMode, bridgePort, up };
  if (!hasValue(changes) && !addresses?.length && !altNames?.length) return undefined;
  return { addresses, altNames, changes };
}

function* removeQuietly(netns: Netns, link: number | string): Operation<void> {
  const removal = makeRequest(linkFamily, {
    type: RTM.DELLINK,
    name: 'RTM_DELLINK',
    ...(typeof link === 'number' ? { header: { index: link } } : { attributes: { name: link } }),
  });
  // The error that led here is the one to tell; what is gone already need not be removed.
  yield* perform(exchange(netns, [removal]));
}
