/**
 * A cable made of a pump: two TAPs in two namespaces, and a native thread that carries frames from one to the other.
 * No JavaScript sees them; counters tell that they passed. A filter makes a firewall of it: only ARP and ICMP pass.
 *
 *     left                                      right
 *     eth0 10.0.0.1/24 ═══════ pump ═══════ 10.0.0.2/24 eth0
 */
import { once } from 'node:events';
import { type BpfInstruction, createNetns, createTap, ping, pump, spawn } from 'netloom';

/** What `tcpdump -y EN10MB -dd 'arp or icmp'` prints. */
const ARP_OR_ICMP: BpfInstruction[] = [
  { code: 0x28, jt: 0, jf: 0, k: 12 }, //     ldh [12]    the type of the frame
  { code: 0x15, jt: 3, jf: 0, k: 0x0806 }, // jeq ARP
  { code: 0x15, jt: 0, jf: 3, k: 0x0800 }, // jeq IPv4
  { code: 0x30, jt: 0, jf: 0, k: 23 }, //     ldb [23]    the protocol of the packet
  { code: 0x15, jt: 0, jf: 1, k: 1 }, //      jeq ICMP
  { code: 0x06, jt: 0, jf: 0, k: 0x40000 }, // ret        it passes
  { code: 0x06, jt: 0, jf: 0, k: 0 }, //      ret 0       it does not
];

/** One datagram to nobody in particular. */
const DATAGRAM = `require('dgram').createSocket('udp4').send('hello', 9, '10.0.0.2', function () { this.close(); })`;

async function main(): Promise<void> {
  await using left = await createNetns();
  await using right = await createNetns();
  // addrGenMode: no IPv6, which would talk by itself.
  const eth0 = { name: 'eth0', up: true, addrGenMode: 'none' } as const;
  await using a = await createTap({ ...eth0, netns: left, addresses: ['10.0.0.1/24'] });
  await using b = await createTap({ ...eth0, netns: right, addresses: ['10.0.0.2/24'] });
  await using relay = pump(a.queues[0], b.queues[0], { filter: ARP_OR_ICMP });

  const { received, transmitted } = await ping('10.0.0.2', { netns: left, count: 3, interval: 50 });
  console.log(`${received} of ${transmitted} answered`);
  await once(spawn(left, process.execPath, ['-e', DATAGRAM]), 'close');

  await relay.stop();
  const { aToB, bToA } = relay.stats;
  console.log(`left to right: ${aToB.frames} frames, ${aToB.bytes} bytes; ${aToB.filtered} did not pass`);
  console.log(`right to left: ${bToA.frames} frames, ${bToA.bytes} bytes; ${bToA.filtered} did not pass`);
}

await main();
