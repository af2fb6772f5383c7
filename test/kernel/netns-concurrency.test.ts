import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readlinkSync } from 'node:fs';
import { promisify } from 'node:util';
import { createNetns, createVeth, deleteNetns, listLinks, listNetns, openNetns } from 'netloom';
import { afterEach, expect, test } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { keepRunning, seenNetns } from './witness.ts';

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Threads of this process, and those of them that are in another network namespace than the main thread. */
function threads(): { all: number; away: string[] } {
  const own = readlinkSync('/proc/self/ns/net');
  const all = readdirSync('/proc/self/task');
  const away = all.filter((thread) => {
    try {
      return readlinkSync(`/proc/self/task/${thread}/ns/net`) !== own;
    } catch {
      return false; // it has ended meanwhile
    }
  });
  return { all: all.length, away };
}

describeKernel('namespaces, many at a time', () => {
  expectNoLeaks(async () => {
    await listLinks();
    mkdirSync('/run/netns', { recursive: true });
    await deleteNetns(await createNetns('first'));
  });

  afterEach(async () => {
    for (const { name } of await listNetns()) await deleteNetns(name);
  });

  test('200 creations at once leave no thread in another namespace, and the main thread never moves', async () => {
    const own = readlinkSync('/proc/self/ns/net');
    const mainThread = `/proc/self/task/${process.pid}/ns/net`;
    const before = threads().all;
    let looks = 0;
    let running = true;
    const watching = (async () => {
      while (running) {
        expect(readlinkSync(mainThread)).toBe(own);
        looks++;
        await new Promise(setImmediate);
      }
    })();
    const made = await Promise.all(range(200).map(() => createNetns()));
    running = false;
    await watching;

    expect(looks).toBeGreaterThan(5);
    expect(new Set(made.map(({ id }) => id)).size).toBe(200);
    expect(threads().away).toEqual([]);
    expect(threads().all).toBeLessThanOrEqual(before + 4);
    for (const netns of made) netns.close();
  });

  test('threads of libuv never move: file system calls during creations see the own namespace', async () => {
    const { readlink } = await import('node:fs/promises');
    const own = readlinkSync('/proc/self/ns/net');
    // thread-self is the thread of libuv's pool that makes the call.
    const looking = range(400).map(() => readlink('/proc/thread-self/ns/net'));
    const [made, seen] = await Promise.all([Promise.all(range(100).map(() => createNetns())), Promise.all(looking)]);
    for (const netns of made) netns.close();
    expect(new Set(seen)).toEqual(new Set([own]));
  });

  test('of 100 creations of the same name exactly one wins', async () => {
    const results = await Promise.allSettled(range(100).map(() => createNetns('same')));
    const won = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const lost = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.code] : []));
    expect(won).toHaveLength(1);
    expect(lost).toEqual(Array.from({ length: 99 }, () => 'EEXIST'));
    using byName = await openNetns('same');
    expect(byName.id).toBe(won[0]?.id);
    for (const netns of won) netns.close();
  });

  test('creations next to `ip netns add` do not disturb each other', async () => {
    const ip = promisify(execFile);
    const [ours] = await Promise.all([
      Promise.all(range(30).map((i) => createNetns(`ours${i}`))),
      Promise.all(range(30).map((i) => ip('ip', ['netns', 'add', `theirs${i}`]))),
    ]);
    const expected = range(30).flatMap((i) => [`ours${i}`, `theirs${i}`]);
    expect(seenNetns().sort()).toEqual(expected.sort());
    const listed = await listNetns();
    expect(listed.filter(({ id }) => id === undefined)).toEqual([]);
    expect(listed.map(({ name }) => name)).toEqual(expected);
    // Each can be deleted by the other.
    await Promise.all([
      ...range(30).map((i) => deleteNetns(`theirs${i}`)),
      ...range(30).map((i) => ip('ip', ['netns', 'delete', `ours${i}`])),
    ]);
    expect(seenNetns()).toEqual([]);
    for (const netns of ours) netns.close();
  });

  test('listNetns while another program makes and deletes names shows whole entries only', async () => {
    (await createNetns('stays')).close();
    const stop = keepRunning('sh', '-c', 'while :; do ip netns add churn; ip netns delete churn; done');
    try {
      for (const _ of range(200)) {
        const names = (await listNetns()).map(({ name }) => name);
        expect(names.filter((name) => name !== 'churn')).toEqual(['stays']);
      }
    } finally {
      await stop();
    }
  });

  test('100 namespaces with a cable each can be made and used at the same time', async () => {
    using hub = await createNetns();
    const spokes = await Promise.all(
      range(100).map(async (i) => {
        const netns = await createNetns();
        await createVeth({ name: `hub${i}`, netns: hub, peer: { name: 'eth0', netns } });
        return netns;
      }),
    );
    const names = await Promise.all(spokes.map(async (netns) => (await listLinks({ netns })).map(({ name }) => name)));
    expect(names).toEqual(range(100).map(() => ['lo', 'eth0']));
    expect(threads().away).toEqual([]);
    for (const netns of spokes) netns.close();
  });
});
