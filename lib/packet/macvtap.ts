/** The packet devices of macvtap and ipvtap links: `openMacvtap`. */
import { invalidValue } from '../errors.js';
import { native } from '../native/load.js';
import type { MacvtapOptions } from '../native/packet-binding.js';
import { descriptorOf, type NetnsOptions } from '../netns/netns.js';
import { both, call, type Operation, perform } from '../operation.js';
import { getLink, type LinkRef } from '../rtnetlink/link/find.js';
import type { Link } from '../rtnetlink/link/link.js';
import { PacketDevice } from './device.js';
import { explainOffload, offloadOf, planVnet, type VnetOptions, type VnetPlan } from './offload-option.js';
import { addHint, closeHandles, IFF } from './open.js';
import { checkQueues } from './spec.js';

export interface OpenMacvtapOptions extends NetnsOptions, VnetOptions {
  /** Queues, 1 to 256, over which the kernel spreads flows. 1 if absent. */
  readonly queues?: number | undefined;
}

/**
 * Opens the packet device of a macvtap, which `createMacvtap` makes. Closing it leaves the link.
 *
 * `exec 3<>/dev/tap$(cat /sys/class/net/NAME/ifindex)`, but safe where links in several namespaces have the same
 * index, and without that node where CAP_MKNOD is there.
 *
 * @throws NetlinkError ENODEV if there is no such link. ENOENT, ENODEV, EACCES or EPERM if its device node can
 *   neither be made nor found.
 */
export const openMacvtap = call(
  'openMacvtap',
  { netns: true, queues: true, offload: true, vnetHeaderSize: true },
  function* (ref: LinkRef, options: OpenMacvtapOptions = {}): Operation<PacketDevice> {
    const { queues = 1 } = options;
    checkQueues(queues);
    const vnet = planVnet(options);
    // Its present name: a snapshot may be older than a renaming.
    const link = yield* getLink.steps(ref, { netns: options.netns });
    if (!isTapLink(link)) throw invalidValue('link', link.name, `is no macvtap (${link.kind ?? link.type})`);
    return yield* openTapLink(link, queues, vnet);
  },
);

/** Links that have a character device of their own (drivers/net/tap.c). */
export const isTapLink = (link: Link): boolean => link.kind === 'macvtap' || link.kind === 'ipvtap';

/** What a queue of a macvtap knows of its device. */
export const MACVTAP = { driver: 'macvtap', layer: 2, multiQueue: true, isGone: native.isMacvtapGoneAsync } as const;

export function* openTapLink(link: Link, queues: number, vnet: VnetPlan): Operation<PacketDevice> {
  const { netns, index, name } = link;
  const descriptor = descriptorOf(netns);
  // IFF_VNET_HDR is on in a fresh descriptor, and goes without a word here.
  const flags = IFF.TAP | IFF.NO_PI | (vnet.vnetHeaderSize > 0 ? IFF.VNET_HDR : 0);
  const options: MacvtapOptions = { index, flags, queues, ...vnet, joined: 0 };
  try {
    const opened = yield* perform(
      both(
        () => native.openMacvtap(descriptor, name, options),
        () => native.openMacvtapAsync(descriptor, name, options),
        ({ queues: handles }) => closeHandles(handles),
      ),
    );
    const { vnetHeaderSize } = vnet;
    return new PacketDevice(link, opened.queues, { ...MACVTAP, vnetHeaderSize, offload: offloadOf(opened.offload) });
  } catch (failed) {
    const error = explainOffload(failed, vnet.offload, name);
    if (error instanceof Error && 'path' in error && error.path === `/dev/tap${index}`) addHint(error, NODE_HINT);
    throw error;
  }
}

const NODE_HINT =
  "the device node of a macvtap is made by whoever has CAP_MKNOD in the machine's own user namespace, or must be the " +
  'one at this path ' +
  '(start the container with --device), and not that of a link with the same index in another namespace';
