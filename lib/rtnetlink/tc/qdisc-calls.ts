/** Queueing disciplines: `addQdisc`, `replaceQdisc`, `deleteQdisc`, `listQdiscs`. */
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, type Request } from '../../netlink/message.js';
import { dump, send } from '../../netlink/request.js';
import { type NetnsOptions, netnsOf } from '../../netns/netns.js';
import { call, type Operation } from '../../operation.js';
import { type DeleteOptions, removal } from '../if-exists.js';
import { indexOf, type LinkRef, labelOf, netnsOfLink } from '../link/find.js';
import { explainUnknownKind } from './explain.js';
import {
  decodeQdisc,
  deleteQdiscRequest,
  listQdiscsRequest,
  type Qdisc,
  type QdiscKey,
  type QdiscOf,
  type QdiscSpec,
  qdiscRequest,
} from './qdisc.js';
import type { QdiscKinds } from './qdisc-kind.js';

/** Sends what is to be said of a link, whose index may have to be looked up; what is wrong is refused before that. */
export function* sendAbout(
  ref: LinkRef,
  options: NetnsOptions,
  requestFor: (index: number, label: string | number) => Request,
): Operation<void> {
  const netns = netnsOfLink(ref, options.netns);
  if (typeof ref === 'string') requestFor(1, ref);
  yield* send(netns, requestFor(yield* indexOf(netns, ref), labelOf(ref)));
}

function* change(flags: number, ref: LinkRef, spec: QdiscSpec, options: NetnsOptions): Operation<void> {
  try {
    yield* sendAbout(ref, options, (index, label) => qdiscRequest(flags, spec, index, label));
  } catch (error) {
    throw explainUnknownKind(error, 'sch', spec?.kind);
  }
}

/**
 * Adds a queueing discipline to a link, at its root if `parent` is absent.
 *
 * `tc qdisc add dev NAME root handle 1: tbf rate 20mbit burst 32kb latency 25ms`
 *
 * @throws NetlinkError EEXIST if one was put there before, ENODEV if there is no such link, ENOENT if the kernel does
 *   not have the kind, or there is no such parent.
 */
export const addQdisc = call(
  'addQdisc',
  { netns: true },
  (link: LinkRef, qdisc: QdiscSpec, options: NetnsOptions = {}): Operation<void> =>
    change(NLM_F_CREATE | NLM_F_EXCL, link, qdisc, options),
);

/**
 * Adds a queueing discipline, or puts it in the place of the one that is there. One of the same kind keeps its queue,
 * its counters, and what stands in it.
 *
 * `tc qdisc replace dev NAME root tbf rate 20mbit burst 32kb latency 25ms`
 *
 * @throws NetlinkError ENODEV if there is no such link, ENOENT if the kernel does not have the kind, or there is no such
 *   parent.
 */
export const replaceQdisc = call(
  'replaceQdisc',
  { netns: true },
  (link: LinkRef, qdisc: QdiscSpec, options: NetnsOptions = {}): Operation<void> =>
    change(NLM_F_CREATE | NLM_F_REPLACE, link, qdisc, options),
);

/**
 * Removes a queueing discipline with all that stands in it; at the root, the default one takes its place.
 *
 * `tc qdisc delete dev NAME root`, `tc qdisc delete dev NAME handle 1:`
 *
 * @throws NetlinkError ENOENT if there is none but the default, ENODEV if there is no such link; neither with `ifExists`.
 */
export const deleteQdisc = call(
  'deleteQdisc',
  { netns: true, ifExists: true },
  (link: LinkRef, qdisc: QdiscKey | Qdisc, options: DeleteOptions = {}): Operation<void> =>
    removal(
      sendAbout(link, options, (index, label) => deleteQdiscRequest(qdisc, index, label)),
      options,
    ),
);

export interface ListQdiscsOptions<K extends string = string> extends NetnsOptions {
  /** Only those of this link. */
  readonly link?: LinkRef | undefined;
  /** Only those of this kind. */
  readonly kind?: K | undefined;
}

/** `listQdiscs`, which gives qdiscs of the kind that it is asked for. */
interface ListQdiscs {
  <K extends keyof QdiscKinds>(options: ListQdiscsOptions<K> & { readonly kind: K }): Promise<QdiscOf<K>[]>;
  (options?: ListQdiscsOptions): Promise<Qdisc[]>;
  /** @internal */
  readonly sync: {
    <K extends keyof QdiscKinds>(options: ListQdiscsOptions<K> & { readonly kind: K }): QdiscOf<K>[];
    (options?: ListQdiscsOptions): Qdisc[];
  };
}

/**
 * The queueing disciplines of a link, or of all links of a namespace, with their counters.
 *
 * `tc -s qdisc show dev NAME`
 *
 * @throws NetlinkError ENODEV if there is no such link, DumpInterruptedError if the list kept changing while it was
 *   read.
 */
export const listQdiscs = call(
  'listQdiscs',
  { netns: true, link: true, kind: true },
  function* (options: ListQdiscsOptions = {}): Operation<Qdisc[]> {
    const { link, kind } = options;
    const netns = link === undefined ? netnsOf(options.netns) : netnsOfLink(link, options.netns);
    const links = link === undefined ? undefined : new Set([yield* indexOf(netns, link)]);
    return yield* dump(
      netns,
      listQdiscsRequest((input, start, end) => {
        const qdisc = decodeQdisc(netns, input, start, end);
        return kind === undefined || qdisc.kind === kind ? qdisc : undefined;
      }, links),
    );
  },
) as ListQdiscs;
