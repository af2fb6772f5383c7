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
  return {
    cniVersion,
    name,
    type: fields.text('type') ?? '',
    fields,
    text,
    ...(ipam && ipamType !== '' && { ipam: { type: ipamType, fields: ipam } }),
    // These are read when they are asked for: an error in what DEL does not need must not keep it from its work.
    get runtimeConfig() {
      return fields.fields('runtimeConfig');
    },
    get args() {
      return fields.fields('args')?.fields('cni');
    },
    get dns() {
      return readDns(fields.fields('dns'));
    },
    get prevResult() {
      const prevResult = fields.value('prevResult');
      return prevResult === undefined ? undefined : readResult(withVersion(prevResult, cniVersion), 'prevResult');
    },
    get validAttachments() {
      return readAttachments(fields);
    },
  };
}

/** The same with everything read, so that an error comes before anything is made. */
export const readWhole = (config: NetworkConfig): NetworkConfig => ({ ...config });

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
  // An entry that says too little would have its attachment taken away.
  const named = (entry: Fields, field: string): string => {
    const value = entry.text(field) ?? '';
    if (value === '') throw new CniError('config', `${entry.place(field)} is missing`);
    return value;
  };
  return fields.objects(name, (entry) => ({
    containerId: named(entry, 'containerID'),
    ifname: named(entry, 'ifname'),
  }));
}
