/** What travels together, in what order, and what becomes of it. Most of it without a kernel. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { NetlinkSocket } from '../../lib/native/binding.js';
import { native } from '../../lib/native/load.js';
import { exchange, request } from '../../lib/netlink/request.js';
import { Sockets } from '../../lib/netlink/sockets.js';
import { currentNetns, type Netns } from '../../lib/netns/netns.js';
import { type CallOptions, call, type Operation, perform } from '../../lib/operation.js';
import { getLink, listLinks } from '../../lib/rtnetlink/link/find.js';
import { setLink } from '../../lib/rtnetlink/link/set.js';
import { ack, done, get, list, MULTI, set, thing } from './answers.js';

const GET = 101;
const NOOP = 1;
const DUMP = 0x300;
// In what an exchange returns: another call receives the rest.
const UNFINISHED = 1;

interface Heard {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly index: number;
}

function heard(bytes: Uint8Array, length: number): Heard[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const found: Heard[] = [];
  for (let at = 0; at < length; at += view.getUint32(at, true)) {
    const sequence = view.getUint32(at + 8, true);
    const index = view.getUint32(at + 16, true);
    found.push({ type: view.getUint16(at + 4, true), flags: view.getUint16(at + 6, true), sequence, index });
  }
  return found;
}

/** Answers each get with its index, each list with 1 and 2, everything else with an ack. */
const answer = ({ type, flags, sequence, index }: Heard): number[] => {
  if (type === NOOP || type !== GET) return ack(sequence);
  if ((flags & DUMP) === DUMP) return [...thing(sequence, 1, MULTI), ...thing(sequence, 2, MULTI), ...done(sequence)];
  return thing(sequence, index);
};

/** A kernel whose sendmsg ends when the test says so. */
class Kernel {
  readonly sent: Heard[][] = [];
  reply: (message: Heard) => number[] = answer;
  /** What another call receives of the next answer. */
  rest: number[] = [];
  opened = 0;
  closed = 0;
  #waiting: (() => void)[] = [];
  #held = false;

  /** From now on nothing is answered before `release`. */
  hold(): void {
    this.#held = true;
  }
  release(): void {
    this.#held = false;
    for (const go of this.#waiting.splice(0)) go();
  }

  open(): NetlinkSocket {
    this.opened++;
    const take = (send: Uint8Array | null, length: number, receive: Uint8Array): number => {
      if (send === null) {
        receive.set(this.rest);
        return this.rest.splice(0).length;
      }
      const messages = heard(send, length);
      this.sent.push(messages);
      const bytes = messages.flatMap((one) => this.reply(one));
      receive.set(bytes);
      return bytes.length + (this.rest.length > 0 ? UNFINISHED : 0);
    };
    return {
      close: () => {
        this.closed++;
      },
      exchange: take,
      exchangeAsync: async (send, length, receive) => {
        const size = take(send, length, receive);
        if (this.#held) await new Promise<void>((resolve) => this.#waiting.push(resolve));
        else await new Promise((resolve) => setImmediate(resolve));
        return size;
      },
    };
  }
}

let kernel: Kernel;
let netns: Netns;
let open = true;

beforeEach(() => {
  kernel = new Kernel();
  open = true;
  vi.spyOn(native, 'openNetlink').mockImplementation(() => kernel.open());
  const descriptor = () => {
    if (!open) throw new Error('closed');
    return 7;
  };
  netns = { sockets: new Sockets({ descriptor, label: 'lab' }) } as unknown as Netns;
});
afterEach(() => vi.restoreAllMocks());

const ask = call('ask', {}, function* (index: number, _options: CallOptions = {}): Operation<number> {
  return (yield* request(netns, get(index)))[0] as number;
});
const change = call('change', {}, function* (name?: string, _options: CallOptions = {}): Operation<void> {
  yield* request(netns, set({ name: name ?? 'a' }));
});
const all = call('all', {}, function* (): Operation<number[]> {
  return yield* request(netns, list());
});
const unreadable = call('unreadable', {}, function* (): Operation<void> {
  const decode = (): never => {
    throw new Error('undecodable');
  };
  yield* request(netns, { ...get(1), decode });
});
const make = call('make', {}, function* (_options: CallOptions = {}): Operation<void> {
  function* undo(): Operation<void> {
    yield* request(netns, set({ name: 'undo' }, 'X_UNDO'));
  }
  yield* perform(exchange(netns, [set()], undo));
});
const soon = () => new Promise((resolve) => setTimeout(resolve, 5));
const indices = () => kernel.sent.map((messages) => messages.map(({ index }) => index));

describe('calls of one turn', () => {
  test('travel in one sendmsg, in their order, and each has its own result', async () => {
    expect(await Promise.all([ask(1), ask(2), ask(3)])).toEqual([1, 2, 3]);
    expect(indices()).toEqual([[1, 2, 3]]);
  });

  test('travel with those that are made in promise jobs of the same turn', async () => {
    const later = Promise.resolve().then(() => ask(2));
    expect(await Promise.all([ask(1), later])).toEqual([1, 2]);
    expect(indices()).toEqual([[1, 2]]);
  });

  test('that wait for an exchange under way go together in the next', async () => {
    kernel.hold();
    const first = ask(1);
    await soon();
    const others = [ask(2), ask(3)];
    await soon();
    expect(indices()).toEqual([[1]]);
    kernel.release();
    expect(await Promise.all([first, ...others])).toEqual([1, 2, 3]);
    expect(indices()).toEqual([[1], [2, 3]]);
  });

  test('go on together after their answers', async () => {
    const twice = async (index: number) => [await ask(index), await ask(index + 10)];
    expect(await Promise.all([twice(1), twice(2)])).toEqual([
      [1, 11],
      [2, 12],
    ]);
    expect(indices()).toEqual([
      [1, 2],
      [11, 12],
    ]);
  });

  test('are numbered so that no number is used twice', async () => {
    await Promise.all([ask(1), ask(2)]);
    await ask(3);
    const sequences = kernel.sent.flat().map(({ sequence }) => sequence);
    expect(new Set(sequences).size).toBe(3);
    expect([...sequences].sort((a, b) => a - b)).toEqual(sequences);
  });

  test('are not touched by one whose input is bad', async () => {
    const results = await Promise.allSettled([ask(1), change('far too long'), ask(3)]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(results[1]).toMatchObject({
      reason: { message: 'change: name "far too long" is 12 bytes; the kernel allows 7 (SIZE)' },
    });
    expect(indices()).toEqual([[1, 3]]);
  });

  test('are not touched by one that the kernel refuses', async () => {
    kernel.reply = (one) => (one.index === 2 ? ack(one.sequence, -19) : answer(one));
    const results = await Promise.allSettled([ask(1), ask(2), ask(3)]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(results[1]).toMatchObject({ reason: { code: 'ENODEV', syscall: 'X_GET', netns: 'lab' } });
  });

  test('are split where one sendmsg would hold too much', async () => {
    const many = Array.from({ length: 10_000 }, (_, index) => index);
    expect(await Promise.all(many.map((index) => ask(index)))).toEqual(many);
    expect(indices().flat()).toEqual(many);
    expect(kernel.sent.length).toBeGreaterThan(1);
    expect(Math.max(...kernel.sent.map(({ length }) => length)) * 20).toBeLessThanOrEqual(64 * 1024 + 20);
  });
});

describe('more than fits into one batch', () => {
  // More than the numbers that a batch keeps for what may still join it.
  const many = Array.from({ length: 10_000 }, (_, index) => get(index));
  const askMany = call('askMany', {}, function* (_options: CallOptions = {}): Operation<number> {
    return (yield* perform(exchange(netns, many))).length;
  });

  test('asked together is numbered so that no number is used twice', async () => {
    kernel.hold();
    const results = [ask(1), askMany(), ask(2), askMany(), ask(3)];
    await soon();
    kernel.release();
    expect(await Promise.all(results)).toEqual([1, 10_000, 2, 10_000, 3]);
    const sequences = kernel.sent.flat().map(({ sequence }) => sequence);
    expect(new Set(sequences).size).toBe(20_003);
  });
});

test('nothing to ask is a mistake of the caller, rather than a wait without end', async () => {
  const askNothing = call('askNothing', {}, function* (_options: CallOptions = {}): Operation<void> {
    yield* perform(exchange(netns, []));
  });
  await expect(askNothing()).rejects.toThrow('there is nothing to send');
  expect(() => askNothing.sync()).toThrow('there is nothing to send');
});

describe('answers', () => {
  test('of lists come with all their pieces', async () => {
    expect(await Promise.all([all(), ask(7)])).toEqual([[1, 2], 7]);
  });

  test('to requests that nobody waits for are passed over', async () => {
    kernel.reply = (one) => [...thing(one.sequence + 5, 99), ...ack(one.sequence - 1, -17), ...answer(one)];
    expect(await ask(7)).toBe(7);
  });

  test('that do not come end in the errno of the exchange', async () => {
    kernel.reply = () => [];
    await expect(ask(1)).rejects.toMatchObject({ name: 'NetlinkError', syscall: 'sendmsg (X_GET)' });
  });

  test('that cannot be decoded reject that request, and the next goes well', async () => {
    await expect(unreadable()).rejects.toThrow('undecodable');
    expect(await ask(2)).toBe(2);
    expect(unreadable.sync).toThrow('undecodable');
    expect(ask.sync(2)).toBe(2);
  });

  // As long as something waits on a socket, the kernel refuses another list there.
  test('that cannot be decoded are received to the last', async () => {
    kernel.rest = done(1);
    await expect(unreadable()).rejects.toThrow('undecodable');
    expect(kernel.rest).toEqual([]);
    kernel.rest = done(1);
    expect(unreadable.sync).toThrow('undecodable');
    expect(kernel.rest).toEqual([]);
  });
});

describe('the synchronous flavour', () => {
  test('gives the same, on a socket of its own', async () => {
    expect([ask.sync(1), all.sync(), await ask(1), await all()]).toEqual([1, [1, 2], 1, [1, 2]]);
    expect(kernel.opened).toBe(2);
  });

  test('throws the same', async () => {
    kernel.reply = ({ sequence }) => ack(sequence, -17);
    const thrown = (() => {
      try {
        return change.sync();
      } catch (error) {
        return error;
      }
    })() as Error;
    const rejected = await change().catch((error: unknown) => error as Error);
    expect(thrown).toEqual(rejected);
    expect(thrown.message).toBe("change: EEXIST: file already exists, X_SET 'thing' in namespace lab");
  });

  test('does not wait for what is under way in the other', async () => {
    kernel.hold();
    const slow = ask(1);
    await soon();
    expect(ask.sync(2)).toBe(2);
    kernel.release();
    expect(await slow).toBe(1);
  });
});

describe('a call that is aborted', () => {
  test('before it is sent never reaches the kernel as what it was', async () => {
    const controller = new AbortController();
    const others = [ask(1)];
    const aborted = make({ signal: controller.signal });
    others.push(ask(3));
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    expect(await Promise.all(others)).toEqual([1, 3]);
    await soon();
    expect(kernel.sent.map((messages) => messages.map(({ type }) => type))).toEqual([[GET, NOOP, GET]]);
  });

  test('in flight rejects at once, and takes back what was made', async () => {
    kernel.hold();
    const controller = new AbortController();
    const aborted = make({ signal: controller.signal });
    await soon();
    expect(kernel.sent).toHaveLength(1);
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    expect(kernel.sent).toHaveLength(1);
    kernel.release();
    await soon();
    expect(kernel.sent).toHaveLength(2);
  });

  test('leaves the socket good for the next', async () => {
    kernel.hold();
    const controller = new AbortController();
    const aborted = ask(1, { signal: controller.signal });
    await soon();
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    const next = ask(2);
    kernel.release();
    expect(await next).toBe(2);
    expect(kernel.opened).toBe(1);
  });
});

describe('a namespace that is closed', () => {
  test('takes no more requests, in neither flavour', async () => {
    await ask(1);
    ask.sync(1);
    netns.sockets.close();
    open = false;
    await expect(ask(2)).rejects.toThrow('closed');
    expect(() => ask.sync(2)).toThrow('closed');
    expect(kernel.closed).toBe(2);
  });

  test('refuses what still waits', async () => {
    const waiting = ask(1);
    netns.sockets.close();
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_INVALID_STATE', message: 'ask: namespace lab is closed' });
  });
});

describe('the kernel itself', () => {
  let exchanges = 0;
  beforeEach(() => {
    vi.restoreAllMocks();
    exchanges = 0;
    const openNetlink = native.openNetlink.bind(native);
    vi.spyOn(native, 'openNetlink').mockImplementation((options) => {
      const socket = openNetlink(options);
      return {
        close: () => socket.close(),
        exchange: (...args) => socket.exchange(...args),
        exchangeAsync(...args) {
          exchanges++;
          return socket.exchangeAsync(...args);
        },
      };
    });
    netns = { sockets: new Sockets({ descriptor: () => -1, label: 'own' }) } as unknown as Netns;
    Object.defineProperty(currentNetns(), 'sockets', { value: netns.sockets, configurable: true });
  });
  afterEach(() => netns.sockets.close());

  test('answers a hundred gets of one turn, one exchange for all of them', async () => {
    const links = await Promise.all(Array.from({ length: 100 }, () => getLink('lo')));
    expect(new Set(links.map(({ index, name, type }) => `${index} ${name} ${type}`))).toEqual(
      new Set(['1 lo loopback']),
    );
    expect(exchanges).toBe(1);
  });

  test('answers gets, lists and refusals that travel together', async () => {
    const results = await Promise.allSettled([getLink(1), getLink('no-such-link'), listLinks(), getLink('lo')]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect(results[1]).toMatchObject({ reason: { code: 'ENODEV', syscall: 'RTM_GETLINK', link: 'no-such-link' } });
    expect(results[2]).toMatchObject({ value: expect.arrayContaining([expect.objectContaining({ name: 'lo' })]) });
  });

  test('says the same in both flavours', async () => {
    expect(getLink.sync('lo', { stats: false })).toEqual(await getLink('lo'));
    expect(listLinks.sync()).toEqual(await listLinks());
    await expect(getLink('no-such-link')).rejects.toThrow(
      "getLink: ENODEV: no such device, RTM_GETLINK 'no-such-link'",
    );
    expect(() => getLink.sync('no-such-link')).toThrow("getLink: ENODEV: no such device, RTM_GETLINK 'no-such-link'");
  });

  test('acks a request that was withdrawn, and does nothing else', async () => {
    const controller = new AbortController();
    const { alias } = await getLink('lo');
    const aborted = setLink(1, { alias: 'withdrawn' }, { signal: controller.signal });
    const other = getLink('lo');
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    expect((await other).name).toBe('lo');
    expect((await getLink('lo')).alias).toBe(alias);
  });
});
