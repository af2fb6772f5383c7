import { EventEmitter } from 'node:events';
import {
  addAddress,
  createIfb,
  createMacvlan,
  createNetns,
  createVeth,
  deleteNetns,
  getLink,
  listLinks,
  listNetns,
  type Netns,
} from 'netloom';
import * as sync from 'netloom/sync';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { type Failure, failure, seenAddresses, seenNames, seenNetns } from './witness.ts';

const sleep = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The event loop goes on for so many turns. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise(setImmediate);
}

describeKernel('an aborted call', () => {
  expectNoLeaks(async () => {
    await listLinks();
    await deleteNetns(await createNetns('first'));
  });

  let near: Netns;
  let far: Netns;
  beforeEach(async () => {
    [near, far] = await Promise.all([createNetns(), createNetns()]);
  });
  afterEach(() => {
    near.close();
    far.close();
  });

  test('before it began rejects with an AbortError, and does nothing', async () => {
    const signal = AbortSignal.abort();
    const error = await failure(createVeth({ name: 'a', netns: near, peer: { name: 'b' } }, { signal }));
    expect(error).toMatchObject({ name: 'AbortError' });
    expect(await failure(createNetns('never', { signal }))).toMatchObject({ name: 'AbortError' });
    expect(await failure(getLink('lo', { signal }))).toMatchObject({ name: 'AbortError' });
    await turns(10);
    expect(seenNames(near)).toEqual([]);
    expect(seenNetns()).toEqual([]);
  });

  test('before it began throws the same from the synchronous flavour', () => {
    const signal = AbortSignal.abort();
    expect(() => sync.createVeth({ name: 'a', netns: near, peer: { name: 'b' } }, { signal })).toThrow(
      expect.objectContaining({ name: 'AbortError' }),
    );
    expect(seenNames(near)).toEqual([]);
  });

  test('rejects at once, without waiting for the kernel', async () => {
    const controller = new AbortController();
    const call = failure(createVeth({ name: 'a', netns: near, peer: { name: 'b' } }, { signal: controller.signal }));
    controller.abort();
    let settled = false;
    void call.then(() => {
      settled = true;
    });
    await Promise.resolve().then(() => undefined);
    await turns(0);
    await Promise.race([call, new Promise(process.nextTick)]);
    expect(settled).toBe(true);
    await expect.poll(() => seenNames(near)).toEqual([]);
  });

  test('in the turn in which it was made never reaches the kernel', async () => {
    const controller = new AbortController();
    const calls = [1, 2, 3].map((i) =>
      failure(createVeth({ name: `a${i}`, netns: near, peer: { name: `b${i}` } }, { signal: controller.signal })),
    );
    const other = createVeth({ name: 'stays', netns: near, peer: { name: 'here' } });
    controller.abort();
    for (const error of await Promise.all(calls)) expect(error).toMatchObject({ name: 'AbortError' });
    await other;
    // Indexes are given in order: 1 is lo, and the pair that stays has the next two.
    const indexes = (await listLinks({ netns: near })).map(({ index }) => index);
    expect(indexes).toEqual([1, 2, 3]);
  });

  test('tells why: the reason of the signal', async () => {
    const controller = new AbortController();
    const call = failure(createVeth({ name: 'a', netns: near, peer: { name: 'b' } }, { signal: controller.signal }));
    const reason = new Error('the user has left');
    controller.abort(reason);
    expect(await call).toMatchObject({ name: 'AbortError', cause: reason });
    await expect.poll(() => seenNames(near)).toEqual([]);
  });

  /** Moments from at once to after the end, in steps that hit every wait of a call. */
  const MOMENTS = Array.from({ length: 60 }, (_, i) => i);

  test('at any moment leaves both ends of a veth pair, or none', async () => {
    let aborted = 0;
    for (const moment of MOMENTS) {
      const controller = new AbortController();
      const call = createVeth(
        {
          name: 'a',
          netns: near,
          up: true,
          addresses: ['10.0.0.1/24'],
          altNames: ['near-end'],
          addrGenMode: 'none',
          peer: { name: 'b', netns: far, up: true, addresses: ['10.0.0.2/24'], addrGenMode: 'none' },
        },
        { signal: controller.signal },
      ).catch((error: Failure) => error);
      if (moment < 20) await turns(moment);
      else await sleep((moment - 20) / 10);
      controller.abort();
      const result = await call;
      if (result instanceof Error) {
        expect(result.name).toBe('AbortError');
        aborted++;
        await expect.poll(async () => (await listLinks({ netns: near })).length, { interval: 2 }).toBe(1);
        await expect.poll(async () => (await listLinks({ netns: far })).length, { interval: 2 }).toBe(1);
      } else {
        expect(seenNames(near)).toEqual(['a']);
        await sync.deleteLink(result[0]);
      }
    }
    expect(aborted).toBeGreaterThan(10);
    expect([seenNames(near), seenNames(far)]).toEqual([[], []]);
  });

  const makeVeth = (signal: AbortSignal): Promise<unknown> =>
    createVeth(
      {
        name: 'a',
        netns: near,
        up: true,
        addresses: ['10.0.0.1/24'],
        addrGenMode: 'none',
        peer: { name: 'b', netns: far, up: true, addresses: ['10.0.0.2/24'], addrGenMode: 'none' },
      },
      { signal },
    );
  const makeMacvlan = async (signal: AbortSignal): Promise<unknown> =>
    createMacvlan({ name: 'a', parent: await getLink('parent', { netns: near }), netns: far, alias: 'x' }, { signal });

  /** The exchanges of each call. A veth: make and read, finish, finish the peer, read. */
  const WAITS = [
    ...[1, 2, 3, 4].map((wait) => ['a veth pair', makeVeth, wait] as const),
    // To find the parent, make, read there, finish there.
    ...[2, 3, 4].map((wait) => ['a macvlan away from its parent', makeMacvlan, wait] as const),
  ];

  test.each(WAITS.flatMap((wait) => [[...wait, 'sent'] as const, [...wait, 'waiting to be sent'] as const]))(
    '$0: exchange $2 $3, leaves nothing behind',
    async (_, make, wait, state) => {
      await createIfb({ name: 'parent', netns: near });
      const controller = new AbortController();
      let waits = 0;
      const restore = [near, far].map(({ sockets }) => {
        const enqueue = sockets.enqueue.bind(sockets);
        sockets.enqueue = (requests, waiting) => {
          // What waits goes out at the end of the turn.
          if (++waits === wait) {
            if (state === 'sent') setImmediate(() => controller.abort());
            else queueMicrotask(() => controller.abort());
          }
          return enqueue(requests, waiting);
        };
        return () => {
          sockets.enqueue = enqueue;
        };
      });
      const error = await failure(make(controller.signal));
      for (const undo of restore) undo();
      expect(error).toMatchObject({ name: 'AbortError' });
      expect(waits).toBeGreaterThanOrEqual(wait);
      // What is under way goes on for a while after the caller has been told.
      await sleep(30);
      await expect.poll(() => [seenNames(near), seenNames(far)], { interval: 5 }).toEqual([['parent'], []]);
    },
  );

  test('of a namespace that is closed at once puts no link into one that gets its descriptor', async () => {
    for (let i = 0; i < 30; i++) {
      const [one, two] = await Promise.all([createNetns(), createNetns()]);
      const call = failure(createVeth({ name: 'a', netns: one, peer: { name: 'b', netns: two } }));
      // The request is on its way to the kernel, with the number of the descriptor in it.
      await new Promise(process.nextTick);
      const number = two.fd;
      two.close();
      using next = sync.createNetns();
      expect(next.fd).not.toBe(number);
      await Promise.race([call, sleep(20)]);
      expect(seenNames(next)).toEqual([]);
      one.close();
    }
  });

  test('at any moment leaves no name and no descriptor of a namespace', async () => {
    let aborted = 0;
    for (const moment of MOMENTS) {
      const controller = new AbortController();
      const call = createNetns(`blue${moment}`, { signal: controller.signal }).catch((error: Failure) => error);
      if (moment < 20) await turns(moment);
      else await sleep((moment - 20) / 20);
      controller.abort();
      const result = await call;
      if (result instanceof Error) {
        expect(result.name).toBe('AbortError');
        aborted++;
      } else {
        await deleteNetns(result);
      }
    }
    expect(aborted).toBeGreaterThan(0);
    // What was under way when its call was aborted comes to its end first, and is taken back then.
    await sleep(200);
    await expect.poll(listNetns).toEqual([]);
    // Descriptors are what the leak check at the end of this file counts.
  });

  test('among many of one batch does not touch the others', async () => {
    const [link] = await createVeth({ name: 'a', netns: near, peer: { name: 'b' } });
    const controllers = Array.from({ length: 20 }, () => new AbortController());
    const calls = controllers.map(({ signal }, i) => addAddress(link, `10.0.0.${i + 1}/24`, { signal }));
    const results = Promise.allSettled(calls);
    for (const controller of controllers.filter((_, i) => i % 2 === 1)) controller.abort();
    expect((await results).map(({ status }) => status)).toEqual(
      controllers.map((_, i) => (i % 2 === 1 ? 'rejected' : 'fulfilled')),
    );
    expect(seenAddresses(near, 'a').sort()).toEqual(
      controllers.flatMap((_, i) => (i % 2 === 1 ? [] : [`10.0.0.${i + 1}/24`])).sort(),
    );
  });

  test('after its end changes nothing, and the signal keeps no listener', async () => {
    const controller = new AbortController();
    await createVeth({ name: 'a', netns: near, peer: { name: 'b' } }, { signal: controller.signal });
    await failure(getLink('nobody', { netns: near, signal: controller.signal }));
    expect(EventEmitter.getEventListeners(controller.signal, 'abort')).toEqual([]);
    controller.abort();
    await turns(5);
    expect(seenNames(near).sort()).toEqual(['a', 'b']);
  });
});
