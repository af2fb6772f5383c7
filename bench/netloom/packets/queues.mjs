/** queues: packets of 64 bytes written to a TUN of two queues, by one Worker (flavour `one`) or one for each (`two`). */
import { once } from 'node:events';
import { parentPort } from 'node:worker_threads';
import { createTun, FrameSlab, openPacketDevice } from 'netloom';
import { unwanted } from './cost.mjs';
import { QUIET } from './traffic.mjs';
import { startWorker } from './worker.mjs';

const WARM_UP = 20_000;
const SIZE = 64;

/** A Worker's part: opens a queue, warms up, waits for the others and writes. Times are of the monotonic clock. */
export async function writePart(/** @type {{ count: number, waiting: Int32Array }} */ { count, waiting }) {
  const tun = await openPacketDevice('tun0');
  const [queue] = tun.queues;
  const slab = new FrameSlab();
  for (let i = 0; i < slab.slots; i++) slab.set(i, unwanted(SIZE));
  const writeAll = (/** @type {number} */ many) => {
    for (let i = 0; i < many; i += slab.slots) queue.writeBatch(slab, Math.min(slab.slots, many - i));
  };
  writeAll(WARM_UP);
  parentPort?.postMessage('ready');
  // A barrier: the last one to come wakes the others.
  const others = Atomics.sub(waiting, 0, 1) - 1;
  if (others === 0) Atomics.notify(waiting, 0);
  for (let left = others; left > 0; left = Atomics.load(waiting, 0)) Atomics.wait(waiting, 0, left);
  const started = Number(process.hrtime.bigint());
  writeAll(count);
  parentPort?.postMessage({ started, ended: Number(process.hrtime.bigint()) });
  await tun.close();
}

/** @type {import('../run.mjs').Rows} */
export const rows = {
  async queues({ flavour, n, took }) {
    const workers = flavour === 'two' ? 2 : 1;
    // Persistent, so that the Workers can open the queues that are closed here.
    const tun = await createTun({ name: 'tun0', queues: 2, persist: true, ...QUIET });
    await tun.close();
    const waiting = new Int32Array(new SharedArrayBuffer(4)).fill(workers);
    const count = n / workers;
    const times = await Promise.all(
      Array.from({ length: workers }, async () => {
        const worker = await startWorker('write', { count, waiting });
        const [time] = await once(worker, 'message');
        return /** @type {{ started: number, ended: number }} */ (time);
      }),
    );
    took(Math.max(...times.map(({ ended }) => ended)) - Math.min(...times.map(({ started }) => started)));
    return n;
  },
};
