/** Wires for the tests of packet sockets: a veth pair between two namespaces, and frames that Python puts on it. */
import { createNetns, createVeth, FrameSlab, type Link, type Netns, type PacketQueue } from 'netloom';
import { inside } from './packet-peers.ts';

export interface Wire {
  /** Where the other host is: `far`, 10.0.0.1/24 and 02:00:00:00:00:01. */
  readonly host: Netns;
  /** Where the packet sockets are: `near`, without an address. */
  readonly here: Netns;
  readonly near: Link;
  readonly far: Link;
}

/** A veth pair on which nothing happens by itself. */
export async function withWire(body: (wire: Wire) => Promise<void>): Promise<void> {
  await using host = await createNetns();
  await using here = await createNetns();
  const [far, near] = await createVeth({
    name: 'far',
    netns: host,
    mac: '02:00:00:00:00:01',
    up: true,
    addrGenMode: 'none',
    addresses: ['10.0.0.1/24'],
    peer: { name: 'near', netns: here, mac: '02:00:00:00:00:02', up: true, addrGenMode: 'none' },
  });
  await body({ host, here, near, far });
}

/** Runs a command line, whose words are separated by single spaces, inside a namespace. */
export function command(netns: Netns, line: string): Promise<string> {
  const [program = '', ...words] = line.split(' ');
  return inside(netns, program, ...words);
}

/** Frames, as hexadecimal digits, sent through a link by another program. */
export async function send(netns: Netns, link: string, ...frames: Uint8Array[]): Promise<void> {
  const program = `import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind((sys.argv[1], 0))
for frame in sys.argv[2:]: s.send(bytes.fromhex(frame))`;
  await inside(netns, 'python3', '-c', program, link, ...frames.map((frame) => Buffer.from(frame).toString('hex')));
}

/** A frame of `size` bytes to a MAC address, of an EtherType that nobody answers by default. */
export function frameOf(size: number, { to = '020000000002', type = '88b5', fill = 7 } = {}): Buffer {
  const header = Buffer.from(`${to}020000000009${type}`, 'hex');
  return Buffer.concat([header, Buffer.alloc(size - header.length, fill)]);
}

/** The next `count` frames. */
export async function take(queue: PacketQueue, count: number): Promise<Buffer[]> {
  const frames: Buffer[] = [];
  for await (const frame of queue) {
    frames.push(Buffer.from(frame));
    if (frames.length === count) break;
  }
  return frames;
}

/** The frames that are there now, up to 16. */
export const readNow = (queue: PacketQueue, slab = new FrameSlab({ slots: 16, frameSize: 70_000 })): Buffer[] =>
  Array.from({ length: queue.readBatch(slab) }, (_, slot) => Buffer.from(slab.frame(slot)));
