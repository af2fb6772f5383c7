import { afterEach, expect, test, vi } from 'vitest';
import type { PacketQueueHandle } from '../../lib/native/packet-binding.js';
import type { QueueDevice } from '../../lib/packet/outcome.js';
import { PacketQueue } from '../../lib/packet/queue.js';
import { checkSpec, type TapSpec } from '../../lib/packet/spec.js';

test.each<[mode: 'tun' | 'tap', spec: object, code: string, message: RegExp]>([
  ['tap', { name: 'sixteen-bytes-xx' }, 'ERR_INVALID_ARG_VALUE', /is 16 bytes; the kernel allows 15/],
  ['tap', { name: 'a/b' }, 'ERR_INVALID_ARG_VALUE', /must not contain "\/"/],
  ['tap', { name: 'a%db%d' }, 'ERR_INVALID_ARG_VALUE', /"a%db%d" may have one '%d'/],
  ['tap', { name: 'a%s' }, 'ERR_INVALID_ARG_VALUE', /may have one '%d'/],
  ['tap', { name: '' }, 'ERR_INVALID_ARG_VALUE', /must not be empty/],
  ['tap', { name: 7 }, 'ERR_INVALID_ARG_TYPE', /must be a string; received 7/],
  ['tap', { mac: '01:00:00:00:00:00' }, 'ERR_INVALID_ARG_VALUE', /multicast/],
  ['tap', { mtu: 65522 }, 'ERR_OUT_OF_RANGE', /68 to 65521 bytes/],
  ['tap', { queues: 0 }, 'ERR_OUT_OF_RANGE', /1 to 256/],
  ['tap', { queues: 257 }, 'ERR_OUT_OF_RANGE', /1 to 256/],
  ['tap', { queues: 1.5 }, 'ERR_OUT_OF_RANGE', /1 to 256/],
  ['tap', { persist: 'yes' }, 'ERR_INVALID_ARG_TYPE', /true or false/],
  ['tap', { owner: -1 }, 'ERR_OUT_OF_RANGE', /owner/],
  ['tap', { ownerGroup: 'users' }, 'ERR_INVALID_ARG_TYPE', /ownerGroup/],
  ['tap', { signal: null }, 'ERR_INVALID_ARG_VALUE', /signal null goes into the options, behind the spec/],
  ['tap', { adresses: [] }, 'ERR_INVALID_ARG_VALUE', /adresses an array of 0 is no option of a TAP/],
  ['tun', { mac: '02:00:00:00:00:01' }, 'ERR_INVALID_ARG_VALUE', /IP packets without a link-layer header/],
  ['tun', { bridgePort: {} }, 'ERR_INVALID_ARG_VALUE', /no option of a TUN/],
  ['tun', { mtu: 65536 }, 'ERR_OUT_OF_RANGE', /68 to 65535 bytes/],
  ['tun', null as unknown as object, 'ERR_INVALID_ARG_TYPE', /must be an object/],
])('a %s with %j is refused', (mode, spec, code, message) => {
  expect(() => checkSpec(mode, spec as TapSpec)).toThrow(
    expect.objectContaining({ code, message: expect.stringMatching(message) }),
  );
});

test.each<['tun' | 'tap', TapSpec]>([
  ['tap', {}],
  ['tap', { name: 'tap%d', queues: 256, owner: 0, ownerGroup: 0, mtu: 65521, persist: false }],
  ['tap', { name: 'fifteen-bytes-x' }],
  ['tun', { mtu: 65535, up: undefined, mac: undefined }],
])('a %s with %j is fine', (mode, spec) => {
  expect(() => checkSpec(mode, spec)).not.toThrow();
});

afterEach(() => {
  vi.useRealTimers();
});

const unexpected = (): never => {
  throw new Error('not part of the script');
};

/** What these tests do not use of a queue. */
const unused = {
  writeParts: unexpected,
  readBatch: unexpected,
  writeBatch: unexpected,
  drain: unexpected,
  cancelDrain: unexpected,
  startFlow: unexpected,
  stopFlow: unexpected,
  keepAlive: unexpected,
  reserve: unexpected,
  release: unexpected,
};

/** A queue over a script: what each read gives (bytes of a frame, or a negative errno). */
const scripted = (...reads: (number[] | number)[]) => scriptedDevice({ name: 'tap0', layer: 2 }, reads);

function scriptedDevice(
  device: QueueDevice,
  reads: (number[] | number)[] = [],
  others: Partial<PacketQueueHandle> = {},
) {
  let readable: ((status: number) => void) | undefined;
  let fd = 5;
  const log: string[] = [];
  let dropped = 0;
  const handle: PacketQueueHandle = {
    ...unused,
    get fd() {
      return fd;
    },
    read(buffer) {
      const next = reads.shift() ?? -11;
      if (typeof next === 'number') return next;
      buffer.set(next);
      return next.length;
    },
    write() {
      dropped++;
      return -11;
    },
    stats(into) {
      into[4] = dropped;
    },
    wait(callback) {
      log.push('wait');
      readable = callback;
      return 0;
    },
    cancelWait() {
      readable = undefined;
    },
    close() {
      fd = -1;
    },
    closeAsync() {
      fd = -1;
      return Promise.resolve();
    },
    ...others,
  };
  const queue = new PacketQueue(handle, device);
  return { queue, log, reads, wake: (status = 0) => readable?.(status) };
}

test('frames are copied out, in order, one to each reader', async () => {
  const { queue } = scripted([1, 2], [3]);
  const [one, two] = [queue[Symbol.asyncIterator](), queue[Symbol.asyncIterator]()];
  const frames = await Promise.all([one.next(), two.next()]);
  expect(frames.map(({ value }) => [...(value as Uint8Array)])).toEqual([[1, 2], [3]]);
});

test('nothing is read before it is asked for, and one wait serves all readers', async () => {
  const { queue, log, reads, wake } = scripted(-11, [1], [2], [3]);
  const reader = queue[Symbol.asyncIterator]();
  const pending = [reader.next(), reader.next()];
  expect(log).toEqual(['wait']);
  wake();
  expect((await Promise.all(pending)).map(({ value }) => value?.[0])).toEqual([1, 2]);
  expect(reads).toEqual([[3]]);
});

test('after 64 frames in one turn it waits for the next', async () => {
  const { queue, log, wake } = scripted(...Array.from({ length: 100 }, (_, i) => [i]));
  const reader = queue[Symbol.asyncIterator]();
  for (let i = 0; i < 64; i++) expect((await reader.next()).value?.[0]).toBe(i);
  expect(log).toEqual([]);
  const next = reader.next();
  expect(log).toEqual(['wait']);
  wake();
  expect((await next).value?.[0]).toBe(64);
});

test('an error in poll that reading does not show ends the loop too', async () => {
  const { queue, log, wake } = scripted(-11, -11);
  const reader = queue[Symbol.asyncIterator]();
  const pending = reader.next();
  wake(-9);
  await expect(pending).rejects.toMatchObject({ code: 'ENODEV' });
  expect(await reader.next()).toEqual({ value: undefined, done: true });
  expect(log).toEqual(['wait']);
});

test('a wait for room that could not begin is tried again by the next call', async () => {
  const answers = [-12, 0];
  let tell = (_status: number): void => {};
  const drain: PacketQueueHandle['drain'] = (writable) => {
    tell = writable;
    return answers.shift() as number;
  };
  const { queue } = scriptedDevice({ name: 'tap0', layer: 2 }, [], { drain });
  await expect(queue.drained()).rejects.toMatchObject({ code: 'ENOMEM' });
  const drained = queue.drained();
  tell(0);
  expect(await drained).toBeUndefined();
});

test('a frame that fills the buffer is not passed off as whole', async () => {
  const { queue } = scripted(Array.from({ length: 66 * 1024 }, () => 0));
  await expect(queue[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'EMSGSIZE' });
});

test('a full queue of the kernel takes nothing, and counts', () => {
  const { queue } = scripted();
  expect(queue.write(new Uint8Array(60))).toBe(0);
  expect(queue.stats).toMatchObject({ framesOut: 0, dropped: 1 });
});

test('closing ends pending reads, twice is once', async () => {
  const { queue } = scripted(-11);
  const pending = queue[Symbol.asyncIterator]().next();
  const closing = queue.close();
  expect(queue.close()).toBe(closing);
  expect(await pending).toEqual({ value: undefined, done: true });
  expect(queue.closed).toBe(true);
});

/** A device whose descriptor does not tell that its link was deleted, with the answers of who is asked. */
function probed(...answers: (() => Promise<boolean>)[]) {
  vi.useFakeTimers();
  const isGone = vi.fn(() => (answers.shift() ?? (() => Promise.resolve(false)))());
  return { ...scriptedDevice({ name: 'macvtap0', layer: 2, isGone }), isGone };
}

test('whether the link is gone is asked each second while a read waits', async () => {
  const { queue, isGone } = probed();
  const pending = queue[Symbol.asyncIterator]().next();
  await vi.advanceTimersByTimeAsync(3500);
  expect(isGone).toHaveBeenCalledTimes(3);
  await queue.close();
  await pending;
  await vi.advanceTimersByTimeAsync(3500);
  expect(isGone).toHaveBeenCalledTimes(3);
  expect(vi.getTimerCount()).toBe(0);
});

test('it is not asked again before there is an answer', async () => {
  let answer: (gone: boolean) => void = () => {};
  const late = new Promise<boolean>((resolve) => {
    answer = resolve;
  });
  const { queue, isGone } = probed(() => late);
  const pending = queue[Symbol.asyncIterator]().next();
  const failed = expect(pending).rejects.toMatchObject({ code: 'ENODEV' });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(isGone).toHaveBeenCalledTimes(1);
  answer(true);
  await failed;
});

test('a question that fails is asked again', async () => {
  const { queue, isGone } = probed(
    () => Promise.reject(new Error('no thread')),
    () => Promise.resolve(true),
  );
  const failed = expect(queue[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'ENODEV' });
  await vi.advanceTimersByTimeAsync(2500);
  await failed;
  expect(isGone).toHaveBeenCalledTimes(2);
});

test('that the link is gone is not lost where nobody reads just then', async () => {
  let answer: (gone: boolean) => void = () => {};
  const late = new Promise<boolean>((resolve) => {
    answer = resolve;
  });
  const { queue } = probed(
    () => late,
    () => Promise.resolve(true),
  );
  const reader = queue[Symbol.asyncIterator]();
  const left = reader.next();
  await vi.advanceTimersByTimeAsync(1000);
  await reader.return?.();
  expect(await left).toEqual({ value: undefined, done: true });
  answer(true);
  await vi.advanceTimersByTimeAsync(0);
  const failed = expect(queue[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'ENODEV' });
  await vi.advanceTimersByTimeAsync(1000);
  await failed;
});
