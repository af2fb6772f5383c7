/** Frames one by one, as promises: what `for await` over a queue reads. */
import { constants } from 'node:os';
import { nameCall } from '../errors.js';
import type { PacketQueueHandle } from '../native/packet-binding.js';
import { GoneProbe } from './gone-probe.js';
import { cannotWait, OCCUPIED, PUMPED, type QueueDevice, refusal } from './outcome.js';

const { EAGAIN, EMSGSIZE, ENODEV } = constants.errno;

/** What errors name: the call that `for await` makes, and the streams do. */
const CALL = 'next';

/** Larger than any frame, so that one that fills it was cut: a super-packet has 64 KiB, and headers. */
const SCRATCH_SIZE = 66 * 1024;

// Reading copies the frame out before anything else can read: one buffer serves all queues of the thread.
let scratch: Uint8Array | undefined;

/**
 * Frames that one turn of the event loop may bring while more are waiting: a flood must not keep timers and
 * sockets from their turn, which the microtasks of `for await` would.
 */
const FRAMES_PER_TURN = 64;

type FrameResult = IteratorResult<Uint8Array, undefined>;

interface Waiter {
  readonly reader: object;
  readonly resolve: (result: FrameResult) => void;
  readonly reject: (error: unknown) => void;
}

const DONE: FrameResult = Object.freeze({ value: undefined, done: true });

export class FrameReader {
  readonly #handle: PacketQueueHandle;
  readonly #device: QueueDevice;
  readonly #waiters: Waiter[] = [];
  readonly #probe: GoneProbe;
  #ended = false;
  #left = FRAMES_PER_TURN;

  constructor(handle: PacketQueueHandle, device: QueueDevice) {
    this.#handle = handle;
    this.#device = device;
    this.#probe = new GoneProbe(
      device,
      () => handle.fd,
      () => this.#fail(-ENODEV),
    );
  }

  /** One of several that share the frames. */
  iterator(): AsyncIterableIterator<Uint8Array, undefined> {
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

  end(): void {
    this.#ended = true;
    this.#stopWaiting();
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(DONE);
  }

  #next(reader: object): Promise<FrameResult> {
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
      if (size === OCCUPIED || size === PUMPED) {
        this.#refuse(size);
        continue;
      }
      if (size < 0 || size === SCRATCH_SIZE) {
        this.#fail(size >= 0 ? -EMSGSIZE : size === -EAGAIN ? status : size);
        return;
      }
      this.#left--;
      this.#waiters.shift()?.resolve({ value: scratch.slice(0, size), done: false });
    }
    this.#probe.stop();
  }

  readonly #onReadable = (status: number): void => {
    this.#left = FRAMES_PER_TURN;
    this.#serve(status);
  };

  #wait(): void {
    const error = this.#handle.wait(this.#onReadable);
    if (error === 0) this.#probe.start();
    else if (error === OCCUPIED || error === PUMPED) this.#refuse(error);
    else this.#fail(error);
  }

  // Somebody else reads; this loop may try again later.
  #refuse(errno: number): void {
    this.#waiters.shift()?.reject(nameCall(cannotWait(this.#device, errno), CALL));
  }

  #leave(reader: object): void {
    const mine = this.#waiters.filter((waiter) => waiter.reader === reader);
    for (const waiter of mine) {
      this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
      waiter.resolve(DONE);
    }
    if (mine.length > 0 && this.#waiters.length === 0) this.#stopWaiting();
  }

  #stopWaiting(): void {
    this.#probe.stop();
    this.#handle.cancelWait();
  }

  // One reader is told; for the others, and later ones, there is nothing more to read.
  #fail(errno: number): void {
    this.#waiters.shift()?.reject(nameCall(refusal(this.#device, errno, 'read'), CALL));
    this.end();
  }
}
