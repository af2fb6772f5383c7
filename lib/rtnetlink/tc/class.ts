/** A class of a qdisc: what users say, what they see, and the requests in between. Pure. */
import { wrongType } from '../../errors.js';
import type { UnknownAttribute } from '../../netlink/attributes.js';
import type { ByteReader } from '../../netlink/bytes.js';
import { makeRequest, NLM_F_DUMP, type Request } from '../../netlink/message.js';
import type { Netns } from '../../netns/netns.js';
import { snapshot } from '../snapshot.js';
import { RTM } from '../types.js';
import { familyOf, kindIn, type TcAttributes, tcFamily, tcmsg } from './attributes.js';
import { classHandle, type Handle, handleText, qdiscParent, qdiscParentText } from './handle.js';
import { type ClassKinds, optionsOf, payloadOf, qdiscNamed, requireClasses } from './qdisc-kind.js';
import './qdiscs/index.js';
import { statisticsOf, type TcStatistics } from './stats.js';

/** Where a class stands, and what it is called. */
export interface ClassPlace {
  /** The qdisc (`'1:'`) or the class above it; the qdisc that its handle names if absent. */
  readonly parent?: Handle | undefined;
  /** Its name (`tc` says classid): `'1:10'`. */
  readonly handle: Handle;
}

/** All that `addClass` takes, by kind. */
export type ClassSpec = {
  [K in keyof ClassKinds]: { readonly kind: K } & ClassPlace & ClassKinds[K]['options'];
}[keyof ClassKinds];

/** Which class of a link. */
export interface ClassKey {
  readonly handle: Handle;
}

/** A class as the kernel tells it: plain and frozen. */
export interface TrafficClass {
  readonly netns: Netns;
  /** Index of its link. */
  readonly link: number;
  readonly kind: string;
  readonly handle: Handle;
  /** `root`: it stands in its qdisc itself. */
  readonly parent: 'root' | Handle;
  /** The qdisc that stands in it, where one was put there. */
  readonly leaf?: Handle;
  /** What the kind keeps; absent for kinds that netloom does not know. */
  readonly data?: Readonly<Record<string, unknown>>;
  readonly stats: TcStatistics;
  /** Attributes that netloom does not know, as the kernel sent them. */
  readonly unknown?: readonly UnknownAttribute[];
}

/** A class of a kind, with what that kind keeps. */
export type TrafficClassOf<K extends keyof ClassKinds> = TrafficClass & {
  readonly kind: K;
  readonly data: Readonly<ClassKinds[K]['told']>;
};

/** Reads an RTM_NEWTCLASS, from behind its nlmsghdr. */
export function decodeClass(netns: Netns, input: ByteReader, start: number, end: number): TrafficClass {
  const at = Math.min(end, start + tcmsg.size);
  const { ifindex, handle, parent, info } = tcmsg.decode(input, start, at);
  const kind = kindIn(input, at, end) ?? '';
  const classes = qdiscNamed(kind)?.classes;
  const { options, stats, unknown } = familyOf(classes?.options).attributes.decode(input, at, end);
  return snapshot<TrafficClass>({
    netns,
    link: ifindex,
    kind,
    handle: handleText(handle),
    parent: qdiscParentText(parent) as 'root' | Handle,
    leaf: info === 0 ? undefined : handleText(info),
    data: optionsOf(classes, options),
    stats: statisticsOf(stats ?? {}),
    unknown,
  });
}

/** A NEWTCLASS for the link with that index. */
export function classRequest(flags: number, spec: ClassSpec, index: number, link: string | number): Request {
  if (typeof spec !== 'object' || spec === null)
    throw wrongType('class', "an object like { kind: 'htb', handle: '1:10', rate }", spec);
  const { kind, parent, handle, ...options } = spec as ClassSpec & Readonly<Record<string, unknown>>;
  const classes = requireClasses(kind);
  const own = classHandle(handle);
  return makeRequest(familyOf(classes.options), {
    type: RTM.NEWTCLASS,
    name: 'RTM_NEWTCLASS',
    flags,
    header: {
      ifindex: index,
      handle: own,
      parent: parent === undefined ? (own & 0xffff0000) >>> 0 : qdiscParent(parent),
    },
    attributes: {
      kind,
      options: payloadOf(classes, options, `a class of ${kind}`, ['kind', 'parent', 'handle']),
    } as TcAttributes,
    context: { link, entry: `class ${handle}` },
  });
}

/** A DELTCLASS for the link with that index. */
export function deleteClassRequest(which: ClassKey, index: number, link: string | number): Request {
  if (typeof which !== 'object' || which === null) throw wrongType('class', "an object like { handle: '1:10' }", which);
  return makeRequest(tcFamily, {
    type: RTM.DELTCLASS,
    name: 'RTM_DELTCLASS',
    header: { ifindex: index, handle: classHandle(which.handle) },
    context: { link, entry: `class ${which.handle}` },
  });
}

/** The dump of the classes of the link with that index. */
export const listClassesRequest = (
  netns: Netns,
  index: number,
  link: string | number,
  wanted: (one: TrafficClass) => boolean,
): Request<TrafficClass> =>
  makeRequest(tcFamily, {
    type: RTM.GETTCLASS,
    name: 'RTM_GETTCLASS',
    flags: NLM_F_DUMP,
    header: { ifindex: index },
    decode: (input, start, end, type) => {
      if (type !== RTM.NEWTCLASS) return undefined;
      const one = decodeClass(netns, input, start, end);
      return wanted(one) ? one : undefined;
    },
    context: { link },
  });
