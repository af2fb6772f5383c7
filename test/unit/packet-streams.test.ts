/** Streams over queues that have no room: what a kernel seldom shows. */
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createMemoryQueues } from 'netloom';
import { expect, test } from 'vitest';
import { numbered, numberOf } from '../packet-conformance.ts';

const frame = (number: number) => numbered(2, number);
const upTo = (end: number): number[] => Array.from({ length: end }, (_, i) => i);
const turn = () => new Promise(setImmediate);

test('pipelines wait where there is no room, and lose nothing', async () => {
  const [ours, theirs] = createMemoryQueues({ capacity: 10 });
  const [near, far] = createMemoryQueues({ capacity: 3 });
  const got: number[] = [];
  const slow = new Writable({
    objectMode: true,
    write(chunk, _encoding, callback) {
      got.push(numberOf(chunk));
      setImmediate(callback);
    },
  });
  const piped = [
    pipeline(Readable.from(upTo(1000).map(frame)), ours.toDuplex()),
    pipeline(theirs.toDuplex(), near.toDuplex()),
    pipeline(far.toDuplex(), slow),
  ];
  while (got.length < 1000) await turn();
  expect(got).toEqual(upTo(1000));
  await Promise.all([theirs.close(), far.close()]);
  await Promise.all(piped);
});

test('a writer of the web waits for room', async () => {
  const [a, b] = createMemoryQueues({ capacity: 1 });
  const writer = a.writable.getWriter();
  await writer.write(frame(0));
  let written = false;
  const pending = writer.write(frame(1)).then(() => {
    written = true;
  });
  await turn();
  expect(written).toBe(false);
  const reader = b[Symbol.asyncIterator]();
  expect(numberOf((await reader.next()).value as Uint8Array)).toBe(0);
  await pending;
  expect(numberOf((await reader.next()).value as Uint8Array)).toBe(1);
});

test('aborting a writer of the web that waits for room takes its frame back', async () => {
  const [a, b] = createMemoryQueues({ capacity: 1 });
  const writer = a.writable.getWriter();
  await writer.write(frame(0));
  const waiting = expect(writer.write(frame(1))).rejects.toThrow('enough');
  await turn();
  await writer.abort(new Error('enough'));
  await waiting;
  const reader = b[Symbol.asyncIterator]();
  expect(numberOf((await reader.next()).value as Uint8Array)).toBe(0);
  await a.writable.getWriter().write(frame(2));
  expect(numberOf((await reader.next()).value as Uint8Array)).toBe(2);
});

test('a frame that is refused ends the writable of the web, and the queue has another', async () => {
  const [a, b] = createMemoryQueues();
  const failed = a.writable;
  await expect(failed.getWriter().write(new Uint8Array(3))).rejects.toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
  expect(a.writable).not.toBe(failed);
  await a.writable.getWriter().write(frame(1));
  expect(numberOf((await b[Symbol.asyncIterator]().next()).value as Uint8Array)).toBe(1);
});

test('a read that is refused ends the readable of the web, and the queue has another', async () => {
  const [a, b] = createMemoryQueues();
  const flow = b.onBatch(() => undefined);
  const failed = b.readable;
  await expect(failed.getReader().read()).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' });
  flow.stop();
  a.write(frame(1));
  expect(b.readable).not.toBe(failed);
  expect(numberOf((await b.readable.getReader().read()).value as Uint8Array)).toBe(1);
});

test('a stream that is destroyed while it waits for room says so to the writer, and throws nothing later', async () => {
  const [a] = createMemoryQueues({ capacity: 1 });
  const stream = a.toDuplex();
  stream.write(frame(0));
  const told = new Promise((resolve) => stream.write(frame(1), resolve));
  await turn();
  stream.destroy();
  expect(await told).toMatchObject({ code: 'ERR_INVALID_STATE' });
  await turn();
  expect(a.closed).toBe(true);
});

test('an end that is closed while a stream waits for room is the error of the stream', async () => {
  const [a, b] = createMemoryQueues({ capacity: 1 });
  const stream = a.toDuplex();
  const errors: unknown[] = [];
  stream.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code));
  stream.write(frame(0));
  stream.write(frame(1));
  await turn();
  await b.close();
  await new Promise((resolve) => stream.on('close', resolve));
  expect(errors).toEqual(['ENODEV']);
});
