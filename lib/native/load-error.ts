/**
 * What is said where the native addon or the helper executable cannot be loaded: what was looked for, what was found, and
 * which command fixes it.
 */
import { closeSync, existsSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';

export type Libc = 'glibc' | 'musl';

/** What decides which binary can be loaded. */
export interface Host {
  platform: string;
  arch: string;
  libc: Libc;
}

/** A place that was looked at, and why it did not do. */
export type Finding = readonly [path: string, reason: string];

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

export const detectHost = (): Host => ({ platform: process.platform, arch: process.arch, libc: detectLibc() });

export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function loadError(
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
