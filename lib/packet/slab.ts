/** `FrameSlab`: memory for many frames, made once, so that reading and writing them allocates nothing. */
import { invalidValue, nameCall, outOfRange, wrongType } from '../errors.js';
import { native } from '../native/load.js';
import type { FrameSlabHandle } from '../native/packet-binding.js';
import { checkOptionNames } from '../option-names.js';

export interface FrameSlabOptions {
  /** Frames that it has room for, 1 to 1024. 64 if absent. */
  readonly slots?: number | undefined;
  /**
   * Bytes of the longest frame that fits a slot, with all its headers. 2048 if absent: enough for an MTU of 1500.
   * A queue with offload brings super-packets of up to 64 KiB.
   */
  readonly frameSize?: number | undefined;
  /**
   * Memory to use, of at least `FrameSlab.bytesFor(...)` bytes; a SharedArrayBuffer lets other threads see the
   * frames. It must have a fixed length. A new ArrayBuffer if absent.
   */
  readonly buffer?: ArrayBufferLike | undefined;
}

const OPTIONS = { slots: true, frameSize: true, buffer: true } as const satisfies Record<keyof FrameSlabOptions, true>;
const MOST_SLOTS = 1024;
/** A super-packet with its headers, and some room. */
const MOST_FRAME_SIZE = 128 * 1024;
const CACHE_LINE = 64;
const WORD = 8;

const alignTo = (size: number, unit: number): number => Math.ceil(size / unit) * unit;

let handleIn: (slab: FrameSlab) => FrameSlabHandle;
const slabs = new WeakMap<FrameSlabHandle, FrameSlab>();

/**
 * Slots of one size for frames, one behind the other in one piece of memory, and how many bytes each holds.
 *
 *     const slab = new FrameSlab({ slots: 64 });
 *     const count = queue.readBatch(slab);
 *     for (let i = 0; i < count; i++) look(slab.bytes, i * slab.stride, slab.lengths[i]);
 */
export class FrameSlab {
  readonly slots: number;
  /** Bytes of the longest frame that fits a slot. */
  readonly frameSize: number;
  /** Bytes from one slot to the next. */
  readonly stride: number;
  /** All slots; slot `i` begins at `i * stride`. */
  readonly bytes: Uint8Array;
  /** Bytes of the frame in each slot. */
  readonly lengths: Uint32Array;
  readonly #handle: FrameSlabHandle;

  static {
    handleIn = (slab) => slab.#handle;
  }

  /** Bytes that a slab of these sizes takes. */
  static bytesFor(slots: number, frameSize: number): number {
    return alignTo(slots * 4, CACHE_LINE) + slots * strideFor(frameSize);
  }

  constructor(options: FrameSlabOptions = {}) {
    const { slots, frameSize, buffer } = checkOptions(options);
    const first = alignTo(slots * 4, CACHE_LINE);
    this.slots = slots;
    this.frameSize = frameSize;
    this.stride = strideFor(frameSize);
    this.lengths = new Uint32Array(buffer, 0, slots);
    this.bytes = new Uint8Array(buffer, first, slots * this.stride);
    this.#handle = native.createFrameSlab(new Uint8Array(buffer), slots, frameSize, this.stride, first);
    slabs.set(this.#handle, this);
    Object.freeze(this);
  }

  /** The frame in a slot: a view, which changes with the slot. */
  frame(slot: number): Uint8Array {
    this.#check(slot, 'frame');
    const start = slot * this.stride;
    return this.bytes.subarray(start, start + Math.min(this.lengths[slot] as number, this.frameSize));
  }

  /** Copies a frame into a slot. */
  set(slot: number, frame: Uint8Array): void {
    this.#check(slot, 'set');
    if (!(frame instanceof Uint8Array)) throw nameCall(wrongType('frame', 'a Uint8Array', frame), 'set');
    if (frame.length > this.frameSize)
      throw nameCall(outOfRange('frame.length', frame.length, `a slot holds ${this.frameSize} bytes`), 'set');
    this.bytes.set(frame, slot * this.stride);
    this.lengths[slot] = frame.length;
  }

  #check(slot: number, name: string): void {
    if (!Number.isInteger(slot) || slot < 0 || slot >= this.slots)
      throw nameCall(outOfRange('slot', slot, `0 to ${this.slots - 1}`), name);
  }
}

// One byte more than a frame may have: a frame that reaches it was longer, and the kernel has cut it.
const strideFor = (frameSize: number): number => alignTo(frameSize + 1, WORD);

function checkOptions(options: FrameSlabOptions): { slots: number; frameSize: number; buffer: ArrayBufferLike } {
  try {
    checkOptionNames(options, OPTIONS);
    const { slots = 64, frameSize = 2048, buffer } = options;
    checkCount(slots, MOST_SLOTS, 'slots');
    checkCount(frameSize, MOST_FRAME_SIZE, 'frameSize');
    const size = FrameSlab.bytesFor(slots, frameSize);
    return { slots, frameSize, buffer: buffer === undefined ? new ArrayBuffer(size) : checkBuffer(buffer, size) };
  } catch (error) {
    throw nameCall(error, 'FrameSlab');
  }
}

function checkCount(value: unknown, most: number, field: string): void {
  if (typeof value !== 'number') throw wrongType(field, 'a number', value);
  if (!Number.isInteger(value) || value < 1 || value > most) throw outOfRange(field, value, `1 to ${most}`);
}

function checkBuffer(buffer: unknown, size: number): ArrayBufferLike {
  if (!(buffer instanceof ArrayBuffer || buffer instanceof SharedArrayBuffer))
    throw wrongType('buffer', 'an ArrayBuffer or a SharedArrayBuffer', buffer);
  const { resizable, growable } = buffer as { resizable?: boolean; growable?: boolean };
  if (resizable || growable) throw invalidValue('buffer', buffer, 'must have a fixed length');
  if (buffer.byteLength < size) throw outOfRange('buffer.byteLength', buffer.byteLength, `at least ${size}`);
  return buffer;
}

/** What native code takes for a slab. Its memory is there: it may have been transferred to another thread. */
export function slabHandle(slab: FrameSlab): FrameSlabHandle {
  if (!(slab instanceof FrameSlab)) throw wrongType('slab', 'a FrameSlab', slab);
  if (slab.bytes.length === 0) throw detachedSlab();
  return handleIn(slab);
}

/** The slab of a handle, for queues that are not native. */
export const slabOf = (handle: FrameSlabHandle): FrameSlab => slabs.get(handle) as FrameSlab;

export function detachedSlab(): Error {
  return wrongType('slab', 'a FrameSlab that still has its memory', 'transferred memory');
}
