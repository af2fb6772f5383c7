/** The public types, which `netloom` and `netloom/sync` share. */

export type { AnnounceAddressesOptions } from './announce/announce.js';
export type { ConntrackSelection, ListConntrackOptions } from './netfilter/conntrack/calls.js';
export type {
  ConntrackEntry,
  ConntrackFilter,
  ConntrackProtocol,
  ConntrackState,
  ConntrackStatus,
  ConntrackTuple,
} from './netfilter/conntrack/entry.js';
export type { MappedPort, PortMapping, PortMappingSpec, PortProtocol } from './netfilter/nat/mapping.js';
export type { ListByOwnerOptions, Masquerade, MasqueradeSpec, OwnerSelection } from './netfilter/nat/masquerade.js';
export type { UnknownAttribute } from './netlink/attributes.js';
export type { DeleteNetnsOptions, NetnsEntry, NetnsSource } from './netns/calls.js';
export type { NetnsOptions } from './netns/netns.js';
export type { Call, CallOptions } from './operation.js';
export type { PacketDescriptor } from './packet/adopt.js';
export type { BatchCallback, OnBatchOptions } from './packet/batch-reader.js';
export type { BpfInstruction } from './packet/bpf.js';
export type { DeviceChanges } from './packet/controls.js';
export type { OpenMacvtapOptions } from './packet/macvtap.js';
export type { MemoryQueueOptions } from './packet/memory.js';
export type { Offload, OffloadOptions, VnetOptions } from './packet/offload-option.js';
export type { PumpCounters, PumpOptions, PumpSide, PumpStats } from './packet/pump.js';
export type { QueueStats } from './packet/queue.js';
export type { CompleteChecksumOptions, SegmentationOptions } from './packet/segmentation.js';
export type { FrameSlabOptions } from './packet/slab.js';
export type { OpenPacketSocketOptions, PacketProtocol } from './packet/socket.js';
export type { TapSpec, TunSpec } from './packet/spec.js';
export type { OpenPacketDeviceOptions } from './packet/tun.js';
export type { DestinationFilter } from './packet/tx-filter.js';
export type { GsoType, VnetHeader, VnetHeaderSize } from './packet/vnet-header.js';
export type { PingResult } from './ping/ping.js';
export type { PingAnswer, PingFailure, PingOptions, PingReply } from './ping/plan.js';
export type { Address, AddressFlag, AddressSpec, SettableAddressFlag } from './rtnetlink/address/address.js';
export type { ListAddressesOptions } from './rtnetlink/address/calls.js';
export type { DeleteOptions } from './rtnetlink/if-exists.js';
export type * from './rtnetlink/kinds/types.js';
export type { AddrGenMode } from './rtnetlink/link/af-spec.js';
export type { BridgePortAttributes, BridgePortOptions } from './rtnetlink/link/bridge-port.js';
export type { BridgeVlan } from './rtnetlink/link/bridge-vlan.js';
export type { LinkSpec, NewLinkOptions } from './rtnetlink/link/create.js';
export type { GetLinkOptions, LinkRef, ListLinksOptions } from './rtnetlink/link/find.js';
export type { LinkKind, LinkKinds } from './rtnetlink/link/kind.js';
export type { Link, LinkFlag, LinkOf } from './rtnetlink/link/link.js';
export type { MoveOptions, ReturnOptions } from './rtnetlink/link/move.js';
export type { LinkOptions } from './rtnetlink/link/options.js';
export type { CommonChanges, LinkChanges } from './rtnetlink/link/set.js';
export type { LinkStatistics } from './rtnetlink/link/stats.js';
export type { ListNeighborsOptions } from './rtnetlink/neighbor/calls.js';
export type { FdbEntry, FdbFlag, FdbSpec, FdbState } from './rtnetlink/neighbor/fdb.js';
export type { ListFdbEntriesOptions } from './rtnetlink/neighbor/fdb-calls.js';
export type {
  Neighbor,
  NeighborFlag,
  NeighborKey,
  NeighborSpec,
  NeighborState,
} from './rtnetlink/neighbor/neighbor.js';
export type { NetnsId } from './rtnetlink/netns-id/calls.js';
export type { GetRouteOptions, ListRoutesOptions } from './rtnetlink/route/find.js';
export type { LockableMetric, RouteFeature, RouteMetrics } from './rtnetlink/route/metrics.js';
export type {
  EncapsulationType,
  RoutePreference,
  RouteProtocol,
  RouteTable,
  RouteType,
} from './rtnetlink/route/names.js';
export type { Route, RouteNexthop } from './rtnetlink/route/route.js';
export type { Encapsulation, Nexthop, RouteFlag, RouteSpec, WeightedNexthop } from './rtnetlink/route/spec.js';
export type { IpProtocol, NumberRange, RuleAction, RuleFlag } from './rtnetlink/rule/attributes.js';
export type { ListRulesOptions } from './rtnetlink/rule/calls.js';
export type { Rule } from './rtnetlink/rule/rule.js';
export type { RuleMatch, RuleOutcome, RuleSpec } from './rtnetlink/rule/spec.js';
export type { Scope } from './rtnetlink/scope.js';
export type { Action, ActionKinds, ActionTold, Control } from './rtnetlink/tc/action-kind.js';
export type { GactOptions } from './rtnetlink/tc/actions/gact.js';
export type { MirredOptions } from './rtnetlink/tc/actions/mirred.js';
export type { PoliceOptions } from './rtnetlink/tc/actions/police.js';
export type { SkbeditOptions } from './rtnetlink/tc/actions/skbedit.js';
export type { VlanActionOptions } from './rtnetlink/tc/actions/vlan.js';
export type { BandwidthOptions } from './rtnetlink/tc/bandwidth/calls.js';
export type { Bandwidth, BandwidthLimit, BandwidthLimits } from './rtnetlink/tc/bandwidth/limit.js';
export type { ClassKey, ClassPlace, ClassSpec, TrafficClass, TrafficClassOf } from './rtnetlink/tc/class.js';
export type { ListClassesOptions } from './rtnetlink/tc/class-calls.js';
export type { Filter, FilterKey, FilterOf, FilterPlace, FilterProtocol, FilterSpec } from './rtnetlink/tc/filter.js';
export type { ListFiltersOptions } from './rtnetlink/tc/filter-calls.js';
export type { FilterKinds } from './rtnetlink/tc/filter-kind.js';
export type { BpfOptions, BpfTold } from './rtnetlink/tc/filters/bpf.js';
export type { FlowerOptions, FlowerTold } from './rtnetlink/tc/filters/flower.js';
export type { MatchallOptions, MatchallTold } from './rtnetlink/tc/filters/matchall.js';
export type { U32Key, U32Options, U32Told } from './rtnetlink/tc/filters/u32.js';
export type { FilterParent, Handle, QdiscParent } from './rtnetlink/tc/handle.js';
export type { Qdisc, QdiscKey, QdiscOf, QdiscPlace, QdiscSpec } from './rtnetlink/tc/qdisc.js';
export type { ListQdiscsOptions } from './rtnetlink/tc/qdisc-calls.js';
export type { ClassKinds, QdiscKinds } from './rtnetlink/tc/qdisc-kind.js';
export type { ClsactOptions } from './rtnetlink/tc/qdiscs/clsact.js';
export type { FqOptions } from './rtnetlink/tc/qdiscs/fq.js';
export type { FqCodelOptions } from './rtnetlink/tc/qdiscs/fq-codel.js';
export type { HtbClassOptions, HtbClassTold, HtbOptions } from './rtnetlink/tc/qdiscs/htb.js';
export type { IngressOptions } from './rtnetlink/tc/qdiscs/ingress.js';
export type { NetemOptions } from './rtnetlink/tc/qdiscs/netem.js';
export type { NoqueueOptions } from './rtnetlink/tc/qdiscs/noqueue.js';
export type { BfifoOptions, PfifoOptions } from './rtnetlink/tc/qdiscs/pfifo.js';
export type { PrioOptions } from './rtnetlink/tc/qdiscs/prio.js';
export type { TbfOptions, TbfTold } from './rtnetlink/tc/qdiscs/tbf.js';
export type { TcStatistics } from './rtnetlink/tc/stats.js';
export type {
  ChangeOf,
  NamedNetns,
  NamedNetnsEvent,
  NetnsEvent,
  NetworkEvent,
  NetworkSnapshot,
  Watched,
} from './rtnetlink/watch/events.js';
export type { WaitCondition, WaitForOptions, WaitResult } from './rtnetlink/watch/wait-for.js';
export type { WatchOptions, WatchSelection } from './rtnetlink/watch/watch.js';
export type { BindDgramOptions } from './socket/bind-dgram.js';
export type { ConnectOptions } from './socket/connect.js';
export type { ListenOptions } from './socket/listen.js';
export type { BindOptions, OpenSocketOptions, SocketType } from './socket/open.js';
export type { NetnsSpawnOptions, SpawnedProcess } from './spawn/spawn.js';
