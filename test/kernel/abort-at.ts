/** Aborts calls at a chosen moment: when the kernel has answered, and before the call has learnt of it. */
import type { Netns } from 'netloom';
import { vi } from 'vitest';

const NETLINK_NETFILTER = 12;

type Requests = readonly { readonly decode?: unknown }[];
export const changing = (requests: Requests): boolean => requests.some(({ decode }) => decode === undefined);

/** A signal that fires at the `nth` exchange with a namespace that counts. `vi.restoreAllMocks()` ends it. */
export function abortAt(netns: Netns, nth: number, counts: (requests: Requests) => boolean = () => true): AbortSignal {
  const controller = new AbortController();
  let count = 0;
  for (const sockets of [netns.sockets, netns.socketsOf(NETLINK_NETFILTER)]) {
    const enqueue = sockets.enqueue.bind(sockets);
    vi.spyOn(sockets, 'enqueue').mockImplementation((requests, waiting, transaction) => {
      const last = counts(requests) && count++ === nth;
      const done: typeof waiting.done = (replies) => {
        if (last) controller.abort();
        waiting.done(replies);
      };
      return enqueue(requests, { done }, transaction);
    });
  }
  return controller.signal;
}
