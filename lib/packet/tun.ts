/** TUN and TAP devices: `createTun`, `createTap`, `openPacketDevice`. */
import { constants } from 'node:os';
import { invalidValue, systemError } from '../errors.js';
import type { PacketQueueHandle } from '../native/binding.js';
import { native } from '../native/load.js';
import { type NetnsOptions, netnsOf } from '../netns/netns.js';
import { both, type CallOptions, call, type Operation, perform } from '../operation.js';
import { getLink, indexOf, type LinkRef } from '../rtnetlink/link/find.js';
import { finishLink, prepare } from '../rtnetlink/link/finish.js';
import type { Link } from '../rtnetlink/link/link.js';
import { PacketDevice } from './device.js';
import { isTapLink, openTapLink } from './macvtap.js';
import { closeHandles, IFF, openTun } from './open.js';
import { checkQueues, checkSpec, type DeviceMode, type TapSpec, type TunSpec } from './spec.js';
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
  checkSpec(mode, spec);
  const { name = `${mode}%d`, queues = 1, persist, owner = -1, ownerGroup = -1, addresses, altNames } = spec;
  const remaining = { addresses, altNames, changes: linkOptionsOf(spec) };
  // For what it refuses. The name that later errors tell is known only once there is a device.
  prepare(name, remaining);
  const netns = netnsOf(spec.netns);
  const master = spec.master === undefined ? undefined : yield* indexOf(netns, spec.master, 'master');
  const flags = flagsFor(mode, queues > 1) | IFF.TUN_EXCL;
  const opened = yield* openTun(netns, name, { flags, queues, owner, group: ownerGroup });
  try {
    const link = yield* finishLink(netns, opened.index, opened.name, { ...remaining, master });
    // Last, so that a device that did not come to be leaves nothing behind.
    if (persist === true) yield* setPersistent(opened.queues, true);
    return new PacketDevice(link, opened.queues, { layer: layerOf(mode) });
  } catch (error) {
    yield* closeHandles(opened.queues);
    throw error;
  }
}

const flagsFor = (mode: DeviceMode, multiQueue: boolean): number =>
  (mode === 'tap' ? IFF.TAP : IFF.TUN) | IFF.NO_PI | (multiQueue ? IFF.MULTI_QUEUE : 0);

const layerOf = (mode: DeviceMode): 2 | 3 => (mode === 'tap' ? 2 : 3);

// What setLink would take: the options of any link, without those of the device.
function linkOptionsOf(spec: TapSpec) {
  const { name: _name, netns: _netns, addresses: _addresses, altNames: _altNames, master: _master, ...rest } = spec;
  const { queues: _queues, persist: _persist, owner: _owner, ownerGroup: _ownerGroup, ...options } = rest;
  return options;
}

function* setPersistent(queues: readonly PacketQueueHandle[], persist: boolean): Operation<void> {
  const fd = (queues[0] as PacketQueueHandle).fd;
  const value = persist ? 1 : 0;
  yield* perform(
    both(
      () => native.persistTun(fd, value),
      () => native.persistTunAsync(fd, value),
      () => setPersistent(queues, !persist),
    ),
  );
}

export interface OpenPacketDeviceOptions extends NetnsOptions {
  /** Queues to open, 1 to 256; more than one only if the device was made with several. 1 if absent. */
  readonly queues?: number | undefined;
}

/**
 * Opens a device that exists: a persistent TUN or TAP, made here or by `ip tuntap add`, or a macvtap.
 *
 * @throws EBUSY if it is open already (and has one queue only), NetlinkError ENODEV if there is no such link.
 */
export const openPacketDevice = call(
  'openPacketDevice',
  { netns: true, queues: true },
  function* (ref: LinkRef, options: OpenPacketDeviceOptions = {}): Operation<PacketDevice> {
    const { queues = 1 } = options;
    checkQueues(queues);
    const link = yield* getLink.steps(ref, options);
    if (isTapLink(link)) return yield* openTapLink(link, queues);
    const mode = modeOf(link);
    const multiQueue = link.data?.['multiQueue'] === true;
    if (queues > 1 && !multiQueue)
      throw invalidValue('queues', queues, `is more than the one queue that "${link.name}" was made with`);

    const { netns, index, name } = link;
    const opened = yield* openTun(netns, name, { flags: flagsFor(mode, multiQueue), queues, owner: -1, group: -1 });
    try {
      // TUNSETIFF makes the device where it is gone by now; then this is another one.
      if (opened.index !== index) throw systemError(-constants.errno.ENODEV, 'TUNSETIFF', `'${name}'`);
      return new PacketDevice(yield* finishLink(netns, index, name, {}), opened.queues, { layer: layerOf(mode) });
    } catch (error) {
      yield* closeHandles(opened.queues);
      throw error;
    }
  },
);

function modeOf(link: Link): DeviceMode {
  const mode = link.kind === 'tun' ? link.data?.['mode'] : undefined;
  if (mode !== 'tun' && mode !== 'tap')
    throw invalidValue('link', link.name, `is no TUN, TAP or MACVTAP (${link.kind ?? link.type})`);
  return mode;
}
