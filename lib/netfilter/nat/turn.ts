/**
 * One after the other, within this process: what reads the ruleset of a namespace and then changes it. All of them at
 * once would make each other start again, over and over. Other processes do so still, seldom.
 */
import type { Netns } from '../../netns/netns.js';
import { type Effect, type Operation, perform, type Waiting } from '../../operation.js';

type Release = () => void;

const lines = new WeakMap<Netns, Waiting<Release>[]>();

function turnIn(netns: Netns): Effect<Release> {
  return {
    // The calling thread cannot wait for what goes on between its calls.
    now: () => () => undefined,
    later(waiting) {
      const line = lines.get(netns);
      if (line) line.push(waiting);
      else {
        lines.set(netns, []);
        queueMicrotask(() => waiting.done(() => next(netns)));
      }
    },
    undo: giveBack,
  };
}

// biome-ignore lint/correctness/useYield: an operation that waits for nothing
function* giveBack(release: Release): Operation<void> {
  release();
}

function next(netns: Netns): void {
  const waiting = lines.get(netns)?.shift();
  if (waiting) queueMicrotask(() => waiting.done(() => next(netns)));
  else lines.delete(netns);
}

export function* inTurn<R>(netns: Netns, steps: () => Operation<R>): Operation<R> {
  const release = yield* perform(turnIn(netns));
  try {
    return yield* steps();
  } finally {
    release();
  }
}
