/** What is said of a TUN or TAP device when it is made: types and checks. Pure. */
import { invalidValue, outOfRange, wrongType } from '../errors.js';
import { checkInteger } from '../netlink/codec.js';
import type { Netns } from '../netns/netns.js';
import type { AddressSpec } from '../rtnetlink/address/address.js';
import type { LinkRef } from '../rtnetlink/link/find.js';
import { noOption } from '../rtnetlink/link/kind.js';
import {
  checkLinkName,
  checkMtu,
  checkUnicastMac,
  LINK_OPTIONS,
  type LinkOptions,
  type MtuRange,
} from '../rtnetlink/link/options.js';
import { planVnet, type VnetOptions } from './offload-option.js';

/** `tun`: IP packets. `tap`: Ethernet frames. */
export type DeviceMode = 'tun' | 'tap';

interface DeviceOptions extends VnetOptions {
  /**
   * 1 to 15 bytes. One `%d` in it stands for the first free number, and the `link` of the device has the name
   * that came of it. Absent: `tun%d` or `tap%d`.
   */
  readonly name?: string | undefined;
  /** The namespace in which it is born; the process's own if absent. */
  readonly netns?: Netns | undefined;
  /** Addresses that it gets: `'10.0.0.1/24'`, or with all that `addAddress` takes. */
  readonly addresses?: readonly (string | AddressSpec)[] | undefined;
  /** Queues, 1 to 256, over which the kernel spreads flows. 1 if absent. */
  readonly queues?: number | undefined;
  /** The device stays when it is closed, and `openPacketDevice` finds it again. */
  readonly persist?: boolean | undefined;
  /** Id of a user who may attach to it without CAP_NET_ADMIN. */
  readonly owner?: number | undefined;
  /** Id of a user group that may do so. (`group` is the group of the link, as everywhere.) */
  readonly ownerGroup?: number | undefined;
}

/** What `createTap` takes. */
export interface TapSpec extends DeviceOptions, LinkOptions {
  /** The bridge, bond or VRF that it becomes a port of, in the same namespace. */
  readonly master?: LinkRef | undefined;
}

/** Options of links that have a link-layer address. */
type EthernetOption = 'mac' | 'broadcast' | 'bridgePort' | 'arp';

/** What `createTun` takes. A TUN carries IP packets: it has no MAC address and cannot be a bridge's port. */
export interface TunSpec extends DeviceOptions, Omit<LinkOptions, EthernetOption> {
  /** The VRF that it becomes a port of, in the same namespace. */
  readonly master?: LinkRef | undefined;
}

const ETHERNET_OPTIONS: readonly EthernetOption[] = ['mac', 'broadcast', 'bridgePort', 'arp'];

const OPTIONS: object = {
  ...LINK_OPTIONS,
  name: true,
  netns: true,
  addresses: true,
  queues: true,
  persist: true,
  owner: true,
  ownerGroup: true,
  offload: true,
  vnetHeaderSize: true,
  master: true,
} satisfies Record<keyof TapSpec, true>;

/** tun_net_initialize() in drivers/net/tun.c: MAX_MTU, 65535, less the Ethernet header that a TAP has. */
const MTU: Readonly<Record<DeviceMode, MtuRange>> = {
  tun: { least: 68, most: 65535 },
  tap: { least: 68, most: 65521 },
};

/** MAX_TAP_QUEUES (drivers/net/tun.c, linux/if_tap.h). */
const MAX_QUEUES = 256;

/** (uid_t) -1 stands for "nobody in particular"; ids reach native code as 32-bit integers. */
const MAX_ID = 0x7fffffff;

/** Checks a spec, before anything reaches the kernel. */
export function checkSpec(mode: DeviceMode, spec: TapSpec): void {
  if (typeof spec !== 'object' || spec === null) throw wrongType('spec', 'an object', spec);
  for (const [option, value] of Object.entries(spec)) {
    if (value === undefined) continue;
    if (!Object.hasOwn(OPTIONS, option)) throw noOption(option, value, `a ${mode.toUpperCase()}`, Object.keys(OPTIONS));
    if (mode === 'tun' && (ETHERNET_OPTIONS as readonly string[]).includes(option)) {
      throw invalidValue(option, value, 'is no option of a TUN, which carries IP packets without a link-layer header');
    }
  }
  const { name, mac, mtu, queues, persist, owner, ownerGroup, addresses, altNames } = spec;
  if (name !== undefined) checkDeviceName(name);
  checkUnicastMac(mac);
  checkMtu(mtu, MTU[mode]);
  checkQueues(queues);
  checkBoolean(persist, 'persist');
  checkOwner(owner, 'owner');
  checkOwner(ownerGroup, 'ownerGroup');
  planVnet(spec);
  if (addresses !== undefined && !Array.isArray(addresses)) throw wrongType('addresses', 'an array', addresses);
  if (altNames !== undefined && !Array.isArray(altNames)) throw wrongType('altNames', 'an array', altNames);
}

/** A name, or a template with one `%d`. TUNSETIFF would cut a long one without a word. */
export function checkDeviceName(name: unknown): asserts name is string {
  if (typeof name !== 'string') throw wrongType('name', 'a string', name);
  // Digits take the place of the template's mark, and as many bytes.
  const filled = name.replace('%d', '00');
  if (filled.includes('%')) throw invalidValue('name', name, "may have one '%d', for a number, and no other '%'");
  checkLinkName(filled);
}

export function checkQueues(queues: unknown): asserts queues is number | undefined {
  if (queues === undefined) return;
  if (typeof queues !== 'number') throw wrongType('queues', 'a number', queues);
  if (!Number.isInteger(queues) || queues < 1 || queues > MAX_QUEUES) {
    throw outOfRange('queues', queues, `1 to ${MAX_QUEUES}`);
  }
}

export function checkBoolean(value: unknown, field: string): void {
  if (value !== undefined && typeof value !== 'boolean') throw wrongType(field, 'true or false', value);
}

export function checkOwner(id: unknown, field: string): void {
  if (id !== undefined) checkInteger(id, 0, MAX_ID, field);
}
