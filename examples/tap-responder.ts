/**
 * A machine made of JavaScript: the kernel asks for 10.0.0.42 on a TAP, and this program answers, first ARP
 * ("who has it?"), then ICMP echo ("are you there?").
 */
import { ArpView, createNetns, createTap, EthernetView, IcmpView, Ipv4View, type PacketQueue, ping } from 'netloom';

const MAC = '02:00:00:00:00:2a';
const IP = '10.0.0.42';

// Aimed at one frame after the other.
const eth = new EthernetView();
const arp = new ArpView();
const ip = new Ipv4View();
const icmp = new IcmpView();

async function main(): Promise<void> {
  await using netns = await createNetns();
  await using tap = await createTap({ name: 'tap0', netns, up: true, addresses: ['10.0.0.1/24'] });
  const answering = answer(tap.queues[0]!);

  const { received, transmitted } = await ping('10.0.0.42', { netns, count: 3, interval: 50 });
  console.log(`${received} of ${transmitted} answered`);

  // Ends the loop below.
  await tap.close();
  await answering;
}

async function answer(queue: PacketQueue): Promise<void> {
  for await (const frame of queue) {
    if (!eth.at(frame) || !(becameArpReply() || becameEchoReply())) continue;
    // Back to where the frame came from.
    eth.swapAddresses();
    eth.sourceAddress = MAC;
    queue.write(frame);
  }
}

function becameArpReply(): boolean {
  if (!arp.in(eth) || arp.operation !== 1 || arp.targetAddress !== IP) return false;
  console.log(`ARP: who has ${arp.targetAddress}? tell ${arp.senderAddress}`);
  arp.toReply(MAC);
  return true;
}

function becameEchoReply(): boolean {
  if (!ip.in(eth) || ip.destinationAddress !== IP || !icmp.in(ip) || icmp.type !== 8) return false;
  console.log(`ICMP: echo request ${icmp.sequence}`);
  // Swapped addresses have the same sum, so the checksum of the IPv4 header stays.
  ip.swapAddresses();
  icmp.type = 0;
  icmp.updateChecksum(ip);
  return true;
}

await main();
