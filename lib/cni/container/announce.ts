/** Telling the neighbours of a container where its address is now: somebody else's it may have been before. */
import { announceAddresses, type Link } from '../../sync.js';

/** As good as it goes: who may not open packet sockets has a container that works all the same. */
export function announce(link: Link): void {
  try {
    announceAddresses(link);
  } catch {
    // See above.
  }
}
