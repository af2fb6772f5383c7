/** Somebody who waits to be called by the event loop: for a queue in memory, what polling is for a descriptor. */
// Taken once: the timers of a test that replaces the global ones do not go by themselves.
import { clearImmediate, clearInterval, setImmediate, setInterval } from 'node:timers';

/** The longest that a timer takes, in milliseconds. */
const FOREVER = 2 ** 31 - 1;

export class Wakeup {
  readonly #run: () => void;
  /** Does nothing but keep the process alive. */
  readonly #hold = setInterval(() => undefined, FOREVER);
  #turn: NodeJS.Immediate | undefined;
  #keep = true;

  constructor(run: () => void) {
    this.#run = run;
  }

  /** Calls in the next turn of the event loop, once however often it is asked before. */
  wake(): void {
    if (this.#turn !== undefined) return;
    this.#turn = setImmediate(() => {
      this.#turn = undefined;
      this.#run();
    });
    if (!this.#keep) this.#turn.unref();
  }

  /** Whether it keeps the process alive: yes, until this says otherwise. */
  keepAlive(keep: boolean): void {
    this.#keep = keep;
    if (keep) {
      this.#hold.ref();
      this.#turn?.ref();
    } else {
      this.#hold.unref();
      this.#turn?.unref();
    }
  }

  /** No call comes after this. */
  end(): void {
    clearInterval(this.#hold);
    if (this.#turn !== undefined) clearImmediate(this.#turn);
  }
}
