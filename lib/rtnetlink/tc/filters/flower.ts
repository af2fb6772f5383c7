/**
 * flower: packets by their headers (TCA_FLOWER_*, linux/pkt_cls.h; net/sched/cls_flower.c, tc-flower(8)).
 */
import { AF_INET, familyOf, formatIp, isNetworkAddress, maskOf, parsePrefix } from '../../../addressing/ip.js';
import { invalidValue } from '../../../errors.js';
import { attributes, type Decoded } from '../../../netlink/attributes.js';
import { be16, bytes, checkInteger, mac, u8, u16, u32, within } from '../../../netlink/codec.js';
import { fieldsOf } from '../../fields.js';
import type { Action, ActionTold } from '../action-kind.js';
import { actionList } from '../actions.js';
import { flat } from '../attributes.js';
import { defineFilter } from '../filter-kind.js';
import { classHandle, type Handle, handleText } from '../handle.js';

export const flowerAttributes = attributes(() => ({
  classId: [1, 'TCA_FLOWER_CLASSID', u32],
  inputLink: [2, 'TCA_FLOWER_INDEV', bytes],
  actions: [3, 'TCA_FLOWER_ACT', actionList],
  destinationMac: [4, 'TCA_FLOWER_KEY_ETH_DST', mac],
  destinationMacMask: [5, 'TCA_FLOWER_KEY_ETH_DST_MASK', mac],
  sourceMac: [6, 'TCA_FLOWER_KEY_ETH_SRC', mac],
  sourceMacMask: [7, 'TCA_FLOWER_KEY_ETH_SRC_MASK', mac],
  etherType: [8, 'TCA_FLOWER_KEY_ETH_TYPE', be16],
  ipProtocol: [9, 'TCA_FLOWER_KEY_IP_PROTO', u8],
  source4: [10, 'TCA_FLOWER_KEY_IPV4_SRC', bytes],
  source4Mask: [11, 'TCA_FLOWER_KEY_IPV4_SRC_MASK', bytes],
  destination4: [12, 'TCA_FLOWER_KEY_IPV4_DST', bytes],
  destination4Mask: [13, 'TCA_FLOWER_KEY_IPV4_DST_MASK', bytes],
  source6: [14, 'TCA_FLOWER_KEY_IPV6_SRC', bytes],
  source6Mask: [15, 'TCA_FLOWER_KEY_IPV6_SRC_MASK', bytes],
  destination6: [16, 'TCA_FLOWER_KEY_IPV6_DST', bytes],
  destination6Mask: [17, 'TCA_FLOWER_KEY_IPV6_DST_MASK', bytes],
  tcpSource: [18, 'TCA_FLOWER_KEY_TCP_SRC', be16],
  tcpDestination: [19, 'TCA_FLOWER_KEY_TCP_DST', be16],
  udpSource: [20, 'TCA_FLOWER_KEY_UDP_SRC', be16],
  udpDestination: [21, 'TCA_FLOWER_KEY_UDP_DST', be16],
  flags: [22, 'TCA_FLOWER_FLAGS', u32],
  vlanId: [23, 'TCA_FLOWER_KEY_VLAN_ID', within(u16, 0, 4095)],
  vlanPriority: [24, 'TCA_FLOWER_KEY_VLAN_PRIO', within(u8, 0, 7)],
  sctpSource: [41, 'TCA_FLOWER_KEY_SCTP_SRC', be16],
  sctpDestination: [42, 'TCA_FLOWER_KEY_SCTP_DST', be16],
}));
type Data = Decoded<typeof flowerAttributes.entries>;

/** IPPROTO_* (linux/in.h, linux/in6.h). */
const IP_PROTOCOLS = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132 } as const;
const WITH_PORTS = ['tcp', 'udp', 'sctp'] as const;
type WithPorts = (typeof WITH_PORTS)[number];

interface FlowerBase {
  /** Source address: `10.0.0.0/8`, `2001:db8::/32`. The filter's `protocol` then is that of the address. */
  readonly source?: string | undefined;
  /** Destination address, in the same way. */
  readonly destination?: string | undefined;
  readonly sourceMac?: string | undefined;
  readonly destinationMac?: string | undefined;
  /** Goes with `protocol` `802.1q` or `802.1ad`, as `vlanPriority` does. */
  readonly vlanId?: number | undefined;
  readonly vlanPriority?: number | undefined;
  /** The class that the packets go to. */
  readonly classId?: Handle | undefined;
  readonly actions?: readonly Action[] | undefined;
}

/**
 * Options of a flower filter: what is absent matches any. `ipProtocol` goes with addresses, or with `protocol` `ip` or
 * `ipv6`; ports go with the protocols that have some.
 */
export type FlowerOptions = FlowerBase &
  (
    | {
        readonly ipProtocol: WithPorts;
        readonly sourcePort?: number | undefined;
        readonly destinationPort?: number | undefined;
      }
    | {
        readonly ipProtocol?: 'icmp' | 'icmpv6' | number | undefined;
        readonly sourcePort?: undefined;
        readonly destinationPort?: undefined;
      }
  );

/** What the kernel tells of a flower filter. */
export interface FlowerTold extends Omit<FlowerBase, 'actions'> {
  readonly ipProtocol?: keyof typeof IP_PROTOCOLS | number;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  readonly actions?: readonly ActionTold[];
}

declare module '../filter-kind.js' {
  interface FilterKinds {
    flower: { options: FlowerOptions; told: FlowerTold };
  }
}

type Options = Readonly<Record<string, unknown>>;

/**
 * ETH_P_* (linux/if_ether.h) of the packets that have what these options speak of. For others the kernel passes over
 * the option, and all packets match (fl_set_key() in net/sched/cls_flower.c).
 */
const ETHER_TYPES = {
  ipProtocol: { ip: 0x0800, ipv6: 0x86dd },
  vlanId: { '802.1q': 0x8100, '802.1ad': 0x88a8 },
  vlanPriority: { '802.1q': 0x8100, '802.1ad': 0x88a8 },
} as const;

function checkHeaders(options: Options, protocol: number): void {
  for (const [field, types] of Object.entries(ETHER_TYPES)) {
    if (options[field] === undefined || Object.values<number>(types).includes(protocol)) continue;
    throw invalidValue(field, options[field], `goes with \`protocol\` ${Object.keys(types).join(', ')} only`);
  }
}

const ALL_ONES = 'ff:ff:ff:ff:ff:ff';
const ALL = 0x0003;

function addressKeys(text: unknown, field: 'source' | 'destination'): Record<string, Uint8Array> {
  if (text === undefined) return {};
  const prefix = parsePrefix(text, field);
  if (!isNetworkAddress(prefix)) throw invalidValue(field, text, 'has bits behind its prefix length');
  const key = `${field}${prefix.family === AF_INET ? 4 : 6}`;
  return { [key]: prefix.bytes, [`${key}Mask`]: maskOf(prefix.length, prefix.bytes.length) };
}

/** The protocol whose headers have the addresses. */
function protocolOf({ source, destination }: Options): 'ip' | 'ipv6' | undefined {
  const from = source === undefined ? undefined : parsePrefix(source, 'source').family;
  const to = destination === undefined ? undefined : parsePrefix(destination, 'destination').family;
  if (from !== undefined && to !== undefined && from !== to)
    throw invalidValue('destination', destination, 'is of another family than `source`');
  const family = from ?? to;
  return family === undefined ? undefined : family === AF_INET ? 'ip' : 'ipv6';
}

function ipProtocolNumber(protocol: unknown): number {
  if (typeof protocol === 'number') {
    checkInteger(protocol, 0, 255, 'ipProtocol');
    return protocol;
  }
  if (typeof protocol !== 'string' || !Object.hasOwn(IP_PROTOCOLS, protocol))
    throw invalidValue('ipProtocol', protocol, `is none of ${Object.keys(IP_PROTOCOLS).join(', ')}, nor a number`);
  return IP_PROTOCOLS[protocol as keyof typeof IP_PROTOCOLS];
}

function portKeys({ ipProtocol, sourcePort, destinationPort }: Options): Record<string, number> {
  const keys: Record<string, number> = {};
  for (const [field, port, side] of [
    ['sourcePort', sourcePort, 'Source'],
    ['destinationPort', destinationPort, 'Destination'],
  ] as const) {
    if (port === undefined) continue;
    checkInteger(port, 0, 0xffff, field);
    if (!WITH_PORTS.includes(ipProtocol as WithPorts))
      throw invalidValue(field, port, `goes with \`ipProtocol\` ${WITH_PORTS.join(', ')} only`);
    keys[`${ipProtocol}${side}`] = port;
  }
  return keys;
}

function toData(options: Options, protocol: number): Data {
  checkHeaders(options, protocol);
  const { classId, actions, ipProtocol, sourceMac, destinationMac, vlanId, vlanPriority } = options;
  return {
    ...(classId !== undefined && { classId: classHandle(classId, 'classId') }),
    actions: actions as readonly ActionTold[] | undefined,
    ...addressKeys(options['source'], 'source'),
    ...addressKeys(options['destination'], 'destination'),
    ...(ipProtocol !== undefined && { ipProtocol: ipProtocolNumber(ipProtocol) }),
    ...portKeys(options),
    ...(sourceMac !== undefined && { sourceMac: sourceMac as string, sourceMacMask: ALL_ONES }),
    ...(destinationMac !== undefined && { destinationMac: destinationMac as string, destinationMacMask: ALL_ONES }),
    ...(vlanId !== undefined && { vlanId: vlanId as number }),
    ...(vlanPriority !== undefined && { vlanPriority: vlanPriority as number }),
    ...(protocol !== ALL && { etherType: protocol }),
  };
}

function addressTold(address: Uint8Array | undefined, mask: Uint8Array | undefined): string | undefined {
  if (address === undefined || (address.length !== 4 && address.length !== 16)) return undefined;
  let length = 0;
  for (const byte of mask ?? []) length += byte.toString(2).replaceAll('0', '').length;
  const full = familyOf(address) === AF_INET ? 32 : 128;
  return `${formatIp(address)}${mask === undefined || length === full ? '' : `/${length}`}`;
}

function fromData(data: Data): Record<string, unknown> {
  const words = Object.keys(IP_PROTOCOLS) as (keyof typeof IP_PROTOCOLS)[];
  const told = {
    source: addressTold(data.source4 ?? data.source6, data.source4Mask ?? data.source6Mask),
    destination: addressTold(data.destination4 ?? data.destination6, data.destination4Mask ?? data.destination6Mask),
    ipProtocol: words.find((word) => IP_PROTOCOLS[word] === data.ipProtocol) ?? data.ipProtocol,
    sourcePort: data.tcpSource ?? data.udpSource ?? data.sctpSource,
    destinationPort: data.tcpDestination ?? data.udpDestination ?? data.sctpDestination,
    sourceMac: data.sourceMac,
    destinationMac: data.destinationMac,
    vlanId: data.vlanId,
    vlanPriority: data.vlanPriority,
    classId: data.classId === undefined ? undefined : handleText(data.classId),
    actions: data.actions,
  };
  return Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined));
}

export const flower = defineFilter({
  kind: 'flower',
  fields: fieldsOf<keyof FlowerTold>({
    source: true,
    destination: true,
    sourceMac: true,
    destinationMac: true,
    ipProtocol: true,
    sourcePort: true,
    destinationPort: true,
    vlanId: true,
    vlanPriority: true,
    classId: true,
    actions: true,
  }),
  options: flat(flowerAttributes),
  toData,
  protocolOf,
  fromData,
});
