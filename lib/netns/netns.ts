/**
 * `Netns`: a handle on a network namespace. It owns a descriptor and, on demand, netlink sockets inside.
 */
import { fstatSync, statSync } from 'node:fs';
import { inspect } from 'node:util';
import { closedError, wrongType } from '../errors.js';
import type { Handle } from '../native/handle.js';
import { native } from '../native/load.js';
import { type Place, Sockets } from '../netlink/sockets.js';
import type { CallOptions } from '../operation.js';

/**
 * A network namespace, held open. It stays alive as long as the handle does, also after its name was
 * removed. Close it with `close()`, `using` or `await using`; a handle that is collected closes itself.
 */
export class Netns {
  /** The name under /run/netns by which it was made or opened. */
  readonly name?: string;
  /** The number by which the kernel tells namespaces apart: `readlink /proc/self/ns/net`, `lsns -t net`. */
  readonly id: number;
  readonly #handle: Handle;
  readonly #shared: boolean;
  #closed = false;
  #holders = 0;
  // Made on demand, as the sockets: a process may hold thousands of namespaces.
  #closers: Set<() => void> | undefined;
  #sockets: Sockets | undefined;
  // Of other protocols than rtnetlink: few namespaces have any.
  #others: Map<number, Sockets> | undefined;

  /** @internal Namespaces come from createNetns, openNetns and currentNetns. */
  constructor(handle: Handle, name?: string, shared = false) {
    this.#handle = handle;
    this.#shared = shared;
    this.id = fstatSync(handle.fd).ino;
    if (name !== undefined) this.name = name;
  }

  #place(): Place {
    return {
      descriptor: () => (this.#shared ? OWN : this.fd),
      label: this.#shared ? undefined : String(this.name ?? this.id),
    };
  }

  /** @internal Those of rtnetlink. */
  get sockets(): Sockets {
    this.#sockets ??= new Sockets(this.#place());
    return this.#sockets;
  }

  /** @internal Those of another protocol. */
  socketsOf(protocol: number): Sockets {
    this.#others ??= new Map();
    let sockets = this.#others.get(protocol);
    if (sockets === undefined) {
      sockets = new Sockets(this.#place(), protocol);
      this.#others.set(protocol, sockets);
    }
    return sockets;
  }

  /** The descriptor, which other programs and calls may use while the handle is open. */
  get fd(): number {
    if (this.#closed) throw closedError(this.name === undefined ? `namespace ${this.id}` : `namespace "${this.name}"`);
    return this.#handle.fd;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * @internal Keeps the descriptor open until what it returns is called, also over close(). For requests that
   * carry its number: once it is closed, the number may be another namespace's before the kernel reads it.
   */
  hold(): () => void {
    this.#holders++;
    return () => {
      if (--this.#holders === 0 && this.#closed) this.#handle.close();
    };
  }

  /** @internal Calls `end` when the handle is closed, unless what it returns is called before. */
  onClose(end: () => void): () => void {
    this.#closers ??= new Set();
    this.#closers.add(end);
    return () => void this.#closers?.delete(end);
  }

  /**
   * Gives the descriptor and the sockets back. Idempotent, never waits. The handle of the process's own
   * namespace is shared by all its users, and stays open.
   */
  close(): void {
    if (this.#shared) return;
    this.#closed = true;
    this.#sockets?.close();
    for (const sockets of this.#others?.values() ?? []) sockets.close();
    if (this.#holders === 0) this.#handle.close();
    for (const end of this.#closers ?? []) end();
    this.#closers = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  [inspect.custom](): string {
    return `Netns ${this.name === undefined ? '' : `'${this.name}' `}{ id: ${this.id}${this.closed ? ', closed' : ''} }`;
  }
}

/** Options of every call that acts in a namespace. */
export interface NetnsOptions extends CallOptions {
  /** The namespace to act in; the process's own if absent. A `Link` brings its own. */
  readonly netns?: Netns | undefined;
}

/** Native code takes this for the namespace of the process. */
const OWN = -1;

let own: Netns | undefined;

/**
 * The namespace of this process, which no call ever changes; in a Worker made by `netnsWorker`, the one that it lives in.
 * Always the same object; closing it does nothing.
 *
 * `ip netns identify`
 */
export function currentNetns(): Netns {
  own ??= new Netns(native.openNetns('/proc/thread-self/ns/net'), undefined, true);
  return own;
}

/**
 * @internal Whether it is the namespace of the process, that is of its main thread and of libuv's threads. In a Worker
 * `currentNetns` may be another.
 */
export const isOfProcess = ({ id }: Netns): boolean => id === statSync('/proc/self/ns/net').ino;

/** A namespace that has to be given. */
export function givenNetns(netns: unknown): Netns {
  if (netns === undefined) throw wrongType('netns', 'a Netns (from createNetns or openNetns)', netns);
  return netnsOf(netns);
}

/** The namespace that an option names: the process's own where it is undefined. */
export function netnsOf(netns: unknown, field = 'netns'): Netns {
  if (netns === undefined) return currentNetns();
  if (!(netns instanceof Netns)) throw wrongType(field, 'a Netns (from createNetns or openNetns)', netns);
  return netns;
}

/** What native calls take for a namespace. */
export const descriptorOf = (netns: Netns): number => (netns === own ? OWN : netns.fd);
