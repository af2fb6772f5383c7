/** What the views of packets make is right, by the judgement of the kernel: it drops what has a wrong checksum. */
import { expect, test, vi } from 'vitest';
import { createNetns } from '../../lib/netns/calls.js';
import { createTap, createTun } from '../../lib/packet/tun.js';
import { ArpView } from '../../lib/packet/views/arp.js';
import { EthernetView } from '../../lib/packet/views/ethernet.js';
import { IcmpView } from '../../lib/packet/views/icmp.js';
import { Ipv4View } from '../../lib/packet/views/ipv4.js';
import type { AddressSpec } from '../../lib/rtnetlink/address/address.js';
import { expectNoLeaks } from './leaks.js';
import { answerPacket, inside, queueOf, withNetns } from './packet-peers.js';
import { describeKernel } from './privilege.js';

const HOST = Uint8Array.of(2, 0, 0, 0, 0, 2);

describeKernel.needs('tun')('views of packets', () => {
  expectNoLeaks(async () => {
    await using netns = await createNetns();
    await using _device = await createTun({ netns });
  });

  test.each<[string, string | AddressSpec]>([
    ['10.0.0.2', '10.0.0.1/24'],
    ['fd00::2', { address: 'fd00::1/64', flags: ['nodad'] }],
  ])('a host in JavaScript answers ping and UDP as %s', (other, own) =>
    withNetns(async (netns) => {
      await using tun = await createTun({ netns, up: true, addresses: [own], addrGenMode: 'none' });
      const queue = queueOf(tun);
      const host = (async () => {
        for await (const packet of queue) {
          const answer = answerPacket(packet);
          if (answer) queue.write(answer);
        }
      })();
      // The route of an IPv6 address that is new comes from a work queue: what arrives before it is lost.
      await vi.waitFor(() => inside(netns, 'ping', '-c', '1', '-W', '1', other), { timeout: 10_000 });
      // An odd number of bytes, whose last one counts as half a word.
      const echo = `exec 3<>/dev/udp/${other}/7; echo 'hello' >&3; head -n 1 <&3; echo 'hello!' >&3; head -n 1 <&3`;
      expect(await inside(netns, 'timeout', '5', 'bash', '-c', echo)).toBe('hello\nhello!\n');
      await queue.close();
      await host;
    }),
  );

  test('an ARP request that a program makes is answered', () =>
    withNetns(async (netns) => {
      await using tap = await createTap({ netns, up: true, mac: '02:00:00:00:00:01', addresses: ['10.0.0.1/24'] });
      const queue = queueOf(tap);
      const eth = new EthernetView();
      const arp = new ArpView();
      eth.at(new Uint8Array(42));
      eth.destinationAddress = 'ff:ff:ff:ff:ff:ff';
      eth.sourceAddress = HOST;
      expect(arp.init(eth)).toBe(true);
      arp.operation = 1;
      arp.senderMac = HOST;
      arp.senderAddress = '10.0.0.2';
      arp.targetAddress = '10.0.0.1';
      queue.write(eth.bytes);
      for await (const frame of queue) {
        if (!eth.at(frame) || !arp.in(eth) || arp.operation !== 2) continue;
        expect([eth.sourceAddress, eth.destinationAddress]).toEqual(['02:00:00:00:00:01', '02:00:00:00:00:02']);
        expect([arp.senderMac, arp.senderAddress]).toEqual(['02:00:00:00:00:01', '10.0.0.1']);
        expect([arp.targetMac, arp.targetAddress]).toEqual(['02:00:00:00:00:02', '10.0.0.2']);
        break;
      }
    }));

  test("an echo request with options, made by a program, is answered by the kernel's own", () =>
    withNetns(async (netns) => {
      await using tun = await createTun({ netns, up: true, addresses: ['10.0.0.1/24'], addrGenMode: 'none' });
      const queue = queueOf(tun);
      const packet = new Uint8Array(24 + 8 + 3);
      // Four options that do nothing; everything else is 0 so far.
      packet.set([0x46]);
      packet.set([1, 1, 1, 0], 20);
      packet.set([1, 2, 3], 32);
      const ip = new Ipv4View();
      const icmp = new IcmpView();
      expect(ip.at(packet)).toBe(true);
      ip.totalLength = packet.length;
      ip.ttl = 64;
      ip.protocol = 1;
      ip.sourceAddress = '10.0.0.2';
      ip.destinationAddress = '10.0.0.1';
      ip.updateChecksum();
      expect(icmp.in(ip)).toBe(true);
      icmp.type = 8;
      icmp.identifier = 0x1234;
      icmp.sequence = 5;
      icmp.updateChecksum(ip);
      queue.write(packet);
      for await (const reply of queue) {
        expect(ip.at(reply) && icmp.in(ip)).toBe(true);
        expect([icmp.type, icmp.identifier, icmp.sequence]).toEqual([0, 0x1234, 5]);
        expect([...icmp.payload]).toEqual([1, 2, 3]);
        break;
      }
    }));
});
