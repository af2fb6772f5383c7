/** What every pair of connected queues does, whether a kernel lies between them or a piece of memory. */
import { expect, test, vi } from 'vitest';
import type { PacketQueue } from '../lib/packet/queue.js';
import { FrameSlab } from '../lib/packet/slab.js';

/** Two queues: what is written to one is read from the other. */
export interface Cable extends AsyncDisposable {
  readonly a: PacketQueue;
  readonly b: PacketQueue;
  /** Takes away what `b` reads from. */
  cut(): Promise<void>;
}

export interface Connected {
  readonly layer: 2 | 3;
  connect(): Promise<Cable>;
  /** Runs a program that has the queues `a` and `b` of a cable, in a process of its own. What it prints. */
  run(source: string): Promise<string>;
}

/** A frame that nobody answers. Its last bytes are its number. */
export function numbered(layer: 2 | 3, number: number, size = 60): Uint8Array {
  const frame = Buffer.alloc(size);
  if (layer === 2) frame.writeUInt16BE(0x8885, 12);
  else frame[0] = 0x45;
  frame.writeUInt32BE(number, size - 4);
  return frame;
}

export const numberOf = (frame: Uint8Array): number =>
  new DataView(frame.buffer, frame.byteOffset, frame.length).getUint32(frame.length - 4);

const failsWith = (code: string) => expect.objectContaining({ code });

/** How reading until the end ended. */
async function readAll(queue: PacketQueue): Promise<unknown> {
  try {
    for await (const _frame of queue);
    return 'done';
  } catch (error) {
    return error;
  }
}

/** Registers the tests, in the describe block of the caller. */
export function behavesAsQueues({ layer, connect, run }: Connected): void {
  const frame = (number: number, size?: number) => numbered(layer, number, size);

  test('frames pass whole and in order, and are not those of the writer any more', async () => {
    await using cable = await connect();
    const sizes = [60, 1514, 61, 65535];
    for (const [i, size] of sizes.entries()) {
      const sent = frame(i, size);
      expect(cable.a.write(sent)).toBe(1);
      sent.fill(0xff);
    }
    const got: Uint8Array[] = [];
    for await (const read of cable.b) if (got.push(read) === sizes.length) break;
    expect(got.map((read) => [numberOf(read), read.length])).toEqual(sizes.map((size, i) => [i, size]));
    expect(cable.a.stats).toEqual({
      framesIn: 0,
      bytesIn: 0,
      framesOut: 4,
      bytesOut: 67170,
      dropped: 0,
      truncated: 0,
    });
    expect(cable.b.stats).toMatchObject({ framesIn: 4, bytesIn: 67170, framesOut: 0 });
  });

  test('both directions are independent, and nothing comes back to the writer', async () => {
    await using cable = await connect();
    cable.a.write(frame(1));
    cable.b.write(frame(2));
    const slab = new FrameSlab();
    for (const [queue, number] of [
      [cable.a, 2],
      [cable.b, 1],
    ] as const) {
      expect(queue.readBatch(slab)).toBe(1);
      expect(numberOf(slab.frame(0))).toBe(number);
      expect(queue.readBatch(slab)).toBe(0);
    }
  });

  test('several loops share the frames, one each in the order of asking', async () => {
    await using cable = await connect();
    const [one, two] = [cable.b[Symbol.asyncIterator](), cable.b[Symbol.asyncIterator]()];
    const pending = [one.next(), two.next(), one.next()];
    for (let i = 0; i < 3; i++) cable.a.write(frame(i));
    expect((await Promise.all(pending)).map(({ value }) => value && numberOf(value))).toEqual([0, 1, 2]);
  });

  test('leaving a loop takes its read back, and loses no frame', async () => {
    await using cable = await connect();
    const reader = cable.b[Symbol.asyncIterator]();
    const pending = reader.next();
    await reader.return?.();
    expect(await pending).toEqual({ value: undefined, done: true });
    cable.a.write(frame(7));
    const next = await cable.b[Symbol.asyncIterator]().next();
    expect(next.value && numberOf(next.value)).toBe(7);
  });

  test('a batch has as many frames as the slab has slots, the rest waits', async () => {
    await using cable = await connect();
    for (let i = 0; i < 10; i++) cable.a.write(frame(i));
    const slab = new FrameSlab({ slots: 8 });
    const numbers: number[] = [];
    for (const expected of [8, 2, 0]) {
      expect(cable.b.readBatch(slab)).toBe(expected);
      for (let i = 0; i < expected; i++) numbers.push(numberOf(slab.frame(i)));
    }
    expect(numbers).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(cable.b.stats).toMatchObject({ framesIn: 10, bytesIn: 600 });
  });

  test('a frame that is longer than its slot is lost and counted, the others are not', async () => {
    await using cable = await connect();
    for (const size of [100, 101, 60]) cable.a.write(frame(size, size));
    const slab = new FrameSlab({ slots: 8, frameSize: 100 });
    expect(cable.b.readBatch(slab)).toBe(2);
    expect([...slab.lengths.subarray(0, 2)]).toEqual([100, 60]);
    expect([numberOf(slab.frame(0)), numberOf(slab.frame(1))]).toEqual([100, 60]);
    expect(cable.b.stats).toMatchObject({ framesIn: 2, bytesIn: 160, truncated: 1 });
  });

  test('slots are written from where the caller says, as many as it says', async () => {
    await using cable = await connect();
    const slab = new FrameSlab({ slots: 4 });
    for (let i = 0; i < 4; i++) slab.set(i, frame(i));
    expect([cable.a.writeBatch(slab), cable.a.writeBatch(slab, 2), cable.a.writeBatch(slab, 1, 3)]).toEqual([4, 2, 1]);
    expect(cable.a.writeBatch(slab, 0)).toBe(0);
    const there = new FrameSlab();
    expect(cable.b.readBatch(there)).toBe(7);
    expect([0, 1, 2, 3, 4, 5, 6].map((i) => numberOf(there.frame(i)))).toEqual([0, 1, 2, 3, 0, 1, 3]);
    expect(cable.a.stats).toMatchObject({ framesOut: 7, bytesOut: 420, dropped: 0 });
  });

  test('a list of parts is one frame', async () => {
    await using cable = await connect();
    const sent = frame(3);
    expect(cable.a.write([sent.subarray(0, 14), sent.subarray(14, 20), sent.subarray(20)])).toBe(1);
    const slab = new FrameSlab();
    expect(cable.b.readBatch(slab)).toBe(1);
    expect(Buffer.compare(slab.frame(0), sent)).toBe(0);
    expect(() => cable.a.write(Array(17).fill(sent))).toThrow(failsWith('ERR_OUT_OF_RANGE'));
  });

  test('what is no frame is refused; in a batch it ends what is taken', async () => {
    await using cable = await connect();
    // Ethernet without its header; an IP packet of version 1.
    const bad = layer === 2 ? new Uint8Array(13) : Uint8Array.of(0x15, 0, 0, 0);
    const slab = new FrameSlab({ slots: 3 });
    slab.set(0, frame(0));
    slab.set(1, bad);
    slab.set(2, frame(2));
    expect(cable.a.writeBatch(slab)).toBe(1);
    expect(cable.a.stats).toMatchObject({ framesOut: 1, dropped: 0 });
    expect(() => cable.a.writeBatch(slab, 2, 1)).toThrow(failsWith('EINVAL'));
    expect(cable.a.stats).toMatchObject({ framesOut: 1, dropped: 1 });
    expect(cable.a.writeBatch(slab, 1, 2)).toBe(1);
    expect(() => cable.a.write(bad)).toThrow(failsWith(layer === 2 ? 'ERR_OUT_OF_RANGE' : 'EINVAL'));
    expect(() => cable.a.write(new Uint8Array(65554))).toThrow(failsWith('ERR_OUT_OF_RANGE'));
  });

  test('onBatch brings frames in a turn of their own, at most 64, and timers have theirs', async () => {
    await using cable = await connect();
    const batches: number[][] = [];
    let turns = 0;
    const turn = () => {
      turns++;
      if (batches.length < 4) setImmediate(turn);
    };
    const slab = new FrameSlab({ slots: 256 });
    const reader = cable.b.onBatch(
      (_slab, count) => batches.push(Array.from({ length: count }, (_, i) => numberOf(slab.frame(i)))),
      { slab },
    );
    setImmediate(turn);
    for (let i = 0; i < 200; i++) cable.a.write(frame(i));
    expect(batches).toEqual([]);
    await vi.waitFor(() => expect(batches.flat()).toHaveLength(200));
    reader.stop();
    await reader.ended;
    expect(batches.flat()).toEqual(Array.from({ length: 200 }, (_, i) => i));
    expect(Math.max(...batches.map(({ length }) => length))).toBe(64);
    expect(turns).toBeGreaterThanOrEqual(3);
  });

  test.each([{}, { spin: 100 }, { busy: true }])(
    'with %j, what it reads can be written from within',
    async (options) => {
      await using cable = await connect();
      const echo = cable.b.onBatch((slab, count) => expect(cable.b.writeBatch(slab, count)).toBe(count), options);
      const seen: number[] = [];
      const reader = cable.a[Symbol.asyncIterator]();
      for (let i = 0; i < 100; i++) {
        cable.a.write(frame(i));
        const { value } = await reader.next();
        seen.push(value === undefined ? -1 : numberOf(value));
      }
      expect(seen).toEqual(Array.from({ length: 100 }, (_, i) => i));
      echo.stop();
      await echo.ended;
    },
  );

  test('only one reads at a time; a stopped one brings nothing more, from its own callback on', async () => {
    await using cable = await connect();
    let seen = 0;
    const first = cable.b.onBatch((_slab, count) => {
      seen += count;
      first.stop();
    });
    expect(() => cable.b.onBatch(() => undefined)).toThrow(failsWith('ERR_INVALID_STATE'));
    await expect(cable.b[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' });
    cable.a.write(frame(1));
    await first.ended;
    cable.a.write(frame(2));
    const next = await cable.b[Symbol.asyncIterator]().next();
    expect([seen, next.value && numberOf(next.value)]).toEqual([1, 2]);
  });

  test('a slab whose memory was transferred while frames flow into it ends them', async () => {
    await using cable = await connect();
    const slab = new FrameSlab();
    const reader = cable.b.onBatch(() => undefined, { slab });
    structuredClone(slab.bytes.buffer, { transfer: [slab.bytes.buffer as ArrayBuffer] });
    expect(() => cable.b.readBatch(slab)).toThrow(failsWith('ERR_INVALID_ARG_TYPE'));
    const ended = expect(reader.ended).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    cable.a.write(frame(1));
    await ended;
  });

  test('where what it reads from goes away, one loop is told, and every call says ENODEV', async () => {
    await using cable = await connect();
    const ended = [readAll(cable.b), readAll(cable.b)];
    await cable.cut();
    expect(await Promise.all(ended)).toEqual([expect.objectContaining({ code: 'ENODEV', syscall: 'read' }), 'done']);
    expect(await readAll(cable.b)).toBe('done');
    const slab = new FrameSlab();
    slab.set(0, frame(1));
    expect(() => cable.b.readBatch(slab)).toThrow(failsWith('ENODEV'));
    expect(() => cable.b.write(frame(1))).toThrow(failsWith('ENODEV'));
    expect(() => cable.b.writeBatch(slab, 1)).toThrow(failsWith('ENODEV'));
    await expect(cable.b.drained()).rejects.toMatchObject({ code: 'ENODEV' });
    expect(cable.b.closed).toBe(false);
  });

  test('and onBatch ends with it, once', async () => {
    await using cable = await connect();
    let batches = 0;
    const failed = expect(cable.b.onBatch(() => batches++).ended).rejects.toMatchObject({ code: 'ENODEV' });
    await cable.cut();
    await failed;
    expect(batches).toBe(0);
  });

  test('closing ends all that waits, and is an error for what comes later', async () => {
    await using cable = await connect();
    const reading = readAll(cable.b);
    const flow = cable.a.onBatch(() => undefined);
    const closed = [cable.a.close(), cable.b.close()];
    expect(cable.a.close()).toBe(closed[0]);
    await Promise.all([...closed, flow.ended]);
    expect(await reading).toBe('done');
    expect(await readAll(cable.a)).toBe('done');
    expect([cable.a.closed, cable.a.fd, cable.b.closed, cable.b.fd]).toEqual([true, -1, true, -1]);
    const slab = new FrameSlab();
    slab.set(0, frame(1));
    for (const call of [
      () => cable.a.write(frame(1)),
      () => cable.a.write([frame(1)]),
      () => cable.a.readBatch(slab),
      () => cable.a.writeBatch(slab, 1),
      () => cable.a.onBatch(() => undefined),
    ])
      expect(call).toThrow(failsWith('ERR_INVALID_STATE'));
    await expect(cable.a.drained()).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' });
  });

  test('there is room from the start: drained resolves', async () => {
    await using cable = await connect();
    await cable.a.drained();
    await Promise.all([cable.a.drained(), cable.a.close()]);
  });

  test('an open queue does not keep its process alive, a read does until the queue is closed', async () => {
    expect(await run(`console.log('opened');`)).toBe('opened\n');
    const source = `
      setTimeout(() => b.close(), 100).unref();
      for await (const frame of b) {}
      console.log('ended');`;
    expect(await run(source)).toBe('ended\n');
  });

  test('onBatch keeps its process alive until it is stopped; unref lets it end', async () => {
    const stopped = `
      const reader = b.onBatch(() => {});
      setTimeout(() => reader.stop(), 100).unref();
      process.on('exit', () => console.log('ended'));
      await reader.ended; console.log('stopped');`;
    expect(await run(stopped)).toBe('stopped\nended\n');
    expect(await run(`b.onBatch(() => {}).unref(); console.log('left');`)).toBe('left\n');
    expect(
      await run(
        `b.onBatch(() => {}).unref().ref(); setTimeout(() => { console.log('kept'); b.close(); }, 50).unref();`,
      ),
    ).toBe('kept\n');
  });

  test('what the callback of onBatch throws is an uncaughtException, and frames go on', async () => {
    const source = `
      let thrown = 0, batches = 0;
      process.on('uncaughtException', (error) => { if (error.message === 'mine') thrown++; });
      const slab = new FrameSlab({ slots: 1 });
      const reader = b.onBatch(() => { if (++batches === 3) reader.stop(); throw new Error('mine'); }, { slab });
      for (let i = 0; i < 4; i++) a.write(frame);
      await reader.ended;
      setTimeout(() => console.log(batches, thrown), 10);`;
    expect(await run(source)).toBe('3 3\n');
  });
}
