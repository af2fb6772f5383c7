/** Classes of qdiscs: `addClass`, `replaceClass`, `deleteClass`, `listClasses`. */
import { NLM_F_CREATE, NLM_F_EXCL } from '../../netlink/message.js';
import { dump } from '../../netlink/request.js';
import type { NetnsOptions } from '../../netns/netns.js';
import { call, type Operation } from '../../operation.js';
import { type DeleteOptions, removal } from '../if-exists.js';
import { indexOf, type LinkRef, labelOf, netnsOfLink } from '../link/find.js';
import {
  type ClassKey,
  type ClassSpec,
  classRequest,
  deleteClassRequest,
  listClassesRequest,
  type TrafficClass,
  type TrafficClassOf,
} from './class.js';
import { sendAbout } from './qdisc-calls.js';
import type { ClassKinds } from './qdisc-kind.js';

/**
 * Adds a class to a qdisc of a link that has classes.
 *
 * `tc class add dev NAME parent 1: classid 1:10 htb rate 10mbit ceil 20mbit`
 *
 * @throws NetlinkError EEXIST if there is one, ENODEV if there is no such link, ENOENT or EINVAL if there is no such
 *   qdisc, or it has no such classes.
 */
export const addClass = call(
  'addClass',
  { netns: true },
  (link: LinkRef, spec: ClassSpec, options: NetnsOptions = {}): Operation<void> =>
    sendAbout(link, options, (index, label) => classRequest(NLM_F_CREATE | NLM_F_EXCL, spec, index, label)),
);

/**
 * Adds a class, or changes the one that is there.
 *
 * `tc class replace dev NAME parent 1: classid 1:10 htb rate 10mbit`
 *
 * @throws NetlinkError as `addClass`, but for EEXIST.
 */
export const replaceClass = call(
  'replaceClass',
  { netns: true },
  (link: LinkRef, spec: ClassSpec, options: NetnsOptions = {}): Operation<void> =>
    sendAbout(link, options, (index, label) => classRequest(NLM_F_CREATE, spec, index, label)),
);

/**
 * Removes a class.
 *
 * `tc class delete dev NAME classid 1:10`
 *
 * @throws NetlinkError ENOENT if there is none, EBUSY if classes or filters still need it, ENODEV if there is no such
 *   link; neither ENOENT nor ENODEV with `ifExists`.
 */
export const deleteClass = call(
  'deleteClass',
  { netns: true, ifExists: true },
  (link: LinkRef, which: ClassKey | TrafficClass, options: DeleteOptions = {}): Operation<void> =>
    removal(
      sendAbout(link, options, (index, label) => deleteClassRequest(which, index, label)),
      options,
    ),
);

export interface ListClassesOptions<K extends string = string> extends NetnsOptions {
  /** Only those of qdiscs of this kind. */
  readonly kind?: K | undefined;
}

/** `listClasses`, which gives classes of the kind that it is asked for. */
interface ListClasses {
  <K extends keyof ClassKinds>(
    link: LinkRef,
    options: ListClassesOptions<K> & { readonly kind: K },
  ): Promise<TrafficClassOf<K>[]>;
  (link: LinkRef, options?: ListClassesOptions): Promise<TrafficClass[]>;
  /** @internal */
  readonly sync: {
    <K extends keyof ClassKinds>(
      link: LinkRef,
      options: ListClassesOptions<K> & { readonly kind: K },
    ): TrafficClassOf<K>[];
    (link: LinkRef, options?: ListClassesOptions): TrafficClass[];
  };
}

/**
 * The classes of a link, with their counters.
 *
 * `tc -s class show dev NAME`
 *
 * @throws NetlinkError ENODEV if there is no link of that name, DumpInterruptedError if the list kept changing while it
 *   was read.
 */
export const listClasses = call(
  'listClasses',
  { netns: true, kind: true },
  function* (link: LinkRef, options: ListClassesOptions = {}): Operation<TrafficClass[]> {
    const { kind } = options;
    const netns = netnsOfLink(link, options.netns);
    const index = yield* indexOf(netns, link);
    const wanted = (one: TrafficClass): boolean => kind === undefined || one.kind === kind;
    return yield* dump(netns, listClassesRequest(netns, index, labelOf(link), wanted));
  },
) as ListClasses;
