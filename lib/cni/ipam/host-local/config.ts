/** The configuration of host-local. Pure. */
import { formatIp } from '../../../addressing/ip.js';
import { checkArguments } from '../../protocol/arguments.js';
import { CniError } from '../../protocol/error.js';
import type { Fields } from '../../protocol/fields.js';
import type { Invocation } from '../../protocol/plugin.js';
import { type ResultRoute, readRoutes } from '../../protocol/result.js';
import { isSince } from '../../protocol/version.js';
import { KNOWN_ARGUMENTS } from '../arguments.js';
import { type RangeSet, readAddress, readRange, readRangeSets, setsOverlap } from './ranges.js';

export interface HostLocalConfig {
  /** Where the reservations of all networks are. */
  readonly dataDir: string;
  readonly ranges: readonly RangeSet[];
  readonly routes: readonly ResultRoute[];
  readonly resolvConf: string | undefined;
  /** Addresses that are wanted, by text. */
  readonly requested: ReadonlyMap<string, Uint8Array>;
}

const DATA_DIRECTORY = '/var/lib/cni/networks';

/** All that it takes to give addresses back. */
export const readDataDir = ({ config }: Invocation): string => ipamFields(config).text('dataDir') || DATA_DIRECTORY;

function ipamFields({ ipam }: Invocation['config']): Fields {
  if (ipam === undefined) throw new CniError('config', "IPAM config missing 'ipam' key");
  return ipam.fields;
}

export function readHostLocal(call: Invocation): HostLocalConfig {
  const { config, args } = call;
  const { runtimeConfig } = config;
  checkArguments(args, KNOWN_ARGUMENTS);
  const fields = ipamFields(config);
  const own = fields.value('ranges');
  const ofRuntime = runtimeConfig?.value('ipRanges');
  const ranges = [
    ...(ofRuntime === undefined ? [] : readRangeSets(ofRuntime, 'runtimeConfig.ipRanges')),
    // A single range may stand in `ipam` itself.
    ...(fields.has('subnet') ? [[readRange(fields.object, 'ipam')]] : []),
    ...(own === undefined ? [] : readRangeSets(own, 'ipam.ranges')),
  ];
  checkRanges(ranges, isSince(config.cniVersion, '0.3.0'));
  return {
    dataDir: readDataDir(call),
    ranges,
    routes: readRoutes(fields) ?? [],
    resolvConf: fields.text('resolvConf') || undefined,
    requested: readRequested(config, args.get('IP')),
  };
}

function checkRanges(ranges: readonly RangeSet[], many: boolean): void {
  if (ranges.length === 0) throw new CniError('config', 'no IP ranges specified (ipam.ranges, or ipam.subnet)');
  for (const [i, set] of ranges.entries()) {
    const other = ranges.findIndex((one, at) => at < i && setsOverlap(one, set));
    if (other >= 0) throw new CniError('config', `range set ${other} overlaps with ${i}`);
    const family = (one: RangeSet): number | undefined => one[0]?.first.length;
    if (!many && ranges.findIndex((one) => family(one) === family(set)) !== i)
      throw new CniError('config', 'versions below 0.3.0 do not support more than 1 address per family');
  }
}

function readRequested(config: Invocation['config'], argument: string | undefined): Map<string, Uint8Array> {
  const requested = new Map<string, Uint8Array>();
  const add = (texts: readonly string[], place: string): void => {
    for (const text of texts) {
      const address = readAddress(text.trim(), place);
      requested.set(formatIp(address), address);
    }
  };
  if (argument !== undefined && argument !== '') add(argument.split(','), 'IP of CNI_ARGS');
  add(config.args?.texts('ips') ?? [], 'args.cni.ips');
  add(config.runtimeConfig?.texts('ips') ?? [], 'runtimeConfig.ips');
  return requested;
}
