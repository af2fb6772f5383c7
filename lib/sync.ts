/**
 * `netloom/sync`: the functions of `netloom` on the calling thread, for start-up paths, hooks and scripts.
 * Both come from one implementation. What waits by nature is not here.
 *
 * @packageDocumentation
 */
import * as netloom from './index.js';

export { currentNetns, DumpInterruptedError, isKind, NetlinkError, Netns } from './index.js';
export * from './rtnetlink/kinds/sync.js';

/** Synchronous {@link netloom.createNetns}. */
export const createNetns = netloom.createNetns.sync;
/** Synchronous {@link netloom.openNetns}. */
export const openNetns = netloom.openNetns.sync;
/** Synchronous {@link netloom.listNetns}. */
export const listNetns = netloom.listNetns.sync;
/** Synchronous {@link netloom.deleteNetns}. */
export const deleteNetns = netloom.deleteNetns.sync;

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

/** Synchronous {@link netloom.addAddress}. */
export const addAddress = netloom.addAddress.sync;
/** Synchronous {@link netloom.replaceAddress}. */
export const replaceAddress = netloom.replaceAddress.sync;
/** Synchronous {@link netloom.deleteAddress}. */
export const deleteAddress = netloom.deleteAddress.sync;
/** Synchronous {@link netloom.listAddresses}. */
export const listAddresses = netloom.listAddresses.sync;

/** Synchronous {@link netloom.createTap}. */
export const createTap = netloom.createTap.sync;
/** Synchronous {@link netloom.createTun}. */
export const createTun = netloom.createTun.sync;
/** Synchronous {@link netloom.openMacvtap}. */
export const openMacvtap = netloom.openMacvtap.sync;
/** Synchronous {@link netloom.openPacketDevice}. */
export const openPacketDevice = netloom.openPacketDevice.sync;
