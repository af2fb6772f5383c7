/**
 * Runs all suites under other versions of Node.js with the same binaries: `npm run test:nodes [-- 22 24 26]`.
 * The versions come from the npm registry.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, run, setUp } from './setup.mjs';

const majors = process.argv.length > 2 ? process.argv.slice(2) : ['22', '24', '26'];
setUp();
let failed = 0;
for (const major of majors) {
  const directory = join(root, '.staging', `node-${major}`);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'package.json'), '{ "private": true }');
  const name = `node-linux-${process.arch}`;
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', `${name}@${major}`], { cwd: directory });
  const node = join(directory, 'node_modules', name, 'bin', 'node');
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
  console.log(`\n== Node.js ${version}`);
  const env = { ...process.env, NETLOOM_NO_SETUP: '1' };
  const suites = ['unit', 'package', 'kernel'];
  if (
    spawnSync(node, [join(root, 'scripts', 'test.mjs'), ...suites], { cwd: root, env, stdio: 'inherit' }).status !== 0
  )
    failed++;
}
console.log(`\n${majors.length - failed} of ${majors.length} versions of Node.js passed`);
process.exit(failed === 0 ? 0 : 1);
