/** Filters: `addFilter`, `replaceFilter`, `deleteFilter`, `listFilters`. */
import { wrongType } from '../../errors.js';
import { NLM_F_CREATE, NLM_F_EXCL } from '../../netlink/message.js';
import { dump, send } from '../../netlink/request.js';
import type { NetnsOptions } from '../../netns/netns.js';
import { call, type Operation } from '../../operation.js';
import { type DeleteOptions, removal } from '../if-exists.js';
import { indexOf, type LinkRef, labelOf, netnsOfLink } from '../link/find.js';
import { linksIn } from './action-kind.js';
import { explainUnknownKind } from './explain.js';
import {
  deleteFilterRequest,
  type Filter,
  type FilterKey,
  type FilterOf,
  type FilterSpec,
  filterRequest,
  listFiltersRequest,
} from './filter.js';
import type { FilterKinds } from './filter-kind.js';
import type { FilterParent } from './handle.js';
import { sendAbout } from './qdisc-calls.js';

function* change(flags: number, ref: LinkRef, spec: FilterSpec, options: NetnsOptions): Operation<void> {
  if (typeof spec !== 'object' || spec === null)
    throw wrongType('filter', "an object like { kind: 'u32', parent: 'ingress', actions }", spec);
  const netns = netnsOfLink(ref, options.netns);
  const links = [...linksIn((spec as { actions?: unknown }).actions)];
  // What is wrong is refused before a link is looked up, whatever its index will be.
  filterRequest(
    flags,
    withIndices(
      spec,
      links.map(() => 1),
    ),
    1,
    labelOf(ref),
  );
  const index = yield* indexOf(netns, ref);
  const indices: number[] = [];
  for (const [at, option, link] of links) indices.push(yield* indexOf(netns, link, `actions[${at}].${option}`));
  try {
    yield* send(netns, filterRequest(flags, withIndices(spec, indices), index, labelOf(ref)));
  } catch (error) {
    const actions = (spec as { actions?: readonly { kind: string }[] }).actions ?? [];
    throw explainUnknownKind(
      error,
      'cls',
      spec.kind,
      actions.map(({ kind }) => kind),
    );
  }
}

/** The spec with indices in the place of the links that its actions name. */
function withIndices(spec: FilterSpec, indices: readonly number[]): FilterSpec {
  const actions = (spec as { actions?: readonly object[] }).actions;
  if (actions === undefined) return spec;
  const found = [...linksIn(actions)];
  const resolved = actions.map((action, i) => {
    const at = found.findIndex(([place]) => place === i);
    return at < 0 ? action : { ...action, [found[at]?.[1] as string]: indices[at] };
  });
  return { ...spec, actions: resolved } as FilterSpec;
}

/**
 * Adds a filter to a qdisc or class of a link, or to what the link receives (`parent: 'ingress'`, where an ingress or
 * clsact qdisc stands).
 *
 * `tc filter add dev NAME ingress protocol all u32 match u32 0 0 action mirred egress redirect dev OTHER`
 *
 * @throws NetlinkError EEXIST if its place is taken, ENODEV if there is no such link, ENOENT if the kernel does not have
 *   the kind or one of the actions, EINVAL if there is no qdisc of that handle.
 */
export const addFilter = call(
  'addFilter',
  { netns: true },
  (link: LinkRef, filter: FilterSpec, options: NetnsOptions = {}): Operation<void> =>
    change(NLM_F_CREATE | NLM_F_EXCL, link, filter, options),
);

/**
 * Adds a filter, or puts it in the place of the one with its priority, protocol and handle. Without these it is another
 * one.
 *
 * `tc filter replace dev NAME ingress prio 1 protocol all handle 800::800 u32 ...`
 *
 * @throws NetlinkError as `addFilter`, but for EEXIST.
 */
export const replaceFilter = call(
  'replaceFilter',
  { netns: true },
  (link: LinkRef, filter: FilterSpec, options: NetnsOptions = {}): Operation<void> =>
    change(NLM_F_CREATE, link, filter, options),
);

/**
 * Removes a filter; all of a priority, if neither kind nor handle is told; all of a place, if nothing but the place is
 * (and the chain: 0 if absent).
 *
 * `tc filter delete dev NAME ingress prio 1`
 *
 * @throws NetlinkError ENOENT if there is none, ENODEV if there is no such link; neither with `ifExists`.
 */
export const deleteFilter = call(
  'deleteFilter',
  { netns: true, ifExists: true },
  (link: LinkRef, filter: FilterKey | Filter, options: DeleteOptions = {}): Operation<void> =>
    removal(
      sendAbout(link, options, (index, label) => deleteFilterRequest(filter, index, label)),
      options,
    ),
);

export interface ListFiltersOptions<K extends string = string> extends NetnsOptions {
  /** Where they stand; at the root qdisc if absent. */
  readonly parent?: FilterParent | undefined;
  /** Only those of this kind. */
  readonly kind?: K | undefined;
}

/** `listFilters`, which gives filters of the kind that it is asked for. */
interface ListFilters {
  <K extends keyof FilterKinds>(
    link: LinkRef,
    options: ListFiltersOptions<K> & { readonly kind: K },
  ): Promise<FilterOf<K>[]>;
  (link: LinkRef, options?: ListFiltersOptions): Promise<Filter[]>;
  /** @internal */
  readonly sync: {
    <K extends keyof FilterKinds>(link: LinkRef, options: ListFiltersOptions<K> & { readonly kind: K }): FilterOf<K>[];
    (link: LinkRef, options?: ListFiltersOptions): Filter[];
  };
}

/**
 * The filters at one place of a link, in the order in which they are tried; none where no qdisc stands there.
 *
 * `tc filter show dev NAME ingress`
 *
 * @throws NetlinkError ENODEV if there is no link of that name, DumpInterruptedError if the list kept changing while it
 *   was read.
 */
export const listFilters = call(
  'listFilters',
  { netns: true, parent: true, kind: true },
  function* (link: LinkRef, options: ListFiltersOptions = {}): Operation<Filter[]> {
    const { parent, kind } = options;
    const netns = netnsOfLink(link, options.netns);
    const index = yield* indexOf(netns, link);
    const wanted = (filter: Filter): boolean => kind === undefined || filter.kind === kind;
    return yield* dump(netns, listFiltersRequest(netns, index, labelOf(link), parent, wanted));
  },
) as ListFilters;
