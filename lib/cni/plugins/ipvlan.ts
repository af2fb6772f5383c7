/**
 * ipvlan: a container's link is a link with addresses of its own on a link of the host, whose MAC it shares. In a chain,
 * the link of the plugin before is its parent, and the addresses of that plugin's result are its own, where the
 * configuration says neither.
 */
import { createIpvlan, isKind } from '../../sync.js';
import { allocateAddresses, requireIpam } from '../ipam/ipam.js';
import type { NetworkConfig } from '../protocol/config.js';
import { CniError } from '../protocol/error.js';
import { expectMode, onParent, readMode } from './on-parent/on-parent.js';
import { type ParentConfig, readParent } from './on-parent/parent.js';

const MODES = ['l2', 'l3', 'l3s'] as const;

interface IpvlanConfig extends ParentConfig {
  readonly mode: (typeof MODES)[number];
}

export const ipvlan = onParent<IpvlanConfig>({
  kind: 'ipvlan',

  read(call) {
    const { fields } = call.config;
    const parent = readParent(fields);
    const master = parent.master ?? (call.command === 'ADD' ? chainedMaster(call.config) : undefined);
    return { ...parent, master, mode: readMode(fields, MODES) };
  },

  addresses(call, undo) {
    const { ipam, prevResult } = call.config;
    if (ipam === undefined && prevResult !== undefined && prevResult.ips.length > 0) return prevResult;
    return allocateAddresses(requireIpam(call), call, undo);
  },

  create: (place, { mode }) => createIpvlan({ ...place, mode }),

  expect(options, link) {
    expectMode(link, isKind(link, 'ipvlan') ? link.data.mode : undefined, options.mode);
  },
});

/** The only link of the result before; undefined where this plugin is the first. */
function chainedMaster({ prevResult }: NetworkConfig): string | undefined {
  if (prevResult === undefined) return undefined;
  const [link, another] = prevResult.interfaces;
  if (link === undefined || link.name === '' || another !== undefined)
    throw new CniError('config', 'master is missing, and prevResult has no single named interface which it could be');
  return link.name;
}
