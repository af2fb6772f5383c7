/**
 * The executable netloom-cni: one call of a CNI plugin, or its own installation. Bundled into one file
 * (scripts/bundle-cni.mjs), since a pod waits for its start.
 */
import { fstatSync, readFileSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import { install } from './install.js';
import { plugins } from './plugins/index.js';
import { run } from './protocol/run.js';
import { VERSIONS } from './protocol/version.js';

const STDIN = 0;
const STDOUT = 1;

/** `program` is the path by which it was called: that of a link, where it was called through one; `directory` has the bundle. */
export function main(program: string, args: readonly string[], directory: string): void {
  const { env } = process;
  if ((env['CNI_COMMAND'] ?? '') === '') {
    if (args[0] === 'install') installOrSay(args.slice(1), directory);
    else usage(args[0]);
    return;
  }
  const { output, status } = run({ name: basename(program), variables: env, stdin: readStdin }, plugins);
  write(output);
  process.exitCode = status;
}

function installOrSay(args: readonly string[], directory: string): void {
  try {
    install(args, directory);
  } catch (error) {
    process.stderr.write(`netloom-cni: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}

function usage(word: string | undefined): void {
  const unknown = word !== undefined && !['help', '--help', '-h'].includes(word);
  process.exitCode = unknown ? 1 : 0;
  process.stderr.write(
    `${unknown ? `netloom-cni: unknown command ${JSON.stringify(word)}\n` : ''}netloom-cni is a CNI plugin (${Object.keys(plugins).join(', ')}), called by container runtimes.\n` +
      `CNI protocol versions supported: ${VERSIONS.join(', ')}\n` +
      'To put it where they find it: netloom-cni install [--dir /opt/cni/bin]\n',
  );
}

// A terminal would be waited for; a runtime gives a pipe.
const readStdin = (): string => (fstatSync(STDIN).isCharacterDevice() ? '' : readFileSync(STDIN, 'utf8'));

function write(text: string): void {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length; ) written += writeSync(STDOUT, bytes, written);
}
