/** bandwidth: limits what a container sends and receives, at the host's end of its pair. */

import { ownerOf } from '../../../rtnetlink/tc/bandwidth/ifb.js';
import { type BandwidthLimit, checkBurst } from '../../../rtnetlink/tc/bandwidth/limit.js';
import {
  deleteLink,
  getBandwidthLimit,
  getLink,
  type Link,
  limitBandwidth,
  listLinks,
  type Netns,
  removeBandwidthLimit,
} from '../../../sync.js';
import { findLink } from '../../container/expected.js';
import { findContainer, openContainer } from '../../container/netns.js';
import { isAnothers } from '../../container/owner.js';
import { told } from '../../container/told.js';
import { hostEndOf } from '../../container/veth.js';
import { CniError } from '../../protocol/error.js';
import type { Invocation, Plugin } from '../../protocol/plugin.js';
import { withRollback } from '../../rollback.js';
import { chainedResult } from '../chained.js';
import { type ContainerLimits, inForce, readLimits } from './config.js';

export const bandwidth: Plugin = {
  add(call) {
    const limits = readLimits(call);
    const result = chainedResult(call);
    if (isUnlimited(limits)) return result;
    const host = hostLinkOf(call, openContainer(call));
    const ifb = ifbNameOf(call);
    // Said here from where the configuration stands, as what is wrong with a limit by itself.
    for (const direction of ['ingress', 'egress'] as const) {
      const limit = limits[direction];
      if (limit) checkBurst(limit, direction, host);
    }
    return withRollback((undo) => {
      limitBandwidth(host, { egress: limits.ingress, ingress: limits.egress }, { ifb });
      undo(() => removeBandwidthLimit(host, { ifb }));
      if (limits.egress === undefined) return result;
      return { ...result, interfaces: [...result.interfaces, told(getLink(ifb))] };
    });
  },

  del(call) {
    const ifb = ifbNameOf(call);
    const netns = findContainer(call);
    const host = netns && hostEndOf(findLink(call.ifname, netns));
    if (host !== undefined) removeBandwidthLimit(host, { ifb });
    // Also where the container is gone, and its pair with it.
    const left = findLink(ifb);
    if (left?.kind !== 'ifb') return;
    const served = servedBy(left);
    // Links of one container in one network have one name for it: the second's ADD fails, and DEL follows.
    const isOthers = served !== undefined && (netns !== undefined || isAnothers(served.alias, call));
    if (!isOthers) deleteLink(left, { ifExists: true });
  },

  check(call) {
    const limits = readLimits(call);
    if (isUnlimited(limits)) return;
    const host = hostLinkOf(call, openContainer(call));
    const { egress, ingress } = getBandwidthLimit(host, { ifb: ifbNameOf(call) });
    expectLimit('ingress', limits.ingress, egress);
    expectLimit('egress', limits.egress, ingress);
  },

  gc() {
    // Whose they were is not to be seen any more, but that they serve nobody.
    for (const ifb of listLinks({ kind: 'ifb' })) {
      if (IFB_NAME.test(ifb.name) && ownerOf(ifb) !== undefined && servedBy(ifb) === undefined)
        deleteLink(ifb, { ifExists: true });
    }
  },

  status(call) {
    readLimits(call);
  },
};

const isUnlimited = ({ ingress, egress }: ContainerLimits): boolean => ingress === undefined && egress === undefined;

const IFB_NAME = /^bwp[0-9a-f]{12}$/;

/** The reference plugin's name for it, so that each removes what the other made. */
function ifbNameOf({ config, containerId }: Invocation): string {
  // Loaded here, since no other plugin needs it.
  const { createHash } = process.getBuiltinModule('node:crypto');
  const digest = createHash('sha512').update(`${config.name}${containerId}`).digest('hex');
  return `bwp${digest.slice(0, 12)}`;
}

/** The link that an ifb queues for, where it says one, and that is there. */
function servedBy(ifb: Link): Link | undefined {
  const owner = ownerOf(ifb);
  return owner && findLink(owner.index);
}

/** The host's end of the container's link, which the result must tell of. */
function hostLinkOf(call: Invocation, netns: Netns): Link {
  const peer = hostEndOf(findLink(call.ifname, netns));
  if (peer === undefined)
    throw new CniError('config', `${call.ifname} of the container is no end of a veth pair whose other end is here`);
  if (!chainedResult(call).interfaces.some(({ name, sandbox }) => name === peer.name && !sandbox))
    throw new CniError('config', `prevResult has no interface ${peer.name}, the other end of ${call.ifname}`);
  return peer;
}

function expectLimit(
  direction: keyof ContainerLimits,
  wanted: BandwidthLimit | undefined,
  there: Required<BandwidthLimit> | undefined,
): void {
  const should = inForce(wanted);
  if (should === undefined || (there?.rate === should.rate && there.burst === should.burst)) return;
  const text = (limit: BandwidthLimit | undefined): string =>
    limit === undefined ? 'unlimited' : `${limit.rate} bits per second, bursts of ${limit.burst} bytes`;
  throw new CniError('changed', `${direction} is ${text(there)}, not ${text(should)}`);
}
