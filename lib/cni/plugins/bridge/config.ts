/** The configuration of the bridge plugin. Pure. */
import { checkLinkName } from '../../../rtnetlink/link/options.js';
import { CniError } from '../../protocol/error.js';
import type { Fields } from '../../protocol/fields.js';
import type { Invocation } from '../../protocol/plugin.js';
import { wantedMac } from '../mac.js';

export interface BridgeConfig {
  readonly bridge: string;
  readonly isGateway: boolean;
  readonly isDefaultGateway: boolean;
  readonly forceAddress: boolean;
  readonly ipMasq: boolean;
  readonly mtu: number | undefined;
  readonly hairpin: boolean;
  readonly promiscuous: boolean;
  readonly portIsolation: boolean;
  readonly enableDad: boolean;
  readonly containerUp: boolean;
  readonly mac: string | undefined;
}

/** What this plugin cannot do yet, and says so rather than pass over it. */
const UNSUPPORTED = ['macspoofchk', 'vlan', 'vlanTrunk', 'uplinkInterface'] as const;

export function readBridge(call: Invocation): BridgeConfig {
  const { fields, ipam } = call.config;
  for (const name of UNSUPPORTED) refuse(fields, name);
  const bridge = fields.text('bridge') || 'cni0';
  checkLinkName(bridge, 'bridge');
  const hairpin = fields.flag('hairpinMode') ?? false;
  const promiscuous = fields.flag('promiscMode') ?? false;
  if (hairpin && promiscuous) throw new CniError('config', 'cannot set hairpinMode and promiscMode at the same time');
  const isDefaultGateway = fields.flag('isDefaultGateway') ?? false;
  const containerUp = !(fields.flag('disableContainerInterface') ?? false);
  if (!containerUp && ipam !== undefined)
    throw new CniError('config', 'cannot use IPAM when disableContainerInterface is set');
  return {
    bridge,
    isGateway: isDefaultGateway || (fields.flag('isGateway') ?? false),
    isDefaultGateway,
    forceAddress: fields.flag('forceAddress') ?? false,
    ipMasq: fields.flag('ipMasq') ?? false,
    mtu: fields.integer('mtu', 0, 65535) || undefined,
    hairpin,
    promiscuous,
    portIsolation: fields.flag('portIsolation') ?? false,
    enableDad: fields.flag('enabledad') ?? false,
    containerUp,
    mac: wantedMac(call),
  };
}

function refuse(fields: Fields, name: string): void {
  const value = fields.value(name);
  if (value === undefined || value === false || value === 0 || value === '') return;
  if (Array.isArray(value) && value.length === 0) return;
  throw new CniError('unsupportedField', `bridge: ${name} ${JSON.stringify(value)} is not supported`);
}
