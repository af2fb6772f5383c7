/**
 * Operations: what a public call does, written once, run in two flavours.
 *
 * An operation is a generator that yields effects. An effect is one wait (an exchange with the kernel, a
 * native call, a file-system call) that can be had in both ways. `netloom` runs effects asynchronously,
 * `netloom/sync` on the calling thread; the generator does not know which.
 */
import { nameCall, wrongType } from './errors.js';
import { checkOptionNames } from './option-names.js';

/** Who waits for an effect. */
export interface Waiting<T> {
  done(value: T): void;
  failed(error: unknown): void;
}

/** One wait. */
export interface Effect<T> {
  now(): T;
  /** Tells `waiting` its end, by one of the two, exactly once, never before `later` has returned. */
  later(waiting: Waiting<T>): void;
  /** Withdraws what has not begun yet, and tells whether it could. `waiting` is told an end in any case. */
  withdraw?(): boolean;
  /**
   * Takes back what the effect made. Run where the call was aborted while the effect was under way, so that
   * an aborted `create...` leaves nothing behind.
   */
  undo?(value: T): Operation<void>;
}

export type Operation<R> = Generator<Effect<unknown>, R, unknown>;

/** Options that every call takes last. */
export interface CallOptions {
  /**
   * Rejects the call with an AbortError, at once. What the kernel was already doing is taken back where it created
   * something, which may take a moment more: until then, its name is taken.
   */
  readonly signal?: AbortSignal | undefined;
}

/** A public function: asynchronous when called, with its synchronous form and its steps. */
export interface Call<A extends unknown[], R> {
  (...args: A): Promise<R>;
  /** @internal The form that `netloom/sync` exports. */
  readonly sync: (...args: A) => R;
  /** @internal For operations made of others. */
  readonly steps: (...args: A) => Operation<R>;
}

/** Waits for one effect, typed. */
export function* perform<T>(effect: Effect<T>): Operation<T> {
  return (yield effect) as T;
}

/** An effect from a pair of functions, one synchronous and one that gives a promise. */
export function both<T>(now: () => T, promised: () => Promise<T>, undo?: (value: T) => Operation<void>): Effect<T> {
  return {
    now,
    later(waiting) {
      promised().then(
        (value) => waiting.done(value),
        (error: unknown) => waiting.failed(error),
      );
    },
    ...(undo && { undo }),
  };
}

type LastOf<A extends unknown[]> = Required<A> extends [...unknown[], infer Last] ? Last : never;

/** Every option that the last parameter has, besides `signal`. */
type OptionNames<A extends unknown[]> = { readonly [K in Exclude<keyof LastOf<A>, keyof CallOptions>]: true };

/**
 * Makes the public function `name` of an operation. Errors get the name in front. The last parameter of `steps`
 * has the options, and the only default value; an option that is not among `options` is refused, since a
 * misspelt `netns` would act on the namespace of the process.
 */
export function call<A extends unknown[], R>(
  name: string,
  options: OptionNames<A>,
  steps: (...args: A) => Operation<R>,
): Call<A, R> {
  const place = steps.length;
  const asynchronous = (...args: A): Promise<R> =>
    new Promise((resolve, reject) => {
      try {
        new Run(name, signalOf(args[place], options), resolve, reject).start(steps(...args));
      } catch (error) {
        reject(nameCall(error, name));
      }
    });
  const sync = (...args: A): R => {
    try {
      const signal = signalOf(args[place], options);
      return runNow(steps(...args), signal);
    } catch (error) {
      throw nameCall(error, name);
    }
  };
  Object.defineProperty(asynchronous, 'name', { value: name });
  Object.defineProperty(sync, 'name', { value: name });
  return Object.assign(asynchronous, { sync, steps });
}

/** Checks the options of a call, and gives its signal. */
export function signalOf(given: unknown, names: object): AbortSignal | undefined {
  if (given === undefined) return undefined;
  checkOptionNames(given, names, 'signal');
  const { signal } = given as CallOptions;
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw wrongType('signal', 'an AbortSignal', signal);
  return signal;
}

function runNow<R>(steps: Operation<R>, signal: AbortSignal | undefined): R {
  if (signal?.aborted) throw abortError(signal);
  let step = steps.next();
  while (!step.done) {
    let value: unknown;
    try {
      value = step.value.now();
    } catch (error) {
      step = steps.throw(error);
      continue;
    }
    step = steps.next(value);
  }
  return step.value;
}

/**
 * Runs an operation from effect to effect, without a promise in between: what is answered together goes on
 * in one turn, so that what it asks next travels together again.
 *
 * A class that effects tell their end, since tens of thousands may wait at a time, and what each of them holds
 * is what a call costs.
 */
class Run<R> implements Waiting<unknown> {
  readonly #name: string | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #resolve: (value: R) => void;
  readonly #reject: (error: unknown) => void;
  #steps: Operation<R> | undefined;
  #current: Effect<unknown> | undefined;
  #onAbort: (() => void) | undefined;
  #withdrawn = false;

  constructor(
    name: string | undefined,
    signal: AbortSignal | undefined,
    resolve: (value: R) => void,
    reject: (error: unknown) => void,
  ) {
    this.#name = name;
    this.#signal = signal;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(steps: Operation<R>): void {
    const signal = this.#signal;
    if (signal !== undefined) {
      if (signal.aborted) {
        this.#reject(abortError(signal));
        return;
      }
      // The caller is told at once. The operation itself learns of it when its present wait is over, so that
      // it can put away what it has made.
      this.#onAbort = () => {
        this.#withdrawn = this.#current?.withdraw?.() === true;
        this.#reject(abortError(signal));
      };
      signal.addEventListener('abort', this.#onAbort, { once: true });
    }
    this.#steps = steps;
    this.#advance(false, undefined);
  }

  #advance(thrown: boolean, value: unknown): void {
    const steps = this.#steps as Operation<R>;
    let step: IteratorResult<Effect<unknown>, R>;
    try {
      step = thrown ? steps.throw(value) : steps.next(value);
    } catch (error) {
      this.#finish();
      this.#reject(this.#name === undefined ? error : nameCall(error, this.#name));
      return;
    }
    if (step.done) {
      this.#finish();
      this.#resolve(step.value);
      return;
    }
    this.#current = step.value;
    try {
      step.value.later(this);
    } catch (error) {
      this.#advance(true, error);
    }
  }

  done(value: unknown): void {
    if (this.#signal?.aborted !== true) {
      this.#advance(false, value);
      return;
    }
    const undone = this.#withdrawn ? undefined : this.#current?.undo?.(value);
    const giveUp = (): void => abandon(this.#steps as Operation<R>, this.#signal as AbortSignal);
    if (undone) drive(undone, giveUp);
    else giveUp();
  }

  failed(error: unknown): void {
    if (this.#signal?.aborted === true) abandon(this.#steps as Operation<R>, this.#signal);
    else this.#advance(true, error);
  }

  #finish(): void {
    if (this.#onAbort) this.#signal?.removeEventListener('abort', this.#onAbort);
  }
}

// Runs what nobody waits for.
function drive(steps: Operation<void>, ended: () => void): void {
  new Run(undefined, undefined, ended, ended).start(steps);
}

// Throws the AbortError into an operation whose caller has left, so that its clean-up runs to the end.
function abandon<R>(steps: Operation<R>, signal: AbortSignal): void {
  const error = abortError(signal);
  drive(
    (function* (): Operation<void> {
      let step = steps.throw(error);
      while (!step.done) {
        try {
          const value: unknown = yield step.value;
          step = steps.next(value);
        } catch (thrown) {
          step = steps.throw(thrown);
        }
      }
    })(),
    () => undefined,
  );
}

/** What a call rejects with whose signal was aborted: an AbortError, as Node's own calls. */
export function abortError(signal: AbortSignal): Error {
  return Object.assign(new Error('The operation was aborted', { cause: signal.reason }), {
    name: 'AbortError',
    code: 'ABORT_ERR',
  });
}
