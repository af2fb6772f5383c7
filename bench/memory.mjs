/**
 * What a namespace takes of the process while it is open: descriptors and memory. See README.md.
 *
 *     npm run bench:memory [-- COUNT]
 *
 * The kernel's own memory for a namespace is not in it; that is the same for every program.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const sandbox = fileURLToPath(new URL('peers/sandbox.sh', import.meta.url));
if (process.env['NETLOOM_SANDBOX'] === undefined) {
  const env = { ...process.env, NETLOOM_SANDBOX: '1' };
  const { status } = spawnSync(sandbox, process.argv, { stdio: 'inherit', env });
  process.exit(status ?? 1);
}
const netloom = await import('netloom');
const sync = await import('netloom/sync');

const count = Number(process.argv[2] ?? 2000);
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

function measure() {
  collect();
  collect();
  const rss = /VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  const threads = readdirSync('/proc/self/task').length;
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return { descriptors: readdirSync('/proc/self/fd').length, rss: Number(rss) * 1024, heapUsed, arrayBuffers, threads };
}

let before = measure();
function show(/** @type {string} */ what) {
  const now = measure();
  const each = (/** @type {'rss' | 'heapUsed'} */ field) =>
    `${((now[field] - before[field]) / count / 1024).toFixed(1)} KiB`;
  console.log(
    `${what.padEnd(44)} descriptors ${String(now.descriptors - before.descriptors).padStart(5)}` +
      `   RSS ${each('rss')} each   heap ${each('heapUsed')} each   threads ${now.threads}`,
  );
  before = now;
}

// What is loaded and compiled at the first use is no namespace's.
const first = await netloom.createNetns('first');
await netloom.listLinks({ netns: first });
sync.listLinks({ netns: first });
await netloom.deleteNetns(first);
before = measure();

console.log(`${count} namespaces, one step after the other; each line what it adds:`);
const held = await Promise.all(Array.from({ length: count }, () => netloom.createNetns()));
show('held open');
for (const netns of held) sync.getLink('lo', { netns });
show('each asked for a link, by netloom/sync');
await Promise.all(held.map((netns) => netloom.getLink('lo', { netns })));
show('each asked for a link, all at once');
await new Promise((resolve) => setTimeout(resolve, 11_000));
show('eleven seconds later');
for (const netns of held) netns.close();
show('closed');
const names = Array.from({ length: count }, (_, i) => `m${i}`);
await Promise.all(names.map((name) => netloom.createNetns(name).then((netns) => netns.close())));
show('as many with names, their handles closed');
await Promise.all(names.map((name) => netloom.deleteNetns(name)));
