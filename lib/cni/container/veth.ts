/**
 * The veth pair between a container and the host.
 *
 * The host's end is named by what it is for, not at random: DEL finds it also without the namespace and without a result,
 * so that nothing stays of an ADD that was killed, whatever the runtime still knows.
 */
import { deleteLink, type Netns } from '../../sync.js';
import type { Invocation } from '../protocol/plugin.js';
import { shortHash } from '../short-hash.js';

/** `veth` as other programs expect it, and 44 bits of a hash of who is attached to what. */
export function hostVethName({ config, containerId, ifname }: Invocation): string {
  return `veth${shortHash(JSON.stringify([config.name, containerId, ifname]), 11)}`;
}

/** Removes the pair, as far as it is there. */
export function removeVeth(call: Invocation, netns: Netns | undefined): void {
  if (netns !== undefined) deleteLink(call.ifname, { netns, ifExists: true });
  deleteLink(hostVethName(call), { ifExists: true });
}
