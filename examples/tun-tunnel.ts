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
import {
  createNetns,
  createTap,
  createTun,
  EthernetView,
  Ipv4View,
  type PacketQueue,
  ping,
  spawn,
  UdpView,
} from 'netloom';

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
    show(direction, frame);
    to.write(frame);
  }
}

const eth = new EthernetView();
const outer = new Ipv4View();
const udp = new UdpView();
const carried = new Ipv4View();

/** Prints both headers of a datagram of the tunnel: the wire's, and that of the packet inside. */
function show(direction: string, frame: Uint8Array): void {
  const isTunnel = eth.at(frame) && outer.in(eth) && udp.in(outer) && udp.destinationPort === PORT;
  // The kernel also sends IPv6 by tun0, looking for routers.
  if (!isTunnel || !carried.at(udp.payload)) return;
  console.log(`${direction}: ${told(outer)}, carrying ${told(carried)}`);
}

function told(ip: Ipv4View): string {
  const protocol = { 1: 'ICMP', 17: 'UDP' }[ip.protocol];
  return `${ip.sourceAddress} > ${ip.destinationAddress} ${protocol} ${ip.totalLength} bytes`;
}

const [inner, local, remote] = process.argv.slice(2);
if (inner && local && remote) {
  process.stdin.resume().on('end', () => process.exit());
  await endpoint(inner, local, remote);
} else {
  await main();
}
