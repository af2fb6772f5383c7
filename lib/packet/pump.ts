/** `pump`: frames between two queues, without JavaScript. */
import { constants } from 'node:os';
import { invalidValue, nameCall, wrongType } from '../errors.js';
import { native } from '../native/load.js';
import type { PumpHandle } from '../native/packet-binding.js';
import { checkOptionNames } from '../option-names.js';
import { type BpfInstruction, bpfBytes } from './bpf.js';
import { GoneProbe } from './gone-probe.js';
import { cannotWait, closedQueue, type QueueDevice, refusal } from './outcome.js';
import { PacketQueue, partsOf, type QueueParts } from './queue.js';

const { ENODEV, ENXIO } = constants.errno;

export interface PumpOptions {
  /**
   * Classic BPF, which runs on each frame, behind its vnet header if it has one: what it returns 0 for does not pass.
   * (What a socket filter would cut to the size that it returns passes whole.) Everything passes if absent.
   *
   *     tcpdump -y EN10MB -dd 'arp or icmp'       Ethernet frames: TAP, MACVTAP
   *     tcpdump -y RAW -dd 'icmp'                 IP packets: TUN
   */
  readonly filter?: readonly BpfInstruction[] | undefined;
  /** From `a` to `b` only. What comes from `b` is left to others: JavaScript, or another pump. */
  readonly oneWay?: boolean | undefined;
}

/** What has passed in one direction. Exact up to 2^53. */
export interface PumpCounters {
  /** Taken by the kernel on the other side. */
  readonly frames: number;
  readonly bytes: number;
  /** Refused by the other side: its link is down, or the frame is none for it. */
  readonly dropped: number;
  /** Not let through by the filter. */
  readonly filtered: number;
}

export interface PumpStats {
  readonly aToB: PumpCounters;
  readonly bToA: PumpCounters;
}

/** The side of a pump. */
export type PumpSide = 'a' | 'b';

/**
 * Moves frames from `a` to `b` and from `b` to `a`, on a native thread of its own, until it is stopped, one of the
 * queues is closed, or its link deleted.
 *
 *     await using left = await createTap({ netns: one, up: true });
 *     await using right = await createTap({ netns: other, up: true });
 *     await using relay = pump(left.queues[0], right.queues[0]);
 *
 * Frames pass in order and unchanged, vnet headers included. Where one side has no room, nothing more is read from
 * the other until it has: what comes meanwhile waits in the kernel's own queue (`txQueueLength` of that link). The
 * queues' `stats` do not count what a pump moves; its own do.
 *
 * While it runs, it is the only reader of its queues (of `a` only, if `oneWay`); others get ERR_INVALID_STATE. They
 * may be written to. Afterwards they are as open as before.
 *
 * A pump keeps the process alive until it has ended; `unref` lets the process end.
 *
 * @throws ERR_INVALID_STATE if a queue is closed, or is being read, or pumped. TypeError ERR_INVALID_ARG_VALUE if one
 *   has Ethernet frames and the other IP packets, if their vnet headers have different sizes, or if one is in memory
 *   (`createMemoryQueues`).
 */
export function pump(a: PacketQueue, b: PacketQueue, options: PumpOptions = {}): Pump {
  try {
    checkOptionNames(options, OPTIONS);
    return new Pump(a, b, options);
  } catch (error) {
    throw nameCall(error, 'pump');
  }
}

/** What `pump` gives. */
export class Pump {
  /**
   * Resolves when the pump was stopped, or a queue was closed. Rejects where it ended by itself: ENODEV when a link
   * was deleted, whose side, `'a'` or `'b'`, is the `side` of the error (a MACVTAP is asked every second, and `b` of
   * one way every half). Nobody listening makes that an unhandledRejection.
   */
  readonly ended: Promise<void>;
  readonly #sides: readonly [QueueParts, QueueParts];
  /** Those that are read. */
  readonly #read: readonly QueueParts[];
  readonly #probes: readonly GoneProbe[];
  readonly #handle: PumpHandle;
  readonly #stopped: Promise<void>;
  /** What ended it, where that did not come from the thread. */
  #error: Error | undefined;
  #settle: ((error?: Error) => void) | undefined;

  /** @internal */
  constructor(a: PacketQueue, b: PacketQueue, options: PumpOptions) {
    this.#sides = [checkQueue(a, 'a'), checkQueue(b, 'b')];
    const { filter, oneWay, header } = checkOptions(this.#sides, options);
    this.#read = oneWay ? [this.#sides[0]] : this.#sides;
    this.#handle = reserving(this.#read, () =>
      native.startPump(a.fd, b.fd, oneWay, header, filter, (errno, side, writing) =>
        this.#onEnded(errno, side as 0 | 1, writing),
      ),
    );
    let stopped = (): void => {};
    this.#stopped = new Promise((resolve) => {
      stopped = resolve;
    });
    this.ended = new Promise((resolve, reject) => {
      this.#settle = (error) => {
        if (error === undefined) resolve();
        else reject(error);
        stopped();
      };
    });
    for (const { pumps } of this.#sides) pumps.add(this);
    this.#probes = this.#sides.map(({ device, handle }, side) => {
      const gone = () => this.#fail(failure(device, -ENODEV, side as 0 | 1, false));
      return new GoneProbe(device, () => handle.fd, gone);
    });
    for (const probe of this.#probes) probe.start();
  }

  /** What has passed so far: a snapshot. */
  get stats(): PumpStats {
    const values = new Float64Array(8);
    this.#handle.stats(values);
    return { aToB: countersAt(values, 0), bToA: countersAt(values, 4) };
  }

  /**
   * Ends it. Frames that were not read stay in the kernel; one that waits for room is lost. Idempotent.
   *
   * @returns a promise for the end of the thread. It never rejects.
   */
  stop(): Promise<void> {
    this.#handle.stop();
    return this.#stopped;
  }

  /** Keeps the process alive, as it does from the start. */
  ref(): this {
    if (this.#settle) this.#handle.keepAlive(true);
    return this;
  }

  /** Lets the process end although frames may still come. */
  unref(): this {
    if (this.#settle) this.#handle.keepAlive(false);
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /**
   * Waits for the thread on the calling thread, which takes microseconds. `ended` rejects nevertheless where the pump
   * had ended by itself.
   */
  [Symbol.dispose](): void {
    const { errno, side, writing } = this.#handle.join();
    this.#onEnded(errno, side as 0 | 1, writing);
  }

  #fail(error: Error): void {
    this.#error ??= error;
    this.#handle.stop();
  }

  #onEnded(errno: number, side: 0 | 1, writing: boolean): void {
    const error = errno < 0 ? failure(this.#sides[side].device, errno, side, writing) : undefined;
    this.#end(this.#error ?? error);
  }

  #end(error: Error | undefined): void {
    const settle = this.#settle;
    if (settle === undefined) return;
    this.#settle = undefined;
    for (const probe of this.#probes) probe.stop();
    for (const { pumps } of this.#sides) pumps.delete(this);
    for (const { handle } of this.#read) handle.reserve(false);
    settle(error);
  }
}

const countersAt = (values: Float64Array, first: number): PumpCounters => {
  const [frames = 0, bytes = 0, dropped = 0, filtered = 0] = values.subarray(first, first + 4);
  return { frames, bytes, dropped, filtered };
};

function checkQueue(queue: PacketQueue, field: PumpSide): QueueParts {
  if (!(queue instanceof PacketQueue)) throw wrongType(field, 'a PacketQueue', queue);
  const parts = partsOf(queue);
  if (queue.closed) throw closedQueue(parts.device);
  if (queue.fd < 0) throw invalidValue(field, parts.device.name, 'has no descriptor');
  return parts;
}

const OPTIONS = { filter: true, oneWay: true } as const satisfies Record<keyof PumpOptions, true>;

function checkOptions(
  [a, b]: readonly [QueueParts, QueueParts],
  options: PumpOptions,
): { filter: Uint8Array; oneWay: boolean; header: number } {
  const { filter, oneWay = false } = options;
  if (typeof oneWay !== 'boolean') throw wrongType('oneWay', 'true or false', oneWay);
  if (a.handle === b.handle) throw invalidValue('b', b.device.name, 'is the same queue as a');
  if (a.device.layer !== b.device.layer)
    throw invalidValue('b', b.device.name, `has ${FRAMES[b.device.layer]}, and a has ${FRAMES[a.device.layer]}`);
  const header = a.device.vnetHeaderSize ?? 0;
  const other = b.device.vnetHeaderSize ?? 0;
  if (header !== other)
    throw invalidValue('b', b.device.name, `has vnet headers of ${other} bytes, and a has ${header} (offload)`);
  return { filter: filter === undefined ? new Uint8Array() : bpfBytes(filter), oneWay, header };
}

const FRAMES = { 2: 'Ethernet frames (layer 2)', 3: 'IP packets (layer 3)' } as const;

/** Makes the pump the only reader of these queues, if it comes to be. */
function reserving(queues: readonly QueueParts[], start: () => PumpHandle): PumpHandle {
  const reserved: QueueParts[] = [];
  try {
    for (const queue of queues) {
      const errno = queue.handle.reserve(true);
      if (errno < 0) throw cannotWait(queue.device, errno);
      reserved.push(queue);
    }
    return start();
  } catch (error) {
    for (const { handle } of reserved) handle.reserve(false);
    throw error;
  }
}

function failure(device: QueueDevice, errno: number, side: 0 | 1, writing: boolean): Error {
  // A packet socket without a link says ENXIO.
  const error = refusal(device, errno === -ENXIO ? -ENODEV : errno, writing ? 'write' : 'read');
  const name: PumpSide = side === 0 ? 'a' : 'b';
  error.message += ` (side ${name})`;
  return nameCall(Object.assign(error, { side: name }), 'pump') as Error;
}
