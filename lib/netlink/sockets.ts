/**
 * Where exchanges with the kernel happen. Each namespace has up to two netlink sockets of a protocol, opened on
 * demand and closed with it, or when they are not used (open-sockets.ts): one that native threads use for asynchronous
 * calls, one for `netloom/sync`. Neither can get in the way of the other.
 */
import { constants } from 'node:os';
import { closedError, copyOf } from '../errors.js';
import type { NetlinkSocket } from '../native/binding.js';
import { native } from '../native/load.js';
import { Batch, type Reply, type Settled, type Share } from './batch.js';
import { ByteReader, ByteWriter } from './bytes.js';
import { NETLINK_ROUTE, NLMSG_HEADER, type Request } from './message.js';
import { type OpenSocket, openSockets } from './open-sockets.js';

// Room for what one native call brings. The kernel's dumps come in datagrams of up to 32 KiB, and native code
// returns when less than a quarter MiB is left, the largest that a single message may need: as much again costs few
// calls, and still fits the cache. Only what is received takes memory.
const RECEIVE_ROOM = 512 * 1024;
// Wanted size of the kernel's own receive buffer. It bounds how many acks may wait, thus how many requests
// travel in one sendmsg; only what is queued takes memory.
const KERNEL_BUFFER = 4 * 1024 * 1024;
// A batch that has grown to this is sent although the turn is not over: the kernel works on it meanwhile.
const FULL = 64 * 1024;

// How many full batches are handed to the native thread at a time. They are what it works on while this thread
// encodes the next ones.
const MOST_IN_FLIGHT = 32;
const MOST_SPARE_BUFFERS = 32;
// Of a batch that was not sent, since the one before it needs another receive buffer.
const TRY_AGAIN = -constants.errno.EAGAIN;
// In what native code returns: the size is one less, and another call receives the rest.
const UNFINISHED = 1;

// A batch that is not full has fewer messages. Of what is added together, more travel in a batch of their own.
const MANY = FULL / NLMSG_HEADER;

/** A native socket, while it is open. */
interface Line extends OpenSocket {
  readonly socket: NetlinkSocket;
}

/** To have something under way, which only so many sockets may at a time (open-sockets.ts). */
type Pass = 'none' | 'awaited' | 'given';

// What is sent synchronously has had its end when the call returns.
const NOBODY: Settled = { done: () => undefined };

/** The last sequence number is never reached by a batch, so that within one they only rise. */
const SEQUENCE_LIMIT = 0x7fffffff;

const spareBuffers: ByteReader[] = [];
const takeBuffer = (): ByteReader => spareBuffers.pop() ?? new ByteReader(new Uint8Array(RECEIVE_ROOM));
const giveBuffer = (buffer: ByteReader): void => {
  if (spareBuffers.length < MOST_SPARE_BUFFERS) spareBuffers.push(buffer);
};

// What one synchronous exchange sends: nothing else runs before it has ended.
const syncOut = new ByteWriter(1024);

/** What sockets need to know of the namespace that they belong to. */
export interface Place {
  /** Its descriptor, or -1 for the process's own. Throws once the namespace is closed. */
  descriptor(): number;
  /** What errors call it. */
  readonly label: string | undefined;
}

// An exchange goes on to its end, also where something is wrong with the answers so far.
function route(batch: Batch, buffer: ByteReader, size: number): void {
  try {
    batch.receive(buffer, size & ~UNFINISHED);
  } catch (error) {
    refuse(batch, error);
  }
}

const refuse = (batch: Batch, error: unknown): void => batch.refuse(() => copyOf(error));

export class Sockets {
  readonly #place: Place;
  readonly #protocol: number;
  #sequence = 1;
  #closed = false;

  #sync: Line | undefined;

  #async: Line | undefined;
  readonly #queue: Batch[] = [];
  #flushPlanned = false;
  #pass: Pass = 'none';
  #inFlight = 0;
  /** A batch in flight has answers that need another call; those behind it come back to be sent again. */
  #stalled = false;
  readonly #returned: Batch[] = [];

  constructor(place: Place, protocol = NETLINK_ROUTE) {
    this.#place = place;
    this.#protocol = protocol;
  }

  get label(): string | undefined {
    return this.#place.label;
  }

  /** Requests and answers on the calling thread. A transaction is one for the kernel, and is sent as one. */
  exchange(requests: readonly Request<unknown>[], transaction = false): Reply[] {
    this.#place.descriptor();
    this.#sync ??= this.#open(
      () => false,
      () => {
        this.#sync = undefined;
      },
    );
    this.#sync.lastUse = openSockets.use();
    const { socket } = this.#sync;
    syncOut.rewind(0);
    const batch = new Batch(this.#reserve(requests.length), this.label, syncOut, transaction);
    const { replies } = batch.add(requests, NOBODY);
    const buffer = takeBuffer();
    let size = socket.exchange(batch.out.bytes, batch.out.length, buffer.bytes, transaction);
    while (size > 0) {
      route(batch, buffer, size);
      if ((size & UNFINISHED) === 0) break;
      size = socket.exchange(null, 0, buffer.bytes);
    }
    giveBuffer(buffer);
    if (batch.open > 0) batch.end(size);
    return replies;
  }

  /**
   * Queues requests that belong together. What is queued in one turn goes out together; what cannot be encoded
   * throws here, and the others are not touched by it. A transaction travels alone, in its turn.
   */
  enqueue(requests: readonly Request<unknown>[], waiting: Settled, transaction = false): Share {
    this.#place.descriptor();
    let batch = this.#queue.at(-1);
    if (transaction || batch === undefined || batch.transaction || batch.out.length >= FULL || requests.length > MANY) {
      // In a burst it will fill up like those before it.
      const out = this.#inFlight > 1 ? new ByteWriter(FULL + FULL / 4) : undefined;
      batch = new Batch(this.#reserve(requests.length + 2 * MANY), this.label, out, transaction);
      this.#queue.push(batch);
    }
    const share = batch.add(requests, waiting);
    if (batch.out.length >= FULL && !transaction) this.#launch(FULL);
    else this.#planFlush();
    return share;
  }

  /** Withdraws what was queued, which succeeds until it is sent. */
  withdraw(share: Share): boolean {
    return this.#queue.includes(share.batch) && share.batch.withdraw(share);
  }

  /** Ends what waits; a running exchange ends by itself, and its socket with it. */
  close(): void {
    this.#closed = true;
    for (const line of [this.#sync, this.#async]) {
      if (line === undefined) continue;
      openSockets.remove(line);
      line.close();
    }
  }

  #open(busy: () => boolean, closed: () => void): Line {
    openSockets.makeRoom();
    const socket = native.openNetlink(this.#options());
    const line: Line = {
      socket,
      lastUse: 0,
      busy,
      close: () => {
        closed();
        socket.close();
      },
    };
    openSockets.add(line);
    return line;
  }

  // The turn is over when the promise jobs that it caused have run: a tick that is asked for from a promise
  // job comes behind all of them. What is queued while a batch is under way waits for it, so that it travels
  // with what the answers cause.
  #planFlush(): void {
    if (this.#flushPlanned || this.#inFlight > 0) return;
    this.#flushPlanned = true;
    queueMicrotask(() =>
      process.nextTick(() => {
        this.#flushPlanned = false;
        this.#launch(0);
      }),
    );
  }

  /** Hands over what is queued, as far as it has grown to `least` bytes. */
  #launch(least: number): void {
    while (!this.#stalled && this.#inFlight < MOST_IN_FLIGHT) {
      const batch = this.#queue[0];
      if (batch === undefined || batch.out.length < least || !this.#enter()) return;
      this.#queue.shift();
      void this.#travel(batch);
    }
  }

  /** Whether something may be under way here now; if not, what is queued begins when others have ended. */
  #enter(): boolean {
    if (this.#pass !== 'none') return this.#pass === 'given';
    this.#pass = 'awaited';
    const given = openSockets.enter(() => {
      this.#pass = 'given';
      this.#launch(0);
    });
    if (given) this.#pass = 'given';
    return given;
  }

  #leave(): void {
    if (this.#inFlight > 0 || this.#pass !== 'given') return;
    this.#pass = 'none';
    openSockets.leave();
  }

  async #travel(batch: Batch): Promise<void> {
    this.#inFlight++;
    let buffer = takeBuffer();
    let size = 0;
    try {
      if (this.#closed) throw closedError(`namespace ${this.label}`);
      this.#async ??= this.#open(
        () => this.#inFlight > 0,
        () => {
          this.#async = undefined;
        },
      );
      this.#async.lastUse = openSockets.use();
      const { socket } = this.#async;
      size = await socket.exchangeAsync(batch.out.bytes, batch.out.length, buffer.bytes, batch.transaction);
      while (size > 0 && (size & UNFINISHED) !== 0) {
        this.#stalled = true;
        // The kernel fills the next buffer while this one is decoded.
        const next = takeBuffer();
        const following = socket.exchangeAsync(null, 0, next.bytes);
        route(batch, buffer, size);
        giveBuffer(buffer);
        buffer = next;
        size = await following;
      }
    } catch (error) {
      // Whoever queued the batch shall not be told before that call has returned.
      await undefined;
      refuse(batch, error);
    }
    this.#inFlight--;
    if (size === TRY_AGAIN) {
      // Where the one before it has ended meanwhile, the namespace was closed.
      (this.#stalled ? this.#returned : this.#queue).push(batch);
    } else {
      this.#stalled = false;
      this.#queue.unshift(...this.#returned.splice(0));
      // The kernel works on the next load while the last answers to this one are routed.
      this.#launch(FULL);
      if (size > 0) route(batch, buffer, size);
      if (batch.open > 0) batch.end(size);
    }
    giveBuffer(buffer);
    this.#leave();
    if (this.#queue.length > 0) this.#planFlush();
  }

  #reserve(count: number): number {
    if (this.#sequence + count > SEQUENCE_LIMIT) this.#sequence = 1;
    const first = this.#sequence;
    this.#sequence += count;
    return first;
  }

  #options() {
    return { netns: this.#place.descriptor(), protocol: this.#protocol, receiveBuffer: KERNEL_BUFFER };
  }
}
