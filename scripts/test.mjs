/**
 * Runs the test suites, after setting the checkout up.
 *
 *     node scripts/test.mjs [unit] [types] [package] [kernel] [arguments of vitest]       by default all suites
 *
 * The kernel suite runs in a network and mount namespace of its own with an empty /run, so that it neither
 * sees nor disturbs the machine's links and named namespaces, and whatever it leaves behind is its own.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root, setUp } from './setup.mjs';

const SUITES = ['unit', 'types', 'package', 'kernel'];
/** Run only where they are named: what they need is not everywhere. */
const NAMED = ['conformance'];
const ISOLATED = ['kernel', 'conformance'];
/** sysfs shows the network namespace of the process that mounted it. */
const ISOLATE = 'mount -t tmpfs -o mode=755 tmpfs /run && mount -t sysfs sysfs /sys && ip link set lo up && exec "$@"';

const options = process.argv.slice(2);
const named = [];
while ([...SUITES, ...NAMED].includes(options[0] ?? '')) named.push(options.shift());
const wanted = named.length > 0 ? named.map(String) : SUITES;

// A tree that was built in another way (with sanitizers) must not be rebuilt.
if (!process.env['NETLOOM_NO_SETUP']) setUp();

const total = { passed: 0, failed: 0, skipped: 0 };
let status = 0;
vitest(wanted.filter((suite) => !ISOLATED.includes(suite)));
vitest(
  wanted.filter((suite) => ISOLATED.includes(suite)),
  canIsolate() ? isolated : undefined,
);
console.log(`netloom: ${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(status);

function vitest(/** @type {(string | undefined)[]} */ projects, wrap = (/** @type {string[]} */ command) => command) {
  if (projects.length === 0) return;
  const report = join(root, 'build', 'test', `${projects[0]}.json`);
  mkdirSync(join(root, 'build', 'test'), { recursive: true });
  rmSync(report, { force: true });
  const [program = '', ...args] = wrap([
    process.execPath,
    join(root, 'node_modules', 'vitest', 'vitest.mjs'),
    ...['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
    ...projects.map((project) => `--project=${project}`),
    ...options,
  ]);
  const result = spawnSync(program, args, { cwd: root, stdio: 'inherit' });
  if (result.error) throw result.error;
  status ||= result.status ?? 1;
  count(report);
}

function isolated(/** @type {string[]} */ command) {
  return ['unshare', '--net', '--mount', '--propagation', 'private', 'sh', '-c', ISOLATE, 'sh', ...command];
}

function canIsolate() {
  return spawnSync('unshare', ['--net', '--mount', 'true'], { stdio: 'ignore' }).status === 0;
}

function count(/** @type {string} */ report) {
  try {
    const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(report, 'utf8'));
    total.passed += numPassedTests;
    total.failed += numFailedTests;
    total.skipped += numPendingTests;
  } catch {
    // vitest stopped before it wrote a report, and has said why.
  }
}
