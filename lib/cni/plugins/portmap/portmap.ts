/** portmap: ports of the host that lead to ports of a container. */
import { findUnpublished } from '../../../netfilter/nat/port-mapping.js';
import { addPortMapping, deletePortMappings, listPortMappings } from '../../../sync.js';
import { expectNftables } from '../../container/nftables.js';
import { ownerOf, staleOwners } from '../../container/owner.js';
import { CniError } from '../../protocol/error.js';
import type { Plugin } from '../../protocol/plugin.js';
import { chainedResult } from '../chained.js';
import { publishedBy, readPortmap } from './config.js';

export const portmap: Plugin = {
  add(call) {
    const result = chainedResult(call);
    const spec = publishedBy(call, result);
    if (spec !== undefined) addPortMapping(spec);
    return result;
  },

  del(call) {
    deletePortMappings({ owner: ownerOf(call) });
  },

  check(call) {
    const spec = publishedBy(call, chainedResult(call));
    if (spec === undefined) return;
    const [problem] = findUnpublished.sync(spec);
    if (problem !== undefined) throw new CniError('changed', problem);
  },

  gc({ config }) {
    const owners = listPortMappings().map(({ owner }) => owner);
    for (const owner of staleOwners(owners, config.name, config.validAttachments ?? [])) deletePortMappings({ owner });
  },

  status(call) {
    readPortmap(call);
    expectNftables();
  },
};
