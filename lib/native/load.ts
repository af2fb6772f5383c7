/**
 * Finds the native addon and the helper executable: a build of this checkout or in this installation first, then the
 * prebuilt one for exactly this platform, architecture and C library. When neither serves, the error says what was looked for, what
 * was found and which command fixes it. Each is looked for once: the addon when the library is imported, the
 * helper when it is first needed.
 */
import { accessSync, constants, existsSync } from 'node:fs';
import { join } from 'node:path';
import bindings from 'bindings';
import type { NativeBinding } from './binding.js';
import { detectHost, type Finding, type Host, loadError, reason } from './load-error.js';
import { PACKAGE_ROOT } from './package-root.js';

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

const host = detectHost();

/** The native addon of this environment (each Worker gets its own instance of it). */
export const native: NativeBinding = loadNative(PACKAGE_ROOT, host);

let helper: string | undefined;

/** Path of `netloom-exec`, which joins a namespace and becomes the user's program. */
export function helperPath(): string {
  helper ??= findHelper(PACKAGE_ROOT, host);
  return helper;
}
