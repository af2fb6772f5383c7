/**
 * The seed of a VPN: two machines carry each other's packets inside UDP.
 *
 *     left                                                              right
 *     tun0 10.8.0.1/24                                       10.8.0.2/24 tun0
 *       │  node: packet ⇄ datagram                 datagram ⇄ packet node  │
 *     eth0 192.0.2.1/24 ═════════════ the wire ═════════════ 192.0.2.2/24 eth0
 *
 * A packet to 10.8.0.2 takes two ways through left's stack: by tun0 to the program, and then, as the content of
 * a datagram with other addresses, by eth0. To show that, the wire is a program too: this one, between two TAPs.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createNetns, createTap, createTun, type PacketQueue, ping, spawn } from 'netloom';

const PORT = 4789;

/** One end. It runs inside its namespace, and knows nothing of namespaces: it would run on a real machine. */
async function endpoint(inner: string, local: string, remote: string): Promise<void> {
  // What fits into the wire's 1500 bytes, less an IPv4 and a UDP header.
  const tun = await createTun({ name: 'tun0', mtu: 1500 - 20 - 8, up: true, addresses: [inner] });
  const queue = tun.queues[0]!;
  const socket = createSocket('udp4');
  socket.on('message', (packet, sender) => {
    if (sender.address === remote) queue.write(packet);
  });
  // Bound and not connected: a connected socket fails when a datagram finds nobody at the other end yet.
  socket.bind(PORT, local);
  await once(socket, 'listening');
  console.log('ready');
  for await (const packet of queue) socket.send(packet, PORT, remote);
}

async function main(): Promise<void> {
  await using left = await createNetns();
  await using right = await createNetns();
  await using leftTap = await createTap({ name: 'eth0', netns: left, up: true, addresses: ['192.0.2.1/24'] });
  await using rightTap = await createTap({ name: 'eth0', netns: right, up: true, addresses: ['192.0.2.2/24'] });
  const wire = [
    carry('left to right', leftTap.queues[0]!, rightTap.queues[0]!),
    carry('right to left', rightTap.queues[0]!, leftTap.queues[0]!),
  ];

  // Sockets belong to the namespace of the process that opens them, so each end is a process of its own.
  const program = fileURLToPath(import.meta.url);
  const ends = [
    spawn(left, process.execPath, [program, '10.8.0.1/24', '192.0.2.1', '192.0.2.2'], { stdio: STDIO }),
    spawn(right, process.execPath, [program, '10.8.0.2/24', '192.0.2.2', '192.0.2.1'], { stdio: STDIO }),
  ];
  try {
    for (const end of ends) {
      const ended = once(end, 'exit').then(([status]) => {
        throw new Error(`an end of the tunnel ended with status ${status}`);
      });
      await Promise.race([once(end.stdout, 'data'), ended]);
    }
    const { received, transmitted } = await ping('10.8.0.2', { netns: left, count: 2, interval: 50 });
    console.log(`${received} of ${transmitted} answered`);
  } finally {
    for (const end of ends) end.kill();
    await Promise.all([leftTap.close(), rightTap.close()]);
    await Promise.all(wire);
  }
}

/** The endpoints' stdin ends with this process, however that happens, and they with it. */
const STDIO = ['pipe', 'pipe', 'inherit'] as const;

async function carry(direction: string, from: PacketQueue, to: PacketQueue): Promise<void> {
  for await (const frame of from) {
    show(direction, Buffer.from(frame));
    to.write(frame);
  }
}

/** Prints both headers of a datagram of the tunnel: 14 bytes of Ethernet, IPv4, 8 bytes of UDP, and IPv4 again. */
function show(direction: string, frame: Buffer): void {
  const isTunnel = frame.readUInt16BE(12) === 0x0800 && frame[23] === 17 && frame.readUInt16BE(36) === PORT;
  // The kernel also sends IPv6 by tun0, looking for routers.
  if (!isTunnel || frame.readUInt8(42) >> 4 !== 4) return;
  console.log(`${direction}: ${ipv4(frame.subarray(14))}, carrying ${ipv4(frame.subarray(42))}`);
}

function ipv4(packet: Buffer): string {
  const protocol = { 1: 'ICMP', 17: 'UDP' }[packet.readUInt8(9)];
  return `${packet.subarray(12, 16).join('.')} > ${packet.subarray(16, 20).join('.')} ${protocol} ${packet.readUInt16BE(2)} bytes`;
}

const [inner, local, remote] = process.argv.slice(2);
if (inner && local && remote) {
  process.stdin.resume().on('end', () => process.exit());
  await endpoint(inner, local, remote);
} else {
  await main();
}
