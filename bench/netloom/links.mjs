/** Links in one namespace, as the peers have them: reading one, listing all, deleting some. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import * as netloom from 'netloom';
import * as sync from 'netloom/sync';

const GROUP = 4242;
const LOOPBACK = 1;
const REPEATS = 10;
/** Requests of one Promise.all. */
const BATCH = 256;
/** What is done before the clock starts, since a round trip and not the compiling of JavaScript is measured. */
const WARM_UP = 5000;

/** a0/b0, a1/b1 ...: down, both ends here. */
const createPairs = (/** @type {number} */ n, group = 0) =>
  Promise.all(
    Array.from({ length: n }, (_, i) => netloom.createVeth({ name: `a${i}`, group, peer: { name: `b${i}` } })),
  );

/** @type {import('./run.mjs').Rows} */
export const rows = {
  async getlink({ flavour, n, clock }) {
    const get = async (/** @type {number} */ times) => {
      if (flavour === 'sync') for (let i = 0; i < times; i++) sync.getLink(LOOPBACK);
      else if (flavour === 'async') for (let i = 0; i < times; i++) await netloom.getLink(LOOPBACK);
      else
        for (let i = 0; i < times; i += BATCH)
          await Promise.all(Array.from({ length: Math.min(BATCH, times - i) }, () => netloom.getLink(LOOPBACK)));
    };
    await get(WARM_UP);
    await clock(() => get(n));
    return n;
  },

  async dumplinks({ flavour, n, clock }) {
    await createPairs(n / 2);
    let count = 0;
    await clock(async () => {
      for (let i = 0; i < REPEATS; i++)
        count += (flavour === 'sync' ? sync.listLinks() : await netloom.listLinks()).length;
    });
    return count;
  },

  async 'teardown-veth'({ flavour, n, clock }) {
    await createPairs(n, GROUP);
    await clock(() =>
      flavour === 'sync' ? sync.deleteLinks({ group: GROUP }) : netloom.deleteLinks({ group: GROUP }),
    );
    return n;
  },

  async 'delete-single'({ flavour, n, clock, note }) {
    const pairs = await createPairs(n);
    // What the machine does to a loop that has nothing to do, to tell it from what the calls do to it.
    note('idleLoopDelayNs', await loopDelay(() => setTimeout(2000)));
    const worst = await loopDelay(() =>
      clock(async () => {
        if (flavour === 'sync') for (const [link] of pairs) sync.deleteLink(link);
        else for (const [link] of pairs) await netloom.deleteLink(link);
      }),
    );
    if (flavour !== 'sync') note('loopDelayNs', worst);
    return n;
  },
};

/** The longest time by which a timer of 1 ms came late. */
async function loopDelay(/** @type {() => Promise<unknown>} */ run) {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  await setTimeout(20);
  histogram.reset();
  await run();
  histogram.disable();
  return Math.max(0, histogram.max - 1e6);
}
