/** `PacketDevice`: a link whose frames this program reads and writes. */
import type { PacketQueueHandle } from '../native/binding.js';
import type { Link } from '../rtnetlink/link/link.js';
import type { QueueDevice } from './outcome.js';
import { PacketQueue } from './queue.js';

/**
 * A TUN, TAP or MACVTAP device that this program has open. Close it with `close()` or `await using`; one that is
 * collected closes itself.
 */
export class PacketDevice {
  /** The link as it was when the device was opened. */
  readonly link: Link;
  /** As many as were asked for, one by default. */
  readonly queues: readonly [PacketQueue, ...PacketQueue[]];

  /** @internal Devices come from createTap, createTun, openMacvtap and openPacketDevice. */
  constructor(link: Link, handles: readonly PacketQueueHandle[], how: Omit<QueueDevice, 'name'>) {
    const device = { name: link.name, frameSize: frameSizeOf(link, how.vnetHeaderSize), ...how };
    this.link = link;
    const queues = handles.map((handle) => new PacketQueue(handle, device));
    this.queues = Object.freeze(queues) as readonly [PacketQueue, ...PacketQueue[]];
  }

  /**
   * Closes all queues. Idempotent. With the last one, the link of a TUN or TAP goes, unless it is persistent; it is
   * gone when the promise resolves. A MACVTAP stays until it is deleted.
   */
  async close(): Promise<void> {
    await Promise.all(this.queues.map((queue) => queue.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Closes on the calling thread, where the kernel takes some 15 ms for each queue. */
  [Symbol.dispose](): void {
    for (const queue of this.queues) queue[Symbol.dispose]();
  }
}

/** A super-packet has 64 KiB, as an IP packet may have; in front of it are the Ethernet header and a VLAN tag. */
const frameSizeOf = (link: Link, vnetHeaderSize = 0): number =>
  Math.max(2048, (vnetHeaderSize > 0 ? 65535 : link.mtu) + 18 + vnetHeaderSize);
