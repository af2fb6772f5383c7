/**
 * Checks native/ with clang-format (`--fix` rewrites) and clang-tidy, as .clang-format and .clang-tidy say; fuzz/ with
 * clang-format alone.
 */
import { execFile as execFileCallback, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { filesBelow, root, run } from './setup.mjs';

const execFile = promisify(execFileCallback);

for (const tool of ['clang-format', 'clang-tidy'])
  if (spawnSync(tool, ['--version'], { stdio: 'ignore' }).error) {
    console.error(`lint: ${tool} is not installed (Debian and Ubuntu: apt-get install clang-format clang-tidy)`);
    process.exit(1);
  }

const extensions = ['.cc', '.c', '.h'];
const sources = filesBelow(['native'], extensions);
if (sources.length === 0) process.exit(0);
const formatted = [...sources, ...filesBelow(['fuzz'], extensions)];
run('clang-format', process.argv.includes('--fix') ? ['-i', ...formatted] : ['--dry-run', '--Werror', ...formatted]);

const nodeHeaders = [resolve(process.execPath, '..', '..', 'include', 'node'), '/usr/include/node'].find(existsSync);
if (!nodeHeaders) {
  console.error('lint: the headers of Node.js are not installed beside it; clang-tidy is left out');
  process.exit(0);
}
const addonApi = resolve(root, createRequire(import.meta.url)('node-addon-api').include_dir);
const flagsOf = {
  '.cc': ['-std=c++20', '-DNAPI_VERSION=9', '-DNAPI_DISABLE_CPP_EXCEPTIONS', '-DNODE_GYP_MODULE_NAME=netloom'],
  '.c': ['-std=gnu11'],
};
const queue = Object.entries(flagsOf).flatMap(([extension, flags]) =>
  sources.filter((path) => path.endsWith(extension)).map((unit) => ({ unit, flags })),
);
let failed = false;
await Promise.all(Array.from({ length: availableParallelism() }, tidyQueue));
process.exit(failed ? 1 : 0);

/** clang-tidy takes seconds for each unit, most of it for the headers, so every core takes units from the queue. */
async function tidyQueue() {
  for (let next = queue.shift(); next; next = queue.shift()) {
    const { unit, flags } = next;
    const args = ['--quiet', unit, '--', ...flags, '-isystem', String(nodeHeaders), '-isystem', addonApi];
    try {
      await execFile('clang-tidy', args, { cwd: root, maxBuffer: 1 << 26 });
      console.error(`clang-tidy: ${relative(root, unit)}: clean`);
    } catch (error) {
      failed = true;
      console.error(error instanceof Error && 'stdout' in error ? `${error.stdout}` : error);
    }
  }
}
