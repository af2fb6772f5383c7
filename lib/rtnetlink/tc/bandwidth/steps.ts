/** The steps of bandwidth limits: putting them on a link, and taking them away. */
import { constants } from 'node:os';
import { NetlinkError } from '../../../errors.js';
import { NLM_F_CREATE, NLM_F_EXCL, type Request } from '../../../netlink/message.js';
import { dump, exchange } from '../../../netlink/request.js';
import type { Netns } from '../../../netns/netns.js';
import { type Operation, perform } from '../../../operation.js';
import { isMissing } from '../../if-exists.js';
import '../../kinds/ifb.js';
import { makeLink } from '../../link/create.js';
import { deleteRequest } from '../../link/delete.js';
import { getLinkRequest, isGone, type LinkRef } from '../../link/find.js';
import { changeLinkRequest } from '../../link/finish.js';
import type { Link } from '../../link/link.js';
// The kinds that are used here, by name.
import '../actions/mirred.js';
import '../filters/u32.js';
import '../qdiscs/ingress.js';
import '../qdiscs/tbf.js';
import { deleteFilterRequest, filterRequest, listFiltersRequest } from '../filter.js';
import { INGRESS_HANDLE, TC_H_INGRESS, TC_H_ROOT } from '../handle.js';
import { deleteQdiscRequest, newQdiscRequest, type RawQdisc } from '../qdisc.js';
import type { TbfAttributes } from '../qdiscs/tbf.js';
import { ifbAlias, ifbName, isIfbOf, ownerOf } from './ifb.js';
import { isTbf, listIfbs, redirectOf, type State, TBF_HANDLE } from './state.js';
import type { Undo } from './undo.js';

const NEW = NLM_F_CREATE | NLM_F_EXCL;
const ROOT = { parent: TC_H_ROOT, handle: TBF_HANDLE };
const INGRESS = { parent: TC_H_INGRESS, handle: INGRESS_HANDLE };

/** Puts a tbf at the root of a link, or changes the one that is there. */
function* shape(link: Link, root: RawQdisc | undefined, options: TbfAttributes, undo: Undo): Operation<void> {
  const { index, name } = link;
  const tbf = (flags: number, payload: unknown): Request => newQdiscRequest(flags, 'tbf', ROOT, payload, index, name);
  if (isTbf(root)) {
    yield* undo.send(tbf(0, options), tbf(0, root.attributes.options));
  } else if (root === undefined) {
    yield* undo.send(tbf(NEW, options), deleteQdiscRequest({ parent: 'root', handle: '1:' }, index, name));
  } else {
    throw new NetlinkError({
      errno: -constants.errno.EEXIST,
      syscall: 'RTM_NEWQDISC',
      entry: 'tbf root',
      link: name,
      netns: link.netns.sockets.label,
      kernelMessage: `a ${root.kind} was put there before`,
    });
  }
}

export const shapeEgress = ({ link, root }: State, options: TbfAttributes, undo: Undo): Operation<void> =>
  shape(link, root, options, undo);

export function* takeAwayEgress({ link, root }: State, undo: Undo): Operation<void> {
  if (!isTbf(root)) return;
  const { index, name } = link;
  const back = newQdiscRequest(NEW, 'tbf', ROOT, root.attributes.options, index, name);
  yield* undo.send(deleteQdiscRequest({ parent: 'root', handle: '1:' }, index, name), back);
}

/** Passes what a link receives through an ifb with a tbf. The filter comes last: all or nothing is limited. */
export function* shapeIngress(
  state: State,
  options: TbfAttributes,
  told: string | undefined,
  undo: Undo,
): Operation<void> {
  const { netns, link, redirect, dead, ifb, ifbRoot, ingress } = state;
  const { index, name, mtu } = link;
  if (redirect && ifb) {
    if (ifb.mtu !== mtu || !ifb.up) {
      const { mtu: mtuBefore, up } = ifb;
      const change = (values: { mtu: number; up: boolean }): Request => changeLinkRequest(ifb.index, ifb.name, values);
      yield* undo.send(change({ mtu, up: true }), change({ mtu: mtuBefore, up }));
    }
    yield* shape(ifb, ifbRoot, options, undo);
    return;
  }
  const made = yield* makeIfb(state, told);
  undo.push(deleteRequest(made.index));
  yield* shape(made, undefined, options, undo);
  if (ingress === undefined) {
    yield* undo.send(
      newQdiscRequest(NEW, 'ingress', INGRESS, undefined, index, name),
      deleteQdiscRequest({ parent: 'ingress' }, index, name),
    );
  }
  const filter = {
    kind: 'u32',
    parent: 'ingress',
    protocol: 'all',
    actions: [{ kind: 'mirred', action: 'redirect', to: made.index }],
  } as const;
  yield* undo.send(filterRequest(NEW, filter, index, name), () => removeRedirects(netns, link, made.index));
  // They might come before that one, and would drop all.
  yield* removeThese(
    netns,
    dead.map((one) => deleteFilterRequest(one, index, name)),
  );
}

// The kernel chose the place of the filter.
function* removeRedirects(netns: Netns, { index, name }: Link, to: number): Operation<void> {
  const request = listFiltersRequest(netns, index, name, 'ingress', (filter) => redirectOf(filter) === to);
  const filters = yield* dump(netns, request);
  if (filters.length === 0) return;
  yield* perform(
    exchange(
      netns,
      filters.map((filter) => deleteFilterRequest(filter, index, name)),
    ),
  );
}

/** Makes the ifb of a link. What an earlier call left half made, or a link that is gone, makes room for it. */
function* makeIfb({ netns, link, ifbs }: State, told: string | undefined): Operation<Link> {
  const name = told ?? ifbName(link.name);
  const present = ifbs.find((ifb) => ifb.name === name);
  if (present && (yield* isLeftOver(netns, present, link, told)))
    yield* perform(exchange(netns, [deleteRequest(present.index)]));
  const [ifb] = yield* makeLink('ifb', { name, netns, mtu: link.mtu, up: true, alias: ifbAlias(link) });
  return ifb;
}

// Another link's is left alone as long as that link is there, whatever its name is now.
function* isLeftOver(netns: Netns, ifb: Link, link: Link, told: string | undefined): Operation<boolean> {
  const owner = ownerOf(ifb);
  if (owner === undefined) return isIfbOf(ifb, link, told);
  return owner.index === link.index || !(yield* isThere(netns, owner.index));
}

function* isThere(netns: Netns, index: number): Operation<boolean> {
  const [reply] = yield* perform(exchange(netns, [getLinkRequest(netns, index)]));
  return !isGone(reply?.error);
}

/** Takes away the filter, the ingress qdisc where nothing else needs it, and the ifb. */
export function* takeAwayIngress(state: State, told: string | undefined): Operation<void> {
  const { netns, link, ifbs } = state;
  const requests = redirectRemoval(state);
  for (const ifb of ifbs)
    if (isIfbOf(ifb, link, told) && (yield* isLeftOver(netns, ifb, link, told)))
      requests.push(deleteRequest(ifb.index));
  yield* removeThese(netns, requests);
}

function redirectRemoval({ link: { index, name }, ingress, filters, redirect, dead }: State): Request[] {
  const redirects = redirect === undefined ? dead : [redirect, ...dead];
  if (redirects.length === 0) return [];
  return ingress?.kind === 'ingress' && filters.length === redirects.length
    ? [deleteQdiscRequest({ parent: 'ingress' }, index, name)]
    : redirects.map((filter) => deleteFilterRequest(filter, index, name));
}

export function* removeAll(state: State, told: string | undefined): Operation<void> {
  const { netns, link, root } = state;
  if (isTbf(root))
    yield* removeThese(netns, [deleteQdiscRequest({ parent: 'root', handle: '1:' }, link.index, link.name)]);
  yield* takeAwayIngress(state, told);
}

/** Removes the ifbs that a link left which is gone. */
export function* removeOrphans(netns: Netns, ref: LinkRef, told: string | undefined): Operation<void> {
  const requests: Request[] = [];
  for (const ifb of yield* listIfbs(netns)) {
    if (!isIfbOf(ifb, ref, told)) continue;
    const owner = ownerOf(ifb);
    // Under another name its link may still be there.
    if (owner !== undefined && (yield* isThere(netns, owner.index))) continue;
    requests.push(deleteRequest(ifb.index));
  }
  yield* removeThese(netns, requests);
}

/** Sends removals together. What is gone already need not be removed; the first other refusal is thrown. */
function* removeThese(netns: Netns, requests: readonly Request[]): Operation<void> {
  if (requests.length === 0) return;
  for (const { error } of yield* perform(exchange(netns, requests))) if (error && !isMissing(error)) throw error;
}
