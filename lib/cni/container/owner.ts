/**
 * By what the host's tables name an attachment, in at most 127 bytes: `cni NETWORK CONTAINERID IFNAME`, where what is too
 * long gives way to a hash of itself. The network comes first, so that GC finds all that is of one. Pure.
 */

import type { AttachmentId } from '../protocol/config.js';
import type { Invocation } from '../protocol/plugin.js';
import { shortHash } from '../short-hash.js';

const NETWORK_LIMIT = 40;
// Ids are hashes of 64 digits, mostly.
const CONTAINER_LIMIT = 64;

const short = (text: string, limit: number): string =>
  text.length <= limit ? text : `${text.slice(0, limit - 17)}~${shortHash(text, 16)}`;

const PREFIX = 'cni ';
const ofNetwork = (network: string): string => `${PREFIX}${short(network, NETWORK_LIMIT)} `;

export const ownerName = (network: string, { containerId, ifname }: AttachmentId): string =>
  `${ofNetwork(network)}${short(containerId, CONTAINER_LIMIT)} ${ifname}`;

/** The name of the attachment that a call is about. */
export const ownerOf = (call: Invocation): string => ownerName(call.config.name, call);

/** The same in hexadecimal digits, 16 at most, for names of links. */
export const attachmentHash = ({ config, containerId, ifname }: Invocation, digits: number): string =>
  shortHash(JSON.stringify([config.name, containerId, ifname]), digits);

/** Whether something says that it is another attachment's. What others have made says nothing. */
export const isAnothers = (owner: string | undefined, call: Invocation): boolean =>
  owner?.startsWith(PREFIX) === true && owner !== ownerOf(call);

/** Which of these owners are attachments of a network that are not among the valid ones. */
export function staleOwners(owners: Iterable<string>, network: string, valid: readonly AttachmentId[]): string[] {
  const known = new Set(valid.map((id) => ownerName(network, id)));
  return [...new Set(owners)].filter((owner) => owner.startsWith(ofNetwork(network)) && !known.has(owner));
}
