/** Hearing what changes in a namespace: the multicast groups of rtnetlink, message by message. */
import { constants } from 'node:os';
import { closedError, systemError } from '../../errors.js';
import type { NetlinkMonitor } from '../../native/binding.js';
import { native } from '../../native/load.js';
import { align4, ByteReader, LITTLE_ENDIAN } from '../../netlink/bytes.js';
import { NLMSG_HEADER } from '../../netlink/message.js';
import { descriptorOf, type Netns } from '../../netns/netns.js';

const { EAGAIN, EMSGSIZE, ENOBUFS } = constants.errno;

/** RTNLGRP_* (linux/rtnetlink.h). */
export const GROUPS = {
  link: 1,
  neighbor: 3,
  address4: 5,
  route4: 7,
  rule4: 8,
  address6: 9,
  route6: 11,
  rule6: 19,
  nsid: 28,
} as const;

/** Wanted size of the kernel's buffer. A flood that overflows it costs a resync. */
const RECEIVE_BUFFER = 4 * 1024 * 1024;
/** Room for one message: a link with hundreds of virtual functions takes more than 64 KiB. */
const ROOM = 256 * 1024;
/** Datagrams that one turn of the event loop may bring, so that others get theirs. */
const DATAGRAMS_PER_TURN = 256;

/** Who hears. `start` and `end` enclose what stands behind nlmsghdr. */
export interface MonitorListener {
  message(type: number, flags: number, input: ByteReader, start: number, end: number): void;
  /** Messages were lost: what is known may be old. */
  lost(): void;
  /** A turn's messages are all told. */
  settled(): void;
  /** Nothing more can be told: the namespace was closed. */
  failed(error: Error): void;
}

// What is received is told before anything else is received.
let buffer: ByteReader | undefined;

export class Monitor {
  readonly #listener: MonitorListener;
  #socket: NetlinkMonitor | undefined;
  #forgetNetns: (() => void) | undefined;

  private constructor(listener: MonitorListener) {
    this.#listener = listener;
  }

  /** The socket keeps the process alive until it is closed. */
  static async open(
    netns: Netns,
    groups: readonly number[],
    listener: MonitorListener,
    receiveBuffer = RECEIVE_BUFFER,
  ): Promise<Monitor> {
    const monitor = new Monitor(listener);
    monitor.#socket = await native.openMonitorAsync({ netns: descriptorOf(netns), groups, receiveBuffer }, () =>
      monitor.#receive(DATAGRAMS_PER_TURN),
    );
    monitor.#forgetNetns = netns.onClose(() => monitor.#fail(closedError(`namespace ${netns.sockets.label}`)));
    if (netns.closed) monitor.#fail(closedError(`namespace ${netns.sockets.label}`));
    return monitor;
  }

  /** Tells all that has come by now. What the kernel did before this call has come. */
  drain(): void {
    this.#receive(Number.POSITIVE_INFINITY);
  }

  keepAlive(keep: boolean): void {
    this.#socket?.keepAlive(keep);
  }

  /** Idempotent. Nothing is told after this. */
  close(): void {
    this.#forgetNetns?.();
    this.#socket?.close();
    this.#socket = undefined;
  }

  #fail(error: Error): void {
    this.close();
    this.#listener.failed(error);
  }

  #receive(most: number): void {
    buffer ??= new ByteReader(new Uint8Array(ROOM));
    for (let i = 0; i < most && this.#socket !== undefined; i++) {
      const size = this.#socket.receive(buffer.bytes);
      if (size === -EAGAIN) break;
      if (size === -ENOBUFS || size === -EMSGSIZE) this.#listener.lost();
      else if (size < 0) this.#fail(systemError(size, 'recvfrom'));
      else this.#tell(buffer, size);
    }
    if (this.#socket !== undefined) this.#listener.settled();
  }

  #tell(input: ByteReader, size: number): void {
    const { view } = input;
    for (let offset = 0; offset + NLMSG_HEADER <= size; ) {
      const length = view.getUint32(offset, LITTLE_ENDIAN);
      if (length < NLMSG_HEADER || offset + length > size) break;
      const type = view.getUint16(offset + 4, LITTLE_ENDIAN);
      const flags = view.getUint16(offset + 6, LITTLE_ENDIAN);
      this.#listener.message(type, flags, input, offset + NLMSG_HEADER, offset + length);
      offset += align4(length);
    }
  }
}
