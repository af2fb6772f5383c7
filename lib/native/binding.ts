/**
 * What the native addon exports: system calls and nothing else. Every function that may wait for the
 * kernel comes twice: `x` runs on the calling thread, `xAsync` on a native thread that joins the namespace
 * and leaves it again. A failed system call throws (or rejects with) an `Error` that carries `code`,
 * `errno` (negative) and `syscall`; calls on the hot path (`exchange`, reads and writes) return the negative
 * errno instead. `-1` for a namespace descriptor means the caller's own namespace.
 */

/** An owned file descriptor, closed by `close()`, when collected, or with its environment. */
export interface Handle {
  /** The descriptor, or -1 once closed. */
  readonly fd: number;
  /** Idempotent. */
  close(): void;
  /** Gives the descriptor to the caller, who has to close it; the handle is closed. */
  release(): number;
}

/**
 * A netlink socket. It stays in the namespace in which it was opened. Exchanges on it follow each other; while
 * an `exchangeAsync` is under way, `exchange` gives -EBUSY. Once closed, both give -EBADF. Where it cannot be opened,
 * the exchange throws (rejects), and the next one tries again.
 */
export interface NetlinkSocket {
  /**
   * Sends the `length` first bytes of `send` (whole netlink messages) and receives until each of them has
   * had its end (its ack, NLMSG_DONE, or the one answer to a message that asks for neither), or until
   * `receive` has no room for another datagram. `send` null: goes on receiving.
   * Returns the bytes received (whole datagrams, each padded to a multiple of 4), plus 1 where another call
   * is needed to receive the rest; or a negative errno.
   * A `transaction` is sent in one sendmsg, whatever its size, and has had its end when nothing more is queued:
   * its messages may be answered or not.
   */
  exchange(send: Uint8Array | null, length: number, receive: Uint8Array, transaction?: boolean): number;
  /**
   * Several follow each other in the order of the calls. One with `send` does nothing but give -EAGAIN where
   * the exchange before it turns out to need another call.
   */
  exchangeAsync(send: Uint8Array | null, length: number, receive: Uint8Array, transaction?: boolean): Promise<number>;
  /** Idempotent. What is under way still ends as if it were open. */
  close(): void;
}

export interface NetlinkOptions {
  /** The namespace's descriptor, or -1. */
  netns: number;
  /** NETLINK_ROUTE ... (linux/netlink.h), the third argument of socket(2). */
  protocol: number;
  /** Wanted size of the receive buffer, in bytes (SO_RCVBUFFORCE, or SO_RCVBUF without privilege). */
  receiveBuffer: number;
}

/** A rtnetlink socket that hears multicast groups. Stays open until closed. */
export interface NetlinkMonitor {
  /**
   * One datagram of the kernel. Its bytes, or a negative errno: -EAGAIN if there is none, -ENOBUFS once after some
   * were lost, -EMSGSIZE for one that has no room (and is lost), -EBADF once closed.
   */
  receive(buffer: Uint8Array): number;
  /** Whether it keeps the process alive: yes, until this says otherwise. */
  keepAlive(keep: boolean): void;
  /** Idempotent. */
  close(): void;
}

/** Calls back when something was mounted or unmounted in the mount namespace of the process. Stays open until closed. */
export interface MountMonitor {
  /** Whether it keeps the process alive: yes, until this says otherwise. */
  keepAlive(keep: boolean): void;
  /** Idempotent. */
  close(): void;
}

export interface MonitorOptions {
  /** The namespace's descriptor, or -1. */
  netns: number;
  /** RTNLGRP_* (linux/rtnetlink.h). */
  groups: readonly number[];
  /** Wanted size of the receive buffer, in bytes. */
  receiveBuffer: number;
}

/** An ICMP echo socket; lib/ping/ says what travels through it. Stays alive until closed. */
export interface PingSocket {
  /** A raw socket, where the sender writes identifier and checksum and IPv4 arrives with its header. */
  readonly raw: boolean;
  /** Sends without waiting. When it was handed over (CLOCK_MONOTONIC, nanoseconds), or a negative errno. */
  send(packet: Uint8Array): number;
  /**
   * Takes one packet, or one entry of the error queue, without waiting: a header of 40 bytes (struct
   * ReceiveHeader), then the packet. Returns the bytes after the header, or a negative errno.
   */
  receive(buffer: Uint8Array): number;
  /** Idempotent. */
  close(): void;
}

export interface PingOptions {
  /** The namespace's descriptor, or -1. */
  netns: number;
  /** Index of the link of a link-local destination, or 0. */
  scope: number;
  /** TTL or hop limit, or 0 for the namespace's default. */
  ttl: number;
}

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

/** What of a socket is neither its namespace nor its address. */
export interface SocketOptions {
  /** AF_*, SOCK_* and IPPROTO_*. */
  family: number;
  type: number;
  protocol: number;
  /** 1 SO_REUSEADDR, 2 SO_REUSEPORT, 4 IPV6_V6ONLY on, 8 IPV6_V6ONLY off. */
  flags: number;
  /** Of listen(2); -1: it does not listen. */
  backlog: number;
  port: number;
  /** Index of the link that an IPv6 address to bind to is of, or 0. */
  scope: number;
  /** Index of the link that the socket sends through (SO_BINDTOIFINDEX), or 0. */
  device: number;
}

export interface NativeBinding {
  /** Never waits: the first exchange on the socket opens it, wherever that runs. */
  openNetlink(options: NetlinkOptions): NetlinkSocket;

  /** A new network namespace, which lives as long as the handle (or anything else that refers to it). */
  unshareNetns(): Handle;
  unshareNetnsAsync(): Promise<Handle>;
  /** Opens `path` and makes sure that it is a network namespace (else EINVAL, syscall NS_GET_NSTYPE). */
  openNetns(path: string): Handle;
  openNetnsAsync(path: string): Promise<Handle>;
  /** Duplicates `fd` after the same check; the original stays the caller's. */
  duplicateNetns(fd: number): Handle;
  /**
   * Moves the calling thread, for good: it must be a Worker's (else EBUSY), and nothing else may have been called there.
   */
  enterNetns(fd: number): void;
  /**
   * A new namespace with a name, as `ip netns add` makes it: prepares `directory`, then makes and bind-mounts `name`. A
   * plain file of that name, which a program that died has left, is replaced once it has stayed plain for 50 ms; other
   * calls for `directory` wait so long.
   */
  createNamedNetns(directory: string, name: string): Handle;
  createNamedNetnsAsync(directory: string, name: string): Promise<Handle>;
  /**
   * Takes the name away as `ip netns delete` does, also from a plain file; where `id` is not 0, only if the name
   * is that of the namespace with this id (else ENOENT).
   */
  unbindNetns(directory: string, name: string, id: number): void;
  unbindNetnsAsync(directory: string, name: string, id: number): Promise<void>;

  /** Waits for the exclusive lock (flock) of a file, made where it is missing. The lock is the handle's. */
  lockFile(path: string): Handle;
  lockFileAsync(path: string): Promise<Handle>;

  /** Whole content of a file below /proc/sys, opened inside the namespace. */
  readSysctl(netns: number, path: string): string;
  readSysctlAsync(netns: number, path: string): Promise<string>;
  writeSysctl(netns: number, path: string, value: string): void;
  writeSysctlAsync(netns: number, path: string, value: string): Promise<void>;

  /** A nonblocking socket; bound unless `address` is empty (else 4 or 16 bytes). */
  openSocket(netns: number, options: SocketOptions, address: Uint8Array): Handle;
  openSocketAsync(netns: number, options: SocketOptions, address: Uint8Array): Promise<Handle>;

  /**
   * getaddrinfo where the calling thread is, with the files of /etc/netns/`name` unless that is ''. It must be the same
   * in all calls. `errno` is libuv's (EAI_NONAME: -3008).
   */
  lookUpAddressesAsync(name: string, hostname: string, family: number, hints: number): Promise<string[]>;
  /** getnameinfo: the names of a host, 4 or 16 bytes, and of its service. */
  lookUpServiceAsync(name: string, address: Uint8Array, port: number): Promise<[hostname: string, service: string]>;

  /** What changes after this is told by `changed`. */
  openMountMonitor(changed: () => void): MountMonitor;

  /** `readable` is called when there is something to receive. */
  openMonitorAsync(options: MonitorOptions, readable: () => void): Promise<NetlinkMonitor>;

  /** A socket for 4 or 16 bytes of `address`. `readable` is called when there is something to receive. */
  openPingAsync(options: PingOptions, address: Uint8Array, readable: () => void): Promise<PingSocket>;

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
