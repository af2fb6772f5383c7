/** portmap: ports of the host that lead to ports of a container. */
import { mappedPortOf, planOf, portText, targetText } from '../../../netfilter/nat/mapping.js';
import { addPortMapping, currentNetns, deletePortMappings, listPortMappings } from '../../../sync.js';
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
    const there = new Set(
      listPortMappings({ owner: spec.owner }).map((port) => `${portText(port)} ${targetText(port)}`),
    );
    for (const entry of planOf(spec).entries) {
      const port = mappedPortOf(currentNetns(), entry);
      if (port !== undefined && !there.has(`${portText(port)} ${targetText(port)}`))
        throw new CniError('changed', `port ${portText(port)} does not lead to ${targetText(port)}`);
    }
  },

  gc({ config }) {
    const owners = listPortMappings().map(({ owner }) => owner);
    for (const owner of staleOwners(owners, config.name, config.validAttachments ?? [])) deletePortMappings({ owner });
  },

  status(call) {
    readPortmap(call);
  },
};
