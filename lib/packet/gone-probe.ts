/** Asks now and then whether the link of a queue was deleted, for devices whose descriptors do not tell (MACVTAP). */
import type { QueueDevice } from './outcome.js';

/** How long, in milliseconds, until the device is asked (again) while somebody waits for frames. */
const INTERVAL = 1000;

export class GoneProbe {
  readonly #device: QueueDevice;
  readonly #fd: () => number;
  readonly #gone: () => void;
  #timer: NodeJS.Timeout | undefined;
  #wanted = false;

  /** `gone` is called once, if it is while the probe runs. */
  constructor(device: QueueDevice, fd: () => number, gone: () => void) {
    this.#device = device;
    this.#fd = fd;
    this.#gone = gone;
  }

  start(): void {
    this.#wanted = true;
    if (this.#device.isGone !== undefined && this.#timer === undefined) this.#plan(this.#device.isGone);
  }

  stop(): void {
    this.#wanted = false;
  }

  #plan(isGone: (fd: number) => Promise<boolean>): void {
    this.#timer = setTimeout(() => void this.#look(isGone), INTERVAL).unref();
  }

  // The next question comes after the answer, which waits for whoever changes links: the native threads are few.
  async #look(isGone: (fd: number) => Promise<boolean>): Promise<void> {
    let gone = false;
    try {
      gone = this.#wanted && (await isGone(this.#fd()));
    } catch {
      // It could not be asked; perhaps it can be next time.
    }
    this.#timer = undefined;
    if (!this.#wanted) return;
    if (gone) this.#gone();
    else this.#plan(isGone);
  }
}
