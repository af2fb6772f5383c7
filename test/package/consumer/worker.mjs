// The main thread never loads the addon: it is unloaded with the worker that did.
import { Worker } from 'node:worker_threads';

const worker = new Worker(new URL('./esm.mjs', import.meta.url));
worker.on('exit', (code) => {
  process.exitCode = code;
});
