/** TUN and TAP devices: `createTun`, `createTap`, `openPacketDevice`. */
import { constants } from 'node:os';
import { invalidValue, systemError } from '../errors.js';
import type { OpenedTun } from '../native/packet-binding.js';
import type { NetnsOptions } from '../netns/netns.js';
import { type CallOptions, call, type Operation } from '../operation.js';
import { getLink, type LinkRef } from '../rtnetlink/link/find.js';
import { finishLink } from '../rtnetlink/link/finish.js';
import type { Link } from '../rtnetlink/link/link.js';
import { adopt, isDescriptor, type PacketDescriptor } from './adopt.js';
import { PacketDevice } from './device.js';
import { isTapLink, openTapLink } from './macvtap.js';
import { flagsFor, makeTun } from './make-tun.js';
import { offloadOf, planVnet, type VnetOptions, type VnetPlan } from './offload-option.js';
import { closeHandles, openTun } from './open.js';
import { checkQueues, type DeviceMode, type TapSpec, type TunSpec } from './spec.js';
import './tun-kind.js';

/**
 * Makes a TAP: a link whose Ethernet frames this program reads and writes.
 *
 * `ip tuntap add dev NAME mode tap user UID group GID multi_queue` and `ip link set ...`
 *
 * Not persistent unless `persist` says so: the link goes when the device is closed, however the process ends.
 *
 * @throws EEXIST if the name is taken, ENOENT if there is no /dev/net/tun, EPERM without CAP_NET_ADMIN.
 */
export const createTap = call(
  'createTap',
  {},
  (spec?: TapSpec, _options: CallOptions = {}): Operation<PacketDevice> => create('tap', spec ?? {}),
);

/**
 * Makes a TUN: a link whose IP packets this program reads and writes, without a header in front.
 *
 * `ip tuntap add dev NAME mode tun user UID group GID multi_queue` and `ip link set ...`
 *
 * @throws EEXIST if the name is taken, ENOENT if there is no /dev/net/tun, EPERM without CAP_NET_ADMIN.
 */
export const createTun = call(
  'createTun',
  {},
  (spec?: TunSpec, _options: CallOptions = {}): Operation<PacketDevice> => create('tun', spec ?? {}),
);

function* create(mode: DeviceMode, spec: TapSpec): Operation<PacketDevice> {
  const { link, opened, vnet, multiQueue } = yield* makeTun(mode, spec);
  return deviceOf(link, opened, mode, multiQueue, vnet);
}

const layerOf = (mode: DeviceMode): 2 | 3 => (mode === 'tap' ? 2 : 3);

const deviceOf = (
  link: Link,
  { queues, offload }: OpenedTun,
  mode: DeviceMode,
  multiQueue: boolean,
  { vnetHeaderSize }: VnetPlan,
): PacketDevice =>
  new PacketDevice(link, queues, {
    driver: 'tun',
    layer: layerOf(mode),
    multiQueue,
    vnetHeaderSize,
    offload: offloadOf(offload),
  });

export interface OpenPacketDeviceOptions extends NetnsOptions, VnetOptions {
  /** Queues to open, 1 to 256; more than one only if the device was made with several. 1 if absent. */
  readonly queues?: number | undefined;
}

/**
 * Opens a device that exists: a persistent TUN or TAP, made here or by `ip tuntap add`, or a macvtap. Or makes a
 * device of one queue of a descriptor that is open: what `queue.release()` gave, in another Worker; what a parent
 * process or a container runtime handed over.
 *
 * A descriptor is looked at before it is trusted: that it is a TUN, TAP or MACVTAP, which link, in which namespace,
 * with which vnet header. It belongs to the device when the call succeeds, and stays the caller's when it fails; give
 * it to one device only.
 * The namespace of a MACVTAP's link (and, without CAP_NET_ADMIN there, of others) is not told by the kernel: it is
 * `options.netns`. A namespace that was found is `device.link.netns`, and is closed with the device.
 *
 * @throws EBUSY if it is open already (and has one queue only), NetlinkError ENODEV if there is no such link,
 *   ERR_INVALID_ARG_VALUE for what is no packet device.
 */
export const openPacketDevice = call(
  'openPacketDevice',
  { netns: true, queues: true, offload: true, vnetHeaderSize: true },
  function* (ref: LinkRef | PacketDescriptor, options: OpenPacketDeviceOptions = {}): Operation<PacketDevice> {
    const { queues = 1 } = options;
    checkQueues(queues);
    if (isDescriptor(ref)) return yield* adopt(ref, options);
    const vnet = planVnet(options);
    const link = yield* getLink.steps(ref, { netns: options.netns });
    if (isTapLink(link)) return yield* openTapLink(link, queues, vnet);
    return yield* openTunLink(link, queues, vnet);
  },
);

function* openTunLink(link: Link, queues: number, vnet: VnetPlan): Operation<PacketDevice> {
  const { netns, index, name } = link;
  const mode = modeOf(link);
  const multiQueue = link.data?.['multiQueue'] === true;
  if (queues > 1 && !multiQueue)
    throw invalidValue('queues', queues, `is more than the one queue that "${name}" was made with`);
  const joined = Number(isOpen(link));
  if (joined) checkSameHeaders(link, vnet);
  const flags = flagsFor(mode, multiQueue, vnet);
  const opened = yield* openTun(netns, name, { flags, queues, owner: -1, group: -1, ...vnet, joined });
  try {
    // TUNSETIFF makes the device where it is gone by now; then this is another one.
    if (opened.index !== index) throw systemError(-constants.errno.ENODEV, 'TUNSETIFF', `'${name}'`);
    return deviceOf(yield* finishLink(netns, index, name, {}), opened, mode, multiQueue, vnet);
  } catch (error) {
    yield* closeHandles(opened.queues);
    throw error;
  }
}

/** Whether somebody has queues of it open, which is told of devices with several. */
const isOpen = ({ data }: Link): boolean => Number(data?.['queues'] ?? 0) + Number(data?.['disabledQueues'] ?? 0) > 0;

// What is in front of the frames is the device's, not the queue's: another choice would spoil what others read.
function checkSameHeaders({ name, data }: Link, { vnetHeaderSize }: VnetPlan): void {
  const theirs = data?.['vnetHeader'] === true;
  if (data?.['packetInformation'] === true)
    throw systemError(-constants.errno.EBUSY, 'TUNSETIFF', `'${name}': others have it open with packet information`);
  if (theirs === vnetHeaderSize > 0) return;
  const why = theirs ? 'with a vnet header (offload: {} opens it so)' : 'without a vnet header (and offload)';
  throw systemError(-constants.errno.EBUSY, 'TUNSETIFF', `'${name}': others have it open ${why}`);
}

function modeOf(link: Link): DeviceMode {
  const mode = link.kind === 'tun' ? link.data?.['mode'] : undefined;
  if (mode !== 'tun' && mode !== 'tap')
    throw invalidValue('link', link.name, `is no TUN, TAP or MACVTAP (${link.kind ?? link.type})`);
  return mode;
}
