/**
 * `spawn`: the user's own program, inside a namespace. It is the only place of the library that starts a
 * process, because a process is what was asked for.
 *
 * Node starts `netloom-exec` (native/netns_exec.c), which joins the namespace and becomes the program, so the
 * process id, the exit status and the signals are the program's own. The descriptor of the namespace travels
 * as one more entry of stdio, which the helper does not pass on: nothing is looked up by name or number later,
 * and closing the `Netns` right after the call is fine.
 */

import type { ChildProcess, ChildProcessByStdio, SpawnOptions } from 'node:child_process';
import * as childProcess from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { invalidValue, nameCall, outOfRange, wrongType } from '../errors.js';
import { helperPath } from '../native/load.js';
import { givenNetns, isOfProcess, type Netns } from '../netns/netns.js';
import { lookupFailure } from './lookup.js';

type Stdio = SpawnOptions['stdio'];
type StdioList = Extract<Stdio, readonly unknown[]>;

/** The options of `child_process.spawn`. */
export interface NetnsSpawnOptions extends Omit<SpawnOptions, 'stdio'> {
  /** As Node has it; 'pipe' if absent. Other descriptors than those named here never reach the program. */
  stdio?: Stdio | readonly StdioList[number][];
}

/** What entry `I` of `stdio` says. An absent one is a pipe. */
type StdioEntry<S, I extends 0 | 1 | 2> = S extends readonly unknown[]
  ? S extends { readonly [K in I]: infer E }
    ? E
    : S[number] | undefined
  : S;

type StreamOf<E, T> = E extends 'pipe' | 'overlapped' | undefined | null
  ? T
  : E extends 'inherit' | 'ignore' | 'ipc' | number | object
    ? null
    : T | null;

// Options that do not mention stdio infer unknown, and mean pipes.
type StdioOf<O> = O extends { readonly stdio?: infer S } ? (unknown extends S ? undefined : S) : undefined;
type StdioStream<O, I extends 0 | 1 | 2, T> = StreamOf<StdioEntry<StdioOf<O>, I>, T>;

/** A ChildProcess whose stdin, stdout and stderr are streams, or null, as the options `O` have it. */
export type SpawnedProcess<O> = ChildProcessByStdio<
  StdioStream<O, 0, Writable>,
  StdioStream<O, 1, Readable>,
  StdioStream<O, 2, Readable>
>;

/**
 * Runs a program inside a namespace: `child_process.spawn` with all its options. As with `ip netns exec`, the
 * program sees /sys of that namespace, and the files of /etc/netns/NAME in place of those of /etc. In the
 * process's own namespace, by whichever handle, it is `child_process.spawn` and no more, and needs no privilege.
 *
 * `ip netns exec NAME COMMAND ARGUMENT...`
 *
 *     const child = spawn(netns, 'ip', ['-j', 'address'], { stdio: ['ignore', 'pipe', 'inherit'] });
 *
 * A command that does not exist gives the 'error' event of Node (`spawn NAME ENOENT`). Where joining needs
 * privilege, `uid` and `gid` are taken on after it. When the namespace cannot be joined the child writes
 * `netloom: ...` to its stderr and exits with 125; 126 and 127 mean, as in a shell, that the command turned
 * out not to be executable (as that user), or to lack its interpreter.
 */
export function spawn<const O extends NetnsSpawnOptions = Record<never, never>>(
  netns: Netns,
  command: string,
  args?: readonly string[],
  options?: O,
): SpawnedProcess<O>;
export function spawn<const O extends NetnsSpawnOptions>(netns: Netns, command: string, options: O): SpawnedProcess<O>;
export function spawn(
  netns: Netns,
  command: string,
  argsOrOptions?: readonly string[] | NetnsSpawnOptions | null,
  lastOptions?: NetnsSpawnOptions,
): ChildProcess {
  try {
    if (isList(argsOrOptions)) return start(netns, command, argsOrOptions, lastOptions);
    if (typeof (argsOrOptions ?? {}) !== 'object') throw wrongType('args', 'an array of strings', argsOrOptions);
    return start(netns, command, [], argsOrOptions ?? lastOptions);
  } catch (error) {
    throw nameCall(error, 'spawn');
  }
}

// Array.isArray does not narrow a union with a readonly array.
const isList = (value: unknown): value is readonly string[] => Array.isArray(value);

function start(netns: Netns, command: string, args: readonly string[], options: NetnsSpawnOptions = {}): ChildProcess {
  const inside = givenNetns(netns);
  const { fd } = inside;
  if (typeof options !== 'object' || options === null || isList(options)) {
    throw wrongType('options', 'an object', options);
  }
  // Another handle may be on the process's own namespace too. Node refuses what it cannot start anywhere.
  if (isOfProcess(inside) || typeof command !== 'string' || command === '' || command.includes('\0')) {
    return startNode(command, args, options as SpawnOptions);
  }
  const { uid, gid, argv0, shell, ...rest } = options;
  // What Node gets is the helper's: its own complaint would be about arguments that the caller never gave.
  if (typeof (shell ?? true) !== 'boolean') checkText('shell', shell, 'a boolean or a string');
  checkText('argv0', argv0 ?? '', 'a string');
  for (const [i, arg] of args.entries()) if (typeof arg === 'string') checkText(`args[${i}]`, arg, 'a string');
  const identity = [...numberOption('-u', 'uid', uid), ...numberOption('-g', 'gid', gid)];

  const file = shell ? (typeof shell === 'string' ? shell : '/bin/sh') : command;
  const programArgs = shell ? ['-c', [command, ...args].join(' ')] : args;
  const stdio = stdioList(rest.stdio);
  const helperArgs = [
    ...(inside.name === undefined ? [] : ['-n', inside.name]),
    ...identity,
    ...(typeof argv0 === 'string' ? ['-a', argv0] : []),
    String(stdio?.length),
    file,
    ...programArgs,
  ];
  const cwd = rest.cwd instanceof URL ? fileURLToPath(rest.cwd) : String(rest.cwd ?? process.cwd());
  const failure = lookupFailure(file, cwd, (rest.env ?? process.env)['PATH']);
  const child = startNode(failure === undefined ? helperPath() : UNABLE[failure], helperArgs, {
    ...rest,
    stdio: stdio ? [...stdio, fd] : (rest.stdio as Stdio),
  });
  // Node reads both again when it tells of an error, so that its message is about the command too.
  Object.assign(child, { spawnfile: file, spawnargs: [argv0 ?? file, ...programArgs] });
  // Without any descriptor left Node has made no streams at all.
  (child.stdio as ChildProcess['stdio'] | undefined)?.pop();
  return child;
}

/** `child_process.spawn`, whose complaints about its arguments get the name of the call in front too. */
function startNode(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  try {
    return childProcess.spawn(command, args, options);
  } catch (error) {
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_')) {
      const { message, stack } = error;
      error.message = `spawn: ${message}`;
      if (stack) error.stack = stack.replace(message, () => error.message);
    }
    throw error;
  }
}

/**
 * Paths that can never be run, each for its reason. They let Node fail in its own way; trying the command
 * itself might succeed by now, and run it in the wrong namespace.
 */
const UNABLE = { ENOENT: '/proc/0/exe', EACCES: '/' } as const;

const SAME_FOR_ALL: readonly unknown[] = ['pipe', 'overlapped', 'ignore', 'inherit'];

/** As Node expands it: at least the three standard streams, pipes where nothing is said. Undefined: Node refuses it. */
function stdioList(stdio: NetnsSpawnOptions['stdio']): StdioList | undefined {
  const each = stdio || 'pipe';
  if (SAME_FOR_ALL.includes(each)) return [each as 'pipe', each as 'pipe', each as 'pipe'];
  if (!Array.isArray(each)) return undefined;
  const list: StdioList = [...each];
  while (list.length < 3) list.push('pipe');
  return list;
}

function checkText(field: string, value: unknown, expected: string): void {
  if (typeof value !== 'string') throw wrongType(field, expected, value);
  if (value.includes('\0')) throw invalidValue(field, value, 'holds a null byte');
}

const LARGEST_ID = 0xfffffffe;

function numberOption(flag: string, field: string, value: unknown): string[] {
  if (value === undefined || value === null) return [];
  if (typeof value !== 'number') throw wrongType(field, 'a number', value);
  if (!Number.isInteger(value) || value < 0 || value > LARGEST_ID) throw outOfRange(field, value, `0 to ${LARGEST_ID}`);
  return [flag, String(value)];
}
