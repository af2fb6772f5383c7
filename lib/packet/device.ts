/** `PacketDevice`: a link whose frames this program reads and writes. */
import type { PacketQueueHandle } from '../native/packet-binding.js';
import type { Netns } from '../netns/netns.js';
import type { CallOptions } from '../operation.js';
import type { Link } from '../rtnetlink/link/link.js';
import type { BpfInstruction } from './bpf.js';
import { type DeviceChanges, type DeviceControl, setDevice, setDeviceOffload } from './controls.js';
import { attachFilter, setFilter, setSteering } from './filters.js';
import { type Offload, type OffloadOptions, offloadOf } from './offload-option.js';
import type { QueueDevice } from './outcome.js';
import { PacketQueue } from './queue.js';

/** How a device was opened. */
export interface Opening extends Omit<QueueDevice, 'name'> {
  /** Undefined: nobody knows. */
  readonly offload?: Offload | undefined;
  /** The handle of a namespace that was opened for this device, and is closed with it. */
  readonly owned?: Netns | undefined;
}

/**
 * A TUN, TAP or MACVTAP device that this program has open. Close it with `close()` or `await using`; one that is
 * collected closes itself.
 *
 * What changes a device takes the lock that every change of a link holds (rtnl): it runs on a native thread, and on
 * the calling thread where its name ends in `Sync`.
 */
export class PacketDevice {
  /** The link as it was when the device was opened. */
  readonly link: Link;
  /** As many as were asked for, one by default. */
  readonly queues: readonly [PacketQueue, ...PacketQueue[]];
  readonly #control: DeviceControl;
  readonly #owned: Netns | undefined;

  /** @internal Devices come from createTap, createTun, openMacvtap and openPacketDevice. */
  constructor(link: Link, handles: readonly PacketQueueHandle[], { offload, owned, ...how }: Opening) {
    const { driver, layer, vnetHeaderSize = 0 } = how;
    const device = { name: link.name, frameSize: frameSizeOf(link, vnetHeaderSize), ...how };
    const queues = handles.map((handle) => new PacketQueue(handle, device));
    this.link = link;
    this.queues = Object.freeze(queues) as readonly [PacketQueue, ...PacketQueue[]];
    this.#control = { name: link.name, driver, layer, vnetHeaderSize, queues, offload };
    this.#owned = owned;
  }

  /** Bytes of the vnet header in front of every frame, read and written: 10 or 12, 0 without offload. */
  get vnetHeaderSize(): number {
    return this.#control.vnetHeaderSize;
  }

  /**
   * Which offloads are on: what the kernel leaves undone in what is read. Undefined for a descriptor with a vnet
   * header that somebody else has opened, until `setOffload`: the kernel does not tell.
   */
  get offload(): Offload | undefined {
    return this.#control.vnetHeaderSize === 0 ? NO_OFFLOAD : this.#control.offload;
  }

  /**
   * Changes what the kernel leaves undone, from the next frame on; those in the queue stay as they are. The vnet
   * header stays, also with `false`. The offloads are the link's: all its queues have the same.
   *
   * ioctl TUNSETOFFLOAD; `ethtool -K NAME tx on tso on`
   *
   * @throws ERR_INVALID_ARG_VALUE if the device was opened without `offload`.
   */
  setOffload(offload: boolean | OffloadOptions, options?: CallOptions): Promise<void> {
    return setDeviceOffload(this.#control, offload, options);
  }

  setOffloadSync(offload: boolean | OffloadOptions): void {
    setDeviceOffload.sync(this.#control, offload);
  }

  /**
   * Changes the device itself; what every link has (mtu, up ...), `setLink` changes.
   *
   * ioctls TUNSETPERSIST, TUNSETOWNER, TUNSETGROUP, TUNSETCARRIER, TUNSETSNDBUF and TUNSETTXFILTER
   *
   * @throws ERR_INVALID_ARG_VALUE for what this kind of device has not, ERR_INVALID_STATE once all queues are closed.
   */
  set(changes: DeviceChanges, options?: CallOptions): Promise<void> {
    return setDevice(this.#control, changes, options);
  }

  setSync(changes: DeviceChanges): void {
    setDevice.sync(this.#control, changes);
  }

  /**
   * Lets an eBPF program choose the queue of each frame: what it returns, modulo the number of queues. null: the
   * kernel keeps flows together by their hash again. The program stays loaded while the device has it; the descriptor
   * may be closed. TUN and TAP only.
   *
   * ioctl TUNSETSTEERINGEBPF, Linux 4.16
   *
   * @param programFd descriptor of a program of type BPF_PROG_TYPE_SOCKET_FILTER.
   * @throws EINVAL if it is another type's, EBADF if it is not open.
   */
  setSteering(programFd: number | null, options?: CallOptions): Promise<void> {
    return setSteering(this.#control, programFd, options);
  }

  setSteeringSync(programFd: number | null): void {
    setSteering.sync(this.#control, programFd);
  }

  /**
   * Lets an eBPF program say how many bytes of each frame the reader gets; 0 drops it. null: all, of every frame.
   * TUN and TAP only.
   *
   * ioctl TUNSETFILTEREBPF, Linux 4.16
   *
   * @param programFd descriptor of a program of type BPF_PROG_TYPE_SOCKET_FILTER.
   * @throws EINVAL if it is another type's, EBADF if it is not open.
   */
  setFilter(programFd: number | null, options?: CallOptions): Promise<void> {
    return setFilter(this.#control, programFd, options);
  }

  setFilterSync(programFd: number | null): void {
    setFilter.sync(this.#control, programFd);
  }

  /**
   * Lets a classic BPF program of 1 to 4096 instructions say which frames the reader gets (it returns 0 for the
   * others): what `tcpdump -ddd EXPRESSION` prints. null takes it away. TAP only.
   *
   * ioctls TUNATTACHFILTER and TUNDETACHFILTER
   *
   * @throws EINVAL if the kernel finds the program wrong (bpf_check_classic() in net/core/filter.c).
   */
  attachFilter(instructions: readonly BpfInstruction[] | null, options?: CallOptions): Promise<void> {
    return attachFilter(this.#control, instructions, options);
  }

  attachFilterSync(instructions: readonly BpfInstruction[] | null): void {
    attachFilter.sync(this.#control, instructions);
  }

  /**
   * Closes all queues. Idempotent. With the last one, the link of a TUN or TAP goes, unless it is persistent; it is
   * gone when the promise resolves. A MACVTAP stays until it is deleted.
   */
  async close(): Promise<void> {
    this.#owned?.close();
    await Promise.all(this.queues.map((queue) => queue.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Closes on the calling thread, where the kernel takes some 15 ms for each queue. */
  [Symbol.dispose](): void {
    this.#owned?.close();
    for (const queue of this.queues) queue[Symbol.dispose]();
  }
}

const NO_OFFLOAD = offloadOf(0);

/** A super-packet has 64 KiB, as an IP packet may have; in front of it are the Ethernet header and a VLAN tag. */
const frameSizeOf = (link: Link, vnetHeaderSize: number): number =>
  Math.max(2048, (vnetHeaderSize > 0 ? 65535 : link.mtu) + 18 + vnetHeaderSize);
