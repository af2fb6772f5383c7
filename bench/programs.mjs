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
 * @property {number} [p50] percentiles, in nanoseconds
 * @property {number} [p90]
 * @property {number} [p99]
 * @property {number} [p999]
 * @property {string} [unsupported]
 * @property {number} [loopDelayNs]
 * @property {number} [idleLoopDelayNs]
 *
 * @typedef {object} Program
 * @property {string} name
 * @property {boolean} ours
 * @property {string} [floor] the name of the C program that it is compared with
 * @property {string} [flavour]
 * @property {string[]} command what stands before ROW and N
 */

const C = 'C';

/** @type {Program[]} */
const peers = [
  { name: C, ours: false, command: [path('peers/build/rtnl')] },
  { name: 'Go, vishvananda/netlink', ours: false, command: [path('peers/build/netlink_go')] },
  { name: 'Python, pyroute2', ours: false, command: [path('peers/pyroute2_peer.py')] },
  { name: 'ip -batch', ours: false, command: [path('peers/ip_batch.sh')] },
];

const NAMES = new Map([
  ['sync', 'netloom/sync'],
  ['async', 'netloom, one by one'],
  ['all', 'netloom, Promise.all'],
  ['busy', 'netloom, onBatch busy'],
  ['spin', 'netloom, onBatch spin'],
  ['event', 'netloom, onBatch'],
  ['worker', 'netloom, readBatch in a Worker'],
  ['for-await', 'netloom, for await'],
  ['fs', 'node:fs streams'],
  ['exec', 'node:child_process, ip netns exec'],
  ['batch', 'netloom, batches of 64'],
  ['write', 'netloom, write'],
  ['pump', 'netloom, pump'],
  ['one', 'netloom, one Worker'],
  ['two', 'netloom, two Workers'],
]);

const C_NAMES = new Map([
  ['busy', 'C, busy loop'],
  ['epoll', 'C, epoll'],
  ['loop', C],
  ['threads', 'C, beside a thread'],
  ['ring', 'C, TPACKET_V3'],
  ['one', 'C, one thread'],
  ['two', 'C, two threads'],
]);

const packets = path('peers/build/packets');
const inSandbox = [path('peers/sandbox.sh')];
const ours = [process.execPath, path('netloom/run.mjs')];

const cName = (/** @type {string} */ flavour) => C_NAMES.get(flavour) ?? flavour;

/** @returns {Program} */
const inC = (/** @type {string} */ flavour, floor = flavour) => ({
  name: cName(flavour),
  ours: false,
  floor: cName(floor),
  flavour,
  command: [packets],
});

/** @returns {Program} */
const netloom = (/** @type {string} */ flavour, floor = C) => ({
  name: NAMES.get(flavour) ?? flavour,
  ours: flavour !== 'fs' && flavour !== 'exec',
  floor,
  flavour,
  // A descriptor that streams can read: one that blocks, opened by a program that can.
  command: [...inSandbox, ...(flavour === 'fs' ? [packets, 'with-tun'] : []), ...ours],
});

/** All that a row measures, C first. */
export function programsOf(/** @type {import('./rows.mjs').Row} */ { flavours, references, besides = {} }) {
  if (references === undefined) return [...peers, ...flavours.map((flavour) => netloom(flavour))];
  const floors = [...new Set(Object.values(references))];
  const others = Object.entries(besides).map(([flavour, floor]) => inC(flavour, floor));
  return [
    ...floors.map((flavour) => inC(flavour)),
    ...others,
    ...flavours.map((flavour) => netloom(flavour, cName(references[flavour] ?? ''))),
  ];
}

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
