/**
 * Measures netloom next to the peers. See README.md.
 *
 *     npm run bench -- [--quick] [--row NAME]... [--rounds COUNT] [--json FILE]
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { setUp } from '../scripts/setup.mjs';
import { measure, programsOf } from './programs.mjs';
import { render, shortfalls, summarize } from './report.mjs';
import { rows } from './rows.mjs';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    row: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string' },
    json: { type: 'string' },
  },
});
const unknown = options.row.filter((name) => !rows.some((row) => isNamed(row, name)));
if (unknown.length > 0)
  fail(`no row is called ${unknown.join(', ')}; there are ${rows.map(({ name }) => name).join(' ')}`);
if (options.rounds !== undefined && !/^[1-9]\d{0,3}$/.test(options.rounds)) fail('--rounds takes a number, 1 or more');
if (process.getuid?.() !== 0) fail('needs root: it makes network namespaces');
if (!process.env['NETLOOM_NO_SETUP']) setUp(['native', 'kinds', 'ts']);
const built = spawnSync(fileURLToPath(new URL('peers/build.sh', import.meta.url)), { stdio: ['ignore', 2, 2] });
if (built.status !== 0) fail('the peers cannot be compiled; see bench/peers/README.md');

console.log(`Node ${process.version}, Linux ${release()}, ${cpus().length} processors, ${cpus()[0]?.model}\n`);
const chosen = rows.filter((row) => options.row.length === 0 || options.row.some((name) => isNamed(row, name)));
const report = [];
for (const row of chosen) {
  const n = options.quick ? row.quick : row.n;
  const lines = summarize(row, await measureRow(row, n));
  console.log(render(row, n, lines));
  report.push({ ...row, n, lines, shortfalls: shortfalls(row, lines) });
}
const missed = report.reduce((sum, row) => sum + row.shortfalls.length, 0);
console.log(missed === 0 ? 'every target is met' : `falls short in ${missed} places, marked above`);
if (options.json !== undefined) {
  const machine = { node: process.version, kernel: release(), processors: cpus().length, model: cpus()[0]?.model };
  writeFileSync(options.json, `${JSON.stringify({ machine, quick: options.quick, rows: report }, null, 2)}\n`);
}

/**
 * Interleaved: each round runs every program once, each time another one first, so that what disturbs the machine
 * for a while disturbs all of them.
 */
async function measureRow(/** @type {import('./rows.mjs').Row} */ row, /** @type {number} */ n) {
  const measured = programsOf(row).map((program) => ({
    program,
    results: /** @type {import('./programs.mjs').Result[]} */ ([]),
  }));
  const rounds = Number(options.rounds ?? (options.quick ? Math.min(3, row.rounds) : row.rounds));
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < measured.length; i++) {
      const one = measured[(round + i) % measured.length];
      if (one === undefined || one.results.some(({ unsupported }) => unsupported)) continue;
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${row.name} ${round + 1}/${rounds} ${one.program.name}`);
      one.results.push(await measure(one.program, row.peerRow, n));
    }
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  return measured;
}

function isNamed(/** @type {{ name: string }} */ row, /** @type {string} */ name) {
  return row.name === name || row.name.split(':')[0] === name;
}

/** @returns {never} */
function fail(/** @type {string} */ problem) {
  console.error(`bench: ${problem}`);
  process.exit(2);
}
