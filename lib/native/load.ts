/**
 * Finds the native addon and the helper executable: a build of this checkout or in this installation first, then the
 * prebuilt one for exactly this platform, architecture and C library. When neither serves, the error says what was looked for, what
 * was found and which command fixes it. Each is looked for once: the addon when the library is imported, the
 * helper when it is first needed.
 */
import { accessSync, closeSync, constants, existsSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import bindings from 'bindings';
import type { NativeBinding } from './binding.js';
import { PACKAGE_ROOT } from './package-root.js';

export type Libc = 'glibc' | 'musl';

/** What decides which binary can be loaded. */
export interface Host {
  platform: string;
  arch: string;
  libc: Libc;
}

/** A place that was looked at, and why it did not do. */
type Finding = readonly [path: string, reason: string];

/** `code` is ERR_NETLOOM_NATIVE; `cause` is what the dynamic linker or `bindings` said, when they were asked. */
export interface NativeLoadError extends Error {
  code: 'ERR_NETLOOM_NATIVE';
}

/**
 * The C library of this process, read from the name of its ELF interpreter ("/lib/ld-musl-x86_64.so.1"). A
 * machine may have both, so looking for musl's files would not do, and a process.report costs milliseconds.
 */
export function detectLibc(executable = '/proc/self/exe'): Libc {
  const head = Buffer.alloc(4096);
  let fd = -1;
  try {
    fd = openSync(executable, 'r');
    readSync(fd, head, 0, head.length, 0);
  } catch {
    // Without /proc there is nothing to read; glibc is the likelier guess, and dlopen has the last word.
  } finally {
    if (fd !== -1) closeSync(fd);
  }
  return head.includes('/ld-musl-') ? 'musl' : 'glibc';
}

/** Where a binary may be, in the order of trying, as path segments below the package's root. */
function candidates(stem: string, extension: string, host: Host): string[][] {
  return [
    ['build', 'Release', `${stem}${extension}`],
    ['native', 'build', 'Release', `${stem}${extension}`],
    ['prebuilds', `${host.platform}-${host.arch}`, `${stem}.${host.libc}${extension}`],
  ];
}

/** @internal Loads the addon below `root`; exported for its tests. */
export function loadNative(root: string, host: Host): NativeBinding {
  const places = candidates('netloom', '.node', host);
  try {
    return bindings({
      bindings: 'netloom.node',
      module_root: root,
      try: places.map((place) => ['module_root', ...place]),
    });
  } catch (cause) {
    // bindings passes over files that do not exist, and stops at the first one that the dynamic linker refuses.
    const findings: Finding[] = [];
    for (const place of places) {
      const path = join(root, ...place);
      const refused = existsSync(path);
      findings.push([path, refused ? reason(cause).replace(`${path}: `, '') : 'no such file']);
      if (refused) break;
    }
    throw loadError('the native addon', root, host, findings, cause);
  }
}

/** @internal Finds the helper executable below `root`; exported for its tests. */
export function findHelper(root: string, host: Host): string {
  const findings: Finding[] = [];
  for (const place of candidates('netloom-exec', '', host)) {
    const path = join(root, ...place);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      findings.push([path, existsSync(path) ? `not executable (chmod +x ${path})` : 'no such file']);
    }
  }
  throw loadError('the helper executable', root, host, findings);
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function loadError(
  what: string,
  root: string,
  host: Host,
  findings: readonly Finding[],
  cause?: unknown,
): NativeLoadError {
  const lines = [
    `netloom: ${what} cannot be loaded on ${host.platform}-${host.arch} (${host.libc}, Node.js ${process.version})`,
    ...findings.map(([path, why]) => `  ${path}: ${why}`),
    `  prebuilt here: ${prebuilt(root).join(', ') || 'none'}`,
    remedy(root, host),
  ];
  return Object.assign(new Error(lines.join('\n'), { cause }), { code: 'ERR_NETLOOM_NATIVE' as const });
}

/** The prebuilt addons that came with this installation, as "linux-x64/netloom.glibc.node". */
function prebuilt(root: string): string[] {
  try {
    return readdirSync(join(root, 'prebuilds'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.node'))
      .sort();
  } catch {
    return [];
  }
}

function remedy(root: string, host: Host): string {
  if (host.platform !== 'linux') return 'netloom speaks to the Linux kernel; other platforms are not supported.';
  // npm never packs the lock file, so its presence tells a checkout from an installed package.
  const command = existsSync(join(root, 'package-lock.json'))
    ? `npm run build --prefix ${root}`
    : `npm install --no-save node-gyp node-addon-api && npx node-gyp rebuild -C ${join(root, 'native')}`;
  return `To build it on this machine (needs python3, make and g++): ${command}`;
}

const host: Host = { platform: process.platform, arch: process.arch, libc: detectLibc() };

/** The native addon of this environment (each Worker gets its own instance of it). */
export const native: NativeBinding = loadNative(PACKAGE_ROOT, host);

let helper: string | undefined;

/** Path of `netloom-exec`, which joins a namespace and becomes the user's program. */
export function helperPath(): string {
  helper ??= findHelper(PACKAGE_ROOT, host);
  return helper;
}
