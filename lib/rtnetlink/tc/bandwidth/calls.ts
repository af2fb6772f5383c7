/** Bandwidth limits: `limitBandwidth`, `getBandwidthLimit`, `removeBandwidthLimit`. */
import type { NetnsOptions } from '../../../netns/netns.js';
import { call, type Operation } from '../../../operation.js';
import { isGone, type LinkRef, netnsOfLink } from '../../link/find.js';
import { checkLinkName } from '../../link/options.js';
import { type Bandwidth, type BandwidthLimits, checkBurst, checkLimits, tbfFor } from './limit.js';
import { bandwidthOf, readState } from './state.js';
import { removeAll, removeOrphans, shapeEgress, shapeIngress, takeAwayEgress, takeAwayIngress } from './steps.js';
import { Undo } from './undo.js';

export interface BandwidthOptions extends NetnsOptions {
  /**
   * Name of the ifb that queues what the link receives; `bw-` and the name of the link if absent (a digest of long
   * ones). Where it is told once, it must be told each time.
   */
  readonly ifb?: string | undefined;
}

const OPTIONS = { netns: true, ifb: true } as const;

function checkOptions({ ifb }: BandwidthOptions): void {
  if (ifb !== undefined) checkLinkName(ifb, 'options.ifb');
}

/**
 * Limits how fast a link sends (`egress`) and receives (`ingress`). Called again, it changes the limits; a direction that
 * is not told stays as it is, and null takes its limit away. On any failure all is as it was before.
 *
 * What the link sends goes through a tbf at its root. What it receives is passed on to an ifb of the link's own, which has
 * a tbf at its root. As CNI's bandwidth plugin does it:
 *
 *     tc qdisc add dev NAME root handle 1: tbf rate RATE burst BURST latency 25ms
 *     ip link add bw-NAME mtu MTU up type ifb; tc qdisc add dev bw-NAME root handle 1: tbf ...
 *     tc qdisc add dev NAME ingress
 *     tc filter add dev NAME ingress protocol all u32 match u32 0 0 action mirred egress redirect dev bw-NAME
 *
 * @returns the limits that are then in force.
 * @throws RangeError for a burst that is shorter than the link's frames, NetlinkError ENODEV if there is no such link, EEXIST if another qdisc was put at its root before, or the ifb's
 *   name is taken.
 */
export const limitBandwidth = call(
  'limitBandwidth',
  OPTIONS,
  function* (ref: LinkRef, limits: BandwidthLimits, options: BandwidthOptions = {}): Operation<Bandwidth> {
    checkLimits(limits);
    checkOptions(options);
    const { egress, ingress } = limits;
    const egressTbf = egress ? tbfFor(egress, 'egress') : undefined;
    const ingressTbf = ingress ? tbfFor(ingress, 'ingress') : undefined;
    const netns = netnsOfLink(ref, options.netns);
    const before = yield* readState(netns, ref, options.ifb);
    if (egress) checkBurst(egress, 'egress', before.link);
    if (ingress) checkBurst(ingress, 'ingress', before.link);
    const undo = new Undo(netns);
    try {
      if (egressTbf) yield* shapeEgress(before, egressTbf, undo);
      if (egress === null) yield* takeAwayEgress(before, undo);
      if (ingressTbf) yield* shapeIngress(before, ingressTbf, options.ifb, undo);
      if (ingress === null) yield* takeAwayIngress(before, options.ifb);
    } catch (error) {
      yield* undo.all();
      throw error;
    }
    return bandwidthOf(yield* readState(netns, before.link, options.ifb));
  },
);

/**
 * The limits in force on a link; a direction without one is absent.
 *
 * `tc qdisc show dev NAME`, `tc qdisc show dev bw-NAME`
 *
 * @throws NetlinkError ENODEV if there is no such link.
 */
export const getBandwidthLimit = call(
  'getBandwidthLimit',
  OPTIONS,
  function* (ref: LinkRef, options: BandwidthOptions = {}): Operation<Bandwidth> {
    checkOptions(options);
    return bandwidthOf(yield* readState(netnsOfLink(ref, options.netns), ref, options.ifb));
  },
);

/**
 * Takes the limits of a link away, with the ifb. It succeeds where there is none, and where the link is gone already:
 * the ifb that it left is found by its name, or by its alias.
 *
 * `tc qdisc delete dev NAME root`, `tc qdisc delete dev NAME ingress`, `ip link delete bw-NAME`
 */
export const removeBandwidthLimit = call(
  'removeBandwidthLimit',
  OPTIONS,
  function* (ref: LinkRef, options: BandwidthOptions = {}): Operation<void> {
    checkOptions(options);
    const netns = netnsOfLink(ref, options.netns);
    try {
      yield* removeAll(yield* readState(netns, ref, options.ifb), options.ifb);
    } catch (error) {
      if (!isGone(error)) throw error;
      yield* removeOrphans(netns, ref, options.ifb);
    }
  },
);
