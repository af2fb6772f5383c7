/** `onBatch`: frames as they come, many at a time, without garbage. */
import { constants } from 'node:os';
import { outOfRange, wrongType } from '../errors.js';
import type { PacketQueueHandle } from '../native/packet-binding.js';
import { checkOptionNames } from '../option-names.js';
import { GoneProbe } from './gone-probe.js';
import { cannotWait, LOST_MEMORY, type QueueDevice, refusal } from './outcome.js';
import { detachedSlab, FrameSlab, slabHandle } from './slab.js';

const { ENODEV } = constants.errno;

/** Is given the first `count` frames of the slab, which are its own until it returns. */
export type BatchCallback = (slab: FrameSlab, count: number) => void;

export interface OnBatchOptions {
  /** Where the frames go. A new one, of 64 slots for the frames of this device, if absent. */
  readonly slab?: FrameSlab | undefined;
  /**
   * Microseconds after the last frame during which reading goes on instead of sleeping, 0 to 1,000,000: the next
   * frame is met 15 to 40 µs sooner, for a processor that is busy meanwhile. Waits that were in vain shorten it. The
   * event loop gets its turn every 200 µs, and while another queue of the thread flows, whenever nothing comes. 0 if
   * absent.
   */
  readonly spin?: number | undefined;
  /** Never sleeps: takes a whole processor. The event loop gets its turn as with `spin`. */
  readonly busy?: boolean | undefined;
}

/** What `onBatch` gives: frames flow until it is stopped, the queue is closed, or the link is gone. */
export class BatchReader {
  /**
   * Resolves when reading was stopped or the queue was closed. Rejects where it ended by itself: ENODEV when the
   * link was deleted. Nobody listening makes that an unhandledRejection.
   */
  readonly ended: Promise<void>;
  readonly #handle: PacketQueueHandle;
  readonly #probe: GoneProbe;
  #settle: ((error?: Error) => void) | undefined;

  /** @internal */
  constructor(handle: PacketQueueHandle, device: QueueDevice, callback: BatchCallback, options: OnBatchOptions = {}) {
    if (typeof callback !== 'function') throw wrongType('callback', 'a function', callback);
    const { slab, spin, busy } = checkOptions(device, options);
    this.#handle = handle;
    const onBatch = (count: number): void => {
      if (count < 0) this.#fail(count === LOST_MEMORY ? detachedSlab() : refusal(device, count, 'read'));
      else callback(slab, count);
    };
    const error = handle.startFlow(slabHandle(slab), onBatch, spin, busy);
    if (error < 0) throw cannotWait(device, error);
    this.ended = new Promise((resolve, reject) => {
      this.#settle = (error) => (error === undefined ? resolve() : reject(error));
    });
    this.#probe = new GoneProbe(
      device,
      () => handle.fd,
      () => this.#fail(refusal(device, -ENODEV, 'read')),
    );
    this.#probe.start();
  }

  /** No callback comes after this. What was not read stays in the kernel. Idempotent. */
  stop(): void {
    this.#end();
  }

  /** Keeps the process alive, as it does from the start. */
  ref(): this {
    if (this.#settle) this.#handle.keepAlive(true);
    return this;
  }

  /** Lets the process end although frames may still come. */
  unref(): this {
    if (this.#settle) this.#handle.keepAlive(false);
    return this;
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  #fail(error: Error): void {
    this.#end(error);
  }

  #end(error?: Error): void {
    const settle = this.#settle;
    if (settle === undefined) return;
    this.#settle = undefined;
    this.#probe.stop();
    this.#handle.stopFlow();
    settle(error);
  }
}

const OPTIONS = { slab: true, spin: true, busy: true } as const satisfies Record<keyof OnBatchOptions, true>;
const LONGEST_SPIN = 1_000_000;

function checkOptions(
  { frameSize }: QueueDevice,
  options: OnBatchOptions,
): { slab: FrameSlab; spin: number; busy: boolean } {
  checkOptionNames(options, OPTIONS);
  const { slab = new FrameSlab({ frameSize }), spin = 0, busy = false } = options;
  if (typeof spin !== 'number') throw wrongType('spin', 'a number', spin);
  if (!Number.isInteger(spin) || spin < 0 || spin > LONGEST_SPIN)
    throw outOfRange('spin', spin, `0 to ${LONGEST_SPIN} microseconds`);
  if (typeof busy !== 'boolean') throw wrongType('busy', 'true or false', busy);
  return { slab, spin, busy };
}
