/**
 * The native addon as the bundle loads it, in the place of lib/native/load.ts: by its path, without a search. It stands
 * beside the bundle where `netloom-cni install` has put both, and where a build puts it otherwise.
 */
import { existsSync } from 'node:fs';
import type { NativeBinding } from '../native/binding.js';

/** Where the bundle is; the launcher says so. */
declare const NETLOOM_CNI_DIRECTORY: string;

/** Where the addon was found. */
export let nativePath: string;

function load(): NativeBinding {
  const { platform, arch } = process;
  const prebuilt = `${NETLOOM_CNI_DIRECTORY}/../prebuilds/${platform}-${arch}/netloom`;
  const places = [
    `${NETLOOM_CNI_DIRECTORY}/netloom.node`,
    `${NETLOOM_CNI_DIRECTORY}/../build/Release/netloom.node`,
    `${NETLOOM_CNI_DIRECTORY}/../native/build/Release/netloom.node`,
    `${prebuilt}.glibc.node`,
    `${prebuilt}.musl.node`,
  ];
  let refusal: unknown;
  for (const place of places) {
    if (!existsSync(place)) continue;
    const module = { exports: {} };
    try {
      process.dlopen(module, place);
      nativePath = place;
      return module.exports as NativeBinding;
    } catch (error) {
      // Of another C library; the next one may be of this one.
      refusal = error;
    }
  }
  throw refusal ?? new Error(`netloom-cni: there is no native addon (${places.join(', ')})`);
}

export const native: NativeBinding = load();

/** The helper executable is for programs inside a namespace, which no plugin starts. */
export function helperPath(): never {
  throw new Error('netloom-cni has no helper executable');
}
