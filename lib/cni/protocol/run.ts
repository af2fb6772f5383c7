/**
 * One call of netloom-cni: which plugin, which command, and what is printed. Does not touch the process, so that tests
 * can call it.
 */
import { type NetworkConfig, parseConfig, parseJson, readWhole } from './config.js';
import { type Command, type Environment, readEnvironment } from './environment.js';
import { CniError, errorObject } from './error.js';
import { Fields } from './fields.js';
import type { Invocation, Plugin } from './plugin.js';
import { type Result, resultObject } from './result.js';
import { isSince, isVersion, LATEST, VERSIONS, type Version } from './version.js';

export interface Call {
  /** The name by which the program was called. */
  readonly name: string;
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Reads the configuration. */
  readonly stdin: () => string;
}

export interface Outcome {
  /** What goes to stdout: JSON, or nothing. */
  readonly output: string;
  readonly status: 0 | 1;
}

/** The commands that came later than the protocol's first version. */
const SINCE: Readonly<Partial<Record<Command, Version>>> = { CHECK: '0.4.0', GC: '1.1.0', STATUS: '1.1.0' };

export function run(call: Call, plugins: Readonly<Record<string, Plugin>>): Outcome {
  let text = '';
  const stdin = (): string => {
    text = call.stdin();
    return text;
  };
  try {
    const answer = answerTo({ ...call, stdin }, plugins);
    return { output: answer === undefined ? '' : print(answer), status: 0 };
  } catch (error) {
    return { output: print(errorObject(error, replyVersion(text))), status: 1 };
  }
}

/** The answer to a call, undefined where it has none. Throws what `errorObject` makes an error object of. */
export function answerTo(call: Call, plugins: Readonly<Record<string, Plugin>>): object | undefined {
  const environment = readEnvironment(call.variables);
  if (environment.command === 'VERSION') return versions(call.stdin());
  const config = parseConfig(readStdin(call));
  checkCommand(environment.command, config.cniVersion);
  const result = perform(pluginOf(call.name, config, plugins), { ...environment, config });
  return result && resultObject(result, config.cniVersion);
}

function perform(plugin: Plugin, call: Invocation): Result | undefined {
  switch (call.command) {
    case 'ADD':
      return plugin.add(whole(call));
    case 'DEL':
      plugin.del(call);
      break;
    case 'CHECK':
      if (call.config.prevResult === undefined) throw new CniError('config', 'required prevResult missing');
      plugin.check(whole(call));
      break;
    case 'GC':
      if (call.config.validAttachments === undefined)
        throw new CniError('config', 'cni.dev/valid-attachments is missing');
      plugin.gc?.(call);
      break;
    default:
      plugin.status?.(whole(call));
  }
  return undefined;
}

const whole = (call: Invocation): Invocation => ({ ...call, config: readWhole(call.config) });

// A link to the program has the name of the plugin; called by its own name it goes by the configuration.
function pluginOf(name: string, { type, fields }: NetworkConfig, plugins: Readonly<Record<string, Plugin>>): Plugin {
  const wanted = Object.hasOwn(plugins, name) ? name : type;
  if (wanted === '' && Array.isArray(fields.value('plugins')))
    throw new CniError('config', 'this is a list of plugins; call each of its plugins');
  if (wanted === '') throw new CniError('config', 'missing plugin type');
  const plugin = Object.hasOwn(plugins, wanted) ? plugins[wanted] : undefined;
  if (plugin === undefined)
    throw new CniError(
      'config',
      `type ${JSON.stringify(wanted)} is no plugin of netloom-cni (${Object.keys(plugins).join(', ')} are)`,
    );
  return plugin;
}

function checkCommand(command: Environment['command'], version: Version): void {
  const since = SINCE[command];
  if (since !== undefined && !isSince(version, since))
    throw new CniError(
      'incompatibleVersion',
      `config version ${version} does not allow ${command}, which came with ${since}`,
    );
}

function readStdin(call: Call): string {
  let text: string;
  try {
    text = call.stdin();
  } catch (error) {
    throw new CniError('io', `error reading from stdin: ${(error as Error).message}`);
  }
  if (text.trim() === '') throw new CniError('decoding', 'no network configuration on stdin');
  return text;
}

/** The version that an error is told in, which must not depend on the rest being right. */
function replyVersion(text: string): Version {
  const found = /"cniVersion"\s*:\s*"([0-9.]+)"/.exec(text)?.[1];
  return isVersion(found) ? found : LATEST;
}

function versions(text: string): object {
  const asked = text.trim() === '' ? undefined : new Fields(parseJson(text, 'version request')).value('cniVersion');
  return { cniVersion: isVersion(asked) ? asked : LATEST, supportedVersions: VERSIONS };
}

const print = (value: object): string => `${JSON.stringify(value, undefined, 2)}\n`;
