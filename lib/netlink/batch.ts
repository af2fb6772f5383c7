/**
 * A batch: requests that travel together, and the routing of what comes back to each of them. Pure: whoever
 * owns the socket moves the bytes.
 */
import { constants } from 'node:os';
import { NetlinkError } from '../errors.js';
import { align4, type ByteReader, ByteWriter, LITTLE_ENDIAN } from './bytes.js';
import { errorFor, readVerdict } from './extack.js';
import {
  isGet,
  NLM_F_ACK,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_HEADER,
  NLMSG_NOOP,
  type Request,
  writeMessage,
} from './message.js';

/** What one request got: what its answer decoded to, and the kernel's refusal if there was one. */
export interface Reply<R = unknown> {
  values: R[];
  error: Error | undefined;
  /** The kernel said that what it listed changed meanwhile (NLM_F_DUMP_INTR). */
  interrupted: boolean;
}

/** Whoever waits for requests that were added together. Told once, when all of them have had their end. */
export interface Settled {
  done(replies: Reply[]): void;
}

/** What requests that were added together have in common. */
export interface Share {
  replies: Reply[];
  readonly batch: Batch;
  readonly waiting: Settled;
  open: number;
}

interface Pending extends Reply {
  readonly request: Request<unknown>;
  readonly share: Share;
  readonly start: number;
  readonly end: number;
  done: boolean;
}

// Of what the kernel did not come to: it gave up the transaction.
const NO_ANSWER = -constants.errno.ECANCELED;

// Most answers are an ack alone. Replaced by an array of its own with the first value.
const NO_VALUES = Object.freeze<unknown>([]) as unknown[];

export class Batch {
  readonly out: ByteWriter;
  /** What is in it goes to the kernel in one piece, and nothing else with it. */
  readonly transaction: boolean;
  readonly #first: number;
  readonly #pending: Pending[] = [];
  #open = 0;

  readonly #netns: string | undefined;

  /** `first` is the sequence number of the first request; those behind it count up. `netns` is for errors. */
  constructor(first: number, netns: string | undefined, out = new ByteWriter(), transaction = false) {
    this.#first = first;
    this.#netns = netns;
    this.out = out;
    this.transaction = transaction;
  }

  /** Requests that have not had their end. */
  get open(): number {
    return this.#open;
  }

  /** Adds one request or more together. Throws on bad input, and then none of them is in the batch. */
  add(requests: readonly Request<unknown>[], waiting: Settled): Share {
    if (requests.length === 0) throw new RangeError('there is nothing to send');
    const share: Share = { replies: [], batch: this, waiting, open: requests.length };
    const before = this.#pending.length;
    const mark = this.out.length;
    try {
      // Not pushed one by one: the array of a single reply would take room for seventeen.
      share.replies = requests.map((request) => {
        const start = this.out.length;
        writeMessage(this.out, request, this.#first + this.#pending.length);
        const end = this.out.length;
        const pending = {
          request,
          share,
          start,
          end,
          values: NO_VALUES,
          error: undefined,
          interrupted: false,
          done: false,
        };
        this.#pending.push(pending);
        return pending;
      });
    } catch (error) {
      this.#pending.length = before;
      this.out.rewind(mark);
      throw error;
    }
    this.#open += requests.length;
    return share;
  }

  /**
   * Makes requests that were added together mean nothing, as long as they have not been sent: the kernel acks a
   * NLMSG_NOOP and does nothing else (netlink_rcv_skb in net/netlink/af_netlink.c).
   */
  withdraw(share: Share): true {
    const { view } = this.out;
    for (const pending of this.#pending) {
      if (pending.share !== share) continue;
      view.setUint16(pending.start + 4, NLMSG_NOOP, LITTLE_ENDIAN);
      view.setUint16(pending.start + 6, NLM_F_REQUEST | NLM_F_ACK, LITTLE_ENDIAN);
    }
    return true;
  }

  /**
   * Routes the datagrams in the `limit` first bytes. Messages of other sequence numbers (answers to requests
   * that were given up) are passed over.
   */
  receive(input: ByteReader, limit: number): void {
    const { view } = input;
    for (let at = 0; at + NLMSG_HEADER <= limit; ) {
      const length = view.getUint32(at, LITTLE_ENDIAN);
      if (length < NLMSG_HEADER || at + length > limit) return;
      const pending = this.#pending[view.getUint32(at + 8, LITTLE_ENDIAN) - this.#first];
      if (pending !== undefined && !pending.done) this.#take(pending, input, at, at + length);
      at += align4(length);
    }
  }

  /** Ends what is open when the exchange is over, which gave `size`: a negative errno where it failed. */
  end(size: number): void {
    if (this.transaction && size >= 0) {
      for (const pending of this.#pending) {
        if (!pending.done && pending.request.silent === true) this.#end(pending);
      }
    }
    if (this.#open > 0) this.fail(size < 0 ? size : NO_ANSWER, 'sendmsg');
  }

  /** Ends every open request with an errno: the exchange itself failed. */
  fail(errno: number, syscall: string): void {
    this.refuse(
      ({ name, context }) =>
        new NetlinkError({ ...context, netns: this.#netns, errno, syscall: `${syscall} (${name})` }),
    );
  }

  /** Ends every open request with an error of its own. */
  refuse(reason: (request: Request<unknown>) => Error): void {
    for (const pending of this.#pending) {
      if (pending.done) continue;
      pending.error = reason(pending.request);
      this.#end(pending);
    }
  }

  #take(pending: Pending, input: ByteReader, at: number, end: number): void {
    const type = input.view.getUint16(at + 4, LITTLE_ENDIAN);
    if (type !== NLMSG_ERROR && (input.view.getUint16(at + 6, LITTLE_ENDIAN) & NLM_F_DUMP_INTR) !== 0) {
      pending.interrupted = true;
    }
    if (type === NLMSG_ERROR || type === NLMSG_DONE) {
      const verdict = readVerdict(input, at, end);
      if (verdict.errno !== 0) {
        pending.error = errorFor(pending, verdict, this.out.bytes, this.#netns);
      }
      this.#end(pending);
    } else if (type !== NLMSG_NOOP) {
      const value = pending.request.decode?.(input, at + NLMSG_HEADER, end, type);
      if (value !== undefined) {
        if (pending.values === NO_VALUES) pending.values = [value];
        else pending.values.push(value);
      }
      if (isGet(pending.request)) this.#end(pending);
    }
  }

  #end(pending: Pending): void {
    pending.done = true;
    this.#open--;
    const { share } = pending;
    if (--share.open === 0) share.waiting.done(share.replies);
  }
}
