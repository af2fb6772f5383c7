/** Making a TUN or TAP, without what reads and writes its frames: who only wants the link need not load that. */
import type { OpenedTun, PacketQueueHandle } from '../native/packet-binding.js';
import { netnsOf } from '../netns/netns.js';
import { type CallOptions, call, type Operation } from '../operation.js';
import { finishLink, prepare } from '../rtnetlink/link/finish.js';
import type { Link } from '../rtnetlink/link/link.js';
import { aboutMaster, masterIndexOf } from '../rtnetlink/link/master.js';
import { planVnet, type VnetPlan } from './offload-option.js';
import { closeHandles, IFF, openTun } from './open.js';
import { checkSpec, type DeviceMode, type TapSpec } from './spec.js';
import { tunIoctl } from './tun-ioctl.js';
import './tun-kind.js';

/** A device that was just made, with its queues open. */
export interface MadeTun {
  readonly link: Link;
  readonly opened: OpenedTun;
  readonly multiQueue: boolean;
  readonly vnet: VnetPlan;
}

export function* makeTun(mode: DeviceMode, spec: TapSpec): Operation<MadeTun> {
  checkSpec(mode, spec);
  const { name = `${mode}%d`, queues = 1, persist, owner = -1, ownerGroup = -1, addresses, altNames } = spec;
  const vnet = planVnet(spec);
  const remaining = { addresses, altNames, changes: linkOptionsOf(spec) };
  // For what it refuses. The name that later errors tell is known only once there is a device.
  prepare(name, remaining);
  const netns = netnsOf(spec.netns);
  const master = spec.master === undefined ? undefined : yield* masterIndexOf(netns, spec.master);
  const flags = flagsFor(mode, queues > 1, vnet) | IFF.TUN_EXCL;
  const opened = yield* openTun(netns, name, { flags, queues, owner, group: ownerGroup, ...vnet, joined: 0 });
  try {
    const link = yield* finishLink(netns, opened.index, opened.name, { ...remaining, master });
    // Last, so that a device that did not come to be leaves nothing behind.
    if (persist === true) yield* tunIoctl(fdOf(opened), opened.name, 'TUNSETPERSIST', 1, 0);
    return { link, opened, multiQueue: queues > 1, vnet };
  } catch (error) {
    yield* closeHandles(opened.queues);
    throw aboutMaster(error, master);
  }
}

export const flagsFor = (mode: DeviceMode, multiQueue: boolean, { vnetHeaderSize }: VnetPlan): number =>
  (mode === 'tap' ? IFF.TAP : IFF.TUN) |
  IFF.NO_PI |
  (multiQueue ? IFF.MULTI_QUEUE : 0) |
  (vnetHeaderSize > 0 ? IFF.VNET_HDR : 0);

const fdOf = ({ queues }: OpenedTun): number => (queues[0] as PacketQueueHandle).fd;

// What setLink would take: the options of any link, without those of the device.
function linkOptionsOf(spec: TapSpec) {
  const { name: _name, netns: _netns, addresses: _addresses, altNames: _altNames, master: _master, ...rest } = spec;
  const { queues: _queues, persist: _persist, owner: _owner, ownerGroup: _ownerGroup, ...others } = rest;
  const { offload: _offload, vnetHeaderSize: _vnetHeaderSize, ...options } = others;
  return options;
}

/** `createTap` of a device that stays, and that nobody has open: `ip tuntap add dev NAME mode tap`. */
export const createClosedTap = call(
  'createTap',
  {},
  function* (spec: Omit<TapSpec, 'persist'>, _options: CallOptions = {}): Operation<Link> {
    const { link, opened } = yield* makeTun('tap', { ...spec, persist: true });
    yield* closeHandles(opened.queues);
    return link;
  },
);
