/** What takes back the steps of an operation that were done, should a later one fail or the call be aborted. */
import type { Reply } from '../../../netlink/batch.js';
import type { Request } from '../../../netlink/message.js';
import { exchange, valuesOf } from '../../../netlink/request.js';
import type { Netns } from '../../../netns/netns.js';
import { type Operation, perform } from '../../../operation.js';

type Step = () => Operation<void>;

export class Undo {
  readonly #netns: Netns;
  readonly #steps: Step[] = [];

  constructor(netns: Netns) {
    this.#netns = netns;
  }

  /** Sends a request, and remembers what takes it back. */
  *send(request: Request, back: Request | Step): Operation<void> {
    const step = typeof back === 'function' ? back : (): Operation<void> => this.#quietly(back);
    const [reply] = yield* perform(
      exchange(this.#netns, [request], function* ([reply]: Reply[]) {
        if (!reply?.error) yield* step();
      }),
    );
    valuesOf(reply);
    this.#steps.push(step);
  }

  /** Remembers what takes back a step that was done elsewhere. */
  push(back: Request): void {
    this.#steps.push(() => this.#quietly(back));
  }

  /** Takes back all of them, the last one first. */
  *all(): Operation<void> {
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) yield* step();
  }

  // The error that led here is the one to tell.
  *#quietly(request: Request): Operation<void> {
    yield* perform(exchange(this.#netns, [request]));
  }
}
