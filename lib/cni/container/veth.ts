/**
 * The veth pair between a container and the host.
 *
 * The host's end is named by what it is for, not at random: DEL finds it also without the namespace and without a result,
 * so that nothing stays of an ADD that was killed, whatever the runtime still knows.
 */
import { currentNetns, deleteLink, type Link, listLinks, type Netns } from '../../sync.js';
import type { Invocation } from '../protocol/plugin.js';
import { findLink } from './expected.js';
import { attachmentHash, isAnothers, ownerOf, staleOwners } from './owner.js';

/** `veth` as other programs expect it, and 44 bits of a hash of who is attached to what. */
export const hostVethName = (call: Invocation): string => `veth${attachmentHash(call, 11)}`;

/** What the host's end is made of. Its alias says in full who is attached to what: that is how GC finds it. */
export const hostEnd = (call: Invocation) => ({
  name: hostVethName(call),
  alias: ownerOf(call),
  netns: currentNetns(),
});

/** The host's end of a container's link, whoever made that; undefined where it is no pair, or its other end elsewhere. */
export function hostEndOf(container: Link | undefined): Link | undefined {
  if (container?.kind !== 'veth' || container.parent === undefined) return undefined;
  const peer = findLink(container.parent);
  // In another namespace there may be a link of that index, too.
  return peer?.kind === 'veth' && peer.parent === container.index ? peer : undefined;
}

/** Removes the pair, as far as it is there. */
export function removeVeth(call: Invocation, netns: Netns | undefined): void {
  deleteLink(hostVethName(call), { ifExists: true });
  // A pair that another program made, or whose host's end has another name by now.
  const left = netns && findLink(call.ifname, netns);
  // What was there before an ADD that failed for it is somebody else's.
  if (left?.kind === 'veth' && !isAnothers(hostEndOf(left)?.alias, call)) deleteLink(left, { ifExists: true });
}

/** GC: removes those of attachments that are no more, whose namespaces may be there still. */
export function collectVeths({ config }: Invocation): void {
  const links = listLinks({ kind: 'veth' });
  const aliases = links.flatMap(({ alias }) => alias ?? []);
  const stale = new Set(staleOwners(aliases, config.name, config.validAttachments ?? []));
  for (const link of links) if (link.alias !== undefined && stale.has(link.alias)) deleteLink(link, { ifExists: true });
}
