/** `PacketQueue`: frames of a packet device. */
import { constants } from 'node:os';
import type { Duplex, DuplexOptions } from 'node:stream';
import type { ReadableStream, WritableStream } from 'node:stream/web';
import { nameCall, outOfRange, wrongType } from '../errors.js';
import type { PacketQueueHandle } from '../native/packet-binding.js';
import type { CallOptions } from '../operation.js';
import { type BatchCallback, BatchReader, type OnBatchOptions } from './batch-reader.js';
import { FrameReader } from './frame-reader.js';
import { cannotWait, closedQueue, OCCUPIED, type QueueDevice, refusal } from './outcome.js';
import { attachQueue, detachQueue } from './queue-state.js';
import { type FrameSlab, slabHandle } from './slab.js';
import { duplexOver, readableOver, writableOver } from './streams.js';

const { EAGAIN, EBADF } = constants.errno;

/** What has passed through a queue. Exact up to 2^53. What the kernel drops on its side is in the link's `stats`. */
export interface QueueStats {
  /** Read from the kernel. */
  readonly framesIn: number;
  readonly bytesIn: number;
  /** Written to the kernel. */
  readonly framesOut: number;
  readonly bytesOut: number;
  /** Given to `write`, and not taken by the kernel. */
  readonly dropped: number;
  /**
   * Longer than the slots of the slab that they were read into, and therefore lost. Of a packet socket, also
   * super-packets that could not be split.
   */
  readonly truncated: number;
  /** Of a packet socket only: lost because the receive buffer was full. */
  readonly overruns?: number;
}

/**
 * Sizes of what may be written: a TUN's packet has at least one byte, which tells IPv4 from IPv6; a frame has
 * its Ethernet header. The largest MTU is 65535 (ETH_MAX_MTU); a frame has 14 bytes more, and 4 for a VLAN tag.
 */
export const FRAME_SIZES = { 2: { least: 14, most: 65535 + 18 }, 3: { least: 1, most: 65535 } } as const;

/** More parts than headers and a payload would be a mistake. */
const MOST_PARTS = 16;

/** What moves frames of a queue without JavaScript, and has to end before the queue is closed. */
export interface RunningPump {
  stop(): Promise<void>;
  [Symbol.dispose](): void;
}

/** @internal What `pump` needs of a queue. */
export interface QueueParts {
  readonly handle: PacketQueueHandle;
  readonly device: QueueDevice;
  readonly pumps: Set<RunningPump>;
}

let partsIn: (queue: PacketQueue) => QueueParts;

/** @internal */
export const partsOf = (queue: PacketQueue): QueueParts => partsIn(queue);

/**
 * One queue of a packet device. What the kernel sends through the link is read here; what is written here,
 * the kernel receives from the link. (Of a packet socket, the other way round: it is on the kernel's side of the link.)
 *
 *     for await (const frame of queue) queue.write(answerTo(frame));
 *
 * Frames are whole, never joined and never split. Nothing is read ahead: what nobody asks for waits in the
 * kernel's own queue (`txQueueLength` of the link), which drops what does not fit. A pending read keeps the
 * process alive; an idle queue does not.
 *
 * Three ways to read: `for await` (and the streams) gives each frame as a Uint8Array of its own. `onBatch` and
 * `readBatch` put frames into a `FrameSlab`, and allocate nothing. While `onBatch` flows, nothing else reads
 * (ERR_INVALID_STATE), not even its callback.
 */
export class PacketQueue implements AsyncIterable<Uint8Array> {
  readonly #handle: PacketQueueHandle;
  readonly #device: QueueDevice;
  readonly #least: number;
  readonly #most: number;
  readonly #frames: FrameReader;
  readonly #pumps = new Set<RunningPump>();
  #batches: BatchReader | undefined;
  #drained: Promise<void> | undefined;
  #stopDraining: (() => void) | undefined;
  #closing: Promise<void> | undefined;
  #readable: ReadableStream<Uint8Array> | undefined;
  #writable: WritableStream<Uint8Array> | undefined;

  static {
    partsIn = (queue) => ({ handle: queue.#handle, device: queue.#device, pumps: queue.#pumps });
  }

  /** @internal Queues come with a PacketDevice. */
  constructor(handle: PacketQueueHandle, device: QueueDevice) {
    const { least, most } = FRAME_SIZES[device.layer];
    const header = device.vnetHeaderSize ?? 0;
    this.#handle = handle;
    this.#device = device;
    this.#least = least + header;
    this.#most = most + header;
    this.#frames = new FrameReader(handle, device);
  }

  /**
   * The descriptor, for a child process (`stdio: [..., queue.fd]`) or an ioctl; -1 once closed, and in memory. It stays
   * the queue's: `release()` gives it away.
   */
  get fd(): number {
    return this.#handle.fd;
  }

  get closed(): boolean {
    return this.#handle.closed ?? this.#handle.fd < 0;
  }

  /** What has passed so far: a snapshot. */
  get stats(): QueueStats {
    const values = new Float64Array(7);
    this.#handle.stats(values);
    const [framesIn = 0, bytesIn = 0, framesOut = 0, bytesOut = 0, dropped = 0, truncated = 0, overruns = 0] = values;
    const stats = { framesIn, bytesIn, framesOut, bytesOut, dropped, truncated };
    return this.#device.countsOverruns === true ? { ...stats, overruns } : stats;
  }

  /**
   * Reads the frames that are there now, as many as the slab has slots. Never waits, and allocates nothing:
   * the plain loop of a Worker that does nothing else.
   *
   * A frame that is longer than `slab.frameSize` is lost, and counts as `truncated`. A link that is down has no
   * frames.
   *
   * @returns how many: they are in the first slots. 0 if there is none.
   * @throws ENODEV if the link was deleted (a MACVTAP does not tell), ERR_INVALID_STATE once the queue is closed,
   *   and while `onBatch` or a pump reads it.
   */
  readBatch(slab: FrameSlab): number {
    const count = this.#handle.readBatch(checkSlab(slab, 'readBatch'));
    return count < 0 ? this.#failed(count, 'readBatch', 'read') : count;
  }

  /**
   * Gives the kernel one frame, which it receives from the link at once. A list of parts (headers, and a payload) is
   * one frame, too.
   *
   * @returns 1; or 0 if the kernel has no room for it now (only where the link behind is congested: a MACVTAP, a
   *   packet socket, a TAP with a small send buffer): the frame is dropped, or may be tried again when `drained`.
   * @throws RangeError ERR_OUT_OF_RANGE for a frame that no link can carry.
   * @throws EIO if the link is down, ENODEV if it was deleted (a MACVTAP tells neither: the frame is lost), EINVAL if
   *   a TUN gets what is no IP packet, ERR_INVALID_STATE once the queue is closed.
   */
  write(frame: Uint8Array | readonly Uint8Array[]): 0 | 1 {
    const written = frame instanceof Uint8Array ? this.#writeOne(frame) : this.#writeParts(frame);
    if (written >= 0) return 1;
    return written === -EAGAIN ? 0 : this.#failed(written, 'write', 'write');
  }

  /**
   * Gives the kernel the frames in `count` slots (all by default) from `first` on (0 by default), in order, until it
   * has no more room. Allocates nothing.
   *
   * @returns how many it took. After fewer than `count`, go on with the others when `drained`; a frame that is
   *   refused as such throws when it is the first, as `write` does.
   */
  writeBatch(slab: FrameSlab, count: number = slab.slots, first = 0): number {
    const handle = checkSlab(slab, 'writeBatch');
    // Written so that NaN fails.
    if (!(count >= 0 && first >= 0 && first + count <= slab.slots && isWhole(count) && isWhole(first)))
      throw nameCall(noSlots(slab.slots, count, first), 'writeBatch');
    const written = this.#handle.writeBatch(handle, first, count);
    return written < 0 ? this.#failed(written, 'writeBatch', 'write') : written;
  }

  /**
   * Resolves when the kernel has room again for what `write` or `writeBatch` left, or the queue is closed meanwhile.
   * Rejects with ERR_INVALID_STATE where it was closed before, ENODEV when the link is deleted.
   */
  drained(): Promise<void> {
    if (this.#drained !== undefined) return this.#drained;
    let refused = 0;
    const drained = new Promise<void>((resolve, reject) => {
      this.#stopDraining = resolve;
      refused = this.#handle.drain((status) => {
        this.#drained = undefined;
        if (status < 0) reject(nameCall(refusal(this.#device, status, 'write'), 'drained'));
        else resolve();
      });
      if (refused < 0) reject(nameCall(cannotWait(this.#device, refused), 'drained'));
    });
    // What could not begin is no wait for others to share.
    if (refused === 0) this.#drained = drained;
    return drained;
  }

  /**
   * Calls `callback` with the frames that have come, up to 64 at a time, in a slab that is reused: they are the
   * callback's until it returns. Allocates nothing per frame. What the callback throws is an uncaughtException.
   *
   * @throws ERR_INVALID_STATE while something else reads, or once the queue is closed.
   */
  onBatch(callback: BatchCallback, options?: OnBatchOptions): BatchReader {
    try {
      this.#batches = new BatchReader(this.#handle, this.#device, callback, options);
      return this.#batches;
    } catch (error) {
      throw nameCall(error, 'onBatch');
    }
  }

  /**
   * Frames as they come. Leaving the loop leaves the queue open. Closing the queue ends the loop; deleting the
   * link ends it with an error (ENODEV), once; for a MACVTAP within a second. Several loops share the frames.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array, undefined> {
    return this.#frames.iterator();
  }

  /**
   * The queue as a stream of Node's, in object mode: each chunk is a frame. It reads no more than is asked for, and
   * waits where the kernel has no room. Destroying it closes the queue.
   */
  toDuplex(options?: DuplexOptions): Duplex {
    return duplexOver(this, options);
  }

  /**
   * The frames as a stream of the web. Cancelling it, or an error, which is its end, leaves the queue open, which then
   * has another one.
   */
  get readable(): ReadableStream<Uint8Array> {
    if (this.#readable !== undefined) return this.#readable;
    // One that has ended may hear of it late, when the queue has another already.
    const stream = readableOver(this, () => {
      if (this.#readable === stream) this.#readable = undefined;
    });
    this.#readable = stream;
    return stream;
  }

  /**
   * Takes frames as a stream of the web. Closing or aborting it, or an error, which is its end, leaves the queue open,
   * which then has another one.
   */
  get writable(): WritableStream<Uint8Array> {
    if (this.#writable !== undefined) return this.#writable;
    const stream = writableOver(this, () => {
      if (this.#writable === stream) this.#writable = undefined;
    });
    this.#writable = stream;
    return stream;
  }

  /**
   * The kernel gives this queue no frames any more, and spreads the flows over the others of its device. What waited
   * in it may be lost; writing goes on, and so does a pump. For devices with several queues, and every MACVTAP.
   *
   * ioctl TUNSETQUEUE with IFF_DETACH_QUEUE
   *
   * @throws ERR_INVALID_STATE if it is detached already, was closed, or is the one queue of its device.
   */
  detach(options?: CallOptions): Promise<void> {
    return detachQueue(this.#handle, this.#device, options);
  }

  /** The same on the calling thread. */
  detachSync(): void {
    detachQueue.sync(this.#handle, this.#device);
  }

  /**
   * Takes a detached queue back into service: TUNSETQUEUE with IFF_ATTACH_QUEUE.
   *
   * @throws ERR_INVALID_STATE if it is attached, was closed, or is the one queue of its device.
   */
  attach(options?: CallOptions): Promise<void> {
    return attachQueue(this.#handle, this.#device, options);
  }

  /** The same on the calling thread. */
  attachSync(): void {
    attachQueue.sync(this.#handle, this.#device);
  }

  /**
   * Gives the descriptor away: to a Worker, say, which makes a device of it by `openPacketDevice({ fd })`. (It refuses
   * that of a packet socket, which is no device: only other programs can go on with it.) For this object it is as if it
   * were closed, for the kernel nothing happens. Whoever has the number has to close it.
   *
   * @throws ERR_INVALID_STATE once the queue is closed.
   */
  release(): number {
    this.#joinPumps();
    const fd = this.#takeDescriptor();
    this.#closing ??= Promise.resolve();
    this.#end();
    return fd;
  }

  /**
   * Ends pending reads and pumps, and gives the descriptor back. Idempotent. The link goes with the last queue of its
   * device, unless it is persistent; it is gone when the promise resolves.
   */
  close(): Promise<void> {
    // A pump has a duplicate of the descriptor, which keeps the link alive as well.
    this.#closing ??= this.#closeWith([...this.#pumps]);
    this.#end();
    return this.#closing;
  }

  /** The same on the calling thread, where the kernel takes some 15 ms for it. */
  [Symbol.dispose](): void {
    this.#joinPumps();
    this.#handle.close();
    this.#closing ??= Promise.resolve();
    this.#end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #takeDescriptor(): number {
    try {
      const fd = this.#handle.release();
      if (fd < 0) throw closedQueue(this.#device);
      return fd;
    } catch (error) {
      throw nameCall(error, 'release');
    }
  }

  #joinPumps(): void {
    for (const pump of this.#pumps) pump[Symbol.dispose]();
  }

  async #closeWith(pumps: readonly RunningPump[]): Promise<void> {
    await Promise.all([this.#handle.closeAsync(), ...pumps.map((pump) => pump.stop())]);
  }

  #end(): void {
    this.#frames.end();
    this.#batches?.stop();
    this.#stopDraining?.();
    this.#drained = undefined;
  }

  #writeOne(frame: Uint8Array): number {
    this.#checkSize(frame.length);
    return this.#handle.write(frame);
  }

  #writeParts(parts: readonly Uint8Array[]): number {
    if (!Array.isArray(parts)) throw nameCall(wrongType('frame', 'a Uint8Array, or a list of them', parts), 'write');
    if (parts.length > MOST_PARTS)
      throw nameCall(outOfRange('frame.length', parts.length, `at most ${MOST_PARTS} parts`), 'write');
    let size = 0;
    for (const part of parts) {
      if (!(part instanceof Uint8Array)) throw nameCall(wrongType('frame', 'a list of Uint8Array', part), 'write');
      size += part.length;
    }
    this.#checkSize(size);
    return this.#handle.writeParts(parts);
  }

  #checkSize(size: number): void {
    if (size < this.#least || size > this.#most)
      throw nameCall(outOfRange('frame.length', size, `${this.#least} to ${this.#most} bytes`), 'write');
  }

  #failed(errno: number, call: string, syscall: 'read' | 'write'): never {
    throw nameCall(this.#errorOf(errno, syscall), call);
  }

  #errorOf(errno: number, syscall: 'read' | 'write'): Error {
    if (errno === -EBADF && this.closed) return closedQueue(this.#device);
    return errno === OCCUPIED && syscall === 'read'
      ? cannotWait(this.#device, errno)
      : refusal(this.#device, errno, syscall);
  }
}

const isWhole = Number.isInteger;

function noSlots(slots: number, count: number, first: number): Error {
  return isWhole(first) && first >= 0 && first <= slots
    ? outOfRange('count', count, `whole, 0 to ${slots - first} from slot ${first} on`)
    : outOfRange('first', first, `whole, 0 to ${slots}`);
}

function checkSlab(slab: FrameSlab, call: string): ReturnType<typeof slabHandle> {
  try {
    return slabHandle(slab);
  } catch (error) {
    throw nameCall(error, call);
  }
}
