/** `netloom/cni`: the plugins of netloom-cni for a container runtime written for Node, in its own process. */
import { wrongType } from '../errors.js';
import { checkFields, fieldsOf } from '../rtnetlink/fields.js';
import { closeContainers } from './container/netns.js';
import { plugins } from './plugins/index.js';
import type { Command } from './protocol/environment.js';
import { CniError, errorObject } from './protocol/error.js';
import { answerTo } from './protocol/run.js';

export { CniError } from './protocol/error.js';
export type CniCommand = Command;

/** What a runtime says by environment variables and stdin to a plugin that it starts. */
export interface CniRequest {
  readonly command: CniCommand;
  /** The configuration of one plugin, with `name` and `cniVersion`; its `type` says which plugin. */
  readonly config: object;
  readonly containerId?: string | undefined;
  /** Path of the container's namespace; for DEL it may be absent. */
  readonly netns?: string | undefined;
  readonly ifname?: string | undefined;
  /** CNI_ARGS: `IP=10.0.0.5;MAC=02:00:00:00:00:05`. */
  readonly args?: string | undefined;
  /** CNI_PATH: where a program is that `ipam.type` names, unless that is built in. */
  readonly path?: string | undefined;
}

/** The answer to ADD, as `config.cniVersion` has it, for `prevResult` of later calls; below 0.3 it has other fields. */
export interface CniResult {
  readonly cniVersion: string;
  readonly interfaces?: readonly { readonly name: string; readonly mac?: string; readonly sandbox?: string }[];
  readonly ips?: readonly { readonly address: string; readonly gateway?: string; readonly interface?: number }[];
  readonly routes?: readonly { readonly dst: string; readonly gw?: string }[];
  readonly dns?: object;
  /** Answer to VERSION. */
  readonly supportedVersions?: readonly string[];
}

const FIELDS = fieldsOf<keyof CniRequest>({
  command: true,
  config: true,
  containerId: true,
  netns: true,
  ifname: true,
  args: true,
  path: true,
});

/**
 * Calls a plugin as a container runtime calls netloom-cni, without a process. Blocks until it is done, as all of
 * `netloom/sync`: some milliseconds, more where addresses of IPv6 have to settle. The host is the namespace of the thread,
 * so a runtime that has others to serve meanwhile calls it in a Worker.
 *
 * @returns the result of ADD, the versions for VERSION; undefined for the other commands.
 * @throws CniError with the `code` that the specification gives; TypeError where the request itself is none.
 */
export function cni(request: CniRequest & { readonly command: 'ADD' | 'VERSION' }): CniResult;
export function cni(request: CniRequest): CniResult | undefined;
export function cni(request: CniRequest): CniResult | undefined {
  checkRequest(request);
  const { command, config, containerId, netns, ifname, args, path } = request;
  const variables = {
    CNI_COMMAND: command,
    CNI_CONTAINERID: containerId,
    CNI_NETNS: netns,
    CNI_IFNAME: ifname,
    CNI_ARGS: args,
    CNI_PATH: path,
  };
  try {
    const answer = answerTo({ name: '', variables, stdin: () => JSON.stringify(config) }, plugins);
    // What the caller may keep is its own, without the fields that say nothing.
    return answer === undefined ? undefined : (JSON.parse(JSON.stringify(answer)) as CniResult);
  } catch (error) {
    if (error instanceof CniError) throw error;
    const { code, msg, details } = errorObject(error, '');
    throw Object.assign(new CniError(code, msg, details), { cause: error });
  } finally {
    closeContainers();
  }
}

function checkRequest(request: CniRequest): void {
  if (typeof request !== 'object' || request === null)
    throw wrongType('the request of cni()', "an object like { command: 'ADD', config }", request);
  checkFields(request, FIELDS, 'a CNI call');
  const { config, ...variables } = request;
  if (typeof config !== 'object' || config === null)
    throw wrongType('config', "an object like { cniVersion: '1.1.0', name: 'net', type: 'bridge' }", config);
  for (const [name, value] of Object.entries(variables))
    if (value !== undefined && typeof value !== 'string') throw wrongType(name, 'a string', value);
}
