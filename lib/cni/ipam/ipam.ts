/** IPAM as the plugins that make links use it: in this process where the type is one of ours. */
import { CniError } from '../protocol/error.js';
import type { Invocation, Plugin } from '../protocol/plugin.js';
import type { Result } from '../protocol/result.js';
import type { Undo } from '../rollback.js';
import { delegateTo } from './delegate.js';
import { hostLocal } from './host-local/host-local.js';
import { staticIpam } from './static.js';

/** The types that are built in; they are plugins of their own too, for others to call. */
export const ipamPlugins: Readonly<Record<string, Plugin>> = { 'host-local': hostLocal, static: staticIpam };

/** The IPAM of a configuration; undefined where it names none, so that the attachment is one of layer 2 only. */
export function ipamOf({ config }: Invocation): Plugin | undefined {
  const type = config.ipam?.type;
  if (type === undefined) return undefined;
  return Object.hasOwn(ipamPlugins, type) ? ipamPlugins[type] : delegateTo(type);
}

/** The IPAM of a plugin whose links are of no use without addresses. */
export function requireIpam(call: Invocation): Plugin {
  const ipam = ipamOf(call);
  if (ipam !== undefined) return ipam;
  throw new CniError('config', `ipam.type is missing: ${call.config.type} is of no use without addresses`);
}

/** Asks for addresses, which are given back if the ADD fails later on. */
export function allocateAddresses(ipam: Plugin, call: Invocation, undo: Undo): Result {
  const result = ipam.add(call);
  undo(() => ipam.del({ ...call, command: 'DEL' }));
  if (result.ips.length === 0) throw new CniError('config', 'IPAM plugin returned missing IP config');
  return result;
}
