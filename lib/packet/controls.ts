/** Changing a packet device that is open: `PacketDevice.set` and `setOffload`, and how all such ioctls are done. */
import { closedError, invalidValue, wrongType } from '../errors.js';
import { native } from '../native/load.js';
import type { TunCommand } from '../native/packet-binding.js';
import { checkInteger } from '../netlink/codec.js';
import { both, type CallOptions, call, type Operation, perform } from '../operation.js';
import { type Offload, type OffloadOptions, offloadMask, offloadOf } from './offload-option.js';
import type { Driver } from './outcome.js';
import { checkBoolean, checkOwner } from './spec.js';
import { setOffloadMask, tunIoctl } from './tun-ioctl.js';
import { type DestinationFilter, encodeDestinations } from './tx-filter.js';

/** What the calls that change a device know of it. */
export interface DeviceControl {
  /** For error messages. */
  readonly name: string;
  readonly driver: Driver | undefined;
  readonly layer: 2 | 3;
  /** 0 without a vnet header. */
  readonly vnetHeaderSize: number;
  readonly queues: readonly { readonly fd: number }[];
  /** Undefined where nobody knows: the kernel does not tell. */
  offload: Offload | undefined;
}

/** What `PacketDevice.set` takes. What is absent stays as it is. A MACVTAP has only `sendBuffer`. */
export interface DeviceChanges {
  /** Whether the device stays when its last queue closes. */
  readonly persist?: boolean | undefined;
  /** Id of a user who may attach to it without CAP_NET_ADMIN. */
  readonly owner?: number | undefined;
  /** Id of a user group that may do so. */
  readonly ownerGroup?: number | undefined;
  /** Whether the link has a carrier, as if a cable were plugged in. A device that is open has one. Linux 5.0. */
  readonly carrier?: boolean | undefined;
  /**
   * Bytes of frames that may be on their way between `write` and whoever takes them, in qdiscs or sockets; beyond it,
   * `write` gives 0 until `drained`. A TUN or TAP has 2147483647, so that it never comes to that.
   */
  readonly sendBuffer?: number | undefined;
  /** TAP only: the frames that are read, by destination; null: all of them. */
  readonly txFilter?: DestinationFilter | null | undefined;
}

const CHANGES: object = {
  persist: true,
  owner: true,
  ownerGroup: true,
  carrier: true,
  sendBuffer: true,
  txFilter: true,
} satisfies Record<keyof DeviceChanges, true>;

/** INT_MAX, as the kernel takes it. */
const MOST_BYTES = 0x7fffffff;

export const setDevice = call(
  'set',
  {},
  function* (device: DeviceControl, changes: DeviceChanges, _options: CallOptions = {}): Operation<void> {
    checkChanges(device, changes);
    const { persist, owner, ownerGroup, carrier, sendBuffer, txFilter } = changes;
    if (owner !== undefined) yield* control(device, 'TUNSETOWNER', owner);
    if (ownerGroup !== undefined) yield* control(device, 'TUNSETGROUP', ownerGroup);
    if (sendBuffer !== undefined) yield* setSendBuffer(device, sendBuffer);
    if (txFilter !== undefined) yield* applyFilter(device, false, encodeDestinations(txFilter));
    if (carrier !== undefined) yield* control(device, 'TUNSETCARRIER', Number(carrier));
    if (persist !== undefined) yield* control(device, 'TUNSETPERSIST', Number(persist));
  },
);

export const setDeviceOffload = call(
  'setOffload',
  {},
  function* (device: DeviceControl, wanted: boolean | OffloadOptions, _options: CallOptions = {}): Operation<void> {
    const mask = offloadMask(wanted);
    checkDriver(device, 'setOffload');
    if (device.vnetHeaderSize === 0)
      throw invalidValue('device', device.name, 'has no vnet header: it was opened without `offload`');
    device.offload = offloadOf(yield* setOffloadMask(anyDescriptor(device), device.name, mask));
  },
);

// Each queue of a MACVTAP has a socket of its own; for a TUN or TAP, one of them speaks for all.
function* setSendBuffer(device: DeviceControl, bytes: number): Operation<void> {
  if (device.driver === 'tun') {
    yield* control(device, 'TUNSETSNDBUF', bytes);
    return;
  }
  anyDescriptor(device);
  for (const { fd } of device.queues) if (fd >= 0) yield* tunIoctl(fd, device.name, 'TUNSETSNDBUF', bytes);
}

function checkChanges(device: DeviceControl, changes: DeviceChanges): void {
  if (typeof changes !== 'object' || changes === null) throw wrongType('changes', 'an object', changes);
  checkDriver(device, 'set');
  for (const [option, value] of Object.entries(changes)) {
    if (!Object.hasOwn(CHANGES, option))
      throw invalidValue(option, value, `is no option here (${Object.keys(CHANGES).join(', ')} are)`);
    if (value !== undefined && device.driver === 'macvtap' && option !== 'sendBuffer')
      throw invalidValue(option, value, 'is no option of a MACVTAP, which has only sendBuffer');
  }
  const { persist, owner, ownerGroup, carrier, sendBuffer, txFilter } = changes;
  checkBoolean(persist, 'persist');
  checkOwner(owner, 'owner');
  checkOwner(ownerGroup, 'ownerGroup');
  checkBoolean(carrier, 'carrier');
  if (sendBuffer !== undefined) checkInteger(sendBuffer, 1, MOST_BYTES, 'sendBuffer');
  if (txFilter === undefined) return;
  encodeDestinations(txFilter);
  checkTap(device, 'txFilter', txFilter);
}

/** Only a device that has a driver of its own (no packet socket) knows these ioctls. */
export function checkDriver(device: DeviceControl, what: string, driver?: Driver): void {
  if (device.driver !== undefined && (driver ?? device.driver) === device.driver) return;
  throw invalidValue(
    'device',
    device.name,
    `is no ${driver === 'tun' ? 'TUN or TAP' : 'TUN, TAP or MACVTAP'}, and has no ${what}`,
  );
}

/** Some filters look at Ethernet headers. */
export function checkTap(device: DeviceControl, field: string, value: unknown): void {
  if (device.layer !== 2) throw invalidValue(field, value, 'is for a TAP: a TUN has no Ethernet frames');
}

/** One ioctl on whichever queue is open when its turn has come. */
export function* control(device: DeviceControl, command: TunCommand, value: number): Operation<void> {
  yield* tunIoctl(anyDescriptor(device), device.name, command, value);
}

export function* applyFilter(device: DeviceControl, classic: boolean, filter: Uint8Array): Operation<void> {
  const fd = anyDescriptor(device);
  yield* perform(
    both(
      () => native.filterTun(fd, device.name, Number(classic), filter),
      () => native.filterTunAsync(fd, device.name, Number(classic), filter),
    ),
  );
}

function anyDescriptor(device: DeviceControl): number {
  const open = device.queues.find(({ fd }) => fd >= 0);
  if (open === undefined) throw closedError(`the device "${device.name}"`);
  return open.fd;
}
