/**
 * One end of a cable in memory: what `PacketQueue` stands on where there is no kernel. It answers as
 * native/packet_queue.cc does for a TUN or TAP, with the same errno.
 */
import { constants } from 'node:os';
import { systemError } from '../errors.js';
import type { FrameSlabHandle, PacketQueueHandle } from '../native/packet-binding.js';
import { FrameRing } from './frame-ring.js';
import { LOST_MEMORY, OCCUPIED } from './outcome.js';
import { type FrameSlab, slabOf } from './slab.js';
import { Wakeup } from './wakeup.js';

const { EAGAIN, EBADF, EINVAL, EMSGSIZE, ENODEV, EOPNOTSUPP } = constants.errno;

/** What one turn of the event loop may bring: kFramesPerTurn in native/frame_flow.h. */
const FRAMES_PER_TURN = 64;

/** What an end takes: 0, or a negative errno. */
export type FrameCheck = (frame: Uint8Array) => number;

export class MemoryQueueHandle implements PacketQueueHandle {
  readonly fd = -1;
  readonly #incoming: FrameRing;
  readonly #check: FrameCheck;
  #peer: MemoryQueueHandle = this;
  #closed = false;
  #readable: Wakeup | undefined;
  #writable: Wakeup | undefined;
  #flow: Wakeup | undefined;
  #framesIn = 0;
  #bytesIn = 0;
  #framesOut = 0;
  #bytesOut = 0;
  #dropped = 0;
  #truncated = 0;

  private constructor(capacity: number, check: FrameCheck) {
    this.#incoming = new FrameRing(capacity);
    this.#check = check;
  }

  /** Both ends. Each direction has room for `capacity` frames that nobody has read yet. */
  static pair(capacity: number, check: FrameCheck): [MemoryQueueHandle, MemoryQueueHandle] {
    const ends: [MemoryQueueHandle, MemoryQueueHandle] = [
      new MemoryQueueHandle(capacity, check),
      new MemoryQueueHandle(capacity, check),
    ];
    ends[0].#peer = ends[1];
    ends[1].#peer = ends[0];
    return ends;
  }

  get closed(): boolean {
    return this.#closed;
  }

  read(buffer: Uint8Array): number {
    if (this.#flow !== undefined) return OCCUPIED;
    const frame = this.#take();
    if (typeof frame === 'number') return frame;
    // As the kernel cuts it.
    const size = Math.min(frame.length, buffer.length);
    buffer.set(size < frame.length ? frame.subarray(0, size) : frame);
    this.#framesIn++;
    this.#bytesIn += size;
    return size;
  }

  readBatch(handle: FrameSlabHandle): number {
    if (this.#flow !== undefined) return OCCUPIED;
    const slab = slabOf(handle);
    return this.#readInto(slab, slab.slots);
  }

  write(buffer: Uint8Array): number {
    return this.#count(this.#send(buffer));
  }

  writeParts(parts: readonly Uint8Array[]): number {
    return this.#count(this.#send(Buffer.concat(parts)));
  }

  writeBatch(handle: FrameSlabHandle, first: number, count: number): number {
    const slab = slabOf(handle);
    for (let written = 0; written < count; written++) {
      const size = this.#send(slab.frame(first + written));
      if (size < 0) {
        if (written > 0 || size === -EAGAIN) return written;
        return this.#count(size);
      }
      this.#count(size);
    }
    return count;
  }

  stats(into: Float64Array): void {
    into.set([this.#framesIn, this.#bytesIn, this.#framesOut, this.#bytesOut, this.#dropped, this.#truncated]);
  }

  wait(readable: (status: number) => void): number {
    if (this.#closed) return -EBADF;
    if (this.#isRead) return OCCUPIED;
    this.#readable = new Wakeup(() => {
      if (!this.#isReadable) return;
      this.cancelWait();
      readable(0);
    });
    this.#tellReader();
    return 0;
  }

  cancelWait(): void {
    this.#readable?.end();
    this.#readable = undefined;
  }

  drain(writable: (status: number) => void): number {
    if (this.#closed) return -EBADF;
    if (this.#writable !== undefined) return OCCUPIED;
    this.#writable = new Wakeup(() => {
      if (!this.#isWritable) return;
      this.cancelDrain();
      writable(this.#peer.#closed ? -ENODEV : 0);
    });
    this.#tellWriter();
    return 0;
  }

  cancelDrain(): void {
    this.#writable?.end();
    this.#writable = undefined;
  }

  /** Nothing comes while it spins: who writes is JavaScript of the same thread. */
  startFlow(handle: FrameSlabHandle, batch: (count: number) => void, _spin: number, _busy: boolean): number {
    if (this.#closed) return -EBADF;
    if (this.#isRead) return OCCUPIED;
    const slab = slabOf(handle);
    const flow = new Wakeup(() => this.#runFlow(flow, slab, batch));
    this.#flow = flow;
    this.#tellReader();
    return 0;
  }

  stopFlow(): void {
    this.#flow?.end();
    this.#flow = undefined;
  }

  keepAlive(keep: boolean): void {
    this.#flow?.keepAlive(keep);
  }

  /** A pump moves frames between descriptors. */
  reserve(_reserve: boolean): number {
    return this.#closed ? -EBADF : -EOPNOTSUPP;
  }

  release(): number {
    if (this.#closed) return -1;
    throw systemError(-EOPNOTSUPP, 'release', "'memory': a queue in memory has no descriptor");
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.cancelWait();
    this.cancelDrain();
    this.stopFlow();
    this.#incoming.clear();
    this.#peer.#tellReader();
    this.#peer.#tellWriter();
  }

  closeAsync(): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  get #isRead(): boolean {
    return this.#readable !== undefined || this.#flow !== undefined;
  }

  // As poll(2) says it: also when the call would tell that the other end is closed.
  get #isReadable(): boolean {
    return !this.#incoming.isEmpty || this.#peer.#closed;
  }

  get #isWritable(): boolean {
    return !this.#peer.#incoming.isFull || this.#peer.#closed;
  }

  #tellReader(): void {
    if (this.#isReadable) (this.#flow ?? this.#readable)?.wake();
  }

  #tellWriter(): void {
    if (this.#isWritable) this.#writable?.wake();
  }

  #take(): Uint8Array | number {
    if (this.#closed) return -EBADF;
    const frame = this.#incoming.shift();
    if (frame === undefined) return this.#peer.#closed ? -ENODEV : -EAGAIN;
    this.#peer.#tellWriter();
    return frame;
  }

  #send(frame: Uint8Array): number {
    if (this.#closed) return -EBADF;
    if (this.#peer.#closed) return -ENODEV;
    const refused = this.#check(frame);
    if (refused < 0) return refused;
    if (this.#peer.#incoming.isFull) return -EAGAIN;
    this.#peer.#incoming.push(new Uint8Array(frame));
    this.#peer.#tellReader();
    return frame.length;
  }

  #count(written: number): number {
    if (written >= 0) {
      this.#framesOut++;
      this.#bytesOut += written;
    } else if (!this.#closed) {
      this.#dropped++;
    }
    return written;
  }

  // ReadFrames in native/frame_io.cc.
  #readInto(slab: FrameSlab, most: number): number {
    let count = 0;
    for (let taken = 0; taken < Math.min(most, slab.slots); taken++) {
      const frame = this.#take();
      if (typeof frame === 'number') {
        if (taken === 0 && frame !== -EAGAIN) return frame;
        break;
      }
      if (frame.length > slab.frameSize) {
        this.#truncated++;
        continue;
      }
      slab.set(count++, frame);
      this.#framesIn++;
      this.#bytesIn += frame.length;
    }
    return count;
  }

  #runFlow(flow: Wakeup, slab: FrameSlab, batch: (count: number) => void): void {
    const count = slab.bytes.length === 0 ? LOST_MEMORY : this.#readInto(slab, FRAMES_PER_TURN);
    if (count < 0) this.stopFlow();
    try {
      if (count !== 0) batch(count);
    } finally {
      // The callback may have stopped it, and thrown.
      if (this.#flow === flow) this.#tellReader();
    }
  }
}

/**
 * What the kernel says of frames of `layer` with a vnet header of `headerSize` bytes in front; and EMSGSIZE for those
 * that no link can carry, which the kernel takes and loses.
 */
export const frameCheck =
  (layer: 2 | 3, headerSize: number, most: number): FrameCheck =>
  (frame) => {
    if (frame.length > most) return -EMSGSIZE;
    if (layer === 2) return frame.length < headerSize + 14 ? -EINVAL : 0;
    const version = (frame[headerSize] ?? 0) >> 4;
    return version === 4 || version === 6 ? 0 : -EINVAL;
  };
