/**
 * What a Worker of workers.test.ts does until it is told to stop, or is terminated: namespaces, links,
 * addresses and lists, some of them always under way.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { addAddress, createNetns, createVeth, deleteLink, listLinks } from 'netloom';
import * as sync from 'netloom/sync';

const { state, rounds = Number.POSITIVE_INFINITY } = workerData;
/** Places in `state`: how many rounds are done. */
const DONE = 0;

async function round() {
  const [one, other] = await Promise.all([createNetns(), createNetns()]);
  try {
    const [link] = await createVeth({ name: 'a', netns: one, peer: { name: 'b', netns: other } });
    await Promise.all([addAddress(link, '10.0.0.1/24'), listLinks({ netns: one }), listLinks({ netns: other })]);
    sync.listLinks({ netns: one });
    await deleteLink(link);
  } finally {
    one.close();
    other.close();
  }
  Atomics.add(state, DONE, 1);
}

async function work() {
  for (let i = 0; i < rounds; i++) await Promise.all([round(), round()]);
}

parentPort?.postMessage('loaded');
// Without await at the top level: V8 may abort ("Check failed: (location_) != nullptr") where a Worker is terminated
// just as such a module starts to run.
void work();
