/** Queues of devices as streams, of Node's and of the web, and as async iterables. */
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Netns, openPacketSocket } from 'netloom';
import { expect, test, vi } from 'vitest';
import type { PacketQueue } from '../../lib/packet/queue.js';
import { numbered, numberOf } from '../packet-conformance.ts';
import { expectNoLeaks } from './leaks.ts';
import { connectDevices } from './packet-cable.ts';
import { inside, ipLink, pause } from './packet-peers.ts';
import { command, frameOf, withWire } from './packet-wires.ts';
import { describeKernel } from './privilege.ts';

const frame = (number: number, size?: number) => numbered(2, number, size);

/** Sends frames with the numbers from `from` up to and without `to`. */
function send(queue: PacketQueue, from: number, to: number): void {
  for (let i = from; i < to; i++) expect(queue.write(frame(i))).toBe(1);
}

const upTo = (end: number): number[] => Array.from({ length: end }, (_, i) => i);

/** Names of the events, in the order in which they come. */
function eventsOf(stream: Duplex): string[] {
  const events: string[] = [];
  for (const name of ['end', 'finish', 'close']) stream.on(name, () => events.push(name));
  stream.on('error', (error: NodeJS.ErrnoException) => events.push(`error ${error.code}`));
  return events;
}

describeKernel.needs('tun')('toDuplex', () => {
  expectNoLeaks(async () => {
    await using _cable = await connectDevices();
  });

  test('a chunk is a frame, in both directions', async () => {
    await using cable = await connectDevices();
    const [a, b] = [cable.a.toDuplex(), cable.b.toDuplex()];
    const read: Uint8Array[] = [];
    b.on('data', (chunk) => read.push(chunk));
    for (const [i, size] of [60, 1514, 61].entries()) a.write(frame(i, size));
    await vi.waitFor(() => expect(read).toHaveLength(3));
    expect(read.map((chunk) => [numberOf(chunk), chunk.length])).toEqual([
      [0, 60],
      [1, 1514],
      [2, 61],
    ]);
    b.write(frame(3));
    expect(numberOf((await once(a, 'data'))[0])).toBe(3);
  });

  test('nothing is read before somebody wants it, and a slow consumer leaves frames in the kernel', async () => {
    await using cable = await connectDevices();
    send(cable.a, 0, 500);
    const stream = cable.b.toDuplex();
    await pause(20);
    expect(cable.b.stats.framesIn).toBe(0);
    const chunks = stream[Symbol.asyncIterator]();
    const got: number[] = [];
    const take = async (count: number) => {
      for (let i = 0; i < count; i++) got.push(numberOf((await chunks.next()).value));
    };
    await take(1);
    await pause(50);
    // Those that the stream holds, and at most one that it has just asked for.
    expect(cable.b.stats.framesIn).toBeGreaterThan(60);
    expect(cable.b.stats.framesIn).toBeLessThanOrEqual(66);
    await take(499);
    expect(got).toEqual(upTo(500));
  });

  test('highWaterMark says how many frames it holds', async () => {
    await using cable = await connectDevices();
    send(cable.a, 0, 100);
    const stream = cable.b.toDuplex({ highWaterMark: 4 });
    stream.once('readable', () => undefined);
    await pause(50);
    expect(cable.b.stats.framesIn).toBeGreaterThanOrEqual(4);
    expect(cable.b.stats.framesIn).toBeLessThanOrEqual(5);
  });

  test('what waits longer than the kernel has room for is dropped there, the newest first', async () => {
    await using cable = await connectDevices('Tap', 10);
    send(cable.a, 0, 100);
    const got: number[] = [];
    cable.b.toDuplex().on('data', (chunk) => got.push(numberOf(chunk)));
    await pause(50);
    expect(got.length).toBeGreaterThanOrEqual(10);
    expect(got.length).toBeLessThan(30);
    expect(got).toEqual(upTo(got.length));
  });

  test('pipeline forwards from one queue to another until the first is closed', async () => {
    await using left = await connectDevices();
    await using right = await connectDevices();
    const piped = pipeline(left.b.toDuplex(), right.a.toDuplex());
    const reader = right.b[Symbol.asyncIterator]();
    const got: number[] = [];
    for (const [from, to] of [
      [0, 300],
      [300, 600],
    ] as const) {
      send(left.a, from, to);
      while (got.length < to) got.push(numberOf((await reader.next()).value as Uint8Array));
    }
    expect(got).toEqual(upTo(600));
    await left.b.close();
    await piped;
    expect(right.a.closed).toBe(false);
  });

  test('two pipelines join two queues in both directions, until a signal closes them', async () => {
    await using left = await connectDevices();
    await using right = await connectDevices();
    const [one, other] = [left.b.toDuplex(), right.a.toDuplex()];
    const controller = new AbortController();
    const { signal } = controller;
    const joined = Promise.allSettled([pipeline(one, other, { signal }), pipeline(other, one, { signal })]);
    left.a.write(frame(1));
    expect(numberOf((await right.b[Symbol.asyncIterator]().next()).value as Uint8Array)).toBe(1);
    right.b.write(frame(2));
    expect(numberOf((await left.a[Symbol.asyncIterator]().next()).value as Uint8Array)).toBe(2);
    controller.abort();
    for (const result of await joined)
      expect(result).toMatchObject({ status: 'rejected', reason: { name: 'AbortError' } });
    await vi.waitFor(() => expect([left.b.closed, right.a.closed]).toEqual([true, true]));
  });

  test("destroying it closes the queue before 'close', and is no end", async () => {
    await using cable = await connectDevices();
    const stream = cable.b.toDuplex();
    const events = eventsOf(stream);
    stream.resume();
    await pause(10);
    stream.destroy();
    expect(cable.b.closed).toBe(true);
    await once(stream, 'close');
    const { netns } = cable.devices[1].link;
    expect(await ipLink(netns, 'end1')).toBeUndefined();
    await pause(10);
    expect(events).toEqual(['close']);
  });

  test('a deleted link destroys it with one ENODEV, whoever waits', async () => {
    await using cable = await connectDevices();
    const stream = cable.b.toDuplex();
    const events = eventsOf(stream);
    stream.resume();
    await pause(10);
    await cable.cut();
    stream.write(frame(1), () => undefined);
    await vi.waitFor(() => expect(events).toContain('close'));
    await pause(10);
    expect(events).toEqual(['error ENODEV', 'close']);
    expect(cable.b.closed).toBe(true);
  });

  test('pipeline rejects with what its source ended with, and closes both queues', async () => {
    await using left = await connectDevices();
    await using right = await connectDevices();
    const failed = expect(pipeline(left.b.toDuplex(), right.a.toDuplex())).rejects.toMatchObject({ code: 'ENODEV' });
    await pause(10);
    await left.cut();
    await failed;
    await vi.waitFor(() => expect([left.b.closed, right.a.closed]).toEqual([true, true]));
  });

  test('closing the queue ends the frames; what is written later is an error', async () => {
    await using cable = await connectDevices();
    const stream = cable.b.toDuplex();
    const events = eventsOf(stream);
    stream.resume();
    await pause(10);
    await cable.b.close();
    await vi.waitFor(() => expect(events).toEqual(['end']));
    stream.write(frame(1));
    await vi.waitFor(() => expect(events).toEqual(['end', 'error ERR_INVALID_STATE', 'close']));
  });

  test('ending what is written leaves reading to go on; with both ended, the queue is closed', async () => {
    await using cable = await connectDevices();
    const stream = cable.b.toDuplex();
    stream.end(frame(1));
    await once(stream, 'finish');
    expect(numberOf((await cable.a[Symbol.asyncIterator]().next()).value as Uint8Array)).toBe(1);
    send(cable.a, 2, 3);
    expect(numberOf((await once(stream, 'data'))[0])).toBe(2);
    expect(cable.b.closed).toBe(false);
    void cable.b.close();
    await once(stream, 'close');
  });

  test('a chunk that is no frame is an error of the stream', async () => {
    await using cable = await connectDevices();
    const stream = cable.b.toDuplex();
    const events = eventsOf(stream);
    stream.write('text');
    await vi.waitFor(() => expect(events).toEqual(['error ERR_INVALID_ARG_TYPE', 'close']));
  });
});

describeKernel.needs('tun')('the streams of the web', () => {
  expectNoLeaks(async () => {
    await using _cable = await connectDevices();
  });

  test('pipeTo forwards from one queue to another until the first is closed', async () => {
    await using left = await connectDevices();
    await using right = await connectDevices();
    const piped = left.b.readable.pipeTo(right.a.writable);
    send(left.a, 0, 200);
    const reader = right.b.readable.getReader();
    const got: number[] = [];
    while (got.length < 200) got.push(numberOf((await reader.read()).value as Uint8Array));
    expect(got).toEqual(upTo(200));
    await left.b.close();
    await piped;
    expect(right.a.write(frame(200))).toBe(1);
    expect(numberOf((await reader.read()).value as Uint8Array)).toBe(200);
  });

  test('a frame is read when it is asked for, and none ahead', async () => {
    await using cable = await connectDevices();
    send(cable.a, 0, 5);
    const reader = cable.b.readable.getReader();
    await pause(20);
    expect(cable.b.stats.framesIn).toBe(0);
    expect(numberOf((await reader.read()).value as Uint8Array)).toBe(0);
    await pause(20);
    expect(cable.b.stats.framesIn).toBe(1);
  });

  test('cancelling ends a read that waits and leaves the queue open, with a new stream', async () => {
    await using cable = await connectDevices();
    const { readable } = cable.b;
    expect(cable.b.readable).toBe(readable);
    const reader = readable.getReader();
    const pending = reader.read();
    await reader.cancel();
    expect(await pending).toEqual({ value: undefined, done: true });
    expect(cable.b.closed).toBe(false);
    send(cable.a, 0, 1);
    for await (const read of cable.b.readable) {
      expect(numberOf(read)).toBe(0);
      break;
    }
  });

  test('closing and aborting what is written leave the queue open, with a new stream', async () => {
    await using cable = await connectDevices();
    const first = cable.b.writable;
    expect(cable.b.writable).toBe(first);
    await first.close();
    await cable.b.writable.abort('enough');
    const writer = cable.b.writable.getWriter();
    await writer.write(frame(3));
    expect(numberOf((await cable.a[Symbol.asyncIterator]().next()).value as Uint8Array)).toBe(3);
  });

  test('a deleted link is the error of both', async () => {
    await using cable = await connectDevices();
    const pending = expect(cable.b.readable.getReader().read()).rejects.toMatchObject({ code: 'ENODEV' });
    await pause(10);
    await cable.cut();
    await pending;
    await expect(cable.b.writable.getWriter().write(frame(1))).rejects.toMatchObject({ code: 'ENODEV' });
  });

  test('closing the queue ends what is read', async () => {
    await using cable = await connectDevices();
    const pending = cable.b.readable.getReader().read();
    await cable.b.close();
    expect(await pending).toEqual({ value: undefined, done: true });
  });
});

describeKernel.needs('tun')('for await', () => {
  expectNoLeaks(async () => {
    await using _cable = await connectDevices();
  });

  test('what the loop does meanwhile holds the next frame back in the kernel', async () => {
    await using cable = await connectDevices();
    send(cable.a, 0, 100);
    const got: number[] = [];
    for await (const read of cable.b) {
      await pause(1);
      expect(cable.b.stats.framesIn).toBe(got.push(numberOf(read)));
      if (got.length === 20) break;
    }
    for await (const read of cable.b) if (got.push(numberOf(read)) === 100) break;
    expect(got).toEqual(upTo(100));
  });

  test('an error thrown in the loop leaves the queue open', async () => {
    await using cable = await connectDevices();
    send(cable.a, 0, 2);
    const loop = (async () => {
      for await (const _read of cable.b) throw new Error('mine');
    })();
    await expect(loop).rejects.toThrow('mine');
    expect(numberOf((await cable.b[Symbol.asyncIterator]().next()).value as Uint8Array)).toBe(1);
  });
});

describeKernel('a stream over a packet socket', () => {
  expectNoLeaks(async () => {
    (await openPacketSocket('lo'))[Symbol.dispose]();
  });

  test('a qdisc that is full holds it back: nothing is lost, and it is tried again now and then', () =>
    withWire(async ({ host, here, near, far }) => {
      await command(here, 'tc qdisc add dev near root tbf rate 8mbit burst 2kb limit 3kb');
      const before = await received(host);
      const queue = await openPacketSocket(near);
      const stream = queue.toDuplex();
      const write = vi.spyOn(queue, 'write');
      const began = performance.now();
      const frames = Array.from({ length: 400 }, () => frameOf(1000, { to: String(far.mac).replaceAll(':', '') }));
      for (const one of frames) if (!stream.write(one)) await once(stream, 'drain');
      await vi.waitFor(async () => expect((await received(host)) - before).toBe(400), 5_000);
      expect(write.mock.calls.length).toBeLessThan(400 + 2 * (performance.now() - began));
      stream.destroy();
      await once(stream, 'close');
    }));
});

/** Frames that have arrived at the far end. */
async function received(host: Netns): Promise<number> {
  const [link] = JSON.parse(await inside(host, 'ip', '-j', '-s', 'link', 'show', 'far'));
  return link.stats64.rx.packets;
}
