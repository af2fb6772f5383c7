import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { expect, test, vi } from 'vitest';
import { native } from '../../lib/native/load.js';
import { createNetns } from '../../lib/netns/calls.js';
import type { Netns } from '../../lib/netns/netns.js';
import { openMacvtap } from '../../lib/packet/macvtap.js';
import { createMemoryQueues } from '../../lib/packet/memory.js';
import { type PumpCounters, pump } from '../../lib/packet/pump.js';
import { PacketQueue } from '../../lib/packet/queue.js';
import { FrameSlab } from '../../lib/packet/slab.js';
import { createTap, createTun } from '../../lib/packet/tun.js';
import { createBridge, createMacvtap, createVeth } from '../../lib/rtnetlink/kinds/index.js';
import { deleteLink } from '../../lib/rtnetlink/link/delete.js';
import { setLink } from '../../lib/rtnetlink/link/set.js';
import { expectNoLeaks } from './leaks.ts';
import { FRAME, inside, ipLink, pause, readAll, withNetns } from './packet-peers.ts';
import { describeKernel } from './privilege.ts';

/** Sends `count` frames of 60 bytes through a link, of a type that nobody answers. */
const SENDER = `import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind((sys.argv[1], 0))
for i in range(int(sys.argv[2])): s.send(bytes.fromhex('020000000001 020000000002 8885') + bytes(42) + i.to_bytes(4, 'big'))`;

/** Takes a megabyte, says its digest, and sends it back backwards. */
const SERVER = `import socket, hashlib
s = socket.create_server(('10.0.0.2', 7000)); print('ready', flush=True)
c, _ = s.accept(); data = b''
while len(data) < 1 << 20: data += c.recv(1 << 16)
print(hashlib.sha256(data).hexdigest(), flush=True); c.sendall(data[::-1]); c.shutdown(1); c.recv(1)`;
/** Sends a megabyte, says its digest and that of the answer, turned round. */
const CLIENT = `import socket, hashlib, random
data = random.Random(1).randbytes(1 << 20); c = socket.create_connection(('10.0.0.2', 7000)); c.sendall(data)
back = b''
while len(back) < 1 << 20: back += c.recv(1 << 16)
print(hashlib.sha256(data).hexdigest(), hashlib.sha256(back[::-1]).hexdigest())`;

const NONE: PumpCounters = { frames: 0, bytes: 0, dropped: 0, filtered: 0 };
const IFF = { TAP: 2, NO_PI: 0x1000, VNET_HDR: 0x4000 } as const;

const NO_OFFLOAD = { offload: 0, optionalOffload: 0, joined: 0 } as const;

const ETHERTYPE_ARP = [
  { code: 0x28, jt: 0, jf: 0, k: 12 }, // ldh [12]
  { code: 0x15, jt: 0, jf: 1, k: 0x0806 }, // jeq
  { code: 0x06, jt: 0, jf: 0, k: 1 },
  { code: 0x06, jt: 0, jf: 0, k: 0 },
];
const ETHERTYPE_ARP_OR_IP = [
  { code: 0x28, jt: 0, jf: 0, k: 12 },
  { code: 0x15, jt: 1, jf: 0, k: 0x0806 },
  { code: 0x15, jt: 0, jf: 1, k: 0x0800 },
  { code: 0x06, jt: 0, jf: 0, k: 1 },
  { code: 0x06, jt: 0, jf: 0, k: 0 },
];
/** Of IP packets: ICMP. */
const PACKETS_ICMP = [
  { code: 0x30, jt: 0, jf: 0, k: 9 }, // ldb [9]
  { code: 0x15, jt: 0, jf: 1, k: 1 },
  { code: 0x06, jt: 0, jf: 0, k: 1 },
  { code: 0x06, jt: 0, jf: 0, k: 0 },
];

// A device that says nothing by itself.
const quiet = { up: true, addrGenMode: 'none' } as const;
const tap = (netns: Netns, name = 'tap0') => createTap({ ...quiet, name, netns });

/** Two TAPs of one namespace, which nobody answers. */
async function withTaps(
  body: (a: Awaited<ReturnType<typeof tap>>, b: Awaited<ReturnType<typeof tap>>, netns: Netns) => Promise<void>,
): Promise<void> {
  await withNetns(async (netns) => {
    await using a = await tap(netns, 'a');
    await using b = await tap(netns, 'b');
    await body(a, b, netns);
  });
}

const send = (netns: Netns, link: string, count: number) => inside(netns, 'python3', '-c', SENDER, link, String(count));

const received = async (netns: Netns, link: string): Promise<{ packets: number; bytes: number }> => {
  const [{ stats64 }] = JSON.parse(await inside(netns, 'ip', '-j', '-s', 'link', 'show', link));
  return stats64.rx;
};

const refused = (message: string) =>
  expect.objectContaining({ code: 'ERR_INVALID_STATE', message: expect.stringContaining(message) });

async function cpuOf(milliseconds: number): Promise<number> {
  const before = process.cpuUsage();
  await pause(milliseconds);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

describeKernel.needs('tun')('a pump', () => {
  expectNoLeaks(async () => {
    await using netns = await createNetns();
    await (await createTap({ netns })).close();
  });

  test.each([
    ['TAPs', createTap],
    ['TUNs', createTun],
  ] as const)('between %s of two namespaces carries ping and TCP, unchanged', (_what, create) =>
    withNetns((left) =>
      withNetns(async (right) => {
        await using a = await create({ name: 'eth0', netns: left, up: true, addresses: ['10.0.0.1/24'] });
        await using b = await create({ name: 'eth0', netns: right, up: true, addresses: ['10.0.0.2/24'] });
        await using relay = pump(a.queues[0], b.queues[0]);
        const pinged = await inside(left, 'ping', '-c', '20', '-i', '0.002', '-q', '10.0.0.2');
        expect(pinged).toContain('20 packets transmitted, 20 received');

        const server = spawn('nsenter', [`--net=/proc/${process.pid}/fd/${right.fd}`, 'python3', '-c', SERVER]);
        const closed = once(server, 'close');
        let said = '';
        server.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
        await once(server.stdout, 'data');
        const [sent, back] = (await inside(left, 'python3', '-c', CLIENT)).trim().split(' ');
        await closed;
        expect(said).toBe(`ready\n${sent}\n`);
        expect(back).toBe(sent);
        const { aToB, bToA } = relay.stats;
        for (const { bytes, dropped, filtered } of [aToB, bToA]) {
          expect(bytes).toBeGreaterThan(1 << 20);
          expect({ dropped, filtered }).toEqual({ dropped: 0, filtered: 0 });
        }
      }),
    ),
  );

  test('counts what passes, exactly', () =>
    withTaps(async (a, b, netns) => {
      await using relay = pump(a.queues[0], b.queues[0]);
      await send(netns, 'a', 300);
      await send(netns, 'b', 20);
      const expected = {
        aToB: { ...NONE, frames: 300, bytes: 18_000 },
        bToA: { ...NONE, frames: 20, bytes: 1200 },
      };
      await vi.waitFor(() => expect(relay.stats).toEqual(expected));
      expect(await received(netns, 'b')).toMatchObject({ packets: 300, bytes: 18_000 });
      expect(await received(netns, 'a')).toMatchObject({ packets: 20, bytes: 1200 });
      await relay.stop();
      expect(relay.stats).toEqual(expected);
      expect(a.queues[0].stats.framesIn).toBe(0);
    }));

  test('a filter lets through what it says, and counts the others', () =>
    withNetns((left) =>
      withNetns(async (right) => {
        await using a = await createTap({ ...quiet, name: 'eth0', netns: left, addresses: ['10.0.0.1/24'] });
        await using b = await createTap({ ...quiet, name: 'eth0', netns: right, addresses: ['10.0.0.2/24'] });
        await using relay = pump(a.queues[0], b.queues[0], { filter: ETHERTYPE_ARP_OR_IP });
        await send(left, 'eth0', 7);
        await inside(left, 'ping', '-c', '3', '-i', '0.002', '-q', '10.0.0.2');
        expect(relay.stats.aToB).toEqual({ frames: 4, bytes: 42 + 3 * 98, dropped: 0, filtered: 7 });
        expect(relay.stats.bToA).toEqual({ frames: 4, bytes: 42 + 3 * 98, dropped: 0, filtered: 0 });
      }),
    ));

  test('a filter works on TUNs, for which the kernel has none', () =>
    withNetns((left) =>
      withNetns(async (right) => {
        await using a = await createTun({
          name: 'tun0',
          netns: left,
          up: true,
          addrGenMode: 'none',
          addresses: ['10.0.0.1/24'],
        });
        await using b = await createTun({
          name: 'tun0',
          netns: right,
          up: true,
          addrGenMode: 'none',
          addresses: ['10.0.0.2/24'],
        });
        await using relay = pump(a.queues[0], b.queues[0], { filter: PACKETS_ICMP });
        await inside(
          left,
          'python3',
          '-c',
          "import socket; s = socket.socket(2, 2)\nfor i in range(5): s.sendto(b'x', ('10.0.0.2', 9))",
        );
        await inside(left, 'ping', '-c', '2', '-i', '0.002', '-q', '10.0.0.2');
        expect(relay.stats.aToB).toEqual({ frames: 2, bytes: 2 * 84, dropped: 0, filtered: 5 });
      }),
    ));

  test('a filter sees the frame behind its vnet header, and both sides must have the same', () =>
    withNetns(async (netns) => {
      const open = async (name: string, flags: number, vnetHeaderSize: number) => {
        const options = {
          flags: IFF.TAP | IFF.NO_PI | flags,
          queues: 1,
          owner: -1,
          group: -1,
          ...NO_OFFLOAD,
          vnetHeaderSize,
        };
        const [handle] = (await native.openTunAsync(netns.fd, name, options)).queues;
        await setLink(name, { addrGenMode: 'none' }, { netns });
        await setLink(name, { up: true }, { netns });
        return new PacketQueue(handle as never, { name, layer: 2, vnetHeaderSize });
      };
      await using a = await open('a', IFF.VNET_HDR, 10);
      await using b = await open('b', IFF.VNET_HDR, 10);
      await using plain = await open('c', 0, 0);
      await using relay = pump(a, b, { filter: ETHERTYPE_ARP });
      await send(netns, 'a', 3);
      const arp = `import socket; s = socket.socket(17, 3); s.bind(('a', 0)); s.send(b'\\xff' * 12 + b'\\x08\\x06' + bytes(28))`;
      await inside(netns, 'python3', '-c', arp);
      await vi.waitFor(() => expect(relay.stats.aToB).toEqual({ frames: 1, bytes: 52, dropped: 0, filtered: 3 }));
      await relay.stop();
      expect(() => pump(a, plain)).toThrow('pump: b "c" has vnet headers of 0 bytes, and a has 10 (offload)');
    }));

  test('is the only reader of its queues, until it is stopped', () =>
    withTaps(async (a, b, netns) => {
      const slab = new FrameSlab();
      const [queue] = a.queues;
      const relay = pump(queue, b.queues[0]);
      expect(() => queue.readBatch(slab)).toThrow(refused('readBatch: '));
      expect(() => queue.readBatch(slab)).toThrow(refused("'a': its queue is being pumped"));
      expect(() => b.queues[0].onBatch(() => undefined)).toThrow(
        refused("onBatch: EBUSY: resource busy or locked, read 'b': its queue is being pumped"),
      );
      const loop = queue[Symbol.asyncIterator]();
      await expect(loop.next()).rejects.toEqual(refused('its queue is being pumped'));
      expect(() => pump(queue, b.queues[0])).toThrow(refused('its queue is being pumped'));
      // Others may write.
      expect(queue.write(FRAME)).toBe(1);

      await relay.stop();
      await relay.ended;
      await relay.stop();
      await send(netns, 'a', 2);
      expect(queue.readBatch(slab)).toBe(1 + 1);
      const next = loop.next();
      await send(netns, 'a', 1);
      expect((await next).value).toHaveLength(60);
      expect(relay.stats).toEqual({ aToB: NONE, bToA: NONE });
    }));

  test('a queue that is read cannot be pumped', () =>
    withTaps(async (a, b) => {
      const reader = b.queues[0].onBatch(() => undefined);
      expect(() => pump(a.queues[0], b.queues[0])).toThrow(refused('being read already'));
      // What was reserved for it is free again.
      expect(a.queues[0].readBatch(new FrameSlab())).toBe(0);
      reader.stop();
      await pump(a.queues[0], b.queues[0]).stop();
    }));

  test('one way leaves the other direction to JavaScript, or to another pump', () =>
    withTaps(async (a, b, netns) => {
      await using there = pump(a.queues[0], b.queues[0], { oneWay: true });
      await send(netns, 'a', 5);
      await send(netns, 'b', 3);
      await vi.waitFor(() => expect(there.stats).toEqual({ aToB: { ...NONE, frames: 5, bytes: 300 }, bToA: NONE }));
      expect(b.queues[0].readBatch(new FrameSlab())).toBe(3);
      await using back = pump(b.queues[0], a.queues[0], { oneWay: true, filter: ETHERTYPE_ARP });
      await send(netns, 'b', 4);
      await vi.waitFor(() => expect(back.stats).toEqual({ aToB: { ...NONE, filtered: 4 }, bToA: NONE }));
    }));

  test('closing a queue ends it first: then the link is gone, and the other queue is as open as before', () =>
    withTaps(async (a, b, netns) => {
      for (const how of ['asynchronous', 'synchronous']) {
        const extra = await tap(netns, 'extra');
        const relay = pump(extra.queues[0], b.queues[0]);
        if (how === 'synchronous') extra[Symbol.dispose]();
        else await extra.close();
        expect(await ipLink(netns, 'extra')).toBeUndefined();
        await relay.ended;
        expect(b.queues[0].readBatch(new FrameSlab())).toBe(0);
        expect(() => pump(extra.queues[0], a.queues[0])).toThrow(refused('pump: the queue of "extra" is closed'));
      }
    }));

  test.each([
    ['a', false],
    ['b', false],
    ['a', true],
    ['b', true],
  ] as const)(
    'deleting the link of %s ends it with one error that says so (one way: %s), and costs nothing',
    (side, oneWay) =>
      withTaps(async (a, b) => {
        const relay = pump(a.queues[0], b.queues[0], { oneWay });
        const failed = expect(relay.ended).rejects.toMatchObject({
          code: 'ENODEV',
          errno: -constants.errno.ENODEV,
          side,
          message: `pump: ENODEV: no such device, read '${side}': the link was deleted (side ${side})`,
        });
        await deleteLink((side === 'a' ? a : b).link);
        await failed;
        await relay.stop();
        expect(await cpuOf(200)).toBeLessThan(100);
        // The other queue is as open as before.
        expect((side === 'a' ? b : a).queues[0].readBatch(new FrameSlab())).toBe(0);
      }),
  );

  test('an idle pump costs no processor time', () =>
    withTaps(async (a, b) => {
      await using _relay = pump(a.queues[0], b.queues[0]);
      expect(await cpuOf(300)).toBeLessThan(100);
    }));

  test('a destination that is down loses frames, which are counted, and goes on when it is up', () =>
    withTaps(async (a, b, netns) => {
      await using relay = pump(a.queues[0], b.queues[0]);
      await setLink(b.link, { up: false });
      await send(netns, 'a', 9);
      await vi.waitFor(() => expect(relay.stats.aToB).toEqual({ ...NONE, dropped: 9 }));
      await setLink(b.link, { up: true });
      await send(netns, 'a', 4);
      await vi.waitFor(() => expect(relay.stats.aToB).toEqual({ frames: 4, bytes: 240, dropped: 9, filtered: 0 }));
    }));

  test('a congested destination holds the source back, and loses nothing', () =>
    withNetns(async (netns) => {
      await inside(netns, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1', 'net.ipv6.conf.default.disable_ipv6=1');
      // b is a port of a bridge whose other port is slow: frames of b stay its own until they have left there.
      const br = await createBridge({ name: 'br', netns, ...quiet, multicastSnooping: false });
      const [slow] = await createVeth({
        name: 'slow',
        netns,
        master: br,
        ...quiet,
        peer: { name: 'end', netns, ...quiet },
      });
      await inside(
        netns,
        'tc',
        'qdisc',
        'add',
        'dev',
        slow.name,
        'root',
        'tbf',
        'rate',
        '1mbit',
        'burst',
        '2kb',
        'limit',
        '10mb',
      );
      await using a = await createTap({ ...quiet, name: 'a', netns, txQueueLength: 2000 });
      await using b = await createTap({ ...quiet, name: 'b', netns, master: br });
      const [source, destination] = [a.queues[0], b.queues[0]];
      // TUNSETSNDBUF (linux/if_tun.h).
      const ioctl = `import fcntl, struct; fcntl.ioctl(3, 0x400454d4, struct.pack('i', 20000))`;
      const shrink = spawn('python3', ['-c', ioctl], { stdio: ['ignore', 'inherit', 'inherit', destination.fd] });
      expect(await once(shrink, 'close')).toEqual([0, null]);

      await using relay = pump(source, destination);
      await send(netns, 'a', 1500);
      await vi.waitFor(async () => expect(relay.stats.aToB).toEqual({ ...NONE, frames: 1500, bytes: 90_000 }), 5000);
      await vi.waitFor(async () => expect((await received(netns, 'end')).packets).toBe(1500), 5000);
    }));

  test('queues that do not fit together are refused, and so are options that are none', () =>
    withTaps(async (a, b, netns) => {
      await using tun = await createTun({ name: 'tun0', netns });
      const [one, other] = [a.queues[0], b.queues[0]];
      expect(() => pump(one, tun.queues[0])).toThrow(
        'pump: b "tun0" has IP packets (layer 3), and a has Ethernet frames (layer 2)',
      );
      expect(() => pump(one, one)).toThrow('pump: b "a" is the same queue as a');
      const [memory] = createMemoryQueues();
      expect(() => pump(one, memory, { oneWay: true })).toThrow('pump: b "memory" has no descriptor');
      expect(() => pump(one, b as never)).toThrow('pump: b must be a PacketQueue; received an object (PacketDevice)');
      expect(() => pump(one, other, { oneWay: 1 as never })).toThrow('pump: oneWay must be true or false; received 1');
      expect(() => pump(one, other, { filter: [] })).toThrow('pump: filter.length 0 is out of range');
      expect(() => pump(one, other, null as never)).toThrow('pump: options must be an object; received null');
    }));
});

describeKernel.needs('tun', 'devices')('a pump and a macvtap', () => {
  test('ends within a second or so when the link of the macvtap is deleted', () =>
    withNetns(async (netns) => {
      const [parent] = await createVeth({ name: 'parent', netns, up: true, peer: { name: 'peer', netns, up: true } });
      const link = await createMacvtap({ name: 'mv', netns, parent, up: true });
      await using a = await openMacvtap(link);
      await using b = await tap(netns);
      const relay = pump(a.queues[0], b.queues[0]);
      const failed = expect(relay.ended).rejects.toMatchObject({ code: 'ENODEV', side: 'a' });
      await deleteLink(link);
      await failed;
      expect(await readAll(a.queues[0])).toMatchObject({ code: 'ENODEV' });
    }));
});
