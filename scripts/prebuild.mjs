/**
 * Makes prebuilds/linux-<arch>/netloom.<libc>.node and netloom-exec.<libc>, stripped, unless they are newer than
 * the native sources.
 *
 *     node scripts/prebuild.mjs [--arch x64|arm64]
 *
 * Another architecture than the machine's is compiled with Debian's cross compilers (g++-aarch64-linux-gnu).
 * A musl build comes from running this on a musl system (Alpine).
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gypEnvironment, isFresh, nativeSources, root, run } from './setup.mjs';
import { stage } from './stage.mjs';

const { arch } = parseArgs({ options: { arch: { type: 'string', default: process.arch } } }).values;
const libc = existsSync('/etc/alpine-release') ? 'musl' : 'glibc';
const folder = join(root, 'prebuilds', `linux-${arch}`);
const addon = join(folder, `netloom.${libc}.node`);
const helper = join(folder, `netloom-exec.${libc}`);

/** @type {Record<string, string>} */
const TRIPLES = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };
const triple = TRIPLES[arch];
if (!triple) throw new RangeError(`prebuild: no compiler is known for --arch ${arch}; known: ${Object.keys(TRIPLES)}`);
/** @type {Record<string, string>} */
const cross = arch === process.arch ? {} : { CC: `${triple}-gcc`, CXX: `${triple}-g++`, AR: `${triple}-ar` };
const strip = arch === process.arch ? 'strip' : `${triple}-strip`;

if (!isFresh(nativeSources(), [addon, helper])) {
  const staged = stage(`prebuild-${arch}`, ['binding.gyp', 'native', 'package.json']);
  run(
    join(root, 'node_modules', '.bin', 'prebuildify'),
    [
      ...['--napi', '--tag-libc', libc, '--strip', '--strip-bin', strip],
      ...['--arch', arch, '--target', process.versions.node, '--cwd', staged, '--out', root],
    ],
    { env: { ...cross, ...gypEnvironment() }, quiet: true },
  );
  // Static, because every executable linked against glibc 2.34 or newer asks for that version at start.
  run(cross['CC'] ?? process.env['CC'] ?? 'cc', [
    ...['-std=gnu11', '-Os', '-Wall', '-Wextra', '-static', '-s'],
    ...['-o', helper, join(root, 'native', 'netns_exec.c')],
  ]);
}
