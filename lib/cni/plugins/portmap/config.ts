/** The configuration of the portmap plugin. Pure. */
import { formatIp } from '../../../addressing/ip.js';
import type { PortMapping, PortMappingSpec, PortProtocol } from '../../../netfilter/nat/mapping.js';
import { ownerOf } from '../../container/owner.js';
import { CniError } from '../../protocol/error.js';
import type { Fields } from '../../protocol/fields.js';
import type { Invocation } from '../../protocol/plugin.js';
import { isV4, type Result } from '../../protocol/result.js';
import { refuseUnsupported } from '../unsupported.js';

/** What iptables is told of. The bit of `markMasqBit` is not needed: nothing is marked. */
const UNSUPPORTED = ['conditionsV4', 'conditionsV6', 'externalSetMarkChain'] as const;

export interface PortmapConfig {
  readonly mappings: readonly PortMapping[];
  readonly snat: boolean;
  /** Whether all who reach a port are given the host's address. */
  readonly masqAll: boolean;
}

export function readPortmap({ config: { fields, runtimeConfig } }: Invocation): PortmapConfig {
  refuseUnsupported('portmap', fields, UNSUPPORTED);
  fields.integer('markMasqBit', 0, 31);
  const backend = fields.text('backend') ?? '';
  if (!['', 'nftables'].includes(backend))
    throw new CniError(
      'unsupportedField',
      `portmap: backend ${JSON.stringify(backend)} is not supported (nftables is)`,
    );
  return {
    mappings: runtimeConfig?.objects('portMappings', readMapping) ?? [],
    snat: fields.flag('snat') ?? true,
    masqAll: fields.flag('masqAll') ?? false,
  };
}

function readMapping(entry: Fields): PortMapping {
  const protocol = (entry.text('protocol') || 'tcp').toLowerCase();
  if (!isProtocol(protocol))
    throw new CniError(
      'config',
      `${entry.place('protocol')} ${JSON.stringify(protocol)} is none of ${PROTOCOLS.join(', ')}`,
    );
  const address = entry.ip('hostIP');
  return {
    hostPort: port(entry, 'hostPort'),
    containerPort: port(entry, 'containerPort'),
    protocol,
    hostAddress: address && formatIp(address),
  };
}

const PROTOCOLS = ['tcp', 'udp', 'sctp'] as const satisfies readonly PortProtocol[];
const isProtocol = (text: string): text is PortProtocol => PROTOCOLS.some((one) => one === text);

function port(entry: Fields, name: string): number {
  const value = entry.integer(name, 1, 65535);
  if (value === undefined) throw new CniError('config', `${entry.place(name)} is missing`);
  return value;
}

/** What is to be published of a container; undefined for nothing. */
export function publishedBy(call: Invocation, result: Result): PortMappingSpec | undefined {
  const { mappings, snat, masqAll } = readPortmap(call);
  const addresses = containerAddresses(call, result);
  // A port of an address of the host leads to no container of the other family.
  const reachable = mappings.filter(
    ({ hostAddress }) => hostAddress === undefined || addresses.some((one) => isV4(one) === isV4(hostAddress)),
  );
  if (addresses.length === 0 || reachable.length === 0) return undefined;
  // Who is in the network of the container is given the host's address: of the network of all, everybody.
  const to = masqAll ? addresses.map((address) => address.replace(/\/.*/, '/0')) : addresses;
  return { owner: ownerOf(call), mappings: reachable, to, snat };
}

/** The first address of each family that the container's own link has, as far as the result says which link has it. */
function containerAddresses({ ifname }: Invocation, { ips, interfaces }: Result): string[] {
  const own = ips.filter(({ interface: place }) => {
    const link = place === undefined ? undefined : interfaces[place];
    return link === undefined || (link.name === ifname && !!link.sandbox);
  });
  return [true, false].flatMap((v4) => own.find(({ address }) => isV4(address) === v4)?.address ?? []);
}
