/** What limits a link, as the kernel has it. */
import { makeRequest, NLM_F_DUMP } from '../../../netlink/message.js';
import { dump, request } from '../../../netlink/request.js';
import type { Netns } from '../../../netns/netns.js';
import type { Operation } from '../../../operation.js';
import { linkFamily } from '../../link/attributes.js';
import { getLinkRequest, type LinkRef } from '../../link/find.js';
import { decodeLink, type Link } from '../../link/link.js';
import { RTM } from '../../types.js';
import { type Filter, listFiltersRequest } from '../filter.js';
import { TC_H_INGRESS, TC_H_ROOT } from '../handle.js';
import { listQdiscsRequest, type RawQdisc, readQdisc } from '../qdisc.js';
import type { TbfAttributes } from '../qdiscs/tbf.js';
import { isIfbOf } from './ifb.js';
import { type Bandwidth, limitTold } from './limit.js';

/** `1:`, the handle of the tbf, also in CNI's plugin. It tells it from those of users, who are given others. */
export const TBF_HANDLE = 0x10000;

export interface State {
  readonly netns: Netns;
  readonly link: Link;
  /** The qdisc at its root, unless that is the default one. */
  readonly root: RawQdisc | undefined;
  /** The qdisc in front of what it receives, and the filters there. */
  readonly ingress: RawQdisc | undefined;
  readonly filters: readonly Filter[];
  /** The filter that passes on to `ifb` what the link receives. */
  readonly redirect: Filter | undefined;
  /** Filters that pass it on to a link that is gone, and thus drop it: an ifb was removed, and nothing else. */
  readonly dead: readonly Filter[];
  readonly ifb: Link | undefined;
  readonly ifbRoot: RawQdisc | undefined;
  /** All ifbs of the namespace. */
  readonly ifbs: readonly Link[];
}

/** Reads all of it. */
export function* readState(netns: Netns, ref: LinkRef, ifbTold: string | undefined): Operation<State> {
  const [link] = (yield* request(netns, getLinkRequest(netns, ref))) as [Link];
  const ifbs = yield* listIfbs(netns);
  const links = new Set([link, ...ifbs].map(({ index }) => index));
  const qdiscs = yield* dump(netns, listQdiscsRequest(readQdisc, links));
  const rootOf = (index: number): RawQdisc | undefined =>
    qdiscs.find(({ link, parent, handle }) => link === index && parent === TC_H_ROOT && handle !== 0);
  const ingress = qdiscs.find((qdisc) => qdisc.link === link.index && qdisc.parent === TC_H_INGRESS);
  const filters =
    ingress === undefined
      ? []
      : yield* dump(
          netns,
          listFiltersRequest(netns, link.index, link.name, 'ingress', () => true),
        );
  const targetOf = (filter: Filter): Link | undefined => {
    const to = redirectOf(filter);
    return ifbs.find((ifb) => ifb.index === to && isIfbOf(ifb, link, ifbTold));
  };
  const redirect = filters.find(targetOf);
  const ifb = redirect && targetOf(redirect);
  const dead = filters.filter((filter) => redirectOf(filter) === 0);
  const ifbRoot = ifb && rootOf(ifb.index);
  return { netns, link, root: rootOf(link.index), ingress, filters, redirect, dead, ifb, ifbRoot, ifbs };
}

export const listIfbs = (netns: Netns): Operation<Link[]> =>
  dump(
    netns,
    makeRequest(linkFamily, {
      type: RTM.GETLINK,
      name: 'RTM_GETLINK',
      flags: NLM_F_DUMP,
      attributes: { info: { kind: 'ifb' } },
      decode: (input, start, end, type) => {
        if (type !== RTM.NEWLINK) return undefined;
        const link = decodeLink(netns, input, start, end);
        return link.kind === 'ifb' ? link : undefined;
      },
    }),
  );

/**
 * Index of the link to which a filter passes everything on; 0 where that is gone. CNI's plugin has a second action
 * behind, which no packet reaches.
 */
export function redirectOf({ protocol, data }: Filter): number | undefined {
  const { keys, actions } = (data ?? {}) as { keys?: readonly unknown[]; actions?: readonly Record<string, unknown>[] };
  if (protocol !== 'all' || (keys?.length ?? 0) > 0) return undefined;
  const { kind, action, direction, control, to } = actions?.[0] ?? {};
  const passedOn = kind === 'mirred' && action === 'redirect' && direction === 'egress' && control === 'stolen';
  return passedOn ? (to as number) : undefined;
}

interface Tbf extends RawQdisc {
  readonly kind: 'tbf';
}

export const isTbf = (qdisc: RawQdisc | undefined): qdisc is Tbf =>
  qdisc?.kind === 'tbf' && qdisc.handle === TBF_HANDLE;

const told = (qdisc: RawQdisc | undefined) =>
  isTbf(qdisc) ? limitTold((qdisc.attributes.options ?? {}) as TbfAttributes) : undefined;

/** What is in force. */
export function bandwidthOf({ root, ifb, ifbRoot }: Pick<State, 'root' | 'ifb' | 'ifbRoot'>): Bandwidth {
  const [egress, ingress] = [told(root), told(ifbRoot)];
  return Object.freeze({
    ...(egress && { egress: Object.freeze(egress) }),
    ...(ingress && ifb && { ingress: Object.freeze(ingress), ifb: ifb.name }),
  });
}
