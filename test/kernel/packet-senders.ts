/** What sends frames through a link, for the tests of packet devices. */
import type { Netns } from '../../lib/netns/netns.js';
import { inside } from './packet-peers.js';

/** Sends the frames given in hexadecimal, each as it is. */
const SEND = `import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind((sys.argv[1], 0))
for text in sys.argv[2:]: s.send(bytes.fromhex(text))`;

export const sendFrames = (netns: Netns, link: string, ...frames: Uint8Array[]): Promise<string> =>
  inside(netns, 'python3', '-c', SEND, link, ...frames.map((frame) => Buffer.from(frame).toString('hex')));

/** A frame of 60 bytes, of a type that nobody answers. */
export const frameTo = (mac: string, type = 0x8885): Buffer =>
  Buffer.concat([
    Buffer.from(mac.replaceAll(':', ''), 'hex'),
    Buffer.from('020000000001', 'hex'),
    Buffer.from([type >> 8, type & 0xff]),
    Buffer.alloc(46),
  ]);

/** Shell: 100 datagrams of 100 flows to 10.0.0.2. */
export const FLOWS = 'for i in $(seq 100); do echo > /dev/udp/10.0.0.2/$((1000 + i)); done';
