/** Workers that read and write packets in a plain loop: `tasks.mjs`. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** Starts one, and waits until it has its devices. */
export async function startWorker(/** @type {'echo' | 'forward' | 'write'} */ task, /** @type {object} */ data = {}) {
  const worker = new Worker(new URL('tasks.mjs', import.meta.url), { workerData: { task, ...data } });
  await once(worker, 'message');
  return worker;
}
