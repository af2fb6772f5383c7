/** A queueing discipline: what users say, what they see, and the requests in between. Pure. */
import { invalidValue, wrongType } from '../../errors.js';
import type { UnknownAttribute } from '../../netlink/attributes.js';
import type { ByteReader } from '../../netlink/bytes.js';
import { makeRequest, NLM_F_DUMP, type Request } from '../../netlink/message.js';
import type { Netns } from '../../netns/netns.js';
import { snapshot } from '../snapshot.js';
import { RTM } from '../types.js';
import { familyOf, kindIn, type TcAttributes, tcFamily, tcmsg } from './attributes.js';
import {
  type Handle,
  handleText,
  INGRESS_HANDLE,
  type QdiscParent,
  qdiscHandle,
  qdiscParent,
  qdiscParentText,
  TC_H_INGRESS,
  TC_H_ROOT,
} from './handle.js';
import { optionsOf, payloadOf, type QdiscKinds, qdiscNamed, requireQdisc } from './qdisc-kind.js';
import './qdiscs/index.js';
import { statisticsOf, type TcStatistics } from './stats.js';

/** Where a qdisc stands, and what it is called. */
export interface QdiscPlace {
  /** `root` if absent. */
  readonly parent?: QdiscParent | undefined;
  /** Its own name, for what stands in it; the kernel chooses if absent. */
  readonly handle?: Handle | undefined;
}

/** All that `addQdisc` takes, by kind. */
export type QdiscSpec = {
  [K in keyof QdiscKinds]: { readonly kind: K } & QdiscPlace & QdiscKinds[K]['options'];
}[keyof QdiscKinds];

/** Which qdisc of a link: by its place, by its handle, or as it was listed. */
export type QdiscKey =
  | { readonly parent: QdiscParent; readonly handle?: Handle | undefined }
  | { readonly handle: Handle; readonly parent?: undefined };

/** A qdisc as the kernel tells it: plain and frozen. */
export interface Qdisc {
  readonly netns: Netns;
  /** Index of its link. */
  readonly link: number;
  readonly kind: string;
  readonly handle: Handle;
  readonly parent: QdiscParent;
  /** What the kind keeps, in the words of `addQdisc`; absent for kinds that netloom does not know. */
  readonly data?: Readonly<Record<string, unknown>>;
  readonly stats: TcStatistics;
  /** Attributes that netloom does not know, as the kernel sent them. */
  readonly unknown?: readonly UnknownAttribute[];
}

/** A qdisc of a kind, with what that kind keeps. */
export type QdiscOf<K extends keyof QdiscKinds> = Qdisc & {
  readonly kind: K;
  readonly data: Readonly<QdiscKinds[K]['told']>;
};

/** A qdisc as it travels: its place in numbers, and its options as the kernel keeps them. */
export interface RawQdisc {
  readonly link: number;
  readonly kind: string;
  readonly handle: number;
  readonly parent: number;
  readonly attributes: TcAttributes;
}

/** Reads an RTM_NEWQDISC, from behind its nlmsghdr. */
export function readQdisc(input: ByteReader, start: number, end: number): RawQdisc {
  const at = Math.min(end, start + tcmsg.size);
  const { ifindex, handle, parent } = tcmsg.decode(input, start, at);
  const kind = kindIn(input, at, end) ?? '';
  const attributes = familyOf(qdiscNamed(kind)?.options).attributes.decode(input, at, end);
  return { link: ifindex, kind, handle, parent, attributes };
}

/** The same as users see it. */
export function decodeQdisc(netns: Netns, input: ByteReader, start: number, end: number): Qdisc {
  const { link, kind, handle, parent, attributes } = readQdisc(input, start, end);
  const { options, stats, unknown } = attributes;
  return snapshot<Qdisc>({
    netns,
    link,
    kind,
    handle: handleText(handle),
    parent: qdiscParentText(parent),
    data: optionsOf(qdiscNamed(kind), options),
    stats: statisticsOf(stats ?? {}),
    unknown,
  });
}

const REQUESTS = { [RTM.NEWQDISC]: 'RTM_NEWQDISC', [RTM.DELQDISC]: 'RTM_DELQDISC' } as const;

/** A NEWQDISC for the link with that index. */
export function qdiscRequest(flags: number, spec: QdiscSpec, index: number, link: string | number): Request {
  if (typeof spec !== 'object' || spec === null)
    throw wrongType('qdisc', "an object like { kind: 'tbf', rate, burst, latency }", spec);
  const { kind, parent, handle, ...options } = spec as QdiscSpec & Readonly<Record<string, unknown>>;
  const definition = requireQdisc(kind);
  const data = payloadOf(definition, options, `a ${kind} qdisc`, ['kind', 'parent', 'handle']);
  const place = placeOf(definition.ingress === true, parent, handle);
  return newQdiscRequest(flags, kind, place, data, index, link);
}

interface Place {
  readonly parent: number;
  readonly handle: number;
}

function placeOf(ingress: boolean, parent: unknown, handle: unknown): Place {
  if (!ingress) {
    if (parent === 'ingress') throw invalidValue('parent', parent, 'is the place of ingress and clsact');
    return {
      parent: parent === undefined ? TC_H_ROOT : qdiscParent(parent),
      handle: handle === undefined ? 0 : qdiscHandle(handle),
    };
  }
  if (parent !== undefined && parent !== 'ingress') throw invalidValue('parent', parent, "can only be 'ingress' here");
  if (handle !== undefined && handle !== 'ffff:') throw invalidValue('handle', handle, "can only be 'ffff:' here");
  return { parent: TC_H_INGRESS, handle: INGRESS_HANDLE };
}

/** The same for a payload that is made already. */
export const newQdiscRequest = (
  flags: number,
  kind: string,
  { parent, handle }: Place,
  options: unknown,
  index: number,
  link: string | number,
): Request =>
  makeRequest(familyOf(qdiscNamed(kind)?.options), {
    type: RTM.NEWQDISC,
    name: REQUESTS[RTM.NEWQDISC],
    flags,
    header: { ifindex: index, parent, handle },
    attributes: { kind, options } as TcAttributes,
    context: { link, entry: `${kind} ${qdiscParentText(parent)}` },
  });

/** A DELQDISC for the link with that index. */
export function deleteQdiscRequest(which: QdiscKey, index: number, link: string | number): Request {
  if (typeof which !== 'object' || which === null)
    throw wrongType('qdisc', "an object like { parent: 'root' } or { handle: '1:' }", which);
  const { parent, handle } = which;
  if (parent === undefined && handle === undefined)
    throw wrongType('parent', "the qdisc's place, where there is no `handle`", parent);
  return makeRequest(tcFamily, {
    type: RTM.DELQDISC,
    name: REQUESTS[RTM.DELQDISC],
    header: {
      ifindex: index,
      parent: parent === undefined ? 0 : qdiscParent(parent),
      // A default qdisc has the handle 0.
      handle: handle === undefined ? 0 : qdiscHandle(handle),
    },
    context: { link, entry: `qdisc ${parent ?? handle}` },
  });
}

/**
 * The dump of the qdiscs of a namespace, those of `links` if told. The kernel gives all of them in any case (it reads no
 * tcm_ifindex in tc_dump_qdisc() of net/sched/sch_api.c); of other links they are not decoded.
 */
export const listQdiscsRequest = <T>(
  decode: (input: ByteReader, start: number, end: number) => T | undefined,
  links?: ReadonlySet<number>,
): Request<T> =>
  makeRequest(tcFamily, {
    type: RTM.GETQDISC,
    name: 'RTM_GETQDISC',
    flags: NLM_F_DUMP,
    decode: (input, start, end, type) => {
      if (type !== RTM.NEWQDISC) return undefined;
      if (links && !links.has(tcmsg.decode(input, start, Math.min(end, start + tcmsg.size)).ifindex)) return undefined;
      return decode(input, start, end);
    },
  });
