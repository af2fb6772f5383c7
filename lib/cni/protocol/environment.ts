/** The environment that a plugin is called with, checked before anything is touched. Pure. */
import { type Arguments, parseArguments } from './arguments.js';
import { CniError } from './error.js';

/** What each command cannot do without (specification, "CNI operations"). */
const REQUIRED = {
  ADD: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME'],
  CHECK: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME'],
  DEL: ['CNI_CONTAINERID', 'CNI_IFNAME'],
  GC: [],
  STATUS: [],
  VERSION: [],
} as const;

export type Command = keyof typeof REQUIRED;

export interface Environment {
  readonly command: Command;
  readonly containerId: string;
  /** Path of the namespace; empty where the runtime does not know it (any more). */
  readonly netns: string;
  readonly ifname: string;
  readonly args: Arguments;
  /** Where other plugins are. */
  readonly path: readonly string[];
  /** Whether the namespace may be the plugin's own. */
  readonly ownNetns: boolean;
}

export function readEnvironment(variables: Readonly<Record<string, string | undefined>>): Environment {
  const value = (name: string): string => variables[name] ?? '';
  const command = value('CNI_COMMAND');
  if (!Object.hasOwn(REQUIRED, command))
    throw new CniError(
      'environment',
      `unknown CNI_COMMAND: ${command} (${Object.keys(REQUIRED).join(', ')} are known)`,
    );
  const missing = REQUIRED[command as Command].filter((name) => value(name) === '');
  if (missing.length > 0) throw new CniError('environment', `required env variables [${missing.join(',')}] missing`);
  const containerId = value('CNI_CONTAINERID');
  const ifname = value('CNI_IFNAME');
  if (containerId !== '') checkId(containerId, 'environment', 'CNI_CONTAINERID');
  if (ifname !== '') checkIfname(ifname);
  return {
    command: command as Command,
    containerId,
    netns: value('CNI_NETNS'),
    ifname,
    args: parseArguments(value('CNI_ARGS')),
    path: value('CNI_PATH')
      .split(':')
      .filter((directory) => directory !== ''),
    ownNetns: /^(1|true)$/i.test(value('CNI_NETNS_OVERRIDE')),
  };
}

/** A container's id or a network's name: both become names of files. */
export function checkId(id: string, code: 'environment' | 'config', place: string): void {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(id))
    throw new CniError(
      code,
      `invalid characters in ${place} ${JSON.stringify(id)}: it must start with a letter or digit, and then have only those and '_', '.', '-'`,
    );
  if (id.length > 255) throw new CniError(code, `${place} is ${id.length} bytes; a file name holds 255`);
}

function checkIfname(ifname: string): void {
  const refuse = (problem: string): never => {
    throw new CniError('environment', `CNI_IFNAME ${JSON.stringify(ifname)} ${problem}`);
  };
  const size = Buffer.byteLength(ifname);
  if (size > 15) refuse(`is ${size} bytes; the kernel allows 15 (IFNAMSIZ)`);
  if (ifname === '.' || ifname === '..') refuse('is no name of a link');
  // The kernel would make another name of `eth%d` (dev_alloc_name).
  const bad = /[/:%\s\0]/.exec(ifname);
  if (bad) refuse(`must not contain ${JSON.stringify(bad[0])}`);
}
