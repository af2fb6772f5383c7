/**
 * A bridge port: what a bridge keeps of each link that it has as a port (IFLA_BRPORT_*, linux/if_link.h).
 * Equivalent: `bridge link set dev NAME ...`, `ip link set NAME type bridge_slave ...`.
 */
import { attributes } from '../../netlink/attributes.js';
import { bool8, flag, named, u8, u16, u32 } from '../../netlink/codec.js';
import { bridgeId, clockTime64 } from './bridge-units.js';

/** linux/if_bridge.h, BR_STATE_*. */
export const PORT_STATES = { disabled: 0, listening: 1, learning: 2, forwarding: 3, blocking: 4 } as const;

/** Who takes part in multicast routing on a port or bridge: linux/if_bridge.h, MDB_RTR_TYPE_*. */
export const MULTICAST_ROUTER = { disabled: 0, 'temp-query': 1, permanent: 2, temp: 3 } as const;

export const bridgePortAttributes = attributes(() => ({
  state: [1, 'IFLA_BRPORT_STATE', named(u8, PORT_STATES)],
  priority: [2, 'IFLA_BRPORT_PRIORITY', u16],
  cost: [3, 'IFLA_BRPORT_COST', u32],
  hairpin: [4, 'IFLA_BRPORT_MODE', bool8],
  guard: [5, 'IFLA_BRPORT_GUARD', bool8],
  rootBlock: [6, 'IFLA_BRPORT_PROTECT', bool8],
  fastLeave: [7, 'IFLA_BRPORT_FAST_LEAVE', bool8],
  learning: [8, 'IFLA_BRPORT_LEARNING', bool8],
  flood: [9, 'IFLA_BRPORT_UNICAST_FLOOD', bool8],
  proxyArp: [10, 'IFLA_BRPORT_PROXYARP', bool8],
  learningSync: [11, 'IFLA_BRPORT_LEARNING_SYNC', bool8],
  proxyArpWifi: [12, 'IFLA_BRPORT_PROXYARP_WIFI', bool8],
  rootId: [13, 'IFLA_BRPORT_ROOT_ID', bridgeId],
  bridgeId: [14, 'IFLA_BRPORT_BRIDGE_ID', bridgeId],
  designatedPort: [15, 'IFLA_BRPORT_DESIGNATED_PORT', u16],
  designatedCost: [16, 'IFLA_BRPORT_DESIGNATED_COST', u16],
  id: [17, 'IFLA_BRPORT_ID', u16],
  number: [18, 'IFLA_BRPORT_NO', u16],
  topologyChangeAck: [19, 'IFLA_BRPORT_TOPOLOGY_CHANGE_ACK', u8],
  configPending: [20, 'IFLA_BRPORT_CONFIG_PENDING', u8],
  messageAgeTimer: [21, 'IFLA_BRPORT_MESSAGE_AGE_TIMER', clockTime64],
  forwardDelayTimer: [22, 'IFLA_BRPORT_FORWARD_DELAY_TIMER', clockTime64],
  holdTimer: [23, 'IFLA_BRPORT_HOLD_TIMER', clockTime64],
  flush: [24, 'IFLA_BRPORT_FLUSH', flag],
  multicastRouter: [25, 'IFLA_BRPORT_MULTICAST_ROUTER', named(u8, MULTICAST_ROUTER)],
  multicastFlood: [27, 'IFLA_BRPORT_MCAST_FLOOD', bool8],
  multicastToUnicast: [28, 'IFLA_BRPORT_MCAST_TO_UCAST', bool8],
  vlanTunnel: [29, 'IFLA_BRPORT_VLAN_TUNNEL', bool8],
  broadcastFlood: [30, 'IFLA_BRPORT_BCAST_FLOOD', bool8],
  groupForwardMask: [31, 'IFLA_BRPORT_GROUP_FWD_MASK', u16],
  neighborSuppress: [32, 'IFLA_BRPORT_NEIGH_SUPPRESS', bool8],
  isolated: [33, 'IFLA_BRPORT_ISOLATED', bool8],
  backupPort: [34, 'IFLA_BRPORT_BACKUP_PORT', u32],
  mrpRingOpen: [35, 'IFLA_BRPORT_MRP_RING_OPEN', bool8],
  mrpInOpen: [36, 'IFLA_BRPORT_MRP_IN_OPEN', bool8],
  multicastEhtHostsLimit: [37, 'IFLA_BRPORT_MCAST_EHT_HOSTS_LIMIT', u32],
  multicastEhtHosts: [38, 'IFLA_BRPORT_MCAST_EHT_HOSTS_CNT', u32],
  locked: [39, 'IFLA_BRPORT_LOCKED', bool8],
  macAuthBypass: [40, 'IFLA_BRPORT_MAB', bool8],
  multicastGroups: [41, 'IFLA_BRPORT_MCAST_N_GROUPS', u32],
  multicastMaxGroups: [42, 'IFLA_BRPORT_MCAST_MAX_GROUPS', u32],
  neighborVlanSuppress: [43, 'IFLA_BRPORT_NEIGH_VLAN_SUPPRESS', bool8],
  backupNexthopId: [44, 'IFLA_BRPORT_BACKUP_NHID', u32],
}));

export type BridgePortAttributes = ReturnType<typeof bridgePortAttributes.decode>;

/** What a user may set on a port; the rest is told by the kernel. Times are in milliseconds. */
export type BridgePortOptions = Pick<
  BridgePortAttributes,
  | 'state'
  | 'priority'
  | 'cost'
  | 'hairpin'
  | 'guard'
  | 'rootBlock'
  | 'fastLeave'
  | 'learning'
  | 'flood'
  | 'proxyArp'
  | 'proxyArpWifi'
  | 'flush'
  | 'multicastRouter'
  | 'multicastFlood'
  | 'multicastToUnicast'
  | 'vlanTunnel'
  | 'broadcastFlood'
  | 'groupForwardMask'
  | 'neighborSuppress'
  | 'isolated'
  | 'backupPort'
  | 'multicastEhtHostsLimit'
  | 'locked'
  | 'macAuthBypass'
  | 'multicastMaxGroups'
  | 'neighborVlanSuppress'
  | 'backupNexthopId'
>;
