/**
 * `netloom/sync`: the functions of `netloom` on the calling thread, for start-up paths, hooks and scripts.
 * Both come from one implementation. What waits by nature is not here.
 *
 * @packageDocumentation
 */
import * as netloom from './index.js';

export {
  ArpView,
  BatchReader,
  checksum,
  completeChecksum,
  createMemoryQueues,
  currentNetns,
  DumpInterruptedError,
  EthernetView,
  FrameSlab,
  groCoalesce,
  gsoSplit,
  IcmpView,
  Ipv4View,
  Ipv6View,
  isKind,
  NetlinkError,
  Netns,
  PacketDevice,
  PacketQueue,
  parseVnetHeader,
  UdpView,
  writeVnetHeader,
} from './index.js';
export * from './rtnetlink/kinds/sync.js';
export type * from './types.js';

/** Synchronous {@link netloom.createNetns}. */
export const createNetns = netloom.createNetns.sync;
/** Synchronous {@link netloom.openNetns}. */
export const openNetns = netloom.openNetns.sync;
/** Synchronous {@link netloom.listNetns}. */
export const listNetns = netloom.listNetns.sync;
/** Synchronous {@link netloom.deleteNetns}. */
export const deleteNetns = netloom.deleteNetns.sync;

/** Synchronous {@link netloom.listNetnsIds}. */
export const listNetnsIds = netloom.listNetnsIds.sync;
/** Synchronous {@link netloom.getNetnsId}. */
export const getNetnsId = netloom.getNetnsId.sync;
/** Synchronous {@link netloom.setNetnsId}. */
export const setNetnsId = netloom.setNetnsId.sync;

/** Synchronous {@link netloom.createLink}. */
export const createLink = netloom.createLink.sync;
/** Synchronous {@link netloom.getLink}. */
export const getLink = netloom.getLink.sync;
/** Synchronous {@link netloom.listLinks}. */
export const listLinks = netloom.listLinks.sync;
/** Synchronous {@link netloom.setLink}. */
export const setLink = netloom.setLink.sync;
/** Synchronous {@link netloom.deleteLink}. */
export const deleteLink = netloom.deleteLink.sync;
/** Synchronous {@link netloom.deleteLinks}. */
export const deleteLinks = netloom.deleteLinks.sync;
/** Synchronous {@link netloom.moveToNetns}. */
export const moveToNetns = netloom.moveToNetns.sync;
/** Synchronous {@link netloom.lendLink}. */
export const lendLink = netloom.lendLink.sync;
/** Synchronous {@link netloom.returnLink}. */
export const returnLink = netloom.returnLink.sync;

/** Synchronous {@link netloom.addBridgeVlan}. */
export const addBridgeVlan = netloom.addBridgeVlan.sync;
/** Synchronous {@link netloom.deleteBridgeVlan}. */
export const deleteBridgeVlan = netloom.deleteBridgeVlan.sync;

/** Synchronous {@link netloom.addAddress}. */
export const addAddress = netloom.addAddress.sync;
/** Synchronous {@link netloom.replaceAddress}. */
export const replaceAddress = netloom.replaceAddress.sync;
/** Synchronous {@link netloom.deleteAddress}. */
export const deleteAddress = netloom.deleteAddress.sync;
/** Synchronous {@link netloom.listAddresses}. */
export const listAddresses = netloom.listAddresses.sync;
/** Synchronous {@link netloom.announceAddresses}. */
export const announceAddresses = netloom.announceAddresses.sync;

/** Synchronous {@link netloom.createTap}. */
export const createTap = netloom.createTap.sync;
/** Synchronous {@link netloom.createTun}. */
export const createTun = netloom.createTun.sync;
/** Synchronous {@link netloom.openMacvtap}. */
export const openMacvtap = netloom.openMacvtap.sync;
/** Synchronous {@link netloom.openPacketDevice}. */
export const openPacketDevice = netloom.openPacketDevice.sync;
/** Synchronous {@link netloom.openPacketSocket}. */
export const openPacketSocket = netloom.openPacketSocket.sync;

/** Synchronous {@link netloom.openSocket}. */
export const openSocket = netloom.openSocket.sync;
/** Synchronous {@link netloom.listen}: the server listens when it returns, and tells so by its event, in the next turn. */
export const listen = netloom.listen.sync;
/** {@link netloom.connect}, whose socket comes while it still connects. */
export const connect = netloom.connect.sync;
/** Synchronous {@link netloom.bindDgram}. */
export const bindDgram = netloom.bindDgram.sync;

/** Synchronous {@link netloom.addRoute}. */
export const addRoute = netloom.addRoute.sync;
/** Synchronous {@link netloom.prependRoute}. */
export const prependRoute = netloom.prependRoute.sync;
/** Synchronous {@link netloom.replaceRoute}. */
export const replaceRoute = netloom.replaceRoute.sync;
/** Synchronous {@link netloom.deleteRoute}. */
export const deleteRoute = netloom.deleteRoute.sync;
/** Synchronous {@link netloom.listRoutes}. */
export const listRoutes = netloom.listRoutes.sync;
/** Synchronous {@link netloom.getRoute}. */
export const getRoute = netloom.getRoute.sync;

/** Synchronous {@link netloom.addRule}. */
export const addRule = netloom.addRule.sync;
/** Synchronous {@link netloom.deleteRule}. */
export const deleteRule = netloom.deleteRule.sync;
/** Synchronous {@link netloom.listRules}. */
export const listRules = netloom.listRules.sync;

/** Synchronous {@link netloom.addNeighbor}. */
export const addNeighbor = netloom.addNeighbor.sync;
/** Synchronous {@link netloom.replaceNeighbor}. */
export const replaceNeighbor = netloom.replaceNeighbor.sync;
/** Synchronous {@link netloom.deleteNeighbor}. */
export const deleteNeighbor = netloom.deleteNeighbor.sync;
/** Synchronous {@link netloom.listNeighbors}. */
export const listNeighbors = netloom.listNeighbors.sync;
/** Synchronous {@link netloom.getNeighbor}. */
export const getNeighbor = netloom.getNeighbor.sync;

/** Synchronous {@link netloom.addFdbEntry}. */
export const addFdbEntry = netloom.addFdbEntry.sync;
/** Synchronous {@link netloom.appendFdbEntry}. */
export const appendFdbEntry = netloom.appendFdbEntry.sync;
/** Synchronous {@link netloom.replaceFdbEntry}. */
export const replaceFdbEntry = netloom.replaceFdbEntry.sync;
/** Synchronous {@link netloom.deleteFdbEntry}. */
export const deleteFdbEntry = netloom.deleteFdbEntry.sync;
/** Synchronous {@link netloom.listFdbEntries}. */
export const listFdbEntries = netloom.listFdbEntries.sync;

/** Synchronous {@link netloom.addQdisc}. */
export const addQdisc = netloom.addQdisc.sync;
/** Synchronous {@link netloom.replaceQdisc}. */
export const replaceQdisc = netloom.replaceQdisc.sync;
/** Synchronous {@link netloom.deleteQdisc}. */
export const deleteQdisc = netloom.deleteQdisc.sync;
/** Synchronous {@link netloom.listQdiscs}. */
export const listQdiscs = netloom.listQdiscs.sync;

/** Synchronous {@link netloom.addClass}. */
export const addClass = netloom.addClass.sync;
/** Synchronous {@link netloom.replaceClass}. */
export const replaceClass = netloom.replaceClass.sync;
/** Synchronous {@link netloom.deleteClass}. */
export const deleteClass = netloom.deleteClass.sync;
/** Synchronous {@link netloom.listClasses}. */
export const listClasses = netloom.listClasses.sync;

/** Synchronous {@link netloom.addFilter}. */
export const addFilter = netloom.addFilter.sync;
/** Synchronous {@link netloom.replaceFilter}. */
export const replaceFilter = netloom.replaceFilter.sync;
/** Synchronous {@link netloom.deleteFilter}. */
export const deleteFilter = netloom.deleteFilter.sync;
/** Synchronous {@link netloom.listFilters}. */
export const listFilters = netloom.listFilters.sync;

/** Synchronous {@link netloom.limitBandwidth}. */
export const limitBandwidth = netloom.limitBandwidth.sync;
/** Synchronous {@link netloom.getBandwidthLimit}. */
export const getBandwidthLimit = netloom.getBandwidthLimit.sync;
/** Synchronous {@link netloom.removeBandwidthLimit}. */
export const removeBandwidthLimit = netloom.removeBandwidthLimit.sync;

/** Synchronous {@link netloom.addMasquerade}. */
export const addMasquerade = netloom.addMasquerade.sync;
/** Synchronous {@link netloom.deleteMasquerade}. */
export const deleteMasquerade = netloom.deleteMasquerade.sync;
/** Synchronous {@link netloom.listMasquerades}. */
export const listMasquerades = netloom.listMasquerades.sync;
/** Synchronous {@link netloom.addPortMapping}. */
export const addPortMapping = netloom.addPortMapping.sync;
/** Synchronous {@link netloom.deletePortMappings}. */
export const deletePortMappings = netloom.deletePortMappings.sync;
/** Synchronous {@link netloom.listPortMappings}. */
export const listPortMappings = netloom.listPortMappings.sync;

/** Synchronous {@link netloom.deleteConntrack}. */
export const deleteConntrack = netloom.deleteConntrack.sync;
/** Synchronous {@link netloom.listConntrack}. */
export const listConntrack = netloom.listConntrack.sync;

/** Synchronous {@link netloom.getSysctl}. */
export const getSysctl = netloom.getSysctl.sync;
/** Synchronous {@link netloom.setSysctl}. */
export const setSysctl = netloom.setSysctl.sync;
