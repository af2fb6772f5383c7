/** `watch`: the network as it changes, as an async iterator of events, and as a picture that is kept true. */

import { closedError, invalidValue, nameCall, wrongType } from '../../errors.js';
import { checkInteger } from '../../netlink/codec.js';
import { type Netns, netnsOf } from '../../netns/netns.js';
import { abortError, type CallOptions, signalOf } from '../../operation.js';
import type { NetnsEvent, NetworkEvent, NetworkSnapshot } from './events.js';
import { followName, NamedWatch, type Names, nameChanges } from './named-watch.js';
import { NetnsWatch } from './netns-watch.js';
import { Picture, type TableName } from './picture.js';

/** What is watched: all that is of a namespace where nothing is named. */
export interface WatchSelection {
  readonly links?: boolean | undefined;
  readonly addresses?: boolean | undefined;
  readonly routes?: boolean | undefined;
  readonly neighbors?: boolean | undefined;
  readonly rules?: boolean | undefined;
  /** The ids that the namespace has for others: see `listNetnsIds`. */
  readonly netnsIds?: boolean | undefined;
  /**
   * The names of namespaces in /run/netns, which are the machine's; only where it is asked for. A name counts from when
   * it is a namespace's. Of a symbolic link to the namespace of a process, the end of the process is not told.
   */
  readonly namedNetns?: boolean | undefined;
}

export interface WatchOptions extends CallOptions {
  /** The namespace, or several; the process's own if absent. */
  readonly netns?: Netns | readonly Netns[] | undefined;
  /** Begins with what there is, as `added` events. */
  readonly initial?: boolean | undefined;
  /** Bytes that the kernel keeps for events that were not read yet. 4 MiB if absent; what does not fit costs a resync. */
  readonly receiveBuffer?: number | undefined;
}

const NAMES: Readonly<Record<Exclude<keyof WatchSelection, 'namedNetns'>, TableName>> = {
  links: 'link',
  addresses: 'address',
  routes: 'route',
  neighbors: 'neighbor',
  rules: 'rule',
  netnsIds: 'netnsId',
};

const OPTIONS = { netns: true, initial: true, receiveBuffer: true } as const;

/** The kernel doubles it, in an int. */
const MOST_RECEIVE_BUFFER = 0x3fffffff;

/** Events that wait for their reader. Of more, only what they come to is kept. */
const MOST_EVENTS = 10_000;

type Waiter = { resolve(result: IteratorResult<NetworkEvent, undefined>): void; reject(error: unknown): void };

const DONE: IteratorResult<NetworkEvent, undefined> = Object.freeze({ value: undefined, done: true });

/**
 * Watches namespaces. The events say what came, changed and went; whoever follows them has the kernel's own picture,
 * always: where the kernel lost events because they were not read in time, or changed something without a word (IPv4
 * routes go so with their link), the lists are read again, and exactly the differences are told.
 *
 *     for await (const { type, change, old, new: now } of watch({ links: true }, { netns })) ...
 *
 * `ip monitor link address route neigh rule nsid`
 *
 * A reader that is slow loses steps between, not where they lead: when more than 10,000 events wait for it, it is told
 * the differences instead. Neighbours change their state without a word while they are being resolved.
 */
export function watch(selection: WatchSelection = {}, options: WatchOptions = {}): NetworkWatcher {
  try {
    const signal = signalOf(options, OPTIONS);
    const { receiveBuffer } = options;
    if (receiveBuffer !== undefined) checkInteger(receiveBuffer, 1, MOST_RECEIVE_BUFFER, 'receiveBuffer');
    return new NetworkWatcher(selectionOf(selection), namespacesOf(options.netns), options, signal);
  } catch (error) {
    throw nameCall(error, 'watch');
  }
}

/** What `watch` gives. Reading keeps the process alive until it is closed, its loop is left, or its signal is aborted. */
export class NetworkWatcher implements AsyncIterableIterator<NetworkEvent, undefined> {
  /** Resolves when all is known for the first time; rejects where it cannot be. */
  readonly ready: Promise<void>;
  readonly #watches: readonly NetnsWatch[];
  /** What the reader knows. */
  readonly #seen: ReadonlyMap<Netns, Picture>;
  readonly #named: NamedWatch | undefined;
  readonly #seenNames: Names = new Map();
  #events: NetworkEvent[] = [];
  #overflown = false;
  readonly #waiters: Waiter[] = [];
  #closed = false;
  /** What ended it, which is told once. */
  #error: unknown;
  #cause: unknown;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => this.#fail(abortError(this.#signal as AbortSignal));

  /** @internal */
  constructor(
    { tables, namedNetns }: Selection,
    namespaces: readonly Netns[],
    { initial = false, receiveBuffer }: WatchOptions,
    signal: AbortSignal | undefined,
  ) {
    const listener = {
      changed: (event: NetworkEvent) => this.#deliver(event),
      failed: (error: unknown) => this.#fail(error),
    };
    this.#watches = namespaces.map((netns) => new NetnsWatch(netns, tables, listener));
    this.#seen = new Map(namespaces.map((netns) => [netns, new Picture(netns)]));
    this.#named = namedNetns ? new NamedWatch(listener) : undefined;
    this.#signal = signal;
    if (signal?.aborted) this.#fail(abortError(signal));
    else signal?.addEventListener('abort', this.#onAbort, { once: true });
    this.ready = this.#start(initial, receiveBuffer);
    // Whoever does not ask learns it from the loop.
    this.ready.catch(() => undefined);
  }

  /** A namespace as it is now: the first of those that are watched if none is named. */
  snapshot(netns?: Netns): NetworkSnapshot {
    const watch = netns === undefined ? this.#watches[0] : this.#watches.find(({ picture }) => picture.netns === netns);
    if (watch === undefined) throw nameCall(invalidValue('netns', netns, 'is not watched'), 'snapshot');
    const named = [...(this.#named?.names.values() ?? [])].sort((a, b) => (a.name < b.name ? -1 : 1));
    return Object.freeze({ ...watch.picture.snapshot, namedNetns: named });
  }

  next(): Promise<IteratorResult<NetworkEvent, undefined>> {
    const event = this.#take();
    if (event !== undefined) return Promise.resolve({ value: event, done: false });
    if (this.#error !== undefined) {
      const error = this.#error;
      this.#error = undefined;
      return Promise.reject(error);
    }
    if (this.#closed) return Promise.resolve(DONE);
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  return(): Promise<IteratorResult<NetworkEvent, undefined>> {
    this.close();
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Ends the loop. Events that it was not given yet are forgotten. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#events = [];
    this.#signal?.removeEventListener('abort', this.#onAbort);
    for (const watch of this.#watches) watch.close();
    this.#named?.close();
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(DONE);
  }

  /** Keeps the process alive, as it does from the start. */
  ref(): this {
    for (const watch of this.#watches) watch.keepAlive(true);
    this.#named?.keepAlive(true);
    return this;
  }

  /** Lets the process end although events may still come. */
  unref(): this {
    for (const watch of this.#watches) watch.keepAlive(false);
    this.#named?.keepAlive(false);
    return this;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  async #start(initial: boolean, receiveBuffer: number | undefined): Promise<void> {
    try {
      const names = this.#startNames(initial);
      await Promise.all([names, ...this.#watches.map((watch) => this.#startOne(watch, initial, receiveBuffer))]);
    } catch (error) {
      this.#fail(error);
    }
    if (this.#cause !== undefined) throw this.#cause;
    if (this.#closed) throw nameCall(closedError('the watcher'), 'watch');
  }

  async #startOne(watch: NetnsWatch, initial: boolean, receiveBuffer: number | undefined): Promise<void> {
    await watch.start(receiveBuffer);
    const seen = this.#seen.get(watch.picture.netns) as Picture;
    this.#begin(differences(seen, watch.picture), initial);
  }

  async #startNames(initial: boolean): Promise<void> {
    if (this.#named === undefined) return;
    await this.#named.start();
    this.#begin(nameChanges(this.#seenNames, this.#named.names), initial);
  }

  /** What there is at first is told, or known. */
  #begin(events: readonly NetworkEvent[], initial: boolean): void {
    for (const event of events) {
      if (initial) this.#deliver(event);
      else this.#follow(event);
    }
  }

  #follow(event: NetworkEvent): void {
    if (event.type === 'namedNetns') followName(this.#seenNames, event);
    else this.#seen.get(event.netns)?.follow(event);
  }

  #deliver(event: NetworkEvent): void {
    if (this.#closed) return;
    if (this.#overflown || this.#events.length >= MOST_EVENTS) {
      this.#overflown = true;
      this.#events = [];
    } else {
      this.#events.push(event);
    }
    for (let waiter = this.#waiters.shift(); waiter; waiter = this.#waiters.shift()) {
      const value = this.#take();
      if (value === undefined) {
        this.#waiters.unshift(waiter);
        return;
      }
      waiter.resolve({ value, done: false });
    }
  }

  #take(): NetworkEvent | undefined {
    if (this.#overflown) {
      this.#overflown = false;
      const names = this.#named === undefined ? [] : nameChanges(this.#seenNames, this.#named.names);
      const others = this.#watches.map(({ picture }) => differences(this.#seen.get(picture.netns) as Picture, picture));
      this.#events = [names, ...others].flat();
    }
    const event = this.#events.shift();
    if (event !== undefined) this.#follow(event);
    return event;
  }

  #fail(error: unknown): void {
    if (this.#closed) return;
    this.#error = this.#cause = nameCall(error, 'watch');
    const [first] = this.#waiters.splice(0, 1);
    this.close();
    if (first === undefined) return;
    this.#error = undefined;
    first.reject(error);
  }
}

/** What leads from one picture to another. */
function differences(from: Picture, to: Picture): NetnsEvent[] {
  const copy = new Picture(from.netns);
  for (const type of Object.values(NAMES)) copy.adopt(type, from.rows(type) as never);
  return Object.values(NAMES).flatMap((type) => copy.adopt(type, to.rows(type) as never));
}

/** What a watcher is to watch. */
interface Selection {
  readonly tables: readonly TableName[];
  readonly namedNetns: boolean;
}

function selectionOf(selection: unknown): Selection {
  if (typeof selection !== 'object' || selection === null) throw wrongType('selection', 'an object', selection);
  const named = Object.entries(selection).filter(([, wanted]) => wanted !== undefined);
  for (const [name, wanted] of named) {
    if (!Object.hasOwn(NAMES, name) && name !== 'namedNetns')
      throw invalidValue(name, wanted, `is none of ${Object.keys(NAMES).join(', ')}, namedNetns`);
    if (typeof wanted !== 'boolean') throw wrongType(name, 'true or false', wanted);
  }
  if (named.length === 0) return { tables: Object.values(NAMES), namedNetns: false };
  const wanted = named.flatMap(([name, wanted]) => (wanted ? [name] : []));
  if (wanted.length === 0) throw invalidValue('selection', selection, 'selects nothing');
  const tables = wanted.flatMap((name) => (Object.hasOwn(NAMES, name) ? [NAMES[name as keyof typeof NAMES]] : []));
  return { tables, namedNetns: wanted.includes('namedNetns') };
}

function namespacesOf(given: unknown): Netns[] {
  if (!Array.isArray(given)) return [netnsOf(given)];
  if (given.length === 0) throw invalidValue('netns', given, 'names none');
  return [...new Set(given.map((netns) => netnsOf(netns)))];
}
