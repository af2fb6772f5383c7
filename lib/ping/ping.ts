/** `ping`: ICMP echo from inside a namespace. */
import { invalidValue, nameCall } from '../errors.js';
import { native } from '../native/load.js';
import { descriptorOf, type Netns, netnsOf } from '../netns/netns.js';
import { abortError } from '../operation.js';
import { getLink, isGone } from '../rtnetlink/link/find.js';
import { converse } from './conversation.js';
import { type PingOptions, type PingReply, parseTarget, planOf, type Target } from './plan.js';

export interface PingResult {
  /** As it was given. */
  readonly address: string;
  readonly transmitted: number;
  readonly received: number;
  readonly lost: number;
  /** Round-trip times of the answers in milliseconds, in the order of their requests. */
  readonly times: readonly number[];
  /** Shortest, average and longest of `times`; undefined when nothing was answered. */
  readonly min: number | undefined;
  readonly avg: number | undefined;
  readonly max: number | undefined;
  /** One entry for each request, in their order. */
  readonly replies: readonly PingReply[];
}

/**
 * Sends ICMP echo requests from inside a namespace and waits for the answers. Resolves as soon as every
 * request is answered or given up. That nothing answers, or no route leads there, is a result and no error.
 * A link-local IPv6 address names its link: `fe80::1%eth0`.
 *
 * Needs CAP_NET_RAW, or a group within the namespace's sysctl net.ipv4.ping_group_range.
 *
 * `ip netns exec NAME ping -c 4 -i 1 -W 1 -s 56 10.0.0.1`
 *
 *     const { received, avg } = await ping('10.0.0.1', { netns, count: 3, interval: 200 });
 *
 * @throws AbortError once `signal` is aborted.
 */
export async function ping(address: string, options: PingOptions = {}): Promise<PingResult> {
  try {
    const target = parseTarget(address);
    const plan = planOf(target.family, options);
    const netns = netnsOf(options.netns);
    if (plan.signal?.aborted) throw abortError(plan.signal);
    const scope = await scopeOf(target, address, netns);
    const open = (readable: () => void) =>
      native.openPingAsync({ netns: descriptorOf(netns), scope, ttl: plan.ttl }, target.bytes, readable);
    return summary(address, await converse(plan, open));
  } catch (error) {
    throw nameCall(error, 'ping');
  }
}

/** The index of the link that a zone names, looked up in the namespace. */
async function scopeOf({ zone }: Target, address: string, netns: Netns): Promise<number> {
  if (zone === undefined) return 0;
  try {
    return (await getLink(/^\d{1,9}$/.test(zone) ? Number(zone) : zone, { netns })).index;
  } catch (error) {
    throw isGone(error) ? invalidValue('address', address, `names a link that the namespace does not have`) : error;
  }
}

function summary(address: string, replies: readonly PingReply[]): PingResult {
  const times = replies.flatMap(({ time }) => (time === undefined ? [] : [time]));
  const some = times.length > 0;
  return {
    address,
    transmitted: replies.length,
    received: times.length,
    lost: replies.length - times.length,
    times,
    min: some ? times.reduce((least, time) => Math.min(least, time)) : undefined,
    avg: some ? times.reduce((sum, time) => sum + time) / times.length : undefined,
    max: some ? times.reduce((most, time) => Math.max(most, time)) : undefined,
    replies,
  };
}
