/**
 * netloom: Linux network virtualization. Functions give promises, but for those that have nothing to wait for
 * (`currentNetns`, `isKind`, `createMemoryQueues`, and those over bytes: checksums, offload) and those that give what
 * runs from then on: `spawn`, `netnsWorker`, `pump` and `watch`. `netloom/sync` has the same functions, synchronous.
 *
 * @packageDocumentation
 */
export { announceAddresses } from './announce/announce.js';
export { DumpInterruptedError, NetlinkError } from './errors.js';
export { deleteConntrack, listConntrack } from './netfilter/conntrack/calls.js';
export { addMasquerade, deleteMasquerade, listMasquerades } from './netfilter/nat/masquerade.js';
export { addPortMapping, deletePortMappings, listPortMappings } from './netfilter/nat/port-mapping.js';
export { createNetns, deleteNetns, listNetns, openNetns } from './netns/calls.js';
export { currentNetns, Netns } from './netns/netns.js';
export { BatchReader } from './packet/batch-reader.js';
export { PacketDevice } from './packet/device.js';
export { openMacvtap } from './packet/macvtap.js';
export { createMemoryQueues } from './packet/memory.js';
export { Pump, pump } from './packet/pump.js';
export { PacketQueue } from './packet/queue.js';
export { checksum, completeChecksum, groCoalesce, gsoSplit } from './packet/segmentation.js';
export { FrameSlab } from './packet/slab.js';
export { openPacketSocket } from './packet/socket.js';
export { createTap, createTun, openPacketDevice } from './packet/tun.js';
export { ArpView } from './packet/views/arp.js';
export { EthernetView } from './packet/views/ethernet.js';
export { IcmpView } from './packet/views/icmp.js';
export { Ipv4View } from './packet/views/ipv4.js';
export { Ipv6View } from './packet/views/ipv6.js';
export { UdpView } from './packet/views/udp.js';
export { parseVnetHeader, writeVnetHeader } from './packet/vnet-header.js';
export { ping } from './ping/ping.js';
export { addAddress, deleteAddress, listAddresses, replaceAddress } from './rtnetlink/address/calls.js';
export * from './rtnetlink/kinds/index.js';
export { addBridgeVlan, deleteBridgeVlan } from './rtnetlink/link/bridge-vlan.js';
export { createLink } from './rtnetlink/link/create.js';
export { deleteLink, deleteLinks } from './rtnetlink/link/delete.js';
export { getLink, listLinks } from './rtnetlink/link/find.js';
export { isKind } from './rtnetlink/link/link.js';
export { lendLink, moveToNetns, returnLink } from './rtnetlink/link/move.js';
export { setLink } from './rtnetlink/link/set.js';
export {
  addNeighbor,
  deleteNeighbor,
  getNeighbor,
  listNeighbors,
  replaceNeighbor,
} from './rtnetlink/neighbor/calls.js';
export {
  addFdbEntry,
  appendFdbEntry,
  deleteFdbEntry,
  listFdbEntries,
  replaceFdbEntry,
} from './rtnetlink/neighbor/fdb-calls.js';
export { getNetnsId, listNetnsIds, setNetnsId } from './rtnetlink/netns-id/calls.js';
export { addRoute, deleteRoute, prependRoute, replaceRoute } from './rtnetlink/route/calls.js';
export { getRoute, listRoutes } from './rtnetlink/route/find.js';
export { addRule, deleteRule, listRules } from './rtnetlink/rule/calls.js';
export { getBandwidthLimit, limitBandwidth, removeBandwidthLimit } from './rtnetlink/tc/bandwidth/calls.js';
export { addClass, deleteClass, listClasses, replaceClass } from './rtnetlink/tc/class-calls.js';
export { addFilter, deleteFilter, listFilters, replaceFilter } from './rtnetlink/tc/filter-calls.js';
export { addQdisc, deleteQdisc, listQdiscs, replaceQdisc } from './rtnetlink/tc/qdisc-calls.js';
export { waitFor } from './rtnetlink/watch/wait-for.js';
export { NetworkWatcher, watch } from './rtnetlink/watch/watch.js';
export { bindDgram } from './socket/bind-dgram.js';
export { connect } from './socket/connect.js';
export { listen } from './socket/listen.js';
export { openSocket } from './socket/open.js';
export { spawn } from './spawn/spawn.js';
export { getSysctl, setSysctl } from './sysctl.js';
export type * from './types.js';
export { netnsWorker } from './worker/netns-worker.js';
