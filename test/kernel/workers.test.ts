import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { expect, test, vi } from 'vitest';
import { describeKernel } from './privilege.ts';
import { runProgram } from './witness.ts';

const PROGRAM = new URL('./workers-program.mjs', import.meta.url);
const TERMINATIONS = 200;

interface Counted {
  readonly threads: number;
  readonly sockets: number;
  readonly namespaces: number;
}

/** Threads, and descriptors of the kinds that the library opens, of this process. */
function counted(): Counted {
  const own = readlinkSync('/proc/self/ns/net');
  const targets = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return []; // the descriptor that readdir itself used
    }
  });
  return {
    threads: readdirSync('/proc/self/task').length,
    sockets: targets.filter((to) => to.startsWith('socket:')).length,
    namespaces: targets.filter((to) => to.startsWith('net:') && to !== own).length,
  };
}

const ended = (worker: Worker): Promise<number> =>
  new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', resolve);
  });

// This file imports no function of the library: the main thread has not loaded the addon.
describeKernel('in a Worker', () => {
  const mapsAddon = (): boolean => readFileSync('/proc/self/maps', 'utf8').includes('netloom.node');

  test('the library works where the main thread has not loaded it, and goes with the Worker', async () => {
    expect(mapsAddon()).toBe(false);
    const before = counted();
    const state = new Int32Array(new SharedArrayBuffer(4));
    const worker = new Worker(PROGRAM, { workerData: { state, rounds: 3 } });
    expect(await ended(worker)).toBe(0);
    expect(state[0]).toBe(6);
    await vi.waitFor(() => expect(counted()).toEqual(before), { timeout: 5_000, interval: 20 });
  });

  test(`${TERMINATIONS} Workers that are terminated at any moment leave no descriptor and no thread`, async () => {
    const before = counted();
    let rounds = 0;
    for (let i = 0; i < TERMINATIONS; i++) {
      const state = new Int32Array(new SharedArrayBuffer(4));
      const worker = new Worker(PROGRAM, { workerData: { state } });
      const end = ended(worker);
      // Every other one while it loads the addon, the others with calls under way.
      const loading = i % 2 === 0;
      await new Promise((resolve) => worker.once(loading ? 'online' : 'message', resolve));
      await new Promise((resolve) => setTimeout(resolve, (i * 7) % (loading ? 90 : 60)));
      await worker.terminate();
      expect(await end).toBe(1);
      rounds += Atomics.load(state, 0);
    }
    expect(rounds).toBeGreaterThan(TERMINATIONS / 10);
    await vi.waitFor(() => expect(counted()).toEqual(before), { timeout: 10_000, interval: 50 });
  }, 120_000);

  test('four at a time do not disturb each other', async () => {
    const before = counted();
    const state = new Int32Array(new SharedArrayBuffer(4));
    const workers = [1, 2, 3, 4].map(() => new Worker(PROGRAM, { workerData: { state, rounds: 5 } }));
    expect(await Promise.all(workers.map(ended))).toEqual([0, 0, 0, 0]);
    expect(state[0]).toBe(40);
    await vi.waitFor(() => expect(counted()).toEqual(before), { timeout: 5_000, interval: 20 });
  });

  test('a process ends by process.exit and by itself, whatever is under way', () => {
    const program = (end: string): string => `
      import { createNetns, createVeth, listLinks } from 'netloom';
      const netns = await createNetns();
      console.log(JSON.stringify('under way'));
      for (let i = 0; i < 50; i++) void createVeth({ name: 'a' + i, netns, peer: { name: 'b' + i } }).catch(() => {});
      void listLinks({ netns });
      ${end}`;
    // Each ends with status 0, and by itself.
    expect(runProgram(program('process.exit(0);'))).toBe('under way');
    expect(runProgram(program('setImmediate(() => process.exit(0));'))).toBe('under way');
    expect(runProgram(program(''))).toBe('under way');
  });
});
