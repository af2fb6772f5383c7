/** Runs one program for one row, in namespaces of its own, and reads the JSON line that it prints. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const path = (/** @type {string} */ file) => fileURLToPath(new URL(file, import.meta.url));

/**
 * @typedef {object} Result
 * @property {number} ns
 * @property {number} count
 * @property {string} [unsupported]
 * @property {number} [loopDelayNs]
 * @property {number} [idleLoopDelayNs]
 *
 * @typedef {object} Program
 * @property {string} name
 * @property {boolean} ours
 * @property {string} [flavour]
 * @property {string[]} command what stands before ROW and N
 */

/** @type {Program[]} */
export const peers = [
  { name: 'C', ours: false, command: [path('peers/build/rtnl')] },
  { name: 'Go, vishvananda/netlink', ours: false, command: [path('peers/build/netlink_go')] },
  { name: 'Python, pyroute2', ours: false, command: [path('peers/pyroute2_peer.py')] },
  { name: 'ip -batch', ours: false, command: [path('peers/ip_batch.sh')] },
];

const NAMES = new Map([
  ['sync', 'netloom/sync'],
  ['async', 'netloom, one by one'],
  ['all', 'netloom, Promise.all'],
]);

/** @returns {Program} */
export const netloom = (/** @type {string} */ flavour) => ({
  name: NAMES.get(flavour) ?? flavour,
  ours: true,
  flavour,
  command: [path('peers/sandbox.sh'), process.execPath, path('netloom/run.mjs')],
});

/**
 * One measurement. The kernel destroys the namespaces of what ran before on a worker that takes the RTNL lock, so
 * that is waited for first.
 *
 * @returns {Promise<Result>}
 */
export async function measure(
  /** @type {Program} */ { command: [file = '', ...args], flavour },
  /** @type {string} */ row,
  /** @type {number} */ n,
) {
  if (!existsSync(file)) return { ns: 0, count: 0, unsupported: 'not built (bench/peers/install.sh)' };
  await run(path('peers/build/rtnl'), ['settle', '0']);
  const { stdout } = await run(file, [...args, row, ...(flavour === undefined ? [] : [flavour]), String(n)], {
    maxBuffer: 1 << 26,
  });
  return JSON.parse(stdout.split('\n', 1)[0] ?? '');
}
