import { readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import {
  createNetns,
  deleteNetns,
  listLinks,
  listNetns,
  type NamedNetnsEvent,
  type NetworkWatcher,
  watch,
} from 'netloom';
import { expect, test, vi } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { program, withNetns } from './packet-peers.ts';
import { describeKernel } from './privilege.ts';
import { run, runProgram } from './witness.ts';

async function next(watcher: NetworkWatcher): Promise<NamedNetnsEvent> {
  const { value } = await watcher.next();
  expect(value?.type).toBe('namedNetns');
  return value as NamedNetnsEvent;
}

/** The next event about one name. */
async function nextOf(watcher: NetworkWatcher, name: string): Promise<NamedNetnsEvent> {
  for (;;) {
    const event = await next(watcher);
    if ((event.new ?? event.old)?.name === name) return event;
  }
}

const expectTrue = (watcher: NetworkWatcher): Promise<void> =>
  vi.waitFor(
    async () => expect(watcher.snapshot().namedNetns).toEqual((await listNetns()).filter(({ id }) => id !== undefined)),
    { timeout: 10_000, interval: 20 },
  );

const name = (of: string): string => `named-${process.pid}-${of}`;
const path = (of: string): string => `/run/netns/${name(of)}`;

describeKernel('watch of named namespaces', () => {
  expectNoLeaks(async () => {
    using watcher = watch({ namedNetns: true });
    await watcher.ready;
    await listLinks();
  });

  test('a name that comes and goes, by this library and by iproute2', async () => {
    await using watcher = watch({ namedNetns: true });
    await watcher.ready;
    const netns = await createNetns(name('a'));
    expect(await nextOf(watcher, name('a'))).toEqual({
      type: 'namedNetns',
      change: 'added',
      new: { name: name('a'), path: path('a'), id: netns.id },
    });
    await expectTrue(watcher);
    await deleteNetns(netns);
    expect(await nextOf(watcher, name('a'))).toMatchObject({ change: 'removed', old: { id: netns.id } });
    run('ip', 'netns', 'add', name('b'));
    const added = await nextOf(watcher, name('b'));
    expect(added).toMatchObject({ change: 'added', new: { id: statSync(path('b')).ino } });
    run('ip', 'netns', 'delete', name('b'));
    expect(await nextOf(watcher, name('b'))).toMatchObject({ change: 'removed' });
    await expectTrue(watcher);
  });

  test('a file is no name until a namespace is mounted on it, and no more when it is not', async () => {
    await using watcher = watch({ namedNetns: true });
    await watcher.ready;
    await using netns = await createNetns(name('mark'));
    await nextOf(watcher, name('mark'));
    writeFileSync(path('plain'), '');
    // Whatever was to be told of the file would come before this.
    await using mark = await createNetns(name('mark2'));
    expect((await next(watcher)).new?.name).toBe(name('mark2'));
    run('mount', '--bind', `/proc/${process.pid}/fd/${netns.fd}`, path('plain'));
    expect(await next(watcher)).toMatchObject({ change: 'added', new: { name: name('plain'), id: netns.id } });
    // What is mounted over it is what has the name.
    run('mount', '--bind', `/proc/${process.pid}/fd/${mark.fd}`, path('plain'));
    expect(await next(watcher)).toMatchObject({ change: 'changed', old: { id: netns.id }, new: { id: mark.id } });
    run('umount', path('plain'));
    expect(await next(watcher)).toMatchObject({ change: 'changed', old: { id: mark.id }, new: { id: netns.id } });
    run('umount', path('plain'));
    expect(await next(watcher)).toMatchObject({ change: 'removed', old: { name: name('plain') } });
    rmSync(path('plain'));
    await deleteNetns(netns);
    await deleteNetns(mark);
    await expectTrue(watcher);
  });

  test('a symbolic link to the namespace of a process is a name', async () => {
    await using watcher = watch({ namedNetns: true });
    await watcher.ready;
    symlinkSync(`/proc/${process.pid}/ns/net`, path('link'));
    const id = Number(/\d+/.exec(readlinkSync('/proc/self/ns/net')));
    expect(await nextOf(watcher, name('link'))).toMatchObject({ change: 'added', new: { id } });
    await expectTrue(watcher);
    symlinkSync('/nowhere', path('dangling'));
    symlinkSync('/proc/self/status', path('file'));
    rmSync(path('link'));
    expect(await nextOf(watcher, name('link'))).toMatchObject({ change: 'removed', old: { id } });
    rmSync(path('dangling'));
    rmSync(path('file'));
    expect(watcher.snapshot().namedNetns.map((named) => named.name)).not.toContain(name('file'));
  });

  test('names that are unusual', async () => {
    await using watcher = watch({ namedNetns: true });
    await watcher.ready;
    for (const of of [name('two words\tand\\040'), name('schön'), name('new\nline'), name('x - nsfs y')]) {
      const netns = await createNetns(of);
      expect(await next(watcher)).toMatchObject({ change: 'added', new: { name: of, id: netns.id } });
      await expectTrue(watcher);
      await deleteNetns(netns);
      expect(await next(watcher)).toMatchObject({ change: 'removed' });
    }
  });

  test('the names that are there come first where it is asked for, beside other things', () =>
    withNetns(async (netns) => {
      await using named = await createNetns(name('first'));
      await using watcher = watch({ namedNetns: true, links: true }, { netns, initial: true });
      await watcher.ready;
      const first = new Set<unknown>();
      while (first.size < watcher.snapshot().namedNetns.length + 1) {
        const { value } = await watcher.next();
        expect(value?.change).toBe('added');
        first.add(value?.type === 'namedNetns' ? value.new : value?.type);
      }
      expect(first).toEqual(new Set(['link', ...watcher.snapshot().namedNetns]));
      expect(watcher.snapshot(netns).namedNetns).toContainEqual({
        name: name('first'),
        path: path('first'),
        id: named.id,
      });
      expect([...watcher.snapshot(netns).links.values()].map(({ name }) => name)).toEqual(['lo']);
      await deleteNetns(named);
    }));

  test('a flood of names ends in what there is, and what was told leads there', async () => {
    await using watcher = watch({ namedNetns: true });
    await watcher.ready;
    const followed = new Map(watcher.snapshot().namedNetns.map(({ name, id }) => [name, id]));
    const following = (async () => {
      for await (const { type, old, new: now } of watcher) {
        if (type !== 'namedNetns') continue;
        if (old !== undefined) {
          expect(followed.get(old.name)).toBe(old.id);
          followed.delete(old.name);
        }
        if (now !== undefined) {
          expect(followed.has(now.name)).toBe(false);
          followed.set(now.name, now.id);
        }
      }
    })();
    for (let round = 0; round < 5; round++) {
      const made = await Promise.all(Array.from({ length: 40 }, (_, i) => createNetns(name(`flood-${i}`))));
      if (round % 2 === 1) await expectTrue(watcher);
      const kept = round === 4 ? made.slice(0, 10) : [];
      await Promise.all(made.filter((netns) => !kept.includes(netns)).map((netns) => deleteNetns(netns)));
      await expectTrue(watcher);
      expect([...followed].sort()).toEqual(
        watcher
          .snapshot()
          .namedNetns.map(({ name, id }) => [name, id])
          .sort(),
      );
      expect(followed.size).toBeGreaterThanOrEqual(kept.length);
      await Promise.all(kept.map((netns) => deleteNetns(netns)));
    }
    await expectTrue(watcher);
    watcher.close();
    await following;
  });

  // In a mount namespace of its own, where there is no /run/netns.
  const alone = [
    'unshare',
    '--net',
    '--mount',
    '--propagation',
    'private',
    'sh',
    '-c',
    'mount -t tmpfs tmpfs /run && exec "$@"',
    'sh',
  ];

  test('a directory that is made later, removed, and made again', () => {
    const told = runProgram(
      `
      import { mkdirSync, rmdirSync, rmSync, symlinkSync } from 'node:fs';
      import { createNetns, deleteNetns, watch } from 'netloom';
      const watcher = watch({ namedNetns: true });
      await watcher.ready;
      const told = [];
      const hear = async () => {
        const { value } = await watcher.next();
        told.push(value.change + ' ' + (value.new ?? value.old).name);
      };
      mkdirSync('/run/netns');
      symlinkSync('/proc/self/ns/net', '/run/netns/link');
      await hear();
      rmSync('/run/netns/link');
      await hear();
      rmdirSync('/run/netns');
      mkdirSync('/run/netns');
      symlinkSync('/proc/self/ns/net', '/run/netns/again');
      await hear();
      rmSync('/run/netns/again');
      await hear();
      // The first name makes the directory a mount of its own.
      const blue = await createNetns('blue');
      await hear();
      symlinkSync('/proc/self/ns/net', '/run/netns/beside');
      await hear();
      await deleteNetns(blue);
      await hear();
      rmSync('/run/netns/beside');
      await hear();
      watcher.close();
      console.log(JSON.stringify(told));
      `,
      { wrap: alone },
    );
    expect(told).toEqual([
      'added link',
      'removed link',
      'added again',
      'removed again',
      'added blue',
      'added beside',
      'removed blue',
      'removed beside',
    ]);
  });

  test('what is mounted over the directory hides the names', () => {
    const told = runProgram(
      `
      import { execFileSync } from 'node:child_process';
      import { createNetns, watch } from 'netloom';
      const run = (command) => execFileSync(...((words) => [words[0], words.slice(1)])(command.split(' ')));
      await createNetns('blue');
      const watcher = watch({ namedNetns: true });
      await watcher.ready;
      const told = [];
      const hear = async () => {
        const { value } = await watcher.next();
        told.push(value.change + ' ' + (value.new ?? value.old).name);
      };
      run('mount -t tmpfs tmpfs /run/netns');
      await hear();
      await createNetns('green');
      await hear();
      run('umount -l /run/netns');
      await hear();
      await hear();
      watcher.close();
      console.log(JSON.stringify(told));
      `,
      { wrap: alone },
    );
    expect(told).toEqual(['removed blue', 'added green', 'removed green', 'added blue']);
  });

  test('a machine without any name has none, and is watched', () => {
    const told = runProgram(
      `
      import { createNetns, watch } from 'netloom';
      const watcher = watch({ namedNetns: true }, { initial: true });
      await watcher.ready;
      const before = watcher.snapshot().namedNetns;
      await createNetns('blue');
      const { value } = await watcher.next();
      watcher.close();
      console.log(JSON.stringify([before, value.change, value.new.name]));
      `,
      { wrap: alone },
    );
    expect(told).toEqual([[], 'added', 'blue']);
  });

  test('it keeps its process alive until it is closed, unless it is unreferenced', async () => {
    const open = `
      const { watch } = await import(netloom);
      const watcher = watch({ namedNetns: true });
      await watcher.ready;`;
    expect((await program(`${open} watcher.unref(); console.log('left');`)).stdout).toBe('left\n');
    const early = "(await import(netloom)).watch({ namedNetns: true }).unref(); console.log('left');";
    expect((await program(early)).stdout).toBe('left\n');
    const closing = 'setTimeout(() => watcher.close(), 100).unref(); await watcher.next();';
    expect((await program(`${open} ${closing} console.log('closed');`)).stdout).toBe('closed\n');
  });

  test('a Worker that watches may end at any moment', () => {
    const told = runProgram(
      `
      import { Worker } from 'node:worker_threads';
      import { createNetns, deleteNetns } from 'netloom';
      const source = \`
        import { parentPort } from 'node:worker_threads';
        import { watch } from 'netloom';
        const watcher = watch({ namedNetns: true });
        watcher.ready.then(() => parentPort.postMessage('ready'));
        watcher.next().then(({ value }) => parentPort.postMessage(value.new.name));
      \`;
      const url = new URL('data:text/javascript,' + encodeURIComponent(source.replaceAll("'netloom'", JSON.stringify(import.meta.resolve('netloom')))));
      const heard = [];
      for (let i = 0; i < 5; i++) {
        const worker = new Worker(url);
        await new Promise((resolve) => worker.once('message', resolve));
        const told = i % 2 === 0 ? new Promise((resolve) => worker.once('message', resolve)) : 'terminated';
        const netns = await createNetns('blue' + i);
        heard.push(await told);
        await worker.terminate();
        await deleteNetns(netns);
      }
      console.log(JSON.stringify(heard));
      `,
      { wrap: alone },
    );
    expect(told).toEqual(['blue0', 'terminated', 'blue2', 'terminated', 'blue4']);
  });

  test('its end: close, and the signal', async () => {
    const closed = watch({ namedNetns: true });
    closed.close();
    await expect(closed.ready).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' });
    const aborting = new AbortController();
    const aborted = watch({ namedNetns: true }, { signal: aborting.signal });
    await aborted.ready;
    const end = expect(aborted.next()).rejects.toMatchObject({ name: 'AbortError' });
    aborting.abort();
    await end;
    await using netns = await createNetns(name('unheard'));
    expect(await aborted.next()).toEqual({ value: undefined, done: true });
    await deleteNetns(netns);
  });
});
