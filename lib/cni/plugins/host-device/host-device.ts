/**
 * host-device: a link of the host, a network card say, is the container's for as long as that lasts. Its name is kept in
 * its alias meanwhile, as the plugin of that name by others does it, so that DEL needs nothing else to give it back.
 */
import { checkLinkName } from '../../../rtnetlink/link/options.js';
import { type Link, lendLink, returnLink } from '../../../sync.js';
import { findLink } from '../../container/expected.js';
import { singleLink } from '../single-link.js';
import { type DeviceConfig, findDevice, readDevice } from './device.js';

export const hostDevice = singleLink<DeviceConfig>({
  read: readDevice,

  make({ ifname }, options, netns, undo) {
    const device = findDevice(options);
    const lent = lendLink(device, netns, { name: ifname });
    undo(() => returnLink(lent, { up: device.up }));
    return lent;
  },

  remove({ ifname }, netns) {
    const link = findLink(ifname, netns);
    // One that was not lent is somebody else's: it was there before an ADD that failed.
    if (link !== undefined && wasLent(link)) returnLink(link);
  },
});

function wasLent({ alias }: Link): boolean {
  try {
    checkLinkName(alias, 'alias');
    return true;
  } catch {
    return false;
  }
}
