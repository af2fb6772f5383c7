/**
 * Requests as steps of an operation: one, several in one exchange, a list.
 */
import { DumpInterruptedError } from '../errors.js';
import type { Netns } from '../netns/netns.js';
import { type Effect, type Operation, perform, type Waiting } from '../operation.js';
import type { Reply, Share } from './batch.js';
import { NETLINK_ROUTE, type Request } from './message.js';
import type { Sockets } from './sockets.js';

/** How often a list that changed while it was read is read again. Under churn one of a few tries succeeds. */
const DUMP_ATTEMPTS = 16;

/**
 * Sends requests together to one namespace. The kernel takes them in order and goes on after a refusal, so
 * each reply carries its own error; whoever calls decides which of them matters.
 */
export const exchange = (
  netns: Netns,
  requests: readonly Request<unknown>[],
  undo?: Effect<Reply[]>['undo'],
): Effect<Reply[]> => new Answers(netns, requests, undo);

/**
 * As {@link exchange}, but the kernel does all of it or nothing: `requests` are a transaction of the protocol's own, its
 * begin and its end included, and go out in one piece.
 */
export const transaction = (
  netns: Netns,
  requests: readonly Request<unknown>[],
  undo?: Effect<Reply[]>['undo'],
): Effect<Reply[]> => {
  const sockets = () => socketsFor(netns, requests[0]);
  let share: Share | undefined;
  return {
    now: () => sockets().exchange(requests, true),
    later(waiting) {
      share = sockets().enqueue(requests, waiting, true);
    },
    withdraw: () => share !== undefined && sockets().withdraw(share),
    ...(undo && { undo }),
  };
};

/** The sockets of a request's protocol. What travels together is of one. */
function socketsFor(netns: Netns, request: Request<unknown> | undefined): Sockets {
  const protocol = request?.family.protocol ?? NETLINK_ROUTE;
  return protocol === NETLINK_ROUTE ? netns.sockets : netns.socketsOf(protocol);
}

/** The wait for the answers. A class, since it is held for every call that waits. */
class Answers implements Effect<Reply[]> {
  readonly #netns: Netns;
  readonly #requests: readonly Request<unknown>[];
  #share: Share | undefined;
  readonly undo?: (value: Reply[]) => Operation<void>;

  constructor(netns: Netns, requests: readonly Request<unknown>[], undo: Effect<Reply[]>['undo']) {
    this.#netns = netns;
    this.#requests = requests;
    if (undo) this.undo = undo;
  }

  now(): Reply[] {
    return socketsFor(this.#netns, this.#requests[0]).exchange(this.#requests);
  }

  later(waiting: Waiting<Reply[]>): void {
    this.#share = socketsFor(this.#netns, this.#requests[0]).enqueue(this.#requests, waiting);
  }

  withdraw(): boolean {
    return this.#share !== undefined && socketsFor(this.#netns, this.#requests[0]).withdraw(this.#share);
  }
}

/**
 * Sends one request whose answer is an ack, and throws the kernel's refusal. What it gives is the generator of
 *
 *     const [reply] = yield* perform(exchange(netns, [one]));
 *     if (reply.error) throw reply.error;
 *
 * written out: routes come by the ten thousand, and what each of them holds while it waits is what it costs.
 */
export const send = (netns: Netns, one: Request<unknown>): Operation<void> => new Send(netns, one);

class Send implements Effect<Reply[]>, Operation<void> {
  readonly #netns: Netns;
  readonly #request: Request<unknown>;
  #share: Share | undefined;
  #sent = false;

  constructor(netns: Netns, one: Request<unknown>) {
    this.#netns = netns;
    this.#request = one;
  }

  now(): Reply[] {
    return socketsFor(this.#netns, this.#request).exchange([this.#request]);
  }

  later(waiting: Waiting<Reply[]>): void {
    this.#share = socketsFor(this.#netns, this.#request).enqueue([this.#request], waiting);
  }

  withdraw(): boolean {
    return this.#share !== undefined && socketsFor(this.#netns, this.#request).withdraw(this.#share);
  }

  next(replies: unknown): IteratorResult<Effect<unknown>, void> {
    if (!this.#sent) {
      this.#sent = true;
      return { done: false, value: this };
    }
    const [reply] = replies as Reply[];
    if (reply?.error) throw reply.error;
    return DONE;
  }

  throw(error: unknown): never {
    throw error;
  }

  return(): IteratorResult<Effect<unknown>, void> {
    return DONE;
  }

  [Symbol.iterator](): this {
    return this;
  }

  [Symbol.dispose](): void {}
}

const DONE = { done: true, value: undefined } as const;

/** Sends one request; gives what its answer decoded to, and throws the kernel's refusal. */
export function* request<R>(netns: Netns, one: Request<R>): Operation<R[]> {
  const [reply] = yield* perform(exchange(netns, [one]));
  return valuesOf(reply as Reply<R>);
}

/** Lists. The kernel reads lists in pieces; one that changed in between is read again. */
export function* dump<R>(netns: Netns, one: Request<R>): Operation<R[]> {
  let values: R[] = [];
  for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
    const [reply] = yield* perform(exchange(netns, [one]));
    values = valuesOf(reply as Reply<R>);
    if (reply?.interrupted !== true) return values;
  }
  throw new DumpInterruptedError(one.name, DUMP_ATTEMPTS, values, { ...one.context, netns: netns.sockets.label });
}

/** The values of a reply, or its error thrown. */
export function valuesOf<R>(reply: Reply<R> | undefined): R[] {
  if (reply === undefined) return [];
  if (reply.error) throw reply.error;
  // What is handed out is the caller's own, also where it is empty.
  return reply.values.length === 0 ? [] : reply.values;
}
