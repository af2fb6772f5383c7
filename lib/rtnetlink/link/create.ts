/**
 * Making links: `createLink` for every registered kind, and the one way all `create...` calls go.
 *
 * A link is made in one request. It goes to the namespace where the link's roots are (its parent's, or the
 * first end's of a pair) and puts each end straight into the namespace where it is wanted. What the kernel
 * does not take there follows in one exchange per end; if that fails, the link is removed again.
 */
import { inField, invalidValue, NetlinkError, wrongType } from '../../errors.js';
import type { Reply } from '../../netlink/batch.js';
import { makeRequest, NLM_F_CREATE, NLM_F_EXCL, type Request } from '../../netlink/message.js';
import { exchange, valuesOf } from '../../netlink/request.js';
import { type Netns, netnsOf } from '../../netns/netns.js';
import { type CallOptions, call, type Operation, perform } from '../../operation.js';
import type { AddressSpec } from '../address/address.js';
import { RTM } from '../types.js';
import { linkFamily } from './attributes.js';
import { deleteRequest } from './delete.js';
import {
  getLinkRequest,
  identifyRequest,
  indexOf,
  isGone,
  type LinkRef,
  LOOPBACK,
  labelOf,
  netnsOfLink,
} from './find.js';
import { changeLinkRequest, hasValue, type Prepared, prepare, sendAndRead } from './finish.js';
import { checkOptions, type KindDefinition, type LinkKinds, noOption, requireKind, toData } from './kind.js';
import { LINK_FLAGS, type Link, type LinkIdentity, type LinkOf } from './link.js';
import { aboutMaster, masterIndexOf } from './master.js';
import {
  checkLinkName,
  checkMtu,
  checkUnicastMac,
  commonAttributes,
  ETHERNET_MTU,
  flagsOf,
  LINK_OPTIONS,
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

/** `createLink`, which gives a link of the kind that it is asked for. */
interface CreateLink {
  <K extends LinkSpec['kind']>(spec: LinkSpec & { readonly kind: K }, options?: CallOptions): Promise<LinkOf<K>>;
  /** @internal */
  readonly sync: <K extends LinkSpec['kind']>(
    spec: LinkSpec & { readonly kind: K },
    options?: CallOptions,
  ) => LinkOf<K>;
}

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
    const [link] = yield* makeLink(spec.kind, spec);
    return link;
  },
) as CreateLink;

/** The public call `create...` of one kind. */
export const createOfKind = <K extends keyof LinkKinds>(name: string, kind: K) =>
  call(name, {}, function* (spec: SpecOf<K>, _options: CallOptions = {}): Operation<LinkOf<K>> {
    const [link] = yield* makeLink(kind, spec);
    return link as LinkOf<K>;
  });

/** Options that are not part of a kind's own data. */
const END_OPTIONS: object = {
  ...LINK_OPTIONS,
  name: true,
  netns: true,
  addresses: true,
  master: true,
  index: true,
  txQueues: true,
  rxQueues: true,
} satisfies Record<keyof NewLinkOptions, true>;

interface Spec extends NewLinkOptions {
  readonly parent?: LinkRef | undefined;
  readonly peer?: NewLinkOptions | undefined;
}

/** Makes a link, or both ends of a pair. */
export function* makeLink(kind: string, spec: Spec): Operation<[Link, ...Link[]]> {
  if (typeof spec !== 'object' || spec === null) throw wrongType('spec', 'an object', spec);
  const definition = requireKind(kind);
  const { parent, peer, name } = spec;
  const data = checkSpec(definition, spec);
  const late = prepareEnd(spec, false);
  const peerLate = peer && preparePeer(peer);

  const roots = parent === undefined ? netnsOf(spec.netns) : netnsOfLink(parent, parentNetns(parent, spec), 'parent');
  const target = spec.netns === undefined ? roots : netnsOf(spec.netns);
  const parentIndex = parent === undefined ? undefined : yield* indexOf(roots, parent, 'parent');
  if (definition.parent === 'required' && parentIndex === LOOPBACK)
    throw invalidValue('parent', labelOf(parent as LinkRef), `is the loopback, on which no ${kind} can stand`);
  const master = spec.master === undefined ? undefined : yield* masterIndexOf(target, spec.master);
  const peerTarget = peer && (peer.netns === undefined ? target : netnsOf(peer.netns, 'peer.netns'));
  if (peer && peer.name === name && peerTarget?.id === target.id)
    throw invalidValue('peer.name', name, 'is the name of the first end too, in one namespace');
  const peerMaster =
    peer?.master === undefined ? undefined : yield* masterIndexOf(peerTarget as Netns, peer.master, 'peer.master');

  if (parentIndex !== undefined && definition.parentField !== undefined) data[definition.parentField] = parentIndex;
  if (peer && peerTarget) data['peer'] = endOf(peer, netnsFd(peerTarget, roots), true);
  const { header, attributes } = endOf(spec, netnsFd(target, roots), false);
  const make = makeRequest(linkFamily, {
    type: RTM.NEWLINK,
    name: 'RTM_NEWLINK',
    flags: NLM_F_CREATE | NLM_F_EXCL,
    header,
    attributes: {
      ...attributes,
      master,
      parent: definition.parentField === undefined ? parentIndex : undefined,
      info: { kind, data: hasValue(data) ? data : undefined },
    },
    context: { link: name },
  });

  const releases = [target, peerTarget].map((netns) => netns?.hold());
  // The first end gets its carrier when the second comes up. How it is can only be read then.
  const readLast = spec.up === true && peer?.up === true;
  const isFinal = late.length === 0 && !readLast;
  let made: LinkIdentity;
  try {
    made = yield* makeAndRead(
      roots,
      target,
      name,
      isFinal ? getLinkRequest(target, name) : identifyRequest(name),
      make,
    );
  } catch (error) {
    explainUnknownKind(error, definition);
    aboutMaster(error, master);
    throw peer && peerTarget ? yield* nameTakenBy(error, target, name, peerTarget, peer.name) : error;
  } finally {
    for (const release of releases) release?.();
  }
  const { index } = made;
  try {
    let first = made as Link;
    if (readLast) yield* sendAll(target, late, index);
    else if (!isFinal) first = yield* sendAndRead(target, index, aim(late, index));
    if (!peer || !peerTarget || !peerLate) return [first];
    // The kernel tells a pair's ends of each other: no need to look the peer up by its name.
    const peerIndex = made.parent as number;
    const requests = aim(peerLate, peerIndex);
    if (peerMaster !== undefined) requests.unshift(changeLinkRequest(peerIndex, peer.name, {}, { master: peerMaster }));
    const second = yield* sendAndRead(peerTarget, peerIndex, requests);
    return [readLast ? yield* sendAndRead(target, index, []) : first, second];
  } catch (error) {
    yield* removeQuietly(target, index);
    throw aboutMaster(error, peerMaster);
  }
}

const aim = (prepared: readonly Prepared[], index: number): Request<unknown>[] => prepared.map((one) => one(index));

function* sendAll(netns: Netns, prepared: readonly Prepared[], index: number): Operation<void> {
  if (prepared.length === 0) return;
  for (const reply of yield* perform(exchange(netns, aim(prepared, index)))) valuesOf(reply);
}

// A parent that is given as a snapshot brings its own namespace; only for others does `netns` say where it is.
const parentNetns = (parent: LinkRef, spec: NewLinkOptions): Netns | undefined =>
  typeof parent === 'object' ? undefined : spec.netns;

/** What the kernel needs to put an end elsewhere than where the request goes. */
const netnsFd = (target: Netns, roots: Netns): number | undefined => (target.id === roots.id ? undefined : target.fd);

/**
 * Sends the request that makes the link, and the one that reads it: in one sendmsg where both go to the same
 * namespace. What is made and not wanted any more is removed by its index as soon as that is known: the name may
 * be another link's by then.
 */
function* makeAndRead<T extends LinkIdentity>(
  roots: Netns,
  target: Netns,
  name: string,
  read: Request<T>,
  make: Request,
): Operation<T> {
  const together = target.id === roots.id;
  let index: number | undefined;
  const [made, there] = yield* perform(
    exchange(roots, together ? [make, read] : [make], function* ([made, there]) {
      if (!made?.error) yield* removeQuietly(target, (there?.values[0] as T | undefined)?.index ?? name);
    }),
  );
  valuesOf(made);
  try {
    if (together) return valuesOf(there)[0] as T;
    // biome-ignore lint/correctness/useYield: an undo is an operation, also where it has nothing to wait for
    const learn = function* ([found]: Reply[]): Operation<void> {
      index = (found?.values[0] as T | undefined)?.index;
    };
    const [found] = yield* perform(exchange(target, [read], learn));
    return valuesOf(found)[0] as T;
  } catch (error) {
    yield* removeQuietly(target, index ?? name);
    throw error;
  }
}

/** Puts behind the kernel's word that it does not have a kind what can be done about it. */
function explainUnknownKind(error: unknown, { kind, module = kind }: KindDefinition): void {
  // In rtnl_newlink() of net/core/rtnetlink.c, which has asked for the module by then, also for a container.
  if (!(error instanceof NetlinkError) || error.kernelMessage !== 'Unknown device type') return;
  error.message += `; this kernel has no ${kind} links: it has no module ${module}, or could not load it`;
  error.message += ` (\`modprobe ${module}\` on the machine itself says why)`;
}

/** EEXIST of a pair, told of the end whose name is taken: the kernel does not say which. */
function* nameTakenBy(
  error: unknown,
  target: Netns,
  name: string,
  peerTarget: Netns,
  peer: string,
): Operation<unknown> {
  if (!(error instanceof NetlinkError) || error.code !== 'EEXIST') return error;
  const [first] = yield* perform(exchange(target, [identifyRequest(name)]));
  if (!isGone(first?.error)) return error;
  const { errno, syscall, kernelMessage } = error;
  return new NetlinkError({ errno, syscall, kernelMessage, link: peer, netns: peerTarget.sockets.label });
}

function preparePeer(peer: NewLinkOptions): Prepared[] {
  try {
    return prepareEnd(peer, true);
  } catch (error) {
    throw inField(error, 'peer');
  }
}

/** Checks a spec; gives what it says of the kind itself. */
function checkSpec(definition: KindDefinition, spec: Spec): Record<string, unknown> {
  const { kind } = definition;
  // A misspelt option first: it may be one that is missing.
  const own = ownOptions(definition, spec);
  checkEnd(definition, spec, '');
  if (definition.peer === true) checkPeer(definition, spec);
  else if (spec.peer !== undefined) throw noOption('peer', spec.peer, `a ${kind}`);
  if (definition.parent === 'required' && spec.parent === undefined) {
    throw wrongType('parent', `a Link, an index or a name (a ${kind} stands on another link)`, spec.parent);
  }
  if (definition.parent === 'none' && spec.parent !== undefined) throw noOption('parent', spec.parent, `a ${kind}`);
  definition.check?.(own);
  return toData(definition, own);
}

/** The options of the kind itself. */
function ownOptions(definition: KindDefinition, spec: Spec): Record<string, unknown> {
  const own: Record<string, unknown> = {};
  for (const option in spec) {
    const value = spec[option as keyof Spec];
    if (value === undefined || Object.hasOwn(END_OPTIONS, option)) continue;
    if (option !== 'kind' && option !== 'parent' && option !== 'peer') own[option] = value;
  }
  const { parent, peer } = definition;
  const others = { ...(parent !== 'none' && { parent }), ...(peer && { peer }) };
  checkOptions(definition, own, { ...END_OPTIONS, ...others });
  return own;
}

function checkPeer(definition: KindDefinition, { index, peer }: Spec): void {
  if (typeof peer !== 'object' || peer === null)
    throw wrongType('peer', 'an object with the name of the other end', peer);
  for (const option in peer) {
    const value = peer[option as keyof NewLinkOptions];
    if (value !== undefined && !Object.hasOwn(END_OPTIONS, option))
      throw noOption(`peer.${option}`, value, 'a peer', Object.keys(END_OPTIONS));
  }
  checkEnd(definition, peer, 'peer.');
  // veth_newlink() in drivers/net/veth.c passes over it otherwise.
  if (peer.index !== undefined && index === undefined)
    throw invalidValue('peer.index', peer.index, 'needs an `index` for the first end too');
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
  const { name, index, txQueues, rxQueues } = end;
  const { flags = 0, change = 0 } = flagsOf(end);
  const now = comesUpLate(end, isPeer) ? ~LINK_FLAGS.up : ~0;
  return {
    header: { index: index ?? 0, flags: flags & now, change: change & now },
    attributes: { name, netnsFd, txQueues, rxQueues, ...commonAttributes(end) },
  };
}

/** What is left for afterwards. */
function prepareEnd(end: NewLinkOptions, isPeer: boolean): Prepared[] {
  const { name, addresses, altNames, alias, addrGenMode, bridgePort } = end;
  const up = comesUpLate(end, isPeer) ? end.up : undefined;
  return prepare(name, { addresses, altNames, changes: { alias, addrGenMode, bridgePort, up } });
}

function* removeQuietly(netns: Netns, link: number | string): Operation<void> {
  // The error that led here is the one to tell; what is gone already need not be removed.
  yield* perform(exchange(netns, [deleteRequest(link)]));
}
