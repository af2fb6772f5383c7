/** An entry of a forwarding database (bridge, VXLAN, macvlan): what users say and see, and the request. Pure. */
import { invalidValue, wrongType } from '../../errors.js';
import type { ByteReader } from '../../netlink/bytes.js';
import { makeRequest, type Request } from '../../netlink/message.js';
import type { Netns } from '../../netns/netns.js';
import { checkFields, fieldsOf } from '../fields.js';
import { flagBits, flagNames } from '../flags.js';
import type { LinkRef } from '../link/find.js';
import { snapshot } from '../snapshot.js';
import { AF_BRIDGE, RTM } from '../types.js';
import { NTF, NUD, ndmsg, neighborAttributes, neighborFamily } from './attributes.js';

const FLAGS = {
  use: NTF.use,
  extern_learn: NTF.extern_learn,
  offloaded: NTF.offloaded,
  sticky: NTF.sticky,
  router: NTF.router,
} as const;

/** Spelt as `bridge fdb` spells them; `offloaded` is the kernel's to tell. */
export type FdbFlag = keyof typeof FLAGS;

// bridge(8), fdb.c: fdb_modify.
const STATES = {
  permanent: NUD.noarp | NUD.permanent,
  static: NUD.noarp | NUD.reachable,
  dynamic: NUD.reachable,
} as const;

/** `permanent`: the host's own address. `static`: does not age. `dynamic`: ages and moves as a learned one. */
export type FdbState = keyof typeof STATES;

export interface FdbSpec {
  /** Destination address of the frames. `00:00:00:00:00:00` on a VXLAN: of frames without an entry. */
  readonly mac: string;
  /** The bridge port, the bridge, or the VXLAN. */
  readonly link: LinkRef;
  /** In the link's own table (VXLAN, macvlan, hardware). So if neither `self` nor `master` is given. */
  readonly self?: boolean | undefined;
  /** In the table of the bridge that the link is a port of. */
  readonly master?: boolean | undefined;
  /** `permanent` if absent, as bridge(8) says. */
  readonly state?: FdbState | undefined;
  /** VLAN ID, 1 to 4094. */
  readonly vlan?: number | undefined;
  /** VXLAN: address of the remote tunnel endpoint. */
  readonly dst?: string | undefined;
  /** VXLAN: its UDP port, where it is not the link's. */
  readonly port?: number | undefined;
  /** VXLAN: network ID at the remote end. */
  readonly vni?: number | undefined;
  /** VXLAN with external metadata: network ID on this side. */
  readonly sourceVni?: number | undefined;
  /** VXLAN: the link by which the remote endpoint is reached. */
  readonly via?: LinkRef | undefined;
  /** VXLAN: nexthop group of remote endpoints, in place of `dst`. */
  readonly nexthopId?: number | undefined;
  readonly flags?: readonly FdbFlag[] | undefined;
  /** Who made it: RTPROT_*, 0 to 255. */
  readonly protocol?: number | undefined;
  /** The namespace, where `link` does not bring it. */
  readonly netns?: Netns | undefined;
}

/** A forwarding entry as the kernel tells it: plain and frozen. It can be given back to the calls that change entries. */
export interface FdbEntry {
  readonly netns: Netns;
  /** Index of the port or the VXLAN. */
  readonly link: number;
  readonly mac: string;
  /** It is in the link's own table (VXLAN, macvlan, hardware). */
  readonly self: boolean;
  /** It is in the table of the bridge that the link is a port of. */
  readonly master: boolean;
  /** Index of the bridge whose table it is in. Absent for entries of the link's own table. */
  readonly bridge?: number;
  readonly state: FdbState | 'stale';
  readonly vlan?: number;
  readonly dst?: string;
  readonly port?: number;
  readonly vni?: number;
  readonly sourceVni?: number;
  /** Index of the link by which the remote endpoint is reached. */
  readonly via?: number;
  readonly nexthopId?: number;
  readonly flags: readonly FdbFlag[];
  readonly protocol?: number;
  /** Milliseconds since it was used and changed. */
  readonly used?: number;
  readonly updated?: number;
}

const FIELDS = fieldsOf<keyof FdbSpec | keyof FdbEntry>({
  mac: true,
  link: true,
  self: true,
  master: true,
  state: true,
  vlan: true,
  dst: true,
  port: true,
  vni: true,
  sourceVni: true,
  via: true,
  nexthopId: true,
  flags: true,
  protocol: true,
  netns: true,
  // Of those that were listed.
  bridge: true,
  used: true,
  updated: true,
});

/** What users say of a forwarding entry, as a spec. */
export function toFdbSpec(given: FdbSpec | FdbEntry): FdbSpec {
  if (typeof given !== 'object' || given === null)
    throw wrongType('entry', "an object like { mac: '02:00:00:00:00:02', link }", given);
  checkFields(given, FIELDS, 'a forwarding entry');
  // Of a listed entry, which has an age: the dynamic ones go stale.
  return given.state === 'stale' && 'used' in given ? { ...given, state: 'dynamic' } : (given as FdbSpec);
}

/** A NEWNEIGH or DELNEIGH for one entry; `index` and `via` are those of `spec.link` and `spec.via`. */
export function fdbRequest(
  type: (typeof RTM)['NEWNEIGH' | 'DELNEIGH'],
  flags: number,
  spec: FdbSpec,
  index: number,
  via?: number,
): Request {
  const { mac, link, self, master, state = 'permanent', vlan, dst, port, vni, sourceVni, nexthopId, protocol } = spec;
  if (!Object.hasOwn(STATES, state)) throw invalidValue('state', state, `is none of ${Object.keys(STATES).join(', ')}`);
  const bits = spec.flags === undefined ? 0 : flagBits(spec.flags, FLAGS) & ~NTF.offloaded;
  const place = (self || !master ? NTF.self : 0) | (master ? NTF.master : 0);
  return makeRequest(neighborFamily, {
    type,
    name: type === RTM.NEWNEIGH ? 'RTM_NEWNEIGH' : 'RTM_DELNEIGH',
    flags,
    header: { family: AF_BRIDGE, index, state: STATES[state], flags: bits | place },
    attributes: { mac, address: dst, vlan, port, vni, sourceVni, via, nexthopId, protocol },
    context: { entry: mac, link: typeof link === 'object' ? link.name : link },
  });
}

/** Reads an RTM_NEWNEIGH of AF_BRIDGE, from behind its nlmsghdr. */
export function decodeFdbEntry(netns: Netns, input: ByteReader, start: number, end: number): FdbEntry {
  const header = ndmsg.decode(input, start, Math.min(end, start + ndmsg.size));
  const a = neighborAttributes.decode(input, start + ndmsg.size, end);
  return snapshot<FdbEntry>({
    netns,
    link: header.index,
    mac: a.mac ?? '',
    self: (header.flags & NTF.self) !== 0,
    // A bridge is no port of itself: what it keeps for itself is its own.
    master: a.master !== undefined && a.master !== header.index,
    bridge: a.master,
    state: stateOf(header.state),
    vlan: a.vlan,
    dst: a.address,
    port: a.port,
    vni: a.vni,
    sourceVni: a.sourceVni,
    via: a.via,
    nexthopId: a.nexthopId,
    flags: flagNames(header.flags, FLAGS),
    protocol: a.protocol || undefined,
    used: a.cacheInfo?.used === undefined ? undefined : a.cacheInfo.used * 10,
    updated: a.cacheInfo?.updated === undefined ? undefined : a.cacheInfo.updated * 10,
  });
}

// bridge(8), fdb.c: state_n2a.
function stateOf(state: number): FdbEntry['state'] {
  if ((state & NUD.permanent) !== 0) return 'permanent';
  if ((state & NUD.noarp) !== 0) return 'static';
  return (state & NUD.stale) !== 0 ? 'stale' : 'dynamic';
}

/** What {@link decodeFdbEntry} reads. */
export const isFdbEntry = (input: ByteReader, start: number, type: number): boolean =>
  type === RTM.NEWNEIGH && input.bytes[start] === AF_BRIDGE;
