/** Hosts in JavaScript for the tests of packet devices: they answer ARP, ICMP echo and UDP, frame by frame. */
import { execFile } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createNetns } from '../../lib/netns/calls.js';
import type { Netns } from '../../lib/netns/netns.js';
import type { PacketDevice } from '../../lib/packet/device.js';
import type { PacketQueue } from '../../lib/packet/queue.js';
import { ArpView } from '../../lib/packet/views/arp.js';
import { EthernetView } from '../../lib/packet/views/ethernet.js';
import { IcmpView } from '../../lib/packet/views/icmp.js';
import { Ipv4View } from '../../lib/packet/views/ipv4.js';
import { Ipv6View } from '../../lib/packet/views/ipv6.js';
import { UdpView } from '../../lib/packet/views/udp.js';
import { SLOWNESS } from './slowness.ts';

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
const LIBRARY = new URL('../../dist/index.js', import.meta.url);

/** Runs a program in a process of its own. `netloom` is the URL of the compiled library. */
export function program(source: string, timeout = 20_000): ReturnType<typeof run> {
  const prelude = `const netloom = ${JSON.stringify(LIBRARY.href)};`;
  return run(process.execPath, ['--input-type=module', '-e', prelude + source], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    timeout: timeout * SLOWNESS,
  });
}

const eth = new EthernetView();
const arp = new ArpView();
const ipv4 = new Ipv4View();
const ipv6 = new Ipv6View();
const icmp = new IcmpView();
const udp = new UdpView();

// Makes the packet its own answer: an echo reply, or the UDP datagram sent back.
function isAnswered(ip: Ipv4View | Ipv6View): boolean {
  ip.swapAddresses();
  if (icmp.in(ip) && (icmp.type === 8 || icmp.type === 128)) {
    icmp.type = icmp.type === 8 ? 0 : 129;
    icmp.updateChecksum(ip);
    return true;
  }
  if (!udp.in(ip)) return false;
  udp.swapPorts();
  udp.updateChecksum(ip);
  return true;
}

/** The answer to an IP packet: an echo reply, or the UDP datagram sent back. */
export function answerPacket(packet: Uint8Array): Uint8Array | undefined {
  const answer = new Uint8Array(packet);
  const ip = [ipv4, ipv6].find((view) => view.at(answer));
  return ip && isAnswered(ip) ? answer : undefined;
}

/** The answer of the host with address `mac` to a frame, whatever IPv4 address was asked for. */
export function answerFrame(frame: Uint8Array, mac: Uint8Array): Uint8Array | undefined {
  const answer = new Uint8Array(frame);
  eth.at(answer);
  if (arp.in(eth) && arp.operation === 1) arp.toReply(mac);
  else if (!ipv4.in(eth) || !isAnswered(ipv4)) return undefined;
  eth.swapAddresses();
  eth.sourceAddress = mac;
  return answer;
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
