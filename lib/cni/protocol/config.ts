/** The network configuration that a plugin reads from its stdin. Pure. */
import { checkId } from './environment.js';
import { CniError } from './error.js';
import { Fields } from './fields.js';
import { type Dns, type Result, readDns, readResult } from './result.js';
import { type Version, versionOf } from './version.js';

/** Who is attached to a network. */
export interface AttachmentId {
  readonly containerId: string;
  readonly ifname: string;
}

export interface NetworkConfig {
  readonly cniVersion: Version;
  readonly name: string;
  readonly type: string;
  /** Everything, for the plugin to read its own from. */
  readonly fields: Fields;
  /** The text itself, for a plugin that this one calls. */
  readonly text: string;
  /** `ipam`, where it names a type. */
  readonly ipam?: { readonly type: string; readonly fields: Fields } | undefined;
  /** What the runtime fills in for `capabilities`. */
  readonly runtimeConfig?: Fields | undefined;
  /** `args.cni`, which serves for what older runtimes want. */
  readonly args?: Fields | undefined;
  readonly dns: Dns;
  /** What the plugin before in the chain gave, or the result of ADD. */
  readonly prevResult?: Result | undefined;
  /** For GC: who is still attached. */
  readonly validAttachments?: readonly AttachmentId[] | undefined;
}

export function parseConfig(text: string): NetworkConfig {
  const fields = new Fields(parseJson(text, 'network config'));
  const cniVersion = versionOf(fields.value('cniVersion'));
  const name = fields.text('name') ?? '';
  if (name === '') throw new CniError('config', 'missing network name');
  checkId(name, 'config', 'network name');
  const ipam = fields.fields('ipam');
  const ipamType = ipam?.text('type') ?? '';
  const prevResult = fields.value('prevResult');
  return {
    cniVersion,
    name,
    type: fields.text('type') ?? '',
    fields,
    text,
    ...(ipam && ipamType !== '' && { ipam: { type: ipamType, fields: ipam } }),
    runtimeConfig: fields.fields('runtimeConfig'),
    args: fields.fields('args')?.fields('cni'),
    dns: readDns(fields.fields('dns')),
    ...(prevResult !== undefined && { prevResult: readResult(withVersion(prevResult, cniVersion), 'prevResult') }),
    validAttachments: readAttachments(fields),
  };
}

export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CniError('decoding', `error decoding ${what}: ${(error as Error).message}`);
  }
}

// A result inside a configuration may leave its version to that.
function withVersion(result: unknown, cniVersion: Version): unknown {
  return typeof result === 'object' && result !== null && !Array.isArray(result) && !('cniVersion' in result)
    ? { cniVersion, ...result }
    : result;
}

// libcni gives the list under both names; the second was an early mistake of its own.
function readAttachments(fields: Fields): AttachmentId[] | undefined {
  const name = fields.has('cni.dev/valid-attachments') ? 'cni.dev/valid-attachments' : 'cni.dev/attachments';
  return fields.objects(name, (entry) => ({
    containerId: entry.text('containerID') ?? '',
    ifname: entry.text('ifname') ?? '',
  }));
}
