/**
 * The veth pair between a container and the host.
 *
 * The host's end is named by what it is for, not at random: DEL finds it also without the namespace and without a result,
 * so that nothing stays of an ADD that was killed, whatever the runtime still knows.
 */
import { currentNetns, deleteLink, listLinks, type Netns } from '../../sync.js';
import type { Invocation } from '../protocol/plugin.js';
import { shortHash } from '../short-hash.js';
import { ownerName, staleOwners } from './owner.js';

/** `veth` as other programs expect it, and 44 bits of a hash of who is attached to what. */
export function hostVethName({ config, containerId, ifname }: Invocation): string {
  return `veth${shortHash(JSON.stringify([config.name, containerId, ifname]), 11)}`;
}

/** What the host's end is made of. Its alias says in full who is attached to what: that is how GC finds it. */
export const hostEnd = (call: Invocation) => ({
  name: hostVethName(call),
  alias: ownerName(call.config.name, call),
  netns: currentNetns(),
});

/** Removes the pair, as far as it is there. */
export function removeVeth(call: Invocation, netns: Netns | undefined): void {
  if (netns !== undefined) deleteLink(call.ifname, { netns, ifExists: true });
  deleteLink(hostVethName(call), { ifExists: true });
}

/** GC: removes those of attachments that are no more, whose namespaces may be there still. */
export function collectVeths({ config }: Invocation): void {
  const links = listLinks({ kind: 'veth' });
  const aliases = links.flatMap(({ alias }) => alias ?? []);
  const stale = new Set(staleOwners(aliases, config.name, config.validAttachments ?? []));
  for (const link of links) if (link.alias !== undefined && stale.has(link.alias)) deleteLink(link, { ifExists: true });
}
