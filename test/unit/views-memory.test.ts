/** That a view costs no memory for each packet. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const LIBRARY = new URL('../../dist/index.js', import.meta.url).href;

/** Bytes that the heap grows by in a million turns of `body`, as compiled, in a process where nothing is collected. */
function growth(body: string): number {
  const program = `
    const { ArpView, EthernetView, IcmpView, Ipv4View, Ipv6View, UdpView } = await import('${LIBRARY}');
    const eth = new EthernetView();
    const arp = new ArpView();
    const ip4 = new Ipv4View();
    const ip6 = new Ipv6View();
    const udp = new UdpView();
    const icmp = new IcmpView();
    const hex = (text) => Buffer.from(text.replaceAll(' ', ''), 'hex');
    const frames = [
      '0800 4500 0021 c2ef 4000 4011 63da 0a000001 ff000002 a816 0007 000d 19ed 6162636465',
      '0800 4500 0021 6cab 4000 4001 ba2e 0a000001 ff000002 0800 5a0a 3cf4 0001 6100000000',
      '86dd 60097e12 000d 3a40 fd000000000000000000000000000001 fd000000000000000000000000000002 8000 e7be 3cf3 0001 61',
      '8100 0007 0806 0001 0800 0604 0001 0200000000bb 0a000001 000000000000 0a00002a',
    ].map((text) => hex('0200000000aa 0200000000bb' + text));
    const slab = new Uint8Array(4 * 128);
    frames.forEach((frame, i) => slab.set(frame, i * 128));
    const mac = hex('0200000000aa');
    const address = hex('0a000001');
    const other = new Uint8Array(16);
    // Where a number of any size takes no memory of its own.
    const sum = new Float64Array(1);
    const body = (i) => { ${body} };
    const run = (turns) => { for (let i = 0; i < turns; i++) body(i); };
    run(1e5);
    // What the compiler makes meanwhile is none of the views' own.
    await new Promise((resolve) => setTimeout(resolve, 100));
    run(1e5);
    gc();
    const before = process.memoryUsage().heapUsed;
    run(1e6);
    console.log(process.memoryUsage().heapUsed - before, sum[0]);`;
  // The young generation takes all that comes, so that no collection hides it.
  const flags = ['--expose-gc', '--min-semi-space-size=256', '--max-semi-space-size=256', '--input-type=module'];
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  const told = execFileSync(process.execPath, [...flags, '-e', program], { encoding: 'utf8', cwd });
  return Number.parseInt(told, 10);
}

const READ = `
  const at = i % 4;
  if (!eth.at(slab, at * 128, frames[at].length)) throw new Error('no frame');
  sum[0] += eth.etherType + (eth.vlanId ?? 0) + eth.payloadOffset + eth.payloadEnd + eth.isFrom(mac) + eth.isTo(mac);
  if (arp.in(eth)) sum[0] += arp.operation + arp.isFor(address);
  const ip = ip4.in(eth) ? ip4 : ip6;
  if (ip === ip6 && !ip6.in(eth)) return;
  sum[0] += ip.protocol + ip.isFragment + ip.isFrom(address) + ip.isTo(address);
  if (ip === ip4) sum[0] += ip4.ttl + ip4.totalLength + ip4.headerLength + ip4.checksum + ip4.fragmentOffset;
  else sum[0] += ip6.hopLimit + ip6.nextHeader + ip6.payloadLength;
  if (udp.in(ip)) sum[0] += udp.sourcePort + udp.destinationPort + udp.length + udp.checksum;
  if (icmp.in(ip)) sum[0] += icmp.type + icmp.code + icmp.identifier + icmp.sequence + icmp.checksum;`;

const WRITE = `
  eth.swapAddresses();
  eth.sourceAddress = mac;
  eth.copySourceTo(other);
  ip.swapAddresses();
  ip.copyDestinationTo(other);
  if (ip === ip4) { ip4.ttl = i; ip4.totalLength = 33; ip4.updateChecksum(); }
  if (udp.in(ip)) { udp.swapPorts(); udp.length = 13; udp.updateChecksum(ip); }
  if (icmp.in(ip)) { icmp.sequence = i; icmp.updateChecksum(ip); }`;

test('a million packets are read without making anything', () => {
  expect(growth(READ)).toBeLessThan(100_000);
});

test('a million packets are answered without making anything', () => {
  expect(growth(READ + WRITE)).toBeLessThan(100_000);
});

test('text is made anew, and this test would see it', () => {
  expect(growth(`${READ} sum[0] += eth.sourceAddress.length`)).toBeGreaterThan(1_000_000);
});
