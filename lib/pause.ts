/** A pause in an operation: a timer, or for `netloom/sync` a thread that sleeps. */
import type { Effect, Waiting } from './operation.js';

export const pause = (milliseconds: number): Effect<void> => new Pause(milliseconds);

class Pause implements Effect<void> {
  readonly #milliseconds: number;
  #waiting: Waiting<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
  }

  now(): void {
    // Nobody wakes it.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, this.#milliseconds);
  }

  later(waiting: Waiting<void>): void {
    this.#waiting = waiting;
    this.#timer = setTimeout(() => waiting.done(undefined), this.#milliseconds);
  }

  // An aborted call shall not keep the process alive until its pause is over.
  withdraw(): boolean {
    clearTimeout(this.#timer);
    queueMicrotask(() => this.#waiting?.done(undefined));
    return true;
  }
}
