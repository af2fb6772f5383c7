/** `PacketQueue`: frames of a packet device, one at a time. */
import { constants } from 'node:os';
import { closedError, nameCall, outOfRange, systemError, wrongType } from '../errors.js';
import type { PacketQueueHandle } from '../native/binding.js';

const { EAGAIN, EBADF, EINVAL, EIO, EMSGSIZE, ENETDOWN, ENODEV } = constants.errno;
/** EBADFD (asm-generic/errno.h), which Node does not list: there is no device behind the descriptor any more. */
const EBADFD = 77;

/** What a queue knows of its device. */
export interface QueueDevice {
  /** For error messages. */
  readonly name: string;
  /** 2: Ethernet frames (TAP, MACVTAP). 3: IP packets (TUN). */
  readonly layer: 2 | 3;
  /** Whether its link was deleted, for devices whose descriptors do not tell (MACVTAP). */
  readonly isGone?: (fd: number) => Promise<boolean>;
}

/** How long, in milliseconds, until such a device is asked (again) while a read waits. */
const PROBE_INTERVAL = 1000;

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
}

/**
 * Sizes of what may be written: a TUN's packet has at least one byte, which tells IPv4 from IPv6; a frame has
 * its Ethernet header. The largest MTU is 65535 (ETH_MAX_MTU); a frame has 14 bytes more, and 4 for a VLAN tag.
 */
const SIZES = { 2: { least: 14, most: 65535 + 18 }, 3: { least: 1, most: 65535 } } as const;

/** Larger than any frame, so that one that fills it was cut. */
const SCRATCH_SIZE = 66 * 1024;

// Reading copies the frame out before anything else can read: one buffer serves all queues of the thread.
let scratch: Uint8Array | undefined;

/**
 * Frames that one turn of the event loop may bring while more are waiting: a flood must not keep timers and
 * sockets from their turn, which the microtasks of `for await` would.
 */
const FRAMES_PER_TURN = 64;

interface Waiter {
  readonly reader: object;
  readonly resolve: (result: IteratorResult<Uint8Array, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

const DONE: IteratorResult<Uint8Array, undefined> = Object.freeze({ value: undefined, done: true });

/**
 * One queue of a packet device. What the kernel sends through the link is read here; what is written here,
 * the kernel receives from the link.
 *
 *     for await (const frame of queue) queue.write(answerTo(frame));
 *
 * Frames are whole, and each belongs to whoever got it. Nothing is read ahead: what nobody asks for waits in
 * the kernel's own queue (`txQueueLength` of the link), which drops what does not fit. A pending read keeps the
 * process alive; an idle queue does not.
 */
export class PacketQueue implements AsyncIterable<Uint8Array> {
  readonly #handle: PacketQueueHandle;
  readonly #device: QueueDevice;
  readonly #waiters: Waiter[] = [];
  #ended = false;
  #closing: Promise<void> | undefined;
  #left = FRAMES_PER_TURN;
  #probe: NodeJS.Timeout | undefined;
  #framesIn = 0;
  #bytesIn = 0;
  #framesOut = 0;
  #bytesOut = 0;
  #dropped = 0;

  /** @internal Queues come with a PacketDevice. */
  constructor(handle: PacketQueueHandle, device: QueueDevice) {
    this.#handle = handle;
    this.#device = device;
  }

  get closed(): boolean {
    return this.#handle.fd < 0;
  }

  /** What has passed so far: a snapshot. */
  get stats(): QueueStats {
    return {
      framesIn: this.#framesIn,
      bytesIn: this.#bytesIn,
      framesOut: this.#framesOut,
      bytesOut: this.#bytesOut,
      dropped: this.#dropped,
    };
  }

  /**
   * Gives the kernel one frame, which it receives from the link at once. False if it has no room for it now
   * (only a MACVTAP, whose parent is congested): the frame is dropped, or may be tried again later.
   *
   * @throws RangeError ERR_OUT_OF_RANGE for a frame that no link can carry.
   * @throws EIO if the link is down, ENODEV if it was deleted (a MACVTAP tells neither: the frame is lost), EINVAL if a TUN gets what is no IP
   *   packet, ERR_INVALID_STATE once the queue is closed.
   */
  write(frame: Uint8Array): boolean {
    if (!(frame instanceof Uint8Array)) throw nameCall(wrongType('frame', 'a Uint8Array', frame), 'write');
    const size = frame.length;
    const { least, most } = SIZES[this.#device.layer];
    if (size < least || size > most)
      throw nameCall(outOfRange('frame.length', size, `${least} to ${most} bytes`), 'write');
    const written = this.#handle.write(frame);
    if (written < 0) return this.#refused(written);
    this.#framesOut++;
    this.#bytesOut += written;
    return true;
  }

  /**
   * Frames as they come. Leaving the loop leaves the queue open. Closing the queue ends the loop; deleting the
   * link ends it with an error (ENODEV), once; for a MACVTAP within a second. Several loops share the frames.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array, undefined> {
    let left = false;
    const reader: AsyncIterableIterator<Uint8Array, undefined> = {
      next: () => (left ? Promise.resolve(DONE) : this.#next(reader)),
      return: () => {
        left = true;
        this.#leave(reader);
        return Promise.resolve(DONE);
      },
      [Symbol.asyncIterator]: () => reader,
    };
    return reader;
  }

  /**
   * Ends pending reads and gives the descriptor back. Idempotent. The link goes with the last queue of its
   * device, unless it is persistent; it is gone when the promise resolves.
   */
  close(): Promise<void> {
    this.#closing ??= this.#handle.closeAsync();
    this.#end();
    return this.#closing;
  }

  /** The same on the calling thread, where the kernel takes some 15 ms for it. */
  [Symbol.dispose](): void {
    this.#handle.close();
    this.#closing ??= Promise.resolve();
    this.#end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #next(reader: object): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#ended) return Promise.resolve(DONE);
    return new Promise((resolve, reject) => {
      const waiter = { reader, resolve, reject };
      this.#waiters.push(waiter);
      if (this.#waiters.length > 1) return;
      if (this.#left > 0) this.#serve(0);
      else this.#wait();
    });
  }

  // Gives frames to those who wait for one, and waits for more where there are too few.
  #serve(status: number): void {
    scratch ??= new Uint8Array(SCRATCH_SIZE);
    while (this.#waiters.length > 0) {
      const size = this.#handle.read(scratch);
      if (size === -EAGAIN && status === 0) {
        this.#wait();
        return;
      }
      if (size < 0 || size === SCRATCH_SIZE) {
        this.#fail(size >= 0 ? -EMSGSIZE : size === -EAGAIN ? status : size);
        return;
      }
      this.#left--;
      this.#framesIn++;
      this.#bytesIn += size;
      this.#waiters.shift()?.resolve({ value: scratch.slice(0, size), done: false });
    }
  }

  readonly #onReadable = (status: number): void => {
    this.#left = FRAMES_PER_TURN;
    this.#serve(status);
  };

  #wait(): void {
    const error = this.#handle.wait(this.#onReadable);
    if (error < 0) this.#fail(error);
    else this.#probe ??= this.#planProbe();
  }

  #planProbe(): NodeJS.Timeout | undefined {
    const { isGone } = this.#device;
    return isGone && setTimeout(() => void this.#look(isGone), PROBE_INTERVAL).unref();
  }

  // The next question comes after the answer, which waits for whoever changes links: the native threads are few.
  async #look(isGone: NonNullable<QueueDevice['isGone']>): Promise<void> {
    let gone = false;
    try {
      gone = this.#waiters.length > 0 && (await isGone(this.#handle.fd));
    } catch {
      // It could not be asked; perhaps it can be next time.
    }
    this.#probe = undefined;
    if (this.#ended || this.#waiters.length === 0) return;
    if (gone) this.#fail(-ENODEV);
    else this.#probe = this.#planProbe();
  }

  #leave(reader: object): void {
    const mine = this.#waiters.filter((waiter) => waiter.reader === reader);
    for (const waiter of mine) {
      this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
      waiter.resolve(DONE);
    }
    if (mine.length > 0 && this.#waiters.length === 0) this.#handle.cancelWait();
  }

  #end(): void {
    this.#ended = true;
    clearTimeout(this.#probe);
    this.#handle.cancelWait();
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(DONE);
  }

  // One reader is told; for the others, and later ones, there is nothing more to read.
  #fail(errno: number): void {
    this.#waiters.shift()?.reject(this.#error(errno, 'read'));
    this.#end();
  }

  #refused(errno: number): false {
    if (errno === -EBADF && this.closed) throw nameCall(closedError(`the queue of "${this.#device.name}"`), 'write');
    this.#dropped++;
    if (errno === -EAGAIN) return false;
    throw nameCall(this.#error(errno, 'write'), 'write');
  }

  #error(errno: number, syscall: 'read' | 'write'): Error {
    // The descriptor is fine, what it stood for is gone: as for any other call that finds no link. libuv says
    // EBADF for all that epoll reports as an error.
    const told = errno === -EBADF || errno === -EBADFD ? -ENODEV : errno;
    const hint = this.#hint(told, syscall);
    return systemError(told, syscall, `'${this.#device.name}'${hint && `: ${hint}`}`);
  }

  #hint(errno: number, syscall: 'read' | 'write'): string {
    if (errno === -ENODEV) return 'the link was deleted';
    if (syscall === 'read') return '';
    if (errno === -EIO || errno === -ENETDOWN) return 'the link is down; setLink(link, { up: true }) brings it up';
    if (errno === -EINVAL && this.#device.layer === 3) return 'this is neither an IPv4 nor an IPv6 packet';
    return '';
  }
}
