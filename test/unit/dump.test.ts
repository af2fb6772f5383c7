import { expect, test } from 'vitest';
import type { Reply, Settled } from '../../lib/netlink/batch.js';
import { dump, request, valuesOf } from '../../lib/netlink/request.js';
import type { Netns } from '../../lib/netns/netns.js';
import { type CallOptions, call, type Operation } from '../../lib/operation.js';
import { get, list } from './answers.js';

/** A namespace whose lists are read in the ways given, one after the other; the last one for ever. */
function namespace(...replies: Partial<Reply>[]) {
  let asked = 0;
  const answer = (): Reply[] => {
    const reply = replies[Math.min(asked++, replies.length - 1)];
    return [{ values: [], error: undefined, interrupted: false, ...reply }];
  };
  const sockets = {
    label: 'lab',
    exchange: answer,
    enqueue(_requests: unknown, waiting: Settled) {
      setImmediate(() => waiting.done(answer()));
      return () => false;
    },
  };
  return { netns: { sockets } as unknown as Netns, asked: () => asked };
}

const all = call('all', {}, (netns: Netns, _options: CallOptions = {}): Operation<number[]> => dump(netns, list()));
const one = call('one', {}, (netns: Netns, _options: CallOptions = {}): Operation<number[]> => request(netns, get(1)));

test('a list that did not change is read once', async () => {
  const { netns, asked } = namespace({ values: [1, 2] });
  expect(await all(netns)).toEqual([1, 2]);
  expect(asked()).toBe(1);
});

test('a list that changed meanwhile is read again', async () => {
  const { netns, asked } = namespace(
    { values: [1], interrupted: true },
    { values: [1], interrupted: true },
    { values: [1, 2] },
  );
  expect(await all(netns)).toEqual([1, 2]);
  expect(asked()).toBe(3);
});

test.each(['all', 'all.sync'])(
  '%s gives up a list that never stands still, and hands over what it read',
  async (flavour) => {
    const { netns, asked } = namespace({ values: [1, 2], interrupted: true });
    const read = flavour === 'all' ? all(netns) : (async () => all.sync(netns))();
    await expect(read).rejects.toMatchObject({
      name: 'DumpInterruptedError',
      code: 'EINTR',
      partial: [1, 2],
      netns: 'lab',
      message: expect.stringMatching(
        /^all: EINTR: .*, X_GET in namespace lab: the list changed while it was read, 16 times in a row$/,
      ),
    });
    expect(asked()).toBe(16);
  },
);

test('a list that is refused is not asked for again', async () => {
  const { netns, asked } = namespace({ error: new Error('no'), interrupted: true });
  await expect(all(netns)).rejects.toThrow('no');
  expect(asked()).toBe(1);
});

test('what is asked for is given, or its refusal thrown, in both flavours', async () => {
  expect(one.sync(namespace({ values: [7] }).netns)).toEqual([7]);
  expect(await one(namespace({ values: [7] }).netns)).toEqual([7]);
  expect(() => one.sync(namespace({ error: new Error('no') }).netns)).toThrow('no');
  await expect(one(namespace({ error: new Error('no') }).netns)).rejects.toThrow('no');
});

test("an empty list is the caller's own", () => {
  const empty = Object.freeze([]) as unknown as number[];
  const given = valuesOf({ values: empty, error: undefined, interrupted: false });
  given.push(1);
  expect(given).toEqual([1]);
});
