/**
 * tap: a container's link is a TAP, whose frames a program in the container reads and writes once it opens it. It stays
 * when nobody has it open.
 */
import { createClosedTap } from '../../packet/make-tun.js';
import { deleteLink, isKind, type Link, type Netns, setLink } from '../../sync.js';
import { findLink } from '../container/expected.js';
import { ownerOf } from '../container/owner.js';
import { CniError } from '../protocol/error.js';
import { wantedMac } from './mac.js';
import { deleteOfKind, singleLink } from './single-link.js';
import { refuseUnsupported } from './unsupported.js';

/** As the kernel calls TUN and TAP devices. */
const KIND = 'tun';

interface TapConfig {
  readonly mac: string | undefined;
  readonly mtu: number | undefined;
  readonly multiQueue: boolean;
  /** Ids of a user, and of a group of users, who may open it. */
  readonly owner: number | undefined;
  readonly ownerGroup: number | undefined;
  /** A bridge in the container, of which it becomes a port. */
  readonly bridge: string | undefined;
}

export const tap = singleLink<TapConfig>({
  kind: KIND,

  read(call) {
    const { fields } = call.config;
    refuseUnsupported('tap', fields, ['selinuxContext']);
    return {
      mac: wantedMac(call),
      mtu: fields.integer('mtu', 0, 65535) || undefined,
      multiQueue: fields.flag('multiQueue') ?? false,
      owner: fields.integer('owner'),
      ownerGroup: fields.integer('group'),
      bridge: fields.text('bridge') || undefined,
    };
  },

  make(call, { multiQueue, bridge, ...options }, netns, undo) {
    const master = bridge === undefined ? undefined : bridgeNamed(bridge, netns);
    // Not there any more where ADD is killed before its end: that it stays is the last step.
    const link = createClosedTap.sync({ ...options, name: call.ifname, netns, master, queues: multiQueue ? 2 : 1 });
    undo(() => deleteLink(link, { ifExists: true }));
    return setLink(link, { alias: ownerOf(call) });
  },

  remove(call, netns) {
    deleteOfKind(call, KIND, netns);
  },

  expect(_call, { bridge }, link) {
    const { name, netns, data } = link;
    if (data?.['mode'] !== 'tap') throw new CniError('changed', `interface ${name} is no TAP`);
    if (bridge !== undefined && link.master !== bridgeNamed(bridge, netns).index)
      throw new CniError('changed', `interface ${name} is no port of bridge ${bridge}`);
  },
});

function bridgeNamed(name: string, netns: Netns): Link {
  const link = findLink(name, netns);
  if (link === undefined) throw new CniError('config', `bridge: there is no link ${name} in the container`);
  if (!isKind(link, 'bridge')) throw new CniError('config', `bridge: ${name} is not a bridge`);
  return link;
}
