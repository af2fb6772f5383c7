/**
 * Which netlink sockets are open, of all namespaces of a JavaScript thread. It may hold thousands of namespaces, and
 * talks with few of them at a time: a socket that was not used for some seconds is closed, and where there would be too
 * many the one that was not used for longest. The next exchange opens another, which costs a fraction of what it asks.
 *
 * Pure: sockets are what it is told of, and time is `sweep`, which a timer calls.
 */

/** A socket that is open, as far as it matters here. */
export interface OpenSocket {
  /** From `use`: the larger, the later. */
  lastUse: number;
  /** Whether something is under way on it. Then it is not closed; what waits for it can wait for another, too. */
  busy(): boolean;
  /** Closes it; it has been forgotten already. */
  close(): void;
}

/** After a whole interval without use a socket is closed. */
const INTERVAL_MS = 5_000;

export class OpenSockets {
  readonly #most: number;
  readonly #sockets = new Set<OpenSocket>();
  readonly #atOnce: number;
  #underWay = 0;
  readonly #waiting: (() => void)[] = [];
  #uses = 0;
  /** Of the uses, how many there were when the interval began. */
  #begun = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `most` are open, and on `atOnce` of them something goes on at a time: fewer, so that one can always be closed. */
  constructor(most: number, atOnce: number) {
    this.#most = most;
    this.#atOnce = atOnce;
  }

  get size(): number {
    return this.#sockets.size;
  }

  /** What `lastUse` becomes with a use that happens now. */
  use(): number {
    return ++this.#uses;
  }

  /** A socket is about to be opened. */
  makeRoom(): void {
    if (this.#sockets.size < this.#most) return;
    let oldest: OpenSocket | undefined;
    for (const socket of this.#sockets) {
      if ((oldest === undefined || socket.lastUse < oldest.lastUse) && !socket.busy()) oldest = socket;
    }
    if (oldest !== undefined) this.#close(oldest);
  }

  add(socket: OpenSocket): void {
    this.#sockets.add(socket);
    this.#timer ??= setInterval(() => this.sweep(), INTERVAL_MS).unref();
  }

  /** It was closed by its owner. */
  remove(socket: OpenSocket): void {
    this.#sockets.delete(socket);
  }

  /** Closes what was not used since the last time. */
  sweep(): void {
    for (const socket of this.#sockets) {
      if (socket.lastUse <= this.#begun && !socket.busy()) this.#close(socket);
    }
    this.#begun = this.#uses;
    if (this.#sockets.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Closes all that nothing goes on with. */
  closeIdle(): void {
    this.#begun = this.#uses;
    this.sweep();
  }

  /** Whether something may begin now, until `leave`. If not, `begin` is called once it may, and must not refuse. */
  enter(begin: () => void): boolean {
    if (this.#underWay >= this.#atOnce) {
      this.#waiting.push(begin);
      return false;
    }
    this.#underWay++;
    return true;
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#underWay--;
    else next();
  }

  #close(socket: OpenSocket): void {
    this.#sockets.delete(socket);
    socket.close();
  }
}

/**
 * Four native threads do the work, so that more exchanges at a time gain nothing, and each takes a receive buffer. What is
 * open beyond these saves opening it again, which is 15 µs or so.
 */
export const openSockets = new OpenSockets(256, 32);
