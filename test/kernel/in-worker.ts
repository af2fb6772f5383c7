/** Workers of `netnsWorker`, and what they tell. */
import { once } from 'node:events';
import type { Worker, WorkerOptions } from 'node:worker_threads';
import { type Netns, netnsWorker } from 'netloom';

/** The first message of a Worker; what it failed with otherwise. */
export async function told<T>(worker: Worker): Promise<T> {
  const [message] = (await once(worker, 'message')) as [T];
  return message;
}

/** Runs code inside until it has sent its first message. */
export async function inside<T>(netns: Netns, code: string, options: WorkerOptions = {}): Promise<T> {
  const worker = netnsWorker(netns, code, { ...options, eval: true });
  try {
    return await told<T>(worker);
  } finally {
    await worker.terminate();
  }
}

/** For code: sends something to this thread. */
export const SAY = "const say = (what) => require('node:worker_threads').parentPort.postMessage(what);";
