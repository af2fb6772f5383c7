/**
 * netloom: Linux network virtualization. Every function but `currentNetns` and those that wait by nature gives
 * a promise; `netloom/sync` has the same functions, synchronous.
 *
 * @packageDocumentation
 */
export { DumpInterruptedError, NetlinkError } from './errors.js';
export type { UnknownAttribute } from './netlink/attributes.js';
export {
  createNetns,
  type DeleteNetnsOptions,
  deleteNetns,
  listNetns,
  type NetnsEntry,
  type NetnsSource,
  openNetns,
} from './netns/calls.js';
export { currentNetns, Netns } from './netns/netns.js';
export type { Call, CallOptions } from './operation.js';
export { PacketDevice } from './packet/device.js';
export { type OpenMacvtapOptions, openMacvtap } from './packet/macvtap.js';
export { PacketQueue, type QueueStats } from './packet/queue.js';
export type { TapSpec, TunSpec } from './packet/spec.js';
export { createTap, createTun, type OpenPacketDeviceOptions, openPacketDevice } from './packet/tun.js';
export { type PingResult, ping } from './ping/ping.js';
export type { PingAnswer, PingFailure, PingOptions, PingReply } from './ping/plan.js';
export type { Address, AddressFlag, AddressSpec, SettableAddressFlag } from './rtnetlink/address/address.js';
export {
  addAddress,
  deleteAddress,
  type ListAddressesOptions,
  listAddresses,
  replaceAddress,
} from './rtnetlink/address/calls.js';
export * from './rtnetlink/kinds/index.js';
export type { AddrGenMode } from './rtnetlink/link/af-spec.js';
export type { BridgePortAttributes, BridgePortOptions } from './rtnetlink/link/bridge-port.js';
export { createLink, type LinkSpec, type NewLinkOptions } from './rtnetlink/link/create.js';
export { type DeleteLinkOptions, deleteLink, deleteLinks } from './rtnetlink/link/delete.js';
export {
  type GetLinkOptions,
  getLink,
  type LinkRef,
  type ListLinksOptions,
  listLinks,
  type NetnsOptions,
} from './rtnetlink/link/find.js';
export type { LinkKind, LinkKinds } from './rtnetlink/link/kind.js';
export { isKind, type Link, type LinkFlag, type LinkOf } from './rtnetlink/link/link.js';
export type { LinkOptions } from './rtnetlink/link/options.js';
export { type CommonChanges, type LinkChanges, type MoveOptions, moveToNetns, setLink } from './rtnetlink/link/set.js';
export type { LinkStatistics } from './rtnetlink/link/stats.js';
export {
  addNeighbor,
  deleteNeighbor,
  getNeighbor,
  type ListNeighborsOptions,
  listNeighbors,
  replaceNeighbor,
} from './rtnetlink/neighbor/calls.js';
export type { FdbEntry, FdbFlag, FdbSpec, FdbState } from './rtnetlink/neighbor/fdb.js';
export {
  addFdbEntry,
  appendFdbEntry,
  deleteFdbEntry,
  type ListFdbEntriesOptions,
  listFdbEntries,
  replaceFdbEntry,
} from './rtnetlink/neighbor/fdb-calls.js';
export type {
  Neighbor,
  NeighborFlag,
  NeighborKey,
  NeighborSpec,
  NeighborState,
} from './rtnetlink/neighbor/neighbor.js';
export { addRoute, deleteRoute, replaceRoute } from './rtnetlink/route/calls.js';
export { type GetRouteOptions, getRoute, type ListRoutesOptions, listRoutes } from './rtnetlink/route/find.js';
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
export type { Scope } from './rtnetlink/scope.js';
export { type NetnsSpawnOptions, type SpawnedProcess, spawn } from './spawn/spawn.js';
export { getSysctl, setSysctl } from './sysctl.js';
