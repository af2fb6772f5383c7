/** The configuration of the bridge plugin. Pure. */
import { checkLinkName } from '../../../rtnetlink/link/options.js';
import { CniError } from '../../protocol/error.js';
import type { Fields } from '../../protocol/fields.js';
import type { Invocation } from '../../protocol/plugin.js';
import { wantedMac } from '../mac.js';
import { refuseUnsupported } from '../unsupported.js';

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
  /** The VLAN of the container's frames, which it sends and gets without a tag. */
  readonly vlan: number | undefined;
  /** VLANs that the container tags itself. */
  readonly trunk: readonly VlanRange[];
  /** Whether the port keeps the VLAN that the bridge gives every port. */
  readonly keepsDefaultVlan: boolean;
}

export interface VlanRange {
  readonly vid: number;
  readonly end: number;
}

/** What this plugin cannot do yet, and says so rather than pass over it. */
const UNSUPPORTED = ['macspoofchk', 'uplinkInterface'] as const;

export function readBridge(call: Invocation): BridgeConfig {
  const { fields, ipam } = call.config;
  refuseUnsupported('bridge', fields, UNSUPPORTED);
  const bridge = fields.text('bridge') || 'cni0';
  checkLinkName(bridge, 'bridge');
  const hairpin = fields.flag('hairpinMode') ?? false;
  const promiscuous = fields.flag('promiscMode') ?? false;
  if (hairpin && promiscuous) throw new CniError('config', 'cannot set hairpinMode and promiscMode at the same time');
  const vlan = fields.integer('vlan', 0, LAST_VLAN) || undefined;
  const trunk = readTrunk(fields);
  if (vlan !== undefined && trunk.length > 0)
    throw new CniError('config', 'cannot set vlan and vlanTrunk at the same time');
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
    vlan,
    trunk,
    keepsDefaultVlan: fields.flag('preserveDefaultVlan') ?? true,
  };
}

const LAST_VLAN = 4094;

function readTrunk(fields: Fields): VlanRange[] {
  const ranges = fields.objects('vlanTrunk', (entry) => {
    const id = entry.integer('id', 1, LAST_VLAN);
    const vid = entry.integer('minID', 1, LAST_VLAN);
    const end = entry.integer('maxID', 1, LAST_VLAN);
    if ((vid === undefined) !== (end === undefined))
      throw new CniError('config', `${entry.place('minID')} and maxID should be configured simultaneously`);
    const range = vid === undefined || end === undefined ? [] : [{ vid, end }];
    if (range.some((one) => one.end < one.vid))
      throw new CniError('config', `${entry.place('minID')} is greater than maxID`);
    return id === undefined ? range : [...range, { vid: id, end: id }];
  });
  return (ranges ?? []).flat();
}
