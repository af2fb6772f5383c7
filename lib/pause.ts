/** A pause in an operation: a timer, or for `netloom/sync` a thread that sleeps. */
import type { Effect } from './operation.js';

export function pause(milliseconds: number): Effect<void> {
  let over = (): void => undefined;
  let timer: NodeJS.Timeout | undefined;
  return {
    now() {
      // Nobody wakes it.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
    },
    later(waiting) {
      over = () => waiting.done(undefined);
      timer = setTimeout(over, milliseconds);
    },
    // An aborted call shall not keep the process alive until its pause is over.
    withdraw() {
      clearTimeout(timer);
      queueMicrotask(over);
      return true;
    },
  };
}
