/**
 * The native addon as the bundle loads it, in the place of lib/native/load.ts: by its path, without a search. It stands
 * beside the bundle where `netloom-cni install` has put both, and where a build puts it otherwise.
 */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { NativeBinding } from '../native/binding.js';
import { detectHost, type Finding, loadError, reason } from '../native/load-error.js';

/** Where the bundle is; the launcher says so. */
declare const NETLOOM_CNI_DIRECTORY: string;

/** Where the addon was found. */
export let nativePath: string;

function load(): NativeBinding {
  const { platform, arch } = process;
  const root = join(NETLOOM_CNI_DIRECTORY, '..');
  const prebuilt = `${root}/prebuilds/${platform}-${arch}/netloom`;
  const findings: Finding[] = [];
  for (const place of [
    `${NETLOOM_CNI_DIRECTORY}/netloom.node`,
    `${root}/build/Release/netloom.node`,
    `${root}/native/build/Release/netloom.node`,
    `${prebuilt}.glibc.node`,
    `${prebuilt}.musl.node`,
  ]) {
    if (!existsSync(place)) {
      findings.push([place, 'no such file']);
      continue;
    }
    const module = { exports: {} };
    try {
      process.dlopen(module, place);
      nativePath = place;
      return module.exports as NativeBinding;
    } catch (error) {
      // Of another C library; the next one may be of this one.
      findings.push([place, reason(error).replace(`${place}: `, '')]);
    }
  }
  // What was installed has one place only, and cannot be built there.
  if (basename(NETLOOM_CNI_DIRECTORY).startsWith('.'))
    throw new Error(`netloom-cni: ${findings[0]?.join(': ')}; run netloom-cni install again`);
  throw loadError('the native addon', root, detectHost(), findings);
}

export const native: NativeBinding = load();

/** The helper executable is for programs inside a namespace, which no plugin starts. */
export function helperPath(): never {
  throw new Error('netloom-cni has no helper executable');
}
