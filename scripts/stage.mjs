/**
 * A copy of the given files and folders below .staging/, with the checkout's dependencies, to build another
 * variant of the addon without touching build/.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from './setup.mjs';

export function stage(/** @type {string} */ name, /** @type {string[]} */ paths) {
  const directory = join(root, '.staging', name);
  mkdirSync(directory, { recursive: true });
  // The variant's own build stays, so that make compiles only what has changed.
  for (const entry of readdirSync(directory))
    if (entry !== 'build') rmSync(join(directory, entry), { recursive: true });
  for (const path of paths.filter((path) => existsSync(join(root, path)))) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    cpSync(join(root, path), join(directory, path), { recursive: true, preserveTimestamps: true });
  }
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  return directory;
}
