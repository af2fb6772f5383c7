import { describe, expect, test } from 'vitest';
import { invalidValue } from '../../lib/errors.js';
import {
  both,
  type CallOptions,
  call,
  type Effect,
  type Operation,
  perform,
  type Waiting,
} from '../../lib/operation.js';

/** An effect that ends when the test says so, with what has happened to it. */
function effect<T>(value: T, undo?: (value: T) => Operation<void>, withdrawable = false) {
  let waiting: Waiting<T> | undefined;
  const control = {
    begun: false,
    withdrawn: false,
    finish: () => waiting?.done(value),
    fail: (error: unknown) => waiting?.failed(error),
  };
  const self: Effect<T> = {
    now: () => {
      control.begun = true;
      return value;
    },
    later(who) {
      control.begun = true;
      waiting = who;
    },
    withdraw() {
      control.withdrawn = withdrawable;
      return withdrawable;
    },
    ...(undo && { undo }),
  };
  return Object.assign(control, { self });
}

const plus = call('plus', {}, function* (a: number, b: number, _options: CallOptions = {}): Operation<number> {
  const one = yield* perform(
    both(
      () => a,
      () => Promise.resolve(a),
    ),
  );
  const two = yield* perform(
    both(
      () => b,
      () => Promise.resolve(b),
    ),
  );
  return one + two;
});
const fails = call('fails', {}, function* (error: unknown, _options: CallOptions = {}): Operation<never> {
  yield* perform(
    both(
      () => 1,
      () => Promise.resolve(1),
    ),
  );
  throw error;
});

/** Waits a moment, then does something. */
function* aMomentLater(what: () => unknown): Operation<void> {
  yield* perform(
    both(
      () => 0,
      () => Promise.resolve(0),
    ),
  );
  what();
}

const soon = () => new Promise((resolve) => setImmediate(resolve));

describe('a call', () => {
  test('gives the same in both flavours', async () => {
    expect(plus.sync(2, 3)).toBe(5);
    await expect(plus(2, 3)).resolves.toBe(5);
  });

  test('has its name in both flavours', () => {
    expect([plus.name, plus.sync.name]).toEqual(['plus', 'plus']);
  });

  test('that fails says the same in both flavours, with its name in front once', async () => {
    const error = () => invalidValue('mtu', 7, 'is too small');
    expect(() => fails.sync(error())).toThrow(/^fails: mtu 7 is too small$/);
    await expect(fails(error())).rejects.toThrow(/^fails: mtu 7 is too small$/);
  });

  test('made of others carries the name of the outermost', async () => {
    const outer = call('outer', {}, function* (): Operation<void> {
      yield* fails.steps(invalidValue('mtu', 7, 'is too small'));
    });
    expect(() => outer.sync()).toThrow(/^outer: mtu 7/);
    await expect(outer()).rejects.toThrow(/^outer: mtu 7/);
  });

  test('rejects, and does not throw, where its arguments are wrong', async () => {
    const strict = call('strict', {}, (): Operation<void> => {
      throw invalidValue('x', 1, 'is wrong');
    });
    await expect(strict()).rejects.toThrow('strict: x 1 is wrong');
    expect(() => strict.sync()).toThrow('strict: x 1 is wrong');
  });

  test('may catch what an effect failed with, and go on', async () => {
    const careful = call('careful', {}, function* (): Operation<string> {
      try {
        yield* perform(
          both(
            () => {
              throw new Error('no');
            },
            () => Promise.reject(new Error('no')),
          ),
        );
      } catch (error) {
        return `caught ${(error as Error).message}`;
      }
      return 'not caught';
    });
    expect(careful.sync()).toBe('caught no');
    await expect(careful()).resolves.toBe('caught no');
  });

  test('whose effect throws before it waits is rejected', async () => {
    const broken = call('broken', {}, function* (): Operation<void> {
      yield* perform<void>({
        now: () => undefined,
        later() {
          throw invalidValue('x', 1, 'cannot be encoded');
        },
      });
    });
    await expect(broken()).rejects.toThrow('broken: x 1 cannot be encoded');
  });
});

describe('a call that is aborted', () => {
  const abort = Object.freeze({ name: 'AbortError' });

  /** Waits for `first`, then for `second`; notes what becomes of it. */
  function steps(first: Effect<unknown>, second: Effect<unknown>, log: string[]) {
    return call('steps', {}, function* (_options: CallOptions = {}): Operation<string> {
      try {
        yield* perform(first);
        log.push('first');
        yield* perform(second);
        log.push('second');
        return 'done';
      } catch (error) {
        log.push(`caught ${(error as Error).name}`);
        yield* perform(
          both(
            () => 0,
            () => Promise.resolve(0),
          ),
        );
        log.push('cleaned up');
        throw error;
      }
    });
  }

  test('before it starts does nothing', async () => {
    const one = effect(1);
    const log: string[] = [];
    const run = steps(one.self, one.self, log);
    const signal = AbortSignal.abort();
    await expect(run({ signal })).rejects.toMatchObject(abort);
    expect(() => run.sync({ signal })).toThrow(expect.objectContaining(abort));
    expect([one.begun, log]).toEqual([false, []]);
  });

  test.each([
    ['a string', 'why'],
    ['an error', new Error('why')],
    ['nothing', null],
  ])('for %s rejects with an AbortError that has it as its cause', async (_what, reason) => {
    const signal = AbortSignal.abort(reason);
    const expected = { ...abort, code: 'ABORT_ERR', cause: reason };
    await expect(plus(1, 2, { signal })).rejects.toMatchObject(expected);
    expect(() => plus.sync(1, 2, { signal })).toThrow(expect.objectContaining(expected));
  });

  test('rejects at once, and cleans up when its effect is over', async () => {
    const one = effect(1);
    const log: string[] = [];
    const controller = new AbortController();
    const promise = steps(one.self, one.self, log)({ signal: controller.signal });
    controller.abort();
    await expect(promise).rejects.toMatchObject(abort);
    expect(log).toEqual([]);
    one.finish();
    await soon();
    expect(log).toEqual(['caught AbortError', 'cleaned up']);
  });

  test('takes back what its effect has made, before it cleans up', async () => {
    const log: string[] = [];
    const one = effect('eth0', function* (value): Operation<void> {
      yield* perform(
        both(
          () => 0,
          () => Promise.resolve(0),
        ),
      );
      log.push(`removed ${value}`);
    });
    const controller = new AbortController();
    const promise = steps(one.self, one.self, log)({ signal: controller.signal });
    controller.abort();
    one.finish();
    await expect(promise).rejects.toMatchObject(abort);
    await soon();
    expect(log).toEqual(['removed eth0', 'caught AbortError', 'cleaned up']);
  });

  test('takes nothing back of an effect that could be withdrawn', async () => {
    const log: string[] = [];
    const one = effect('eth0', () => aMomentLater(() => log.push('removed')), true);
    const controller = new AbortController();
    const promise = steps(one.self, one.self, log)({ signal: controller.signal });
    controller.abort();
    one.finish();
    await expect(promise).rejects.toMatchObject(abort);
    await soon();
    expect(one.withdrawn).toBe(true);
    expect(log).toEqual(['caught AbortError', 'cleaned up']);
  });

  test('whose undoing fails cleans up all the same', async () => {
    const log: string[] = [];
    const gone = () => {
      throw new Error('gone already');
    };
    const one = effect(1, () => aMomentLater(gone));
    const controller = new AbortController();
    const promise = steps(one.self, one.self, log)({ signal: controller.signal });
    controller.abort();
    one.finish();
    await expect(promise).rejects.toMatchObject(abort);
    await soon();
    expect(log).toEqual(['caught AbortError', 'cleaned up']);
  });

  test('whose effect fails cleans up all the same', async () => {
    const one = effect(1);
    const log: string[] = [];
    const controller = new AbortController();
    const promise = steps(one.self, one.self, log)({ signal: controller.signal });
    controller.abort();
    one.fail(new Error('no'));
    await expect(promise).rejects.toMatchObject(abort);
    await soon();
    expect(log).toEqual(['caught AbortError', 'cleaned up']);
  });

  test('between two effects does not begin the second', async () => {
    const one = effect(1);
    const two = effect(2);
    const log: string[] = [];
    const controller = new AbortController();
    const promise = steps(one.self, two.self, log)({ signal: controller.signal });
    one.finish();
    controller.abort();
    two.finish();
    await expect(promise).rejects.toMatchObject(abort);
    await soon();
    expect(log).toEqual(['first', 'caught AbortError', 'cleaned up']);
  });

  test('after it is over is as if nothing had been', async () => {
    const controller = new AbortController();
    await expect(plus(1, 2, { signal: controller.signal })).resolves.toBe(3);
    controller.abort();
    await soon();
  });
});

describe('options', () => {
  const made = call(
    'made',
    { netns: true },
    function* (name: string, _options: CallOptions & { netns?: string } = {}): Operation<string> {
      return yield* perform(
        both(
          () => name,
          () => Promise.resolve(name),
        ),
      );
    },
  );
  const misspelt = { netsn: 'blue' } as object;

  test('that are misspelt are refused, in both flavours', async () => {
    const refusal = {
      code: 'ERR_INVALID_ARG_VALUE',
      message: 'made: options.netsn "blue" is no option here (netns, signal are)',
    };
    await expect(made('x', misspelt)).rejects.toMatchObject(refusal);
    expect(() => made.sync('x', misspelt)).toThrow(expect.objectContaining(refusal));
  });

  test('must be an object', async () => {
    for (const options of [null, 5, 'netns'] as unknown[] as object[]) {
      await expect(made('x', options)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    }
    await expect(made('x', undefined)).resolves.toBe('x');
  });
});

test('a call that has ended does not listen to its signal any more', async () => {
  const { signal } = new AbortController();
  let listeners = 0;
  const counting = Object.assign(Object.create(signal) as AbortSignal, {});
  Object.defineProperties(counting, {
    aborted: { value: false },
    addEventListener: { value: () => listeners++ },
    removeEventListener: { value: () => listeners-- },
  });
  await plus(1, 2, { signal: counting });
  await expect(fails(new Error('no'), { signal: counting })).rejects.toThrow('no');
  expect(listeners).toBe(0);
});
