/** Finding the program that execvp would run, so that one that cannot be run fails as it does in Node itself. */
import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';

/** Where execvp looks when there is no PATH (glibc and musl differ in the order, which does not matter here). */
const DEFAULT_PATH = '/bin:/usr/bin';

/** Undefined when `command` can be run, else what execvp would say: it is nowhere, or it is no program. */
export function lookupFailure(
  command: string,
  cwd: string,
  searchPath = DEFAULT_PATH,
): 'ENOENT' | 'EACCES' | undefined {
  if (command.includes('/')) return failureOf(resolve(cwd, command));
  let failure: 'ENOENT' | 'EACCES' = 'ENOENT';
  // An empty entry is the current directory.
  for (const directory of searchPath.split(':')) {
    const found = failureOf(resolve(cwd, directory, command));
    if (found === undefined) return undefined;
    if (found === 'EACCES') failure = found;
  }
  return failure;
}

function failureOf(path: string): 'ENOENT' | 'EACCES' | undefined {
  try {
    if (!statSync(path).isFile()) return 'EACCES';
    accessSync(path, constants.X_OK);
    return undefined;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EACCES' ? 'EACCES' : 'ENOENT';
  }
}
