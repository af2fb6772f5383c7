/** Running a program in a namespace, one after the other, as `ip netns exec` does. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import * as netloom from 'netloom';

const run = promisify(execFile);

/** @type {import('./run.mjs').Rows} */
export const rows = {
  async spawn({ flavour, n, clock }) {
    const netns = await netloom.createNetns('blue');
    const one = async () => {
      // What a Node.js program does today.
      if (flavour === 'exec') await run('ip', ['netns', 'exec', 'blue', 'true']);
      else {
        const child = netloom.spawn(netns, 'true', [], { stdio: 'ignore' });
        await new Promise((resolve, reject) =>
          child.once('exit', (code) => (code === 0 ? resolve(code) : reject(code))),
        );
      }
    };
    await one();
    await clock(async () => {
      for (let i = 0; i < n; i++) await one();
    });
    netns.close();
    await netloom.deleteNetns(netns);
    return n;
  },
};
