/**
 * What a pod waits for: the whole process of a CNI plugin, from start to end. `npm run bench:cni [-- ROUNDS]`; needs root.
 *
 * The time of the processor (all threads of the process, children too) beside that on the clock: where the machine is busy,
 * only the former says how much there is to do. `in place` is what npm installs, which compiles its bundle each time;
 * `installed` has a code cache (lib/cni/launcher.cjs); `in process` is `netloom/cni`, called in this process. Beside them a
 * Node that does nothing, and containernetworking's bridge where /usr/lib/cni has it, which the ratios are to.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cni } from '../dist/cni/cni.js';
import { root } from '../scripts/setup.mjs';

const BARE = 'node that does nothing';
const THEIRS = '/usr/lib/cni/bridge';
const REFERENCE = 'containernetworking';
const PROGRAM = join(root, 'dist', 'netloom-cni.cjs');
const INSTALLED = 'netloom-cni, installed';
const IN_PROCESS = 'netloom/cni, in process';
const rounds = Number(process.argv[2] ?? 20);

/** How many times as long as theirs each may take. */
const AIMS = [
  { name: INSTALLED, verb: 'ADD', most: 2.5 },
  { name: INSTALLED, verb: 'DEL', most: 2.5 },
  { name: IN_PROCESS, verb: 'ADD', most: 1 },
];

if (process.env['NETLOOM_SANDBOX'] === undefined) {
  // What every Node reads at its start on a machine that has this set is none of what is measured.
  const { NODE_EXTRA_CA_CERTS: _, ...others } = process.env;
  const env = { ...others, NETLOOM_SANDBOX: '1' };
  const { status } = spawnSync(join(root, 'bench', 'peers', 'sandbox.sh'), process.argv, { stdio: 'inherit', env });
  process.exit(status ?? 1);
}

const directory = mkdtempSync(join(tmpdir(), 'netloom-cni-'));
const empty = join(directory, 'empty.cjs');
writeFileSync(empty, '');
const config = JSON.stringify({
  cniVersion: '1.0.0',
  name: 'bench',
  type: 'bridge',
  bridge: 'br0',
  isGateway: true,
  ipam: { type: 'host-local', dataDir: join(directory, 'addresses'), subnet: '10.1.2.0/24' },
});
const attachment = {
  CNI_CONTAINERID: 'bench',
  CNI_IFNAME: 'eth0',
  CNI_NETNS: '/run/netns/bench-cni',
  CNI_PATH: '/usr/lib/cni',
};

/** Milliseconds of the processor that children have had, in ticks of 10 ms, whose differences add up all the same. */
function processorTime() {
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[13]) + Number(fields[14])) * 10;
}

/** @typedef {{ processor: number, clock: number }} Times */

/** @returns {Times} */
function timed(/** @type {() => void} */ work) {
  const before = processorTime();
  const started = performance.now();
  work();
  return { clock: performance.now() - started, processor: processorTime() - before };
}

function start(/** @type {string[]} */ [program = '', ...args], /** @type {string} */ verb) {
  const env = { ...process.env, ...attachment, CNI_COMMAND: verb };
  const { status, stdout } = spawnSync(program, args, { input: config, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${verb}: ${stdout}`);
}

function call(/** @type {string} */ verb) {
  cni({
    command: /** @type {import('../dist/cni/cni.js').CniCommand} */ (verb),
    config: JSON.parse(config),
    containerId: attachment.CNI_CONTAINERID,
    ifname: attachment.CNI_IFNAME,
    netns: attachment.CNI_NETNS,
  });
}

const rowOf = (/** @type {string} */ name, /** @type {string} */ verb) => `${name}${verb && `: ${verb}`}`;

/** @param {readonly number[]} times */
function median(times) {
  return [...times].sort((a, b) => a - b)[times.length >> 1] ?? Number.NaN;
}

/** @param {ReadonlyMap<string, Times[]>} rows */
function report(rows) {
  const clocks = (/** @type {string} */ row) => (rows.get(row) ?? []).map((one) => one.clock);
  const ratio = (/** @type {string} */ row, /** @type {string} */ verb) =>
    median(clocks(row)) / median(clocks(rowOf(REFERENCE, verb)));
  console.log(`${'milliseconds'.padEnd(34)}processor (mean)   clock (median, least)   to ${REFERENCE}`);
  for (const [row, all] of rows) {
    const processor = all.reduce((sum, one) => sum + one.processor, 0) / all.length;
    const clock = [median(clocks(row)), Math.min(...clocks(row))].map((time) => time.toFixed(1).padStart(8)).join('');
    const times = ratio(row, row.split(': ')[1] ?? '');
    console.log(
      `${row.padEnd(34)}${processor.toFixed(1).padStart(16)} ${clock}${Number.isNaN(times) ? '' : times.toFixed(2).padStart(18)}`,
    );
  }
  if (!existsSync(THEIRS)) {
    console.log(`no ratios: there is no ${THEIRS} (Debian: containernetworking-plugins)`);
    return;
  }
  for (const { name, verb, most } of AIMS) {
    const times = ratio(rowOf(name, verb), verb);
    console.log(`${times <= most ? 'met   ' : 'MISSED'} ${rowOf(name, verb)}: ${times.toFixed(2)}, at most ${most}`);
  }
}

try {
  spawnSync('ip', ['netns', 'add', 'bench-cni'], { stdio: 'inherit' });
  spawnSync(process.execPath, [PROGRAM, 'install', '--dir', directory], { stdio: ['ignore', 'ignore', 'inherit'] });
  /** @type {Record<string, (verb: string) => void>} */
  const programs = {
    [BARE]: () => start([process.execPath, empty], ''),
    [INSTALLED]: (verb) => start([join(directory, 'bridge')], verb),
    'netloom-cni, in place': (verb) => start([process.execPath, PROGRAM], verb),
    [IN_PROCESS]: call,
    ...(existsSync(THEIRS) && { [REFERENCE]: (/** @type {string} */ verb) => start([THEIRS], verb) }),
  };
  /** @type {Map<string, Times[]>} */
  const rows = new Map();
  for (let round = -1; round < rounds; round++) {
    for (const [name, program] of Object.entries(programs)) {
      for (const verb of name === BARE ? [''] : ['VERSION', 'ADD', 'DEL']) {
        const one = timed(() => program(verb));
        const row = rowOf(name, verb);
        // The first round fills caches.
        if (round >= 0) rows.set(row, [...(rows.get(row) ?? []), one]);
      }
    }
  }
  report(rows);
} finally {
  spawnSync('ip', ['netns', 'delete', 'bench-cni'], { stdio: 'inherit' });
  rmSync(directory, { recursive: true });
}
