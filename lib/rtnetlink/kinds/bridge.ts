/** bridge: a switch (IFLA_BR_*, linux/if_link.h; net/bridge/br_netlink.c). */
import { attributes } from '../../netlink/attributes.js';
import { be16, bool8, booleanIn, flag, mac, named, u8, u16, u32 } from '../../netlink/codec.js';
import { struct } from '../../netlink/struct.js';
import { booleansIn, maskedBits } from '../flags.js';
import { MULTICAST_ROUTER } from '../link/bridge-port.js';
import { bridgeId, clockTime, clockTime64 } from '../link/bridge-units.js';
import { createOfKind, type SpecOf } from '../link/create.js';
import { defineKind } from '../link/kind.js';
import { VLAN_PROTOCOLS } from '../link/vlan-protocols.js';

const multiBoolean = struct(8, { value: [0, u32], mask: [4, u32] });

const bridgeAttributes = attributes(() => ({
  forwardDelay: [1, 'IFLA_BR_FORWARD_DELAY', clockTime],
  helloTime: [2, 'IFLA_BR_HELLO_TIME', clockTime],
  maxAge: [3, 'IFLA_BR_MAX_AGE', clockTime],
  ageingTime: [4, 'IFLA_BR_AGEING_TIME', clockTime],
  stp: [5, 'IFLA_BR_STP_STATE', booleanIn(u32)],
  priority: [6, 'IFLA_BR_PRIORITY', u16],
  vlanFiltering: [7, 'IFLA_BR_VLAN_FILTERING', bool8],
  vlanProtocol: [8, 'IFLA_BR_VLAN_PROTOCOL', named(be16, VLAN_PROTOCOLS)],
  groupForwardMask: [9, 'IFLA_BR_GROUP_FWD_MASK', u16],
  rootId: [10, 'IFLA_BR_ROOT_ID', bridgeId],
  bridgeId: [11, 'IFLA_BR_BRIDGE_ID', bridgeId],
  rootPort: [12, 'IFLA_BR_ROOT_PORT', u16],
  rootPathCost: [13, 'IFLA_BR_ROOT_PATH_COST', u32],
  topologyChange: [14, 'IFLA_BR_TOPOLOGY_CHANGE', bool8],
  topologyChangeDetected: [15, 'IFLA_BR_TOPOLOGY_CHANGE_DETECTED', bool8],
  helloTimer: [16, 'IFLA_BR_HELLO_TIMER', clockTime64],
  tcnTimer: [17, 'IFLA_BR_TCN_TIMER', clockTime64],
  topologyChangeTimer: [18, 'IFLA_BR_TOPOLOGY_CHANGE_TIMER', clockTime64],
  gcTimer: [19, 'IFLA_BR_GC_TIMER', clockTime64],
  groupAddress: [20, 'IFLA_BR_GROUP_ADDR', mac],
  fdbFlush: [21, 'IFLA_BR_FDB_FLUSH', flag],
  multicastRouter: [22, 'IFLA_BR_MCAST_ROUTER', named(u8, MULTICAST_ROUTER)],
  multicastSnooping: [23, 'IFLA_BR_MCAST_SNOOPING', bool8],
  multicastQueryUseIfaddr: [24, 'IFLA_BR_MCAST_QUERY_USE_IFADDR', bool8],
  multicastQuerier: [25, 'IFLA_BR_MCAST_QUERIER', bool8],
  multicastHashElasticity: [26, 'IFLA_BR_MCAST_HASH_ELASTICITY', u32],
  multicastHashMax: [27, 'IFLA_BR_MCAST_HASH_MAX', u32],
  multicastLastMemberCount: [28, 'IFLA_BR_MCAST_LAST_MEMBER_CNT', u32],
  multicastStartupQueryCount: [29, 'IFLA_BR_MCAST_STARTUP_QUERY_CNT', u32],
  multicastLastMemberInterval: [30, 'IFLA_BR_MCAST_LAST_MEMBER_INTVL', clockTime64],
  multicastMembershipInterval: [31, 'IFLA_BR_MCAST_MEMBERSHIP_INTVL', clockTime64],
  multicastQuerierInterval: [32, 'IFLA_BR_MCAST_QUERIER_INTVL', clockTime64],
  multicastQueryInterval: [33, 'IFLA_BR_MCAST_QUERY_INTVL', clockTime64],
  multicastQueryResponseInterval: [34, 'IFLA_BR_MCAST_QUERY_RESPONSE_INTVL', clockTime64],
  multicastStartupQueryInterval: [35, 'IFLA_BR_MCAST_STARTUP_QUERY_INTVL', clockTime64],
  netfilterIptables: [36, 'IFLA_BR_NF_CALL_IPTABLES', bool8],
  netfilterIp6tables: [37, 'IFLA_BR_NF_CALL_IP6TABLES', bool8],
  netfilterArptables: [38, 'IFLA_BR_NF_CALL_ARPTABLES', bool8],
  vlanDefaultPvid: [39, 'IFLA_BR_VLAN_DEFAULT_PVID', u16],
  vlanStats: [41, 'IFLA_BR_VLAN_STATS_ENABLED', bool8],
  multicastStats: [42, 'IFLA_BR_MCAST_STATS_ENABLED', bool8],
  multicastIgmpVersion: [43, 'IFLA_BR_MCAST_IGMP_VERSION', u8],
  multicastMldVersion: [44, 'IFLA_BR_MCAST_MLD_VERSION', u8],
  vlanStatsPerPort: [45, 'IFLA_BR_VLAN_STATS_PER_PORT', bool8],
  booleanOptions: [46, 'IFLA_BR_MULTI_BOOLOPT', multiBoolean],
  fdbLearned: [48, 'IFLA_BR_FDB_N_LEARNED', u32],
  fdbMaxLearned: [49, 'IFLA_BR_FDB_MAX_LEARNED', u32],
}));

/** Bits of IFLA_BR_MULTI_BOOLOPT (linux/if_bridge.h, enum br_boolopt_id). */
const BOOLEAN_OPTIONS = { noLinkLocalLearn: 1 << 0, multicastVlanSnooping: 1 << 1, mstEnabled: 1 << 2 } as const;

type Attributes = ReturnType<typeof bridgeAttributes.decode>;
/** What only the kernel tells. */
type Told =
  | 'rootId'
  | 'bridgeId'
  | 'rootPort'
  | 'rootPathCost'
  | 'topologyChange'
  | 'topologyChangeDetected'
  | 'helloTimer'
  | 'tcnTimer'
  | 'topologyChangeTimer'
  | 'gcTimer'
  | 'fdbLearned'
  | 'booleanOptions'
  | 'unknown';

/**
 * Options of a bridge, by the words of `ip link add type bridge`. Times are milliseconds, kept by the kernel
 * in hundredths of a second.
 */
export type BridgeOptions = Readonly<Omit<Attributes, Told>> & {
  /** Whether frames to the reserved link-local groups teach the bridge nothing. */
  readonly noLinkLocalLearn?: boolean | undefined;
  readonly multicastVlanSnooping?: boolean | undefined;
  readonly mstEnabled?: boolean | undefined;
};

declare module '../link/kind.js' {
  interface LinkKinds {
    bridge: BridgeOptions;
  }
}

export const bridge = defineKind({
  kind: 'bridge',
  parent: 'none',
  data: bridgeAttributes,
  words: Object.keys(BOOLEAN_OPTIONS),
  toData(options) {
    const { value, mask, others } = maskedBits(options, BOOLEAN_OPTIONS);
    return mask === 0 ? others : { ...others, booleanOptions: { value, mask } };
  },
  fromData({ booleanOptions, ...data }) {
    if (booleanOptions === undefined) return data;
    const { value, mask } = booleanOptions as { value: number; mask: number };
    return { ...data, ...booleansIn(value, mask, BOOLEAN_OPTIONS) };
  },
});

/** What `createBridge` takes. */
export type BridgeSpec = SpecOf<'bridge'>;

/**
 * Makes a bridge. Other links become its ports by their `master`.
 *
 * Without a `mac`, here or by `setLink` (its own, to keep it), a bridge has the lowest MAC of its ports, and changes it as
 * they come and go, under the eyes of those who have it as their gateway.
 *
 * `ip link add NAME type bridge vlan_filtering 1 ageing_time 30000 ...`
 */
export const createBridge = createOfKind('createBridge', 'bridge');
