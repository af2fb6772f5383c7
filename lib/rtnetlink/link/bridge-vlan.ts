/**
 * VLANs of a bridge that filters by them (`vlanFiltering`): which of them pass a port, or reach the bridge itself.
 *
 * They travel in IFLA_AF_SPEC of messages of AF_BRIDGE, where it has other attributes than in those of a link
 * (linux/if_bridge.h; net/bridge/br_netlink.c, br_afspec).
 */
import { invalidValue, wrongType } from '../../errors.js';
import { attributes } from '../../netlink/attributes.js';
import { checkInteger, named, repeated, u16 } from '../../netlink/codec.js';
import { family, makeRequest } from '../../netlink/message.js';
import { send } from '../../netlink/request.js';
import { struct } from '../../netlink/struct.js';
import type { NetnsOptions } from '../../netns/netns.js';
import { call, type Operation } from '../../operation.js';
import { checkFields, fieldsOf } from '../fields.js';
import { type DeleteOptions, removal } from '../if-exists.js';
import { RTM } from '../types.js';
import { ifinfomsg } from './attributes.js';
import { indexOf, type LinkRef, labelOf, netnsOfLink } from './find.js';

/** PF_BRIDGE (linux/socket.h). */
const AF_BRIDGE = 7;

/** BRIDGE_VLAN_INFO_* (linux/if_bridge.h). */
const VLAN_FLAGS = { pvid: 1 << 1, untagged: 1 << 2, rangeBegin: 1 << 3, rangeEnd: 1 << 4 } as const;

const vlanInfo = struct(4, { flags: [0, u16], vid: [2, u16] });

export const bridgeSpecAttributes = attributes(() => ({
  flags: [0, 'IFLA_BRIDGE_FLAGS', named(u16, { master: 1, self: 2 })],
  vlans: [2, 'IFLA_BRIDGE_VLAN_INFO', repeated(vlanInfo)],
}));

const bridgeVlanFamily = family(
  ifinfomsg,
  attributes(() => ({ bridge: [26, 'IFLA_AF_SPEC', bridgeSpecAttributes.called('')] })),
);

/** A VLAN, or several with ids that follow each other. */
export interface BridgeVlan {
  /** 1 to 4094. */
  readonly vid: number;
  /** The last one, of several. */
  readonly end?: number | undefined;
  /** Frames that come in without a tag belong to it. Of one VLAN only. */
  readonly pvid?: boolean | undefined;
  /** Its frames go out without a tag. */
  readonly untagged?: boolean | undefined;
  /** The link is the bridge itself, not a port: the VLAN reaches the bridge's own link. */
  readonly self?: boolean | undefined;
}

const FIELDS = fieldsOf<keyof BridgeVlan>({ vid: true, end: true, pvid: true, untagged: true, self: true });

/**
 * Lets a VLAN pass a port of a bridge, or reach the bridge itself.
 *
 * `bridge vlan add dev PORT vid 10 pvid untagged`, `bridge vlan add dev BRIDGE vid 10 self`
 *
 * @throws NetlinkError EOPNOTSUPP if the link is neither, or the kernel has no VLAN filtering.
 */
export const addBridgeVlan = call(
  'addBridgeVlan',
  { netns: true },
  (link: LinkRef, vlan: BridgeVlan, options: NetnsOptions = {}): Operation<void> =>
    change(RTM.SETLINK, 'RTM_SETLINK', link, vlan, options),
);

/**
 * Keeps a VLAN from passing a port again.
 *
 * `bridge vlan delete dev PORT vid 10`
 *
 * @throws NetlinkError ENOENT if it does not pass; not with `ifExists`.
 */
export const deleteBridgeVlan = call(
  'deleteBridgeVlan',
  { netns: true, ifExists: true },
  (link: LinkRef, vlan: BridgeVlan, options: DeleteOptions = {}): Operation<void> =>
    removal(change(RTM.DELLINK, 'RTM_DELLINK', link, vlan, options), options),
);

function* change(type: number, name: string, link: LinkRef, vlan: BridgeVlan, options: NetnsOptions): Operation<void> {
  const vlans = toInfo(vlan);
  const netns = netnsOfLink(link, options.netns);
  const index = yield* indexOf(netns, link);
  yield* send(
    netns,
    makeRequest(bridgeVlanFamily, {
      type,
      name,
      header: { family: AF_BRIDGE, index },
      // Without flags the bridge acts that the link is a port of.
      attributes: { bridge: { flags: vlan.self === true ? 'self' : undefined, vlans } },
      context: { link: labelOf(link) },
    }),
  );
}

function toInfo(vlan: BridgeVlan): { flags: number; vid: number }[] {
  if (typeof vlan !== 'object' || vlan === null) throw wrongType('vlan', 'an object like { vid: 10 }', vlan);
  checkFields(vlan, FIELDS, 'a VLAN');
  const { vid, end, pvid = false, untagged = false } = vlan;
  checkInteger(vid, 1, 4094, 'vid');
  const flags = (pvid ? VLAN_FLAGS.pvid : 0) | (untagged ? VLAN_FLAGS.untagged : 0);
  if (end === undefined) return [{ flags, vid }];
  checkInteger(end, vid + 1, 4094, 'end');
  if (pvid) throw invalidValue('pvid', pvid, 'is of one VLAN, not of a range');
  return [
    { flags: flags | VLAN_FLAGS.rangeBegin, vid },
    { flags: flags | VLAN_FLAGS.rangeEnd, vid: end },
  ];
}
