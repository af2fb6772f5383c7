/**
 * What a pod waits for: the whole process of a CNI plugin, from start to end. `npm run bench:cni [-- ROUNDS]`; needs root.
 *
 * The time of the processor (all threads of the process, children too) beside that on the clock: where the machine is busy,
 * only the former says how much there is to do. `in place` is what npm installs, which compiles its bundle each time;
 * `installed` has a code cache (lib/cni/launcher.cjs). Beside them a Node that does nothing, and containernetworking's
 * bridge where /usr/lib/cni has it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../scripts/setup.mjs';

const BARE = 'node that does nothing';
const THEIRS = '/usr/lib/cni/bridge';
const PROGRAM = join(root, 'dist', 'netloom-cni.cjs');
const rounds = Number(process.argv[2] ?? 20);

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

function run(/** @type {string[]} */ [program = '', ...args], /** @type {string} */ verb) {
  const before = processorTime();
  const started = performance.now();
  const env = { ...process.env, ...attachment, CNI_COMMAND: verb };
  const { status, stdout } = spawnSync(program, args, { input: config, env, encoding: 'utf8' });
  const clock = performance.now() - started;
  if (status !== 0) throw new Error(`${program} ${verb}: ${stdout}`);
  return { processor: processorTime() - before, clock };
}

try {
  spawnSync('ip', ['netns', 'add', 'bench-cni'], { stdio: 'inherit' });
  spawnSync(process.execPath, [PROGRAM, 'install', '--dir', directory], { stdio: ['ignore', 'ignore', 'inherit'] });
  const programs = {
    [BARE]: [process.execPath, empty],
    'netloom-cni, installed': [join(directory, 'bridge')],
    'netloom-cni, in place': [process.execPath, PROGRAM],
    ...(existsSync(THEIRS) && { containernetworking: [THEIRS] }),
  };
  /** @type {Map<string, { processor: number, clock: number }[]>} */
  const rows = new Map();
  for (let round = -1; round < rounds; round++) {
    for (const [name, command] of Object.entries(programs)) {
      for (const verb of name === BARE ? [''] : ['VERSION', 'ADD', 'DEL']) {
        const one = run(command, verb);
        const row = `${name}${verb && `: ${verb}`}`;
        // The first round fills caches.
        if (round >= 0) rows.set(row, [...(rows.get(row) ?? []), one]);
      }
    }
  }
  console.log(`${'milliseconds'.padEnd(34)}processor (mean)   clock (median, least)`);
  for (const [name, all] of rows) {
    const processor = all.reduce((sum, one) => sum + one.processor, 0) / all.length;
    const clock = all.map((one) => one.clock).sort((a, b) => a - b);
    const [least, median] = [clock[0], clock[clock.length >> 1]].map((time) => time?.toFixed(1).padStart(8));
    console.log(`${name.padEnd(34)}${processor.toFixed(1).padStart(16)} ${median}${least}`);
  }
} finally {
  spawnSync('ip', ['netns', 'delete', 'bench-cni'], { stdio: 'inherit' });
  rmSync(directory, { recursive: true });
}
