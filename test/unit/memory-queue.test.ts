/** Queues in memory: what they share with those of a device is in test/packet-conformance.ts. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import {
  createMemoryQueues,
  FrameSlab,
  type MemoryQueueOptions,
  type OnBatchOptions,
  PacketQueue,
  type PumpOptions,
  pump,
} from 'netloom';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { frameCheck, MemoryQueueHandle } from '../../lib/packet/memory-handle.js';
import { behavesAsQueues, type Cable, numbered, numberOf } from '../packet-conformance.ts';

/** The compiled library, for programs of their own: Node.js 20 runs no TypeScript. */
const LIBRARY = new URL('../../dist/index.js', import.meta.url).href;

for (const layer of [2, 3] as const) {
  describe(`a cable in memory of layer ${layer}`, () => {
    async function connect(): Promise<Cable> {
      const [a, b] = createMemoryQueues({ layer });
      return {
        a,
        b,
        cut: () => a.close(),
        async [Symbol.asyncDispose]() {
          await Promise.all([a.close(), b.close()]);
        },
      };
    }

    const open = `
      const { createMemoryQueues, FrameSlab } = await import(${JSON.stringify(LIBRARY)});
      const [a, b] = createMemoryQueues({ layer: ${layer} });
      const frame = new Uint8Array(60).fill(0x45);`;
    const run = async (source: string): Promise<string> => {
      const options = { timeout: 9000 };
      return (await promisify(execFile)(process.execPath, ['--input-type=module', '-e', open + source], options))
        .stdout;
    };
    behavesAsQueues({ layer, connect, run });
  });
}

afterEach(() => {
  vi.useRealTimers();
});

const frame = (number: number, size?: number) => numbered(2, number, size);

test('both ends are queues like those of a device, without a descriptor', () => {
  const queues = createMemoryQueues();
  expect(queues).toHaveLength(2);
  for (const queue of queues) {
    expect(queue).toBeInstanceOf(PacketQueue);
    expect([queue.fd, queue.closed]).toEqual([-1, false]);
  }
});

test('there is no descriptor to give away, and asking for it closes nothing', () => {
  const [handle] = MemoryQueueHandle.pair(1, frameCheck(2, 0, 100));
  expect(() => handle.release()).toThrow(/EOPNOTSUPP: .*'memory': a queue in memory has no descriptor/);
  expect(handle.closed).toBe(false);
  handle.close();
  expect(handle.release()).toBe(-1);
});

test('what only a descriptor can do names the call', async () => {
  const [queue] = createMemoryQueues();
  expect(() => queue.release()).toThrow(/^release: EOPNOTSUPP: .*'memory': a queue in memory has no descriptor/);
  const alone = /^(at|de)tach: .*'memory': it was made with one queue, which stays attached/;
  await expect(queue.detach()).rejects.toThrow(alone);
  expect(() => queue.attachSync()).toThrow(alone);
  await queue.close();
  for (const call of [() => queue.release(), () => queue.detachSync()])
    expect(call).toThrow(/^(release|detach): the queue of "memory" is closed/);
});

test('while frames flow, nothing else takes any', async () => {
  const [a, b] = createMemoryQueues();
  const slab = new FrameSlab();
  const refused = /its queue is being read already, by a loop or onBatch/;
  const counts: number[] = [];
  const reader = b.onBatch((_slab, count) => counts.push(count));
  a.write(frame(0));
  expect(() => b.readBatch(slab)).toThrow(refused);
  await expect(b[Symbol.asyncIterator]().next()).rejects.toThrow(refused);
  await expect(b.readable.getReader().read()).rejects.toThrow(/^next: EBUSY: /);
  await vi.waitFor(() => expect(counts).toEqual([1]));
  reader.stop();
  a.write(frame(1));
  expect(b.readBatch(slab)).toBe(1);
});

test('a pump, which moves frames between descriptors, refuses it and leaves it as it was', async () => {
  const [a, b] = createMemoryQueues();
  for (const oneWay of [false, true])
    expect(() => pump(a, b, { oneWay })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE', message: 'pump: a "memory" has no descriptor' }),
    );
  a.write(frame(1));
  expect((await b[Symbol.asyncIterator]().next()).done).toBe(false);
  await b.close();
  expect(() => pump(b, a)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }));
});

test('an option that is misspelt is refused, and the queue is left as it was', () => {
  const [a, b] = createMemoryQueues();
  const misspelt = (call: () => unknown, message: string) =>
    expect(call).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE', message }));
  misspelt(
    () => pump(a, b, { oneway: true } as PumpOptions),
    'pump: options.oneway true is no option here (filter, oneWay are)',
  );
  misspelt(
    () => a.onBatch(() => undefined, { bussy: true } as OnBatchOptions),
    'onBatch: options.bussy true is no option here (slab, spin, busy are)',
  );
  a.onBatch(() => undefined).stop();
});

test('where as many frames wait as there is room for, write takes none until the other end reads', async () => {
  const [a, b] = createMemoryQueues({ capacity: 2 });
  expect([a.write(frame(0)), a.write(frame(1)), a.write(frame(2))]).toEqual([1, 1, 0]);
  expect(a.stats).toMatchObject({ framesOut: 2, dropped: 1 });
  let room = false;
  const drained = a.drained().then(() => {
    room = true;
  });
  expect(a.drained()).toBe(a.drained());
  await new Promise(setImmediate);
  expect(room).toBe(false);
  const slab = new FrameSlab({ slots: 1 });
  expect([b.readBatch(slab), numberOf(slab.frame(0))]).toEqual([1, 0]);
  expect(room).toBe(false);
  await drained;
  expect([a.write(frame(2)), a.write(frame(3))]).toEqual([1, 0]);
});

test('a batch is taken as far as there is room', () => {
  const [a, b] = createMemoryQueues({ capacity: 3 });
  const slab = new FrameSlab({ slots: 4 });
  for (let i = 0; i < 4; i++) slab.set(i, frame(i));
  expect([a.writeBatch(slab), a.writeBatch(slab, 1, 3)]).toEqual([3, 0]);
  expect(a.stats).toMatchObject({ framesOut: 3, dropped: 0 });
  expect(b.readBatch(slab)).toBe(3);
  expect(a.writeBatch(slab, 1, 3)).toBe(1);
});

test.each<[count: number, first: number, message: string]>([
  [1.5, 0, 'writeBatch: count 1.5 is out of range (whole, 0 to 4 from slot 0 on)'],
  [4, 1, 'writeBatch: count 4 is out of range (whole, 0 to 3 from slot 1 on)'],
  [1, 0.5, 'writeBatch: first 0.5 is out of range (whole, 0 to 4)'],
  [0, 5, 'writeBatch: first 5 is out of range (whole, 0 to 4)'],
])('a batch of %d from slot %d on, of 4, is refused', (count, first, message) => {
  const [a] = createMemoryQueues();
  const slab = new FrameSlab({ slots: 4 });
  for (let i = 0; i < 4; i++) slab.set(i, frame(i));
  const refused = expect.objectContaining({ code: 'ERR_OUT_OF_RANGE', message });
  expect(() => a.writeBatch(slab, count, first)).toThrow(refused);
  expect(a.stats.framesOut).toBe(0);
});

test('order holds when the room is used over and over', () => {
  const [a, b] = createMemoryQueues({ capacity: 5 });
  const slab = new FrameSlab({ slots: 3 });
  const got: number[] = [];
  for (let sent = 0; got.length < 1000; ) {
    while (sent < 1000 && a.write(frame(sent)) === 1) sent++;
    const count = b.readBatch(slab);
    for (let i = 0; i < count; i++) got.push(numberOf(slab.frame(i)));
  }
  expect(got).toEqual(Array.from({ length: 1000 }, (_, i) => i));
});

test('frames that were sent before an end was closed are read before ENODEV', async () => {
  const [a, b] = createMemoryQueues();
  a.write(frame(1));
  a.write(frame(2));
  await a.close();
  const got: number[] = [];
  const reading = (async () => {
    for await (const read of b) got.push(numberOf(read));
  })();
  await expect(reading).rejects.toThrow(/^next: ENODEV: .*'memory': the other end was closed/);
  expect(got).toEqual([1, 2]);
});

test('a writer that waits for room is told when the other end is closed', async () => {
  const [a, b] = createMemoryQueues({ capacity: 1 });
  a.write(frame(0));
  const drained = expect(a.drained()).rejects.toMatchObject({ code: 'ENODEV', syscall: 'write' });
  b[Symbol.dispose]();
  await drained;
});

test('a vnet header counts on top of the frame', () => {
  const [a, b] = createMemoryQueues({ vnetHeaderSize: 12, layer: 3 });
  const header = new Uint8Array(12);
  expect(a.write([header, numbered(3, 7)])).toBe(1);
  expect(() => a.write([header, Uint8Array.of(0x15)])).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  expect(() => a.write(header)).toThrow(/write: frame.length 12 is out of range \(13 to 65547 bytes\)/);
  expect(a.write([header, numbered(3, 8, 65535)])).toBe(1);
  const slab = new FrameSlab({ slots: 2, frameSize: 65547 });
  expect(b.readBatch(slab)).toBe(2);
  expect([...slab.lengths]).toEqual([72, 65547]);
});

test('onBatch has room for the longest frame unless it is given a slab', async () => {
  const [a, b] = createMemoryQueues();
  const length = await new Promise((resolve) => {
    b.onBatch((slab) => resolve(slab.lengths[0])).unref();
    a.write(frame(1, 65553));
  });
  expect(length).toBe(65553);
});

test('it works while a test has replaced the timers', async () => {
  vi.useFakeTimers();
  const [a, b] = createMemoryQueues();
  const next = b[Symbol.asyncIterator]().next();
  a.write(frame(5));
  const { value } = await next;
  expect(value && numberOf(value)).toBe(5);
});

test.each<[options: unknown, code: string, message: RegExp]>([
  [{ layer: 4 }, 'ERR_INVALID_ARG_VALUE', /^createMemoryQueues: layer 4 must be 2 \(Ethernet frames\) or 3/],
  [{ capacity: 0 }, 'ERR_OUT_OF_RANGE', /capacity 0 is out of range \(1 to 65536 frames\)/],
  [{ capacity: 65537 }, 'ERR_OUT_OF_RANGE', /1 to 65536/],
  [{ capacity: '10' }, 'ERR_INVALID_ARG_TYPE', /capacity must be a number/],
  [{ vnetHeaderSize: 11 }, 'ERR_INVALID_ARG_VALUE', /vnetHeaderSize 11 must be 0, 10 or 12/],
  [{ mtu: 1500 }, 'ERR_INVALID_ARG_VALUE', /mtu 1500 is no option/],
  [null, 'ERR_INVALID_ARG_TYPE', /options must be an object/],
])('%j is refused', (options, code, message) => {
  expect(() => createMemoryQueues(options as MemoryQueueOptions)).toThrow(
    expect.objectContaining({ code, message: expect.stringMatching(message) }),
  );
});
