/**
 * Telling the neighbours of a container where its address is now: somebody else's it may have been before. The kernel does
 * it, also when a MAC is "changed" to what it is (NETDEV_CHANGEADDR in net/ipv4/devinet.c and net/ipv6/ndisc.c). Frames of
 * our own would take a packet socket, whose end the kernel has RCU wait for.
 */
import { type Link, type Netns, setLink } from '../../sync.js';
import { setSysctlIfThere } from './configure.js';

/** Has the kernel tell of a link's addresses when it comes up, when its MAC changes, and when an IPv6 address has settled. */
export function enableAnnouncements(netns: Netns, name: string): void {
  setSysctlIfThere(`net/ipv4/conf/${name}/arp_notify`, 1, netns);
  setSysctlIfThere(`net/ipv6/conf/${name}/ndisc_notify`, 1, netns);
}

/** Has it tell once more. As good as it goes: a container that is not heard of at once works all the same. */
export function announce(link: Link): void {
  try {
    setLink(link, { mac: link.mac });
  } catch {
    // See above.
  }
}
