/**
 * What the native addon exports for packet devices: their queues, the memory that frames are in, the threads that pump
 * them, and the functions of frames that are bytes alone. The conventions are those of binding.ts.
 */
import type { Handle } from './handle.js';

/** The memory of a `FrameSlab`, its place looked up once. */
export interface FrameSlabHandle {
  /** Nothing to call: native code takes it. */
  readonly [slab]?: never;
}
declare const slab: unique symbol;

/**
 * One descriptor of a TUN, TAP or MACVTAP device, or a packet socket. Reads and writes move whole frames, never
 * wait, and give a negative errno where they fail; once closed, -EBADF. While a flow reads, other reads get -EBUSY.
 */
export interface PacketQueueHandle extends Handle {
  /** Of a queue without a descriptor (lib/packet/memory-handle.ts): whether it is closed. */
  readonly closed?: boolean;
  /** One frame into `buffer`. Its bytes; a frame that fills `buffer` may have been cut. */
  read(buffer: Uint8Array): number;
  /** `buffer` as one frame. The bytes taken. */
  write(buffer: Uint8Array): number;
  /** The parts, at most 16, as one frame. The bytes taken. */
  writeParts(parts: readonly Uint8Array[]): number;
  /** As many frames as there are and slots. Their count, which may be 0. The memory of the slab must be there. */
  readBatch(slab: FrameSlabHandle): number;
  /** `count` slots from `first` on. The frames taken, which may be 0. */
  writeBatch(slab: FrameSlabHandle, first: number, count: number): number;
  /** Frames and bytes in, frames and bytes out, frames dropped, frames truncated; overruns of a packet socket. */
  stats(into: Float64Array): void;
  /**
   * Calls `readable` once when there is something to read: with 0, or with a negative errno when the device is
   * in error. Keeps the process alive until then, or until the queue is closed. 0, or a negative errno: EBUSY
   * while somebody else waits.
   */
  wait(readable: (status: number) => void): number;
  /** Takes a `wait` back. */
  cancelWait(): void;
  /** As `wait`, for room to write. */
  drain(writable: (status: number) => void): number;
  cancelDrain(): void;
  /**
   * Reads whenever there is something, and calls `batch` with the count of frames that are in the slab now, or
   * with a negative errno, which ends it (-EFAULT: the slab has lost its memory). `spin`: microseconds after the
   * last frame during which it does not sleep; `busy`: never. `batch` must hold the slab. 0 or a negative errno.
   */
  startFlow(slab: FrameSlabHandle, batch: (count: number) => void, spin: number, busy: boolean): number;
  /** `batch` is not called any more. */
  stopFlow(): void;
  /** Whether the flow keeps the process alive: yes, until this says otherwise. */
  keepAlive(keep: boolean): void;
  /**
   * For a pump: nothing else reads until it is given back (false), but gets -EALREADY. 0, or a negative errno: EBUSY
   * while somebody reads, EALREADY while another pump does.
   */
  reserve(reserve: boolean): number;
  /** Gives the descriptor away, as if it were closed. -1 if it is. */
  release(): number;
  /** Closes on a native thread, because closing waits for an RCU grace period. */
  closeAsync(): Promise<void>;
}

/** How a pump ended: 0 if it was stopped, else the negative errno, on which side (0, 1), and whether by writing. */
export interface PumpEnd {
  errno: number;
  side: number;
  writing: boolean;
}

/** Frames that move between two descriptors on a native thread. Lives until it has ended. */
export interface PumpHandle {
  /** Frames, bytes, frames dropped, frames filtered, from a to b; then the same from b to a. */
  stats(into: Float64Array): void;
  /** Begins the end, which `ended` tells, and which keeps the process alive. Idempotent. */
  stop(): void;
  /**
   * Stops it, and waits for the thread; `ended` is not called any more. Idempotent. What `ended` would have been told,
   * or has been.
   */
  join(): PumpEnd;
  /** Whether it keeps the process alive: yes, until this says otherwise. */
  keepAlive(keep: boolean): void;
}

/** How frames come with their work left to do. */
export interface TunOffload {
  /** Bytes of the vnet header: 10 or 12; 0 where `flags` have no IFF_VNET_HDR. */
  vnetHeaderSize: number;
  /** TUN_F_*. */
  offload: number;
  /** Those of them that an old kernel may lack. */
  optionalOffload: number;
  /** 1 where others have the device open, whose vnet header must be the same (else EBUSY, syscall TUNSETVNETHDRSZ). */
  joined: number;
}

export interface TunOptions extends TunOffload {
  /** IFF_* (linux/if_tun.h). IFF_TUN_EXCL counts for the first queue only. */
  flags: number;
  queues: number;
  /** User and group who may attach to the device, or -1. */
  owner: number;
  group: number;
}

export interface OpenedMacvtap {
  /** TUN_F_* that are on. */
  offload: number;
  queues: PacketQueueHandle[];
}

export interface OpenedTun extends OpenedMacvtap {
  /** The real name, where a template like `tap%d` was asked for. */
  name: string;
  index: number;
}

/** Commands that take one number (linux/if_tun.h); for TUNSETQUEUE it is IFF_ATTACH_QUEUE or IFF_DETACH_QUEUE. */
export type TunCommand =
  | 'TUNSETPERSIST'
  | 'TUNSETOWNER'
  | 'TUNSETGROUP'
  | 'TUNSETOFFLOAD'
  | 'TUNSETCARRIER'
  | 'TUNSETSNDBUF'
  | 'TUNSETVNETLE'
  | 'TUNSETSTEERINGEBPF'
  | 'TUNSETFILTEREBPF'
  | 'TUNDETACHFILTER'
  | 'TUNSETQUEUE';

/** What a descriptor is that somebody else has opened. */
export interface ProbedTun {
  driver: 'tun' | 'macvtap';
  name: string;
  /** IFF_* (linux/if_tun.h). */
  flags: number;
  /** 0 without IFF_VNET_HDR. */
  vnetHeaderSize: number;
  /** Six bytes, or none; of a TUN they mean nothing. */
  mac: Uint8Array;
  /** The namespace of its link; null where this caller is not told, and for a MACVTAP. */
  netns: Handle | null;
}

export interface MacvtapOptions extends TunOffload {
  index: number;
  /** IFF_* (linux/if_tun.h). */
  flags: number;
  queues: number;
}

export interface PacketSocketOptions {
  index: number;
  /** Of the link's frames: 2 with an Ethernet header, 3 without. */
  layer: 2 | 3;
  /** ETH_P_* (linux/if_ether.h), 1 to 0xffff; 0 receives nothing. */
  protocol: number;
  promiscuous: boolean;
  /** The vnet header stays in front of every frame. */
  offload: boolean;
  outgoing: boolean;
  /** Bytes (SO_RCVBUFFORCE, or SO_RCVBUF without privilege). */
  receiveBuffer: number;
}

export interface PacketBinding {
  /** Memory for frames: `slots` lengths of 32 bits, and from `first` on as many slots of `stride` bytes. */
  createFrameSlab(memory: Uint8Array, slots: number, frameSize: number, stride: number, first: number): FrameSlabHandle;

  /** The functions of lib/packet/offload.ts, of bytes alone. A refusal is a negative number (native/offload_error.h). */
  checksum(bytes: Uint8Array, initial: number): number;
  completeChecksum(packet: Uint8Array, headerSize: number): number;
  gsoSplit(packet: Uint8Array, out: FrameSlabHandle, layer: number, headerSize: number): number;
  groCoalesce(input: FrameSlabHandle, count: number, out: FrameSlabHandle, layer: number, headerSize: number): number;

  /**
   * Moves frames from `a` to `b`, and back unless `oneWay`, through duplicates of both. `filter`: classic BPF (struct
   * sock_filter) that sees what stands behind the first `headerSize` bytes; empty: everything passes. `ended` is told 0
   * once it was stopped, or the negative errno of what ended it, on which side (0, 1), and whether by writing.
   */
  startPump(
    a: number,
    b: number,
    oneWay: boolean,
    headerSize: number,
    filter: Uint8Array,
    ended: (errno: number, side: number, writing: boolean) => void,
  ): PumpHandle;
  /** What a program (struct sock_filter) returns for a frame. */
  runBpf(program: Uint8Array, frame: Uint8Array): number;
  /** Opens /dev/net/tun in a namespace and makes, or finds, the device `name` (TUNSETIFF). */
  openTun(netns: number, name: string, options: TunOptions): OpenedTun;
  openTunAsync(netns: number, name: string, options: TunOptions): Promise<OpenedTun>;
  /** One ioctl on the queue `fd` of `device`, whose name goes into the error. */
  controlTun(fd: number, device: string, command: TunCommand, value: number): void;
  controlTunAsync(fd: number, device: string, command: TunCommand, value: number): Promise<void>;
  /**
   * Which frames a TAP hands to its reader. `classic` 1: `filter` is an array of struct sock_filter
   * (TUNATTACHFILTER); 0: a struct tun_filter (TUNSETTXFILTER).
   */
  filterTun(fd: number, device: string, classic: number, filter: Uint8Array): void;
  filterTunAsync(fd: number, device: string, classic: number, filter: Uint8Array): Promise<void>;
  /**
   * What the descriptor `fd` is, which stays as it is, and the caller's. ENOTTY, syscall TUNGETFEATURES: no packet
   * device; EBADFD, syscall TUNGETIFF: attached to none.
   */
  probeTun(fd: number): ProbedTun;
  probeTunAsync(fd: number): Promise<ProbedTun>;
  /** Takes the descriptor over, nonblocking and closed on exec from now on. Where it fails, it stays the caller's. */
  adoptQueue(fd: number): PacketQueueHandle;
  /** Opens the character device of the macvtap link `name`. */
  openMacvtap(netns: number, name: string, options: MacvtapOptions): OpenedMacvtap;
  openMacvtapAsync(netns: number, name: string, options: MacvtapOptions): Promise<OpenedMacvtap>;
  /** Whether the link of the macvtap queue `fd` was deleted: its descriptor tells in no other way. */
  isMacvtapGoneAsync(fd: number): Promise<boolean>;
  /** Opens a packet socket on the link `name`. `filter`: struct sock_filter[], or nothing. */
  openPacketSocket(netns: number, name: string, options: PacketSocketOptions, filter: Uint8Array): PacketQueueHandle;
  openPacketSocketAsync(
    netns: number,
    name: string,
    options: PacketSocketOptions,
    filter: Uint8Array,
  ): Promise<PacketQueueHandle>;
  /** Whether the link of the packet socket `fd` was deleted, or moved to another namespace. */
  isPacketSocketGone(fd: number): boolean;
}
