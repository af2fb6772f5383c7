/**
 * Who talks to whom? Listens to a link without being a part of it, as tcpdump does, and prints the ARP of two
 * namespaces that ping each other.
 */
import { ArpView, createNetns, createVeth, EthernetView, openPacketSocket, type PacketQueue, ping } from 'netloom';

// Aimed at one frame after the other.
const eth = new EthernetView();
const arp = new ArpView();

async function main(): Promise<void> {
  await using left = await createNetns();
  await using right = await createNetns();
  const [link] = await createVeth({
    name: 'eth0',
    netns: left,
    mac: '02:00:00:00:00:01',
    up: true,
    addresses: ['10.0.0.1/24'],
    peer: { name: 'eth0', netns: right, mac: '02:00:00:00:00:02', up: true, addresses: ['10.0.0.2/24'] },
  });

  // Also what the link sends. ("arp", with a filter in the kernel, would cost less, and show only what it receives.)
  await using queue = await openPacketSocket(link, { outgoing: true });
  const captured = capture(queue, 2);
  await ping('10.0.0.2', { netns: left });
  await captured;
}

async function capture(queue: PacketQueue, count: number): Promise<void> {
  for await (const frame of queue) {
    if (!eth.at(frame) || !arp.in(eth)) continue;
    if (arp.operation === 1) console.log(`who has ${arp.targetAddress}? tell ${arp.senderAddress}`);
    else console.log(`${arp.senderAddress} is at ${arp.senderMac}`);
    if (--count === 0) return;
  }
}

await main();
