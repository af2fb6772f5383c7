/** ipMasq: what containers send to elsewhere leaves the host under the host's address. */
import { formatIp, masked, parsePrefix } from '../../addressing/ip.js';
import { takeOverMasquerade } from '../../netfilter/nat/masquerade.js';
import { deleteMasquerade, listMasquerades } from '../../sync.js';
import { CniError } from '../protocol/error.js';
import type { Invocation } from '../protocol/plugin.js';
import type { IpConfig } from '../protocol/result.js';
import type { Undo } from '../rollback.js';
import { ownerOf, staleOwners } from './owner.js';

/** Masquerades what comes from these addresses, unless it goes to their own subnets. */
export function masquerade(call: Invocation, ips: readonly IpConfig[], undo: Undo): void {
  const owner = ownerOf(call);
  takeOverMasquerade.sync({
    owner,
    sources: ips.map(({ address }) => formatIp(parsePrefix(address).bytes)),
    except: ips.map(({ address }) => {
      const { bytes, length } = parsePrefix(address);
      return `${formatIp(masked(bytes, length))}/${length}`;
    }),
  });
  undo(() => deleteMasquerade({ owner }));
}

/** DEL: removes it, where ADD may have made it. */
export function removeMasquerade(call: Invocation): void {
  if (isWanted(call)) deleteMasquerade({ owner: ownerOf(call) });
}

// Whatever else ipMasq is, ADD has refused it: DEL and GC look at this field alone, and leave others unread.
const isWanted = ({ config }: Invocation): boolean => config.fields.value('ipMasq') === true;

/** CHECK: each address is masqueraded. */
export function expectMasquerade(call: Invocation, ips: readonly IpConfig[]): void {
  const sources = new Set(listMasquerades({ owner: ownerOf(call) }).map(({ source }) => source));
  for (const { address } of ips)
    if (!sources.has(formatIp(parsePrefix(address).bytes)))
      throw new CniError('changed', `${address} is not masqueraded`);
}

/** GC: removes those of attachments that are no more. */
export function collectMasquerades(call: Invocation): void {
  if (!isWanted(call)) return;
  const { config } = call;
  const owners = listMasquerades().map(({ owner }) => owner);
  for (const owner of staleOwners(owners, config.name, config.validAttachments ?? [])) deleteMasquerade({ owner });
}
