/** The configuration of the tuning plugin. Pure. */
import { formatMac, parseMac } from '../../../addressing/mac.js';
import { invalidValue, wrongType } from '../../../errors.js';
import { sysctlPath } from '../../../sysctl.js';
import { CniError } from '../../protocol/error.js';
import type { Fields } from '../../protocol/fields.js';
import type { Invocation } from '../../protocol/plugin.js';
import { wantedMac } from '../mac.js';

/** What is wanted of a container's link. */
export interface LinkTuning {
  readonly mac?: string | undefined;
  readonly mtu?: number | undefined;
  readonly promiscuous?: boolean | undefined;
  readonly allMulticast?: boolean | undefined;
  readonly txQueueLength?: number | undefined;
}

export interface SysctlTuning {
  /** As the configuration has it. */
  readonly key: string;
  /** `net/ipv4/conf/eth0/arp_filter` */
  readonly name: string;
  readonly value: string;
}

export interface TuningConfig {
  readonly sysctls: readonly SysctlTuning[];
  readonly link: LinkTuning;
}

/** `args.cni` counts before everything else, also before what the runtime fills in. */
export function readTuning(call: Invocation): TuningConfig {
  const { fields, args } = call.config;
  const of = <T>(read: (fields: Fields) => T | undefined): T | undefined => (args && read(args)) ?? read(fields);
  const mac = args?.text('mac');
  return {
    sysctls: readSysctls(call),
    link: {
      mac: mac ? formatMac(parseMac(mac, args?.place('mac'))) : wantedMac(call),
      mtu: of((some) => some.integer('mtu', 0, 65535)) || undefined,
      // Not asked for is not to be switched off.
      promiscuous: of((some) => some.flag('promisc')) || undefined,
      allMulticast: of((some) => some.flag('allmulti')),
      txQueueLength: of((some) => some.integer('txQLen')),
    },
  };
}

/** By default where the reference plugin has them, so that each undoes what the other did. */
export const dataDirOf = ({ config }: Invocation): string => config.fields.text('dataDir') || '/run/cni/tuning';

function readSysctls({ config: { fields, args }, ifname }: Invocation): SysctlTuning[] {
  const found = new Map<string, SysctlTuning>();
  for (const source of [fields.fields('sysctl'), args?.fields('sysctl')]) {
    if (source === undefined) continue;
    const here = new Set<string>();
    for (const [key, value] of Object.entries(source.object)) {
      const place = source.place(key);
      if (typeof value !== 'string') throw wrongType(place, 'a string', value);
      const name = sysctlName(key, ifname);
      if (here.has(name)) throw invalidValue(place, value, 'is said twice');
      here.add(name);
      found.set(name, { key, name, value });
    }
  }
  return [...found.values()];
}

const ROOT = '/proc/sys/';

/** The parameter that a key means: of the namespace, that is below `net`, where IFNAME stands for the container's link. */
export function sysctlName(key: string, ifname: string): string {
  const path = sysctlPath(key);
  if (!path.startsWith(`${ROOT}net/`)) throw new CniError('config', `invalid net sysctl key: ${JSON.stringify(key)}`);
  return path
    .slice(ROOT.length)
    .split('/')
    .map((part) => (part === 'IFNAME' ? ifname : part))
    .join('/');
}

/**
 * Refuses keys that match none of an allowlist's lines, which are regular expressions. Without a list all are allowed.
 */
export function checkAllowed(sysctls: readonly SysctlTuning[], allowlist: string | undefined): void {
  if (allowlist === undefined) return;
  const lines = allowlist.split('\n').map((line) => line.trim());
  const allowed = lines.filter((line) => line !== '').map(expression);
  for (const { key } of sysctls)
    if (!allowed.some((one) => one.test(key)))
      throw new CniError(
        'config',
        `Sysctl ${key} is not allowed. Only the following sysctls are allowed: [${lines.join(' ').trim()}]`,
      );
}

function expression(line: string): RegExp {
  try {
    return new RegExp(line);
  } catch (error) {
    throw new CniError('config', `the allowlist of sysctls: ${(error as Error).message}`);
  }
}
