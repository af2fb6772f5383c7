/** Hosts in JavaScript for the tests of packet devices: they answer ARP, ICMP echo and UDP, frame by frame. */
import { execFile } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createNetns } from '../../lib/netns/calls.js';
import type { Netns } from '../../lib/netns/netns.js';
import type { PacketDevice } from '../../lib/packet/device.js';
import type { PacketQueue } from '../../lib/packet/queue.js';

const run = promisify(execFile);

/** Runs a command inside a namespace, while the event loop goes on. */
export async function inside(netns: Netns, command: string, ...args: string[]): Promise<string> {
  const path = `/proc/${process.pid}/fd/${netns.fd}`;
  return (await run('nsenter', [`--net=${path}`, command, ...args])).stdout;
}

export interface IpLink {
  ifname: string;
  ifindex: number;
  mtu: number;
  address?: string;
  master?: string;
  ifalias?: string;
  flags: string[];
  linkinfo?: { info_data: Record<string, unknown> };
}

/** What iproute2 sees: an independent witness. */
export async function ipLinks(netns: Netns): Promise<IpLink[]> {
  return JSON.parse(await inside(netns, 'ip', '-j', '-d', 'link')) as IpLink[];
}

export async function ipLink(netns: Netns, name: string): Promise<IpLink | undefined> {
  return (await ipLinks(netns)).find((link) => link.ifname === name);
}

/** Descriptors of this process that lead to a packet device. */
export const openTuns = (): number =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === '/dev/net/tun';
    } catch {
      return false;
    }
  }).length;

/** The compiled library, for programs of their own: Node.js 20 runs no TypeScript. */
const DIST = new URL('../../dist/', import.meta.url);

/** Runs a program in a process of its own. `dist` is the URL of the compiled library. */
export function program(source: string, timeout = 20_000): ReturnType<typeof run> {
  const prelude = `const dist = ${JSON.stringify(DIST.href)};`;
  return run(process.execPath, ['--input-type=module', '-e', prelude + source], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    timeout,
  });
}

/** RFC 1071. */
export function checksum(bytes: Uint8Array, sum = 0): number {
  let total = sum;
  for (let i = 0; i < bytes.length; i++) total += i % 2 === 0 ? (bytes[i] as number) << 8 : (bytes[i] as number);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return ~total & 0xffff;
}

const swap = (bytes: Buffer, a: number, b: number, length: number): void => {
  const first = Buffer.from(bytes.subarray(a, a + length));
  bytes.copyWithin(a, b, b + length);
  first.copy(bytes, b);
};

/** The answer to an IPv4 packet: an echo reply, or the UDP datagram sent back. */
export function answerPacket(packet: Uint8Array): Buffer | undefined {
  const answer = Buffer.from(packet);
  if (answer[0] !== 0x45) return undefined;
  swap(answer, 12, 16, 4);
  if (answer[9] === 1 && answer[20] === 8) {
    answer[20] = 0;
    answer.writeUInt16BE(0, 22);
    answer.writeUInt16BE(checksum(answer.subarray(20)), 22);
    return answer;
  }
  if (answer[9] !== 17) return undefined;
  // Swapping addresses and ports leaves the sum as it is.
  swap(answer, 20, 22, 2);
  return answer;
}

/** The answer of the host with address `mac` to a frame, whatever IPv4 address was asked for. */
export function answerFrame(frame: Uint8Array, mac: Uint8Array): Buffer | undefined {
  const type = Buffer.from(frame.subarray(12, 14)).readUInt16BE();
  const sender = frame.subarray(6, 12);
  if (type === 0x0806 && frame[21] === 1) {
    const answer = Buffer.from(frame);
    answer[21] = 2;
    swap(answer, 28, 38, 4);
    answer.set(sender, 32);
    answer.set(mac, 22);
    answer.set(sender, 0);
    answer.set(mac, 6);
    return answer;
  }
  const packet = type === 0x0800 ? answerPacket(frame.subarray(14)) : undefined;
  return packet && Buffer.concat([sender, mac, frame.subarray(12, 14), packet]);
}

/** An Ethernet frame of a type that nobody answers. */
export const FRAME = Buffer.concat([Buffer.from('0200000000010200000000028885', 'hex'), Buffer.alloc(46)]);

/** The queue of a device that has one. */
export const queueOf = (device: PacketDevice): PacketQueue => device.queues[0] as PacketQueue;
export const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Reads until the loop ends: what it ended with. */
export async function readAll(queue: PacketQueue): Promise<unknown> {
  try {
    for await (const _frame of queue);
    return 'done';
  } catch (error) {
    return error;
  }
}

/** Runs a test with a namespace of its own. */
export async function withNetns(body: (netns: Netns) => Promise<void>): Promise<void> {
  await using netns = await createNetns();
  await body(netns);
}
