/**
 * `netloom-cni install`: puts the program where container runtimes look for plugins, with all that it needs, so that it
 * works there whatever becomes of node_modules. In the directory:
 *
 *     netloom-cni            the launcher, whose first line has the very Node that installed it: a runtime's PATH is its own
 *     bridge, ptp ...        links to it
 *     .netloom-cni-HASH/     the bundle, the addon, and the code cache that the first ADD leaves
 */
import {
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { nativePath } from './native.js';
import { plugins } from './plugins/index.js';

const BUNDLE = 'netloom-cni.bundle.cjs';
const LAUNCHER = 'netloom-cni';
/**
 * V8 would read its heap in again under a secret seed for its hash tables, which takes a sixth of Node's start, so that
 * nobody can choose keys that collide. Here the configuration has the keys, whose author may do worse.
 */
const FLAG = '--no-rehash-snapshot';
/** What the launcher has for where the bundle is. */
const PLACE = 'directory = __dirname;';

export interface InstallOptions {
  /** Where to. */
  readonly directory: string;
  /** Which plugins; those whose name another program has there are refused without `force`. */
  readonly names: readonly string[];
  readonly force: boolean;
}

/** Runs the subcommand. `source` is where the bundle is. */
export function install(args: readonly string[], source: string): void {
  const { directory, names, force } = readOptions(args);
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  const taken = names.filter((name) => isForeign(join(directory, name)));
  if (taken.length > 0 && !force)
    throw new Error(`${directory} has ${taken.join(', ')} of another origin; --force replaces them`);
  const files = { [BUNDLE]: join(source, BUNDLE), 'netloom.node': nativePath };
  // Loaded here, since plugins do without.
  const { createHash } = process.getBuiltinModule('node:crypto');
  const hash = createHash('sha256').update(process.version);
  for (const path of Object.values(files)) hash.update(readFileSync(path));
  const own = `.netloom-cni-${hash.digest('hex').slice(0, 12)}`;
  mkdirSync(join(directory, own), { recursive: true, mode: 0o755 });
  for (const [name, path] of Object.entries(files)) replace(join(directory, own, name), (at) => copyFileSync(path, at));
  replace(join(directory, LAUNCHER), (at) => {
    writeFileSync(at, launcher(readFileSync(join(source, 'netloom-cni.cjs'), 'utf8'), own), { mode: 0o755 });
    // A umask may have taken away what everybody may.
    chmodSync(at, 0o755);
  });
  for (const name of names) replace(join(directory, name), (at) => symlinkSync(LAUNCHER, at));
  for (const name of readdirSync(directory))
    if (/^\.netloom-cni-[0-9a-f]{12}$/.test(name) && name !== own) rmSync(join(directory, name), { recursive: true });
  process.stdout.write(`netloom-cni: installed ${names.join(', ')} in ${directory}\n`);
}

function launcher(text: string, own: string): string {
  const [, ...rest] = text.split('\n');
  const lines = rest.join('\n');
  if (lines.split(PLACE).length !== 2) throw new Error('netloom-cni: the launcher is not as expected');
  return `#!${process.execPath}${knowsFlag() ? ` ${FLAG}` : ''}\n${lines.replace(PLACE, `directory = \`\${__dirname}/${own}\`;`)}`;
}

// V8's flags are no promise of Node's.
function knowsFlag(): boolean {
  const { spawnSync } = process.getBuiltinModule('node:child_process');
  return spawnSync(process.execPath, [FLAG, '--eval', '0'], { stdio: 'ignore' }).status === 0;
}

function readOptions(args: readonly string[]): InstallOptions {
  let directory = '/opt/cni/bin';
  let force = false;
  const names: string[] = [];
  const left = [...args];
  for (let option = left.shift(); option !== undefined; option = left.shift()) {
    if (option === '--force') force = true;
    else if (option === '--dir') directory = left.shift() ?? usage('--dir needs a directory');
    else if (option.startsWith('--dir=')) directory = option.slice('--dir='.length);
    else if (Object.hasOwn(plugins, option)) names.push(option);
    else usage(`${option} is neither an option nor a plugin`);
  }
  return { directory, names: names.length > 0 ? names : Object.keys(plugins), force };
}

function usage(problem: string): never {
  throw new Error(`${problem}; netloom-cni install [--dir DIRECTORY] [--force] [PLUGIN ...]`);
}

/** Puts a file in its place at once, since runtimes start plugins at any time. */
function replace(path: string, make: (at: string) => void): void {
  const unfinished = `${path}.${process.pid}`;
  try {
    make(unfinished);
    renameSync(unfinished, path);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  }
}

function isForeign(path: string): boolean {
  const status = lstatSync(path, { throwIfNoEntry: false });
  return status !== undefined && !(status.isSymbolicLink() && readlinkSync(path) === LAUNCHER);
}
