/**
 * Brings a checkout up to date: dependencies, native build, TypeScript build. Each step is skipped when its
 * outputs are newer than what they are made from. Must run before any dependency is installed.
 *
 *     node scripts/setup.mjs [dependencies] [native] [kinds] [ts] [cni] [examples]      (all of them by default)
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generateKinds } from './generate-kinds.mjs';

export const root = fileURLToPath(new URL('..', import.meta.url));
const bin = join(root, 'node_modules', '.bin');

/**
 * Prints the command, runs it, and ends this process when it fails. Output goes to stderr: stdout is the caller's.
 * With `quiet`, what the command prints to its stdout is shown only when it fails.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnSyncOptions & { quiet?: boolean }} options
 */
export function run(command, args, { quiet = false, ...options } = {}) {
  console.error(
    `> ${[relative(root, command).startsWith('..') ? command : relative(root, command), ...args].join(' ')}`,
  );
  const { status, signal, error, stdout } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', quiet ? 'pipe' : 2, 2],
    maxBuffer: 1 << 26,
    ...options,
  });
  if (error) console.error(`${command}: ${error.message}`);
  if (status === 0) return;
  if (quiet) process.stderr.write(stdout ?? '');
  process.exit(signal ? 1 : (status ?? 1));
}

/** Installs packages of Debian: which, by a file that is missing without. Needs root, as the tests that want them do. */
export function installMissing(/** @type {Readonly<Record<string, string>>} */ packages) {
  if (process.getuid?.() !== 0) {
    console.error(`npm run ${process.env['npm_lifecycle_event']}: this needs root`);
    process.exit(1);
  }
  const missing = Object.entries(packages).flatMap(([path, name]) => (existsSync(path) ? [] : [name]));
  if (missing.length === 0) return;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  run('apt-get', ['update', '-q'], { env });
  run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...missing], { env });
}

/** Every file below the given files and directories whose name ends in one of `extensions`. */
export function filesBelow(/** @type {string[]} */ paths, /** @type {string[]} */ extensions) {
  return paths
    .map((path) => resolve(root, path))
    .filter((path) => existsSync(path))
    .flatMap((path) =>
      statSync(path).isDirectory()
        ? readdirSync(path, { recursive: true, encoding: 'utf8' }).map((name) => join(path, name))
        : [path],
    )
    .filter((path) => extensions.some((extension) => path.endsWith(extension)));
}

const changed = (/** @type {string} */ path) => (existsSync(path) ? statSync(path).mtimeMs : 0);

/** Whether every output exists and none is older than the newest input. */
export function isFresh(/** @type {string[]} */ inputs, /** @type {string[]} */ outputs) {
  return Math.min(...outputs.map(changed)) >= Math.max(...inputs.map(changed));
}

/** Headers of the running Node.js where it is installed with them, so that nothing has to be downloaded. */
export function gypEnvironment() {
  const prefix = resolve(process.execPath, '..', '..');
  const header = join(prefix, 'include', 'node', 'node_version.h');
  const major = existsSync(header) && /NODE_MAJOR_VERSION (\d+)/.exec(readFileSync(header, 'utf8'))?.[1];
  // Settings of the caller come first. node-gyp's own log says what it found even where all went well.
  const environment = { npm_config_jobs: 'max', npm_config_loglevel: 'warn', ...process.env };
  return major === process.versions.node.split('.')[0] ? { ...environment, npm_config_nodedir: prefix } : environment;
}

export const nativeSources = () =>
  filesBelow(
    ['native', 'binding.gyp', 'node_modules/node-addon-api/package.json'],
    ['.cc', '.c', '.h', '.gyp', '.gypi', '.json'],
  );

function dependencies() {
  const installed = packagesOf(join(root, 'node_modules', '.package-lock.json'));
  const wanted = Object.entries(packagesOf(join(root, 'package-lock.json')));
  // Optional packages are those of other platforms; the empty path is the project itself.
  if (wanted.every(([path, { version, optional }]) => !path || optional || installed[path]?.version === version))
    return;
  run('npm', ['ci', '--no-audit', '--no-fund']);
}

/** @returns {Record<string, { version: string, optional?: boolean }>} by path */
function packagesOf(/** @type {string} */ lockFile) {
  return existsSync(lockFile) ? JSON.parse(readFileSync(lockFile, 'utf8')).packages : {};
}

function native() {
  const outputs = ['netloom.node', 'netloom-exec'].map((name) => join(root, 'build', 'Release', name));
  if (isFresh(nativeSources(), outputs)) return;
  const started = new Date();
  run(join(bin, 'node-gyp'), ['configure', 'build', '--silent'], { env: gypEnvironment(), quiet: true });
  // make leaves an output alone that a changed file has no part in; it is up to date all the same.
  for (const output of outputs) if (existsSync(output)) utimesSync(output, started, started);
}

const typescript = (/** @type {string} */ directory) =>
  filesBelow([directory], ['.ts']).filter((path) => !path.endsWith('.d.ts'));

/** Declarations by TypeScript, one for each source, and a few bundles. */
function library() {
  const sources = typescript('lib');
  const declared = sources.map((path) => join(root, 'dist', relative(join(root, 'lib'), path).replace(/ts$/, 'd.ts')));
  for (const path of filesBelow(['dist'], ['.d.ts', '.d.ts.map']))
    if (!declared.includes(path.replace(/\.map$/, ''))) rmSync(path);
  const bundle = join('scripts', 'bundle-library.mjs');
  const made = [...declared, join(root, 'dist', 'index.js')];
  if (isFresh([...sources, ...['tsconfig.json', bundle].map((path) => join(root, path))], made)) return;
  run(join(bin, 'tsc'), ['-p', 'tsconfig.json', '--emitDeclarationOnly']);
  run(process.execPath, [bundle]);
}

/** The examples, compiled; what was compiled from files that are gone is removed. */
function examples() {
  const to = join('build', 'examples');
  const sources = typescript('examples');
  const compiled = sources.map((path) => join(root, to, relative(join(root, 'examples'), path).replace(/ts$/, 'js')));
  for (const path of filesBelow([to], ['.js', '.js.map']))
    if (!compiled.includes(path.replace(/\.map$/, ''))) rmSync(path);
  const project = 'tsconfig.examples.json';
  if (isFresh([...sources, join(root, project), join(root, 'tsconfig.json')], compiled)) return;
  run(join(bin, 'tsc'), ['-p', project]);
}

function cni() {
  const outputs = ['netloom-cni.bundle.cjs', 'netloom-cni.cjs'].map((name) => join(root, 'dist', name));
  const sources = [...filesBelow(['lib'], ['.ts', '.cjs']), join(root, 'scripts', 'bundle-cni.mjs')];
  if (isFresh(sources, outputs)) return;
  run(process.execPath, [join('scripts', 'bundle-cni.mjs')]);
}

const steps = {
  dependencies,
  native,
  kinds: generateKinds,
  ts: library,
  cni,
  examples,
};

export function setUp(/** @type {string[]} */ names = Object.keys(steps)) {
  for (const [name, step] of Object.entries(steps)) if (names.includes(name)) step();
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  setUp(process.argv.length > 2 ? process.argv.slice(2) : undefined);
