/**
 * IPAM by another program, as the protocol has it: the plugin that `ipam.type` names, found in CNI_PATH, called with the
 * same environment and the same configuration.
 */
import { accessSync, constants } from 'node:fs';
import { parseJson } from '../protocol/config.js';
import type { Command } from '../protocol/environment.js';
import { CniError } from '../protocol/error.js';
import { Fields } from '../protocol/fields.js';
import type { Invocation, Plugin } from '../protocol/plugin.js';
import { readResult } from '../protocol/result.js';

/** An answer that is longer is none. */
const LONGEST_ANSWER = 1 << 24;

/** The plugin that does what the program `type` does. */
export const delegateTo = (type: string): Plugin => ({
  add: (call) => readResult(parseJson(execute(type, 'ADD', call), `the result of ${type}`), `the result of ${type}`),
  del: (call) => void execute(type, 'DEL', call),
  check: (call) => void execute(type, 'CHECK', call),
  gc: (call) => void execute(type, 'GC', call),
  status: (call) => void execute(type, 'STATUS', call),
});

function execute(type: string, command: Command, call: Invocation): string {
  const file = findPlugin(type, call.path);
  // Loaded here, since few configurations need it.
  const { spawnSync } = process.getBuiltinModule('node:child_process');
  const { error, status, stdout } = spawnSync(file, [], {
    env: { ...process.env, ...variablesOf(command, call) },
    input: call.config.text,
    stdio: ['pipe', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: LONGEST_ANSWER,
  });
  // One that fails, or needs no configuration, may end before it was read.
  if (error && !('code' in error && error.code === 'EPIPE')) throw new CniError('io', `${file}: ${error.message}`);
  if (status !== 0) throw failure(file, stdout);
  return stdout;
}

const variablesOf = (command: Command, { containerId, netns, ifname, args, path }: Invocation) => ({
  CNI_COMMAND: command,
  CNI_CONTAINERID: containerId,
  CNI_NETNS: netns,
  CNI_IFNAME: ifname,
  CNI_ARGS: [...args].map(([name, value]) => `${name}=${value}`).join(';'),
  CNI_PATH: path.join(':'),
});

/** The error that the other program told. */
function failure(file: string, output: string): CniError {
  if (output.trim() === '') return new CniError('internal', `${file} failed and said nothing`);
  const fields = new Fields(parseJson(output, `the error of ${file}`), `the error of ${file}`);
  return new CniError(fields.integer('code') ?? 0, fields.text('msg') ?? '', fields.text('details'));
}

function findPlugin(type: string, path: readonly string[]): string {
  if (type.includes('/')) throw new CniError('config', `ipam.type ${JSON.stringify(type)} must not contain '/'`);
  for (const directory of path) {
    const file = `${directory}/${type}`;
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // The next one may have it.
    }
  }
  throw new CniError(
    'config',
    `failed to find plugin ${JSON.stringify(type)} (ipam.type) in CNI_PATH [${path.join(' ')}]`,
  );
}
