/**
 * What the native addon exports: system calls and nothing else. Those of packet devices are in packet-binding.ts. Every
 * function that may wait for the kernel comes twice: `x` runs on the calling thread, `xAsync` on a native thread that
 * joins the namespace and leaves it again. A failed system call throws (or rejects with) an `Error` that carries `code`,
 * `errno` (negative) and `syscall`; calls on the hot path (`exchange`, reads and writes) return the negative errno
 * instead. `-1` for a namespace descriptor means the caller's own namespace.
 */
import type { Handle } from './handle.js';
import type { PacketBinding } from './packet-binding.js';

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

export interface NativeBinding extends PacketBinding {
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
}
