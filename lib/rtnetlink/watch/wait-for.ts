/** `waitFor`: until something is true of a link. The kernel tells when to look again; nothing is polled. */
import { constants } from 'node:os';
import { invalidValue, nameCall, outOfRange, systemError, wrongType } from '../../errors.js';
import { LITTLE_ENDIAN } from '../../netlink/bytes.js';
import type { Netns, NetnsOptions } from '../../netns/netns.js';
import { abortError, call, type Operation, signalOf } from '../../operation.js';
import type { Address } from '../address/address.js';
import { listAddresses } from '../address/calls.js';
import { getLink, isGone, type LinkRef, netnsOfLink } from '../link/find.js';
import type { Link } from '../link/link.js';
import { listRoutes } from '../route/find.js';
import type { Route } from '../route/route.js';
import { RTM } from '../types.js';
import { GROUPS, Monitor } from './monitor.js';

/**
 * What can be waited for:
 * - `up`: it is up, and operational (`operState` is `up`, or `unknown` where the device does not tell);
 * - `carrier`: it has a carrier;
 * - `forwarding`: as a port of a bridge, it forwards;
 * - `addresses`: duplicate address detection is over for all its addresses, well or not (`dadfailed`);
 * - `gone`: it is not there any more;
 * - a route of the main table to exactly that destination, by this link.
 */
export type WaitCondition = 'up' | 'carrier' | 'forwarding' | 'addresses' | 'gone' | { readonly route: string };

/** What `waitFor` gives: the link, its addresses, or the route, as they then are. */
export type WaitResult<C extends WaitCondition> = C extends 'addresses'
  ? Address[]
  : C extends 'gone'
    ? undefined
    : C extends string
      ? Link
      : Route;

export interface WaitForOptions extends NetnsOptions {
  /** Milliseconds after which the wait ends with ETIMEDOUT; without end if absent. */
  readonly timeout?: number | undefined;
}

/** Gives what was waited for; undefined while it is not so, ABSENT while there is no such link. */
type Look = (ref: LinkRef, options: NetnsOptions) => Operation<unknown>;

interface Plan {
  /** For the error of a timeout. */
  readonly what: string;
  readonly groups: readonly number[];
  readonly look: Look;
}

/** What is looked for is of a link that is not there yet. */
const ABSENT = Symbol('absent');

function linkThat(condition: (link: Link) => boolean): Look {
  return function* (ref, options) {
    try {
      const link = yield* getLink.steps(ref, options);
      return condition(link) ? link : undefined;
    } catch (error) {
      // A name may still come to be; an index that is gone does not come back.
      if (typeof ref === 'string' && isGone(error)) return ABSENT;
      throw error;
    }
  };
}

const isUp = ({ up, operState }: Link): boolean => up && (operState === 'up' || operState === 'unknown');
const isSettled = ({ flags }: Address): boolean => !flags.includes('tentative') || flags.includes('dadfailed');

/** What `gone` resolves to, from inside, where undefined means "not yet". */
const GONE = Symbol('gone');

const PLANS: Readonly<Record<Extract<WaitCondition, string>, Plan>> = {
  up: { what: 'up', groups: [GROUPS.link], look: linkThat(isUp) },
  carrier: { what: 'with a carrier', groups: [GROUPS.link], look: linkThat(({ carrier }) => carrier) },
  forwarding: {
    what: 'forwarding',
    groups: [GROUPS.link],
    look: linkThat(({ bridgePort }) => bridgePort?.state === 'forwarding'),
  },
  addresses: {
    what: 'done with duplicate address detection',
    groups: [GROUPS.link, GROUPS.address4, GROUPS.address6],
    *look(link, options) {
      const addresses = yield* listAddresses.steps({ ...options, link });
      return addresses.every(isSettled) ? addresses : undefined;
    },
  },
  gone: {
    what: 'gone',
    groups: [GROUPS.link],
    *look(ref, options) {
      try {
        yield* getLink.steps(ref, options);
        return undefined;
      } catch (error) {
        if (isGone(error)) return GONE;
        throw error;
      }
    },
  },
};

const routeTo = (to: string): Plan => ({
  what: `the way to ${to}`,
  groups: [GROUPS.link, GROUPS.route4, GROUPS.route6],
  *look(link, options) {
    const [route] = yield* listRoutes.steps({ ...options, link, to });
    return route;
  },
});

const CONDITIONS = Object.keys(PLANS).join(', ');

function planOf(condition: unknown): Plan {
  if (typeof condition === 'string') {
    if (Object.hasOwn(PLANS, condition)) return PLANS[condition as keyof typeof PLANS];
    throw invalidValue('condition', condition, `is none of ${CONDITIONS}, { route }`);
  }
  if (typeof condition !== 'object' || condition === null || !('route' in condition))
    throw wrongType('condition', `one of ${CONDITIONS}, or { route }`, condition);
  if (typeof condition.route !== 'string') throw wrongType('condition.route', 'a string', condition.route);
  return routeTo(condition.route);
}

const OPTIONS = { netns: true, timeout: true } as const;

/**
 * Waits until something is true of a link, and gives it as it then is. What is true already is given at once. A link
 * that is named may come to be while it is waited for.
 *
 *     const [eth0] = await createVeth({ ... });
 *     await waitFor(eth0, 'up', { timeout: 5000 });
 *
 * `ip monitor link`, until ...
 *
 * @throws ETIMEDOUT after `timeout`, AbortError once `signal` is aborted, NetlinkError ENODEV where the link (not one
 *   that is named, unless its addresses or routes are waited for) is gone.
 */
export async function waitFor<const C extends WaitCondition>(
  link: LinkRef,
  condition: C,
  options: WaitForOptions = {},
): Promise<WaitResult<C>> {
  try {
    const signal = signalOf(options, OPTIONS);
    const { timeout } = options;
    if (timeout !== undefined) checkTimeout(timeout);
    const netns = netnsOfLink(link, options.netns);
    const plan = planOf(condition);
    if (signal?.aborted) throw abortError(signal);
    const found = await lookUntilFound(netns, link, plan, signal, timeout);
    return (found === GONE ? undefined : found) as WaitResult<C>;
  } catch (error) {
    throw nameCall(error, 'waitFor');
  }
}

function checkTimeout(timeout: unknown): void {
  if (typeof timeout !== 'number') throw wrongType('timeout', 'a number', timeout);
  if (!(timeout >= 0 && timeout <= 0x7fffffff)) throw outOfRange('timeout', timeout, '0 to 2147483647 milliseconds');
}

async function lookUntilFound(
  netns: Netns,
  link: LinkRef,
  { what, groups, look }: Plan,
  signal: AbortSignal | undefined,
  timeout: number | undefined,
): Promise<unknown> {
  const find = call('waitFor', { netns: true }, (ref: LinkRef, options: NetnsOptions = {}) => look(ref, options));
  const bell = new Bell(typeof link === 'object' ? link.index : typeof link === 'number' ? link : undefined);
  const name = typeof link === 'object' ? link.name : String(link);
  const onAbort = (): void => bell.failed(abortError(signal as AbortSignal));
  signal?.addEventListener('abort', onAbort, { once: true });
  let absent = false;
  const timer =
    timeout === undefined
      ? undefined
      : setTimeout(() => {
          const how = absent ? 'there is no such link' : `not ${what}`;
          bell.failed(systemError(-constants.errno.ETIMEDOUT, 'waitFor', `'${name}': ${how} after ${timeout} ms`));
        }, timeout);
  let monitor: Monitor | undefined;
  try {
    monitor = await Monitor.open(netns, groups, bell);
    for (;;) {
      bell.check();
      const found = await find(link, { netns });
      absent = found === ABSENT;
      if (found !== undefined && !absent) return found;
      await bell.rung();
    }
  } finally {
    monitor?.close();
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

/** Rings when something happened that may concern a link. */
class Bell {
  readonly #index: number | undefined;
  #rang = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(index: number | undefined) {
    this.#index = index;
  }

  message(type: number, _flags: number, input: { readonly view: DataView }, start: number, end: number): void {
    // ifi_index and ifa_index stand at the same place (linux/rtnetlink.h, linux/if_addr.h).
    const hasIndex = type !== RTM.NEWROUTE && type !== RTM.DELROUTE && end - start >= 8;
    if (hasIndex && this.#index !== undefined && input.view.getUint32(start + 4, LITTLE_ENDIAN) !== this.#index) return;
    this.lost();
  }

  lost(): void {
    this.#rang = true;
    this.#wake?.();
  }

  settled(): void {}

  failed(error: Error): void {
    this.#error ??= error;
    this.#wake?.();
  }

  /** Throws what ends the wait. */
  check(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  /** Resolves once it has rung since this resolved before. */
  async rung(): Promise<void> {
    if (!this.#rang && this.#error === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#rang = false;
    this.check();
  }
}
