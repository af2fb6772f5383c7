/** What the Workers of `worker.mjs` do. Until they are terminated: their event loop has no turn. */
import { parentPort, workerData } from 'node:worker_threads';
import { FrameSlab } from 'netloom';
import { answer, createEchoTun } from './echo.mjs';
import { move, openSides } from './forward.mjs';
import { writePart } from './queues.mjs';

/** @type {Record<string, () => Promise<void>>} */
const tasks = {
  async echo() {
    const tun = await createEchoTun();
    const [queue] = tun.queues;
    const slab = new FrameSlab();
    parentPort?.postMessage('ready');
    for (;;) {
      const count = queue.readBatch(slab);
      if (count > 0) answer(queue, slab, count);
    }
  },

  async forward() {
    const [a, b] = await openSides(workerData.offload);
    const slab = new FrameSlab({ frameSize: 65536 + 64 });
    parentPort?.postMessage('ready');
    for (;;) {
      move(a, b, slab);
      move(b, a, slab);
    }
  },

  write: () => writePart(workerData),
};

void tasks[workerData.task]?.();
