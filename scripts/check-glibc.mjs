/**
 * Fails when a built binary needs newer versions of the C and C++ libraries than the oldest systems that
 * Node.js 20 itself runs on have (RHEL 8: glibc 2.28; its libstdc++ is GCC 8's, and GLIBCXX_3.4.21 is GCC 5's).
 *
 *     node scripts/check-glibc.mjs [binary ...]     by default the local addon and every prebuilt glibc binary
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { root } from './setup.mjs';

/** @type {Record<string, string>} */
const FLOOR = { GLIBC: '2.28', GLIBCXX: '3.4.21', CXXABI: '1.3.9', GCC: '8.0.0' };

const order = new Intl.Collator('en', { numeric: true });
const binaries = process.argv.length > 2 ? process.argv.slice(2) : builtBinaries();
if (binaries.length === 0) {
  console.error('check:glibc: nothing is built yet; run `npm run build`');
  process.exit(1);
}

let tooNew = 0;
for (const binary of binaries) {
  // readelf reads every architecture, which Debian's objdump does not.
  const symbols = execFileSync('readelf', ['-W', '--dyn-syms', binary], { encoding: 'utf8', maxBuffer: 1 << 26 });
  /** @type {Record<string, string>} */
  const highest = {};
  for (const line of symbols.split('\n')) {
    const [, symbol, library = '', version = ''] = / UND (\S+)@(\w+?)_([\d.]+)/.exec(line) ?? [];
    if (!(library in FLOOR)) continue;
    if (order.compare(version, highest[library] ?? '0') > 0) highest[library] = version;
    if (order.compare(version, FLOOR[library] ?? '0') > 0) {
      tooNew++;
      console.error(`${relative(root, binary)}: needs ${symbol} of ${library}_${version}, above ${FLOOR[library]}`);
    }
  }
  const summary = Object.entries(highest).map(([library, version]) => `${library} ${version}`);
  console.log(`${relative(root, binary)}: ${summary.join(', ') || 'no versioned symbols'}`);
}
process.exit(tooNew === 0 ? 0 : 1);

function builtBinaries() {
  const built = [join(root, 'build', 'Release', 'netloom.node')];
  const prebuilds = join(root, 'prebuilds');
  const prebuilt = existsSync(prebuilds)
    ? readdirSync(prebuilds, { recursive: true, encoding: 'utf8' }).filter((path) => path.includes('.glibc'))
    : [];
  return [...built.filter((path) => existsSync(path)), ...prebuilt.map((path) => join(prebuilds, path))];
}
