/** loopback: brings `lo` up, whatever CNI_IFNAME says. */
import { getLink, type Link, listAddresses, type Netns, setLink } from '../../sync.js';
import { findContainer, openContainer } from '../container/netns.js';
import { CniError } from '../protocol/error.js';
import type { Plugin } from '../protocol/plugin.js';
import { EMPTY_RESULT, type IpConfig } from '../protocol/result.js';

export const loopback: Plugin = {
  add(call) {
    const netns = openContainer(call);
    setLink('lo', { up: true }, { netns });
    const ips = addressesOf(netns);
    // In a chain it tells on what it was told.
    if (call.config.prevResult !== undefined) return call.config.prevResult;
    return {
      ...EMPTY_RESULT,
      interfaces: [{ name: 'lo', mac: '00:00:00:00:00:00', sandbox: call.netns }],
      ips,
    };
  },

  del(call) {
    const netns = findContainer(call);
    if (netns !== undefined) setLink('lo', { up: false }, { netns });
  },

  check(call) {
    const lo: Link = getLink('lo', { netns: openContainer(call) });
    if (!lo.up) throw new CniError('changed', 'loopback interface is down');
  },
};

/** The first address of each family. */
function addressesOf(netns: Netns): IpConfig[] {
  const addresses = listAddresses({ netns, link: 'lo' });
  const odd = addresses.find(({ address }) => !/^(127\.|::1$)/.test(address));
  if (odd !== undefined)
    throw new CniError('config', `loopback interface found with non-loopback address ${odd.address}`);
  return (['inet', 'inet6'] as const).flatMap((family) => {
    const first = addresses.find((address) => address.family === family);
    return first === undefined ? [] : [{ address: `${first.address}/${first.prefixLength}`, interface: 0 }];
  });
}
