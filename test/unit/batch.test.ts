import { describe, expect, test } from 'vitest';
import { ack, Conversation, DUMP_INTR, done, get, list, MULTI, message, set, thing } from './answers.js';

describe('a request', () => {
  test('without an answer ends with its ack', () => {
    const talk = new Conversation(1, [set()]);
    expect(talk.batch.open).toBe(1);
    talk.hear(ack(1));
    expect([talk.batch.open, talk.results]).toEqual([0, [[]]]);
  });

  test('for one thing ends with that thing, without an ack', () => {
    expect(new Conversation(1, [get(7)]).hear(thing(1, 7)).results).toEqual([[7]]);
  });

  test('for one thing that is not there ends with the refusal', () => {
    expect(new Conversation(1, [get(7)]).hear(ack(1, -19)).results).toEqual(['ENODEV']);
  });

  test('for a list ends with NLMSG_DONE, and has all that came before it', () => {
    const talk = new Conversation(1, [list()]).hear(thing(1, 1, MULTI), thing(1, 2, MULTI));
    expect(talk.settled).toEqual([]);
    expect(talk.hear(thing(1, 3, MULTI)).hear(done(1)).results).toEqual([[1, 2, 3]]);
  });

  test('for a list that fails at its end is refused with the errno of NLMSG_DONE', () => {
    expect(new Conversation(1, [list()]).hear(thing(1, 1, MULTI), done(1, MULTI, -2)).results).toEqual(['ENOENT']);
  });

  test('that brought an answer after its end is not told', () => {
    const talk = new Conversation(1, [set()]).hear(ack(1), ack(1, -17));
    expect(talk.settled).toHaveLength(1);
    expect(talk.results).toEqual([[]]);
  });

  test('passes over NLMSG_NOOP', () => {
    expect(new Conversation(1, [get(7)]).hear(message(1, 1, 0), thing(1, 7)).results).toEqual([[7]]);
  });
});

describe('requests that travel together', () => {
  test('each have their own end, in any order', () => {
    const talk = new Conversation(5, [set(), get(1), set()]).hear(ack(7, -17), thing(6, 1));
    expect(talk.settled).toEqual([]);
    expect(talk.hear(ack(5)).results).toEqual([[], [1], 'EEXIST']);
  });

  test('are numbered from the first, in the order in which they were added', () => {
    const { batch } = new Conversation(5, [set()], [get(1), set()]);
    const numbers = [8, 8 + 20, 8 + 40].map((at) => batch.out.view.getUint32(at, true));
    expect(numbers).toEqual([5, 6, 7]);
  });

  test('are told exchange by exchange', () => {
    const talk = new Conversation(1, [set()], [set(), set()]).hear(ack(2), ack(3, -17));
    expect(talk.settled.map((replies) => replies.length)).toEqual([2]);
    talk.hear(ack(1));
    expect(talk.settled.map((replies) => replies.length)).toEqual([2, 1]);
  });

  test('pass over answers to requests that were given up', () => {
    const talk = new Conversation(10, [get(7)]);
    expect(talk.hear(thing(9, 1), ack(3, -17), thing(11, 2), ack(0)).settled).toEqual([]);
    expect(talk.hear(thing(10, 7)).results).toEqual([[7]]);
  });

  test('are not touched by one that cannot be encoded, nor are those of its exchange sent', () => {
    const talk = new Conversation(1, [set({ size: 1 })]);
    const { length } = talk.batch.out;
    const bad = () => talk.batch.add([set(), set({ name: 'too long a name' })], { done: () => undefined });
    expect(bad).toThrow('name "too long a name" is 15 bytes; the kernel allows 7 (SIZE)');
    expect([talk.batch.out.length, talk.batch.open]).toEqual([length, 1]);
    talk.batch.add([set()], { done: (replies) => talk.settled.push(replies) });
    expect(talk.batch.out.view.getUint32(length + 8, true)).toBe(2);
    expect(talk.batch.out.bytes.subarray(length + 20, length + 40)).toEqual(new Uint8Array(20));
  });

  test('all end when the exchange itself fails', () => {
    const talk = new Conversation(1, [set(), set()]).hear(ack(1));
    talk.batch.fail(-105, 'sendmsg');
    expect(talk.results).toEqual([[], 'ENOBUFS']);
    expect(talk.settled[0]?.[1]?.error?.message).toBe(
      "ENOBUFS: no buffer space available, sendmsg (X_SET) 'thing' in namespace lab",
    );
  });

  test('hand out lists of values that nobody else holds', () => {
    const [one, two] =
      new Conversation(1, [list(), list()]).hear(thing(1, 1), done(1), thing(2, 2), done(2)).settled[0] ?? [];
    expect(one?.values).toEqual([1]);
    expect(two?.values).toEqual([2]);
  });
});

describe('a list that changed while it was read', () => {
  test('is marked by any of its pieces', () => {
    const talk = new Conversation(1, [list()]).hear(thing(1, 1, MULTI), thing(1, 2, MULTI | DUMP_INTR), done(1));
    expect(talk.settled[0]?.[0]).toMatchObject({ values: [1, 2], interrupted: true });
  });

  test('is marked by NLMSG_DONE alone', () => {
    const talk = new Conversation(1, [list()]).hear(thing(1, 1, MULTI), done(1, MULTI | DUMP_INTR));
    expect(talk.settled[0]?.[0]).toMatchObject({ values: [1], interrupted: true });
  });

  test('is not marked where nothing says so', () => {
    expect(new Conversation(1, [list()]).hear(thing(1, 1, MULTI), done(1)).settled[0]?.[0]?.interrupted).toBe(false);
  });
});

describe('an exchange that is withdrawn before it is sent', () => {
  test('goes out as NLMSG_NOOP that asks for an ack, and leaves the others', () => {
    const talk = new Conversation(1);
    talk.batch.add([set({ size: 1 })], { done: () => undefined });
    const second = talk.batch.add([get(2)], { done: () => undefined });
    const before = talk.batch.out.bytes.slice(0, 28);
    talk.batch.withdraw(second);
    expect(talk.batch.out.bytes.slice(0, 28)).toEqual(before);
    expect(talk.batch.out.view.getUint16(28 + 4, true)).toBe(1);
    expect(talk.batch.out.view.getUint16(28 + 6, true)).toBe(5);
  });

  test('ends with that ack', () => {
    const talk = new Conversation(1);
    const exchange = talk.batch.add([list()], { done: (replies) => talk.settled.push(replies) });
    talk.batch.withdraw(exchange);
    expect(talk.hear(ack(1)).results).toEqual([[]]);
  });
});

test('messages behind each other in one datagram, padded, are all read', () => {
  const odd = message(1, 102, MULTI, [1, 0, 0, 0, 9]);
  expect(new Conversation(1, [list()]).hear([...odd, ...thing(1, 2, MULTI), ...done(1)]).results).toEqual([[1, 2]]);
});

test('a message that says it is longer than the datagram is not read', () => {
  const cut = thing(1, 1, MULTI).slice(0, 18);
  expect(new Conversation(1, [list()]).hear(cut).settled).toEqual([]);
});
