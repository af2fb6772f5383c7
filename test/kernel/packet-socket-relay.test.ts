/** What a local stack leaves undone in frames (checksums, segments), and relays that must not pass it on. */
import { createHash } from 'node:crypto';
import { createNetns, createVeth, FrameSlab, type Netns, openPacketSocket, type PacketQueue, pump } from 'netloom';
import { expect, test } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { inside } from './packet-peers.ts';
import { command, take, type Wire, withWire } from './packet-wires.ts';
import { describeKernel } from './privilege.ts';

const SIZE = 1 << 20;
/** The bytes that the sender sends: 0, 1, ... 250, 0, 1 ... */
const SHA256 = createHash('sha256')
  .update(Uint8Array.from({ length: SIZE }, (_, i) => i % 251))
  .digest('hex');

/** Prints the SHA-256 of what comes through one TCP connection, or of the datagrams of one sender. */
const SINK = `import socket, hashlib, sys
family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
s = socket.socket(family); s.bind((sys.argv[1], 4000)); s.listen()
c, _ = s.accept(); c.settimeout(20); h = hashlib.sha256()
while data := c.recv(65536): h.update(data)
print(h.hexdigest())`;

/** SINK's peer: tries until it listens. */
const SOURCE = `import socket, sys, time
for i in range(500):
  try: c = socket.create_connection((sys.argv[1], 4000), timeout=20); break
  except ConnectionRefusedError: time.sleep(0.01)
c.sendall(bytes(i % 251 for i in range(${SIZE}))); c.close()`;

async function transfer(from: Netns, to: Netns, address: string): Promise<string> {
  const [digest] = await Promise.all([
    inside(to, 'timeout', '30', 'python3', '-c', SINK, address),
    inside(from, 'timeout', '30', 'python3', '-c', SOURCE, address),
  ]);
  return digest.trim();
}

/** A second host, on a wire of its own to the namespace of the first one's other end. */
async function secondHost({ here }: Wire): Promise<Netns> {
  const host = await createNetns();
  await createVeth({
    name: 'far',
    netns: host,
    up: true,
    addrGenMode: 'none',
    addresses: ['10.0.0.2/24', { address: '2001:db8::2/64', flags: ['nodad'] }],
    peer: { name: 'near2', netns: here, up: true, addrGenMode: 'none' },
  });
  return host;
}

function relay(from: PacketQueue, to: PacketQueue, frameSize?: number): Promise<void> {
  return from.onBatch(
    (slab, count) => {
      for (let sent = 0; sent < count; ) {
        const taken = to.writeBatch(slab, count - sent, sent);
        if (taken === 0) return;
        sent += taken;
      }
    },
    frameSize === undefined ? {} : { slab: new FrameSlab({ frameSize }) },
  ).ended;
}

function pumped(a: PacketQueue, b: PacketQueue): Promise<void> {
  return pump(a, b, { oneWay: true }).ended;
}

async function loop(from: PacketQueue, to: PacketQueue): Promise<void> {
  for await (const frame of from) to.write(frame);
}

describeKernel('a relay between two packet sockets', () => {
  expectNoLeaks(async () => {
    (await openPacketSocket('lo'))[Symbol.dispose]();
  });

  test.each([
    ['onBatch', { offload: false }, '10.0.0.2', relay],
    ['onBatch and slots of 1514 bytes', { offload: false }, '10.0.0.2', (a, b) => relay(a, b, 1514)],
    ['onBatch, IPv6', { offload: false }, '2001:db8::2', relay],
    ['onBatch with offload', { offload: true }, '10.0.0.2', relay],
    ['onBatch with offload, IPv6', { offload: true }, '2001:db8::2', relay],
    ['for await', { offload: false }, '10.0.0.2', loop],
    ['pump', { offload: false }, '10.0.0.2', pumped],
    ['pump with offload', { offload: true }, '10.0.0.2', pumped],
  ] as const satisfies [string, object, string, (a: PacketQueue, b: PacketQueue) => Promise<void>][])(
    'carries TCP between hosts that know nothing of it, by %s',
    (_how, options, address, carry) =>
      withWire(async (wire) => {
        await using host2 = await secondHost(wire);
        await command(wire.host, 'ip address add 2001:db8::1/64 dev far nodad');
        await using left = await openPacketSocket(wire.near, options);
        await using right = await openPacketSocket('near2', { netns: wire.here, ...options });
        const carried = [carry(left, right), carry(right, left)];
        expect(await transfer(wire.host, host2, address)).toBe(SHA256);
        expect(left.stats).toMatchObject({ truncated: 0, overruns: 0 });
        // Frames of 1514 bytes, or super-packets.
        const [link] = JSON.parse(await command(wire.here, 'ip -j -s link show dev near2'));
        const frames: number = link.stats64.tx.packets;
        if (options.offload) expect(frames).toBeLessThan(400);
        else expect(frames).toBeGreaterThan(SIZE / 1460);
        await Promise.all([left.close(), right.close()]);
        await Promise.all(carried);
      }),
  );
});

/** Sends one datagram of 1001 bytes, or with UDP_SEGMENT (103) three at once, whose last has 201 bytes. */
const DATAGRAM = `import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
if len(sys.argv) > 1: s.setsockopt(17, 103, 400)
s.sendto(bytes(i % 251 for i in range(1001)), ('10.0.0.9', 5000))`;

describeKernel('frames of a local stack', () => {
  expectNoLeaks(async () => {
    (await openPacketSocket('lo'))[Symbol.dispose]();
  });

  const withHost = (body: (wire: Wire) => Promise<void>): Promise<void> =>
    withWire(async (wire) => {
      await command(wire.host, 'ip neighbor add 10.0.0.9 lladdr 02:00:00:00:00:02 dev far');
      await body(wire);
    });

  /** The sum over the pseudo header and the datagram (RFC 768): 0xffff where the checksum in it is right. */
  const udpSum = (frame: Buffer, ip = 14): number => {
    const datagram = frame.subarray(ip + 20);
    const pseudo = Buffer.from([0, 17, ...frame.subarray(ip + 24, ip + 26)]);
    const bytes = Buffer.concat([
      frame.subarray(ip + 12, ip + 20),
      pseudo,
      datagram,
      Buffer.alloc(datagram.length % 2),
    ]);
    let sum = 0;
    for (let i = 0; i < bytes.length; i += 2) sum += bytes.readUInt16BE(i);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
    return sum;
  };

  test('have their checksum', () =>
    withHost(async ({ host, near }) => {
      await using queue = await openPacketSocket(near);
      await inside(host, 'python3', '-c', DATAGRAM);
      const [frame] = (await take(queue, 1)) as [Buffer];
      expect(frame).toHaveLength(14 + 20 + 8 + 1001);
      expect(frame.readUInt16BE(40)).not.toBe(0);
      expect(udpSum(frame)).toBe(0xffff);
    }));

  test('say in the vnet header that they have not, with offload', () =>
    withHost(async ({ host, near }) => {
      await using queue = await openPacketSocket(near, { offload: true });
      await inside(host, 'python3', '-c', DATAGRAM);
      const [frame] = (await take(queue, 1)) as [Buffer];
      expect(frame).toHaveLength(10 + 14 + 20 + 8 + 1001);
      // VIRTIO_NET_HDR_F_NEEDS_CSUM, no GSO; checksum from byte 34 of the frame on, to be put at 6 from there.
      expect([...frame.subarray(0, 10)]).toEqual([1, 0, 0, 0, 0, 0, 34, 0, 6, 0]);
      expect(udpSum(frame.subarray(10))).not.toBe(0xffff);
    }));

  test('come split where they are super-packets, also into a slab of one slot', () =>
    withHost(async ({ host, near }) => {
      await using looped = await openPacketSocket(near);
      await using polled = await openPacketSocket(near);
      await inside(host, 'python3', '-c', DATAGRAM, 'segments');
      const frames = await take(looped, 3);
      expect(frames.map(({ length }) => length)).toEqual([442, 442, 243]);
      expect(frames.map((frame) => udpSum(frame))).toEqual([0xffff, 0xffff, 0xffff]);
      const data = Buffer.concat(frames.map((frame) => frame.subarray(42)));
      expect(data).toEqual(Buffer.from(Array.from({ length: 1001 }, (_, i) => i % 251)));
      const slab = new FrameSlab({ slots: 1 });
      const polls = [1, 2, 3, 4].map(() => polled.readBatch(slab) && slab.lengths[0]);
      expect(polls).toEqual([442, 442, 243, 0]);
      expect(polled.stats).toMatchObject({ framesIn: 3, bytesIn: 1127 });
    }));

  test('keep their place among frames that are received together with them', () =>
    withHost(async ({ host, near }) => {
      await using queue = await openPacketSocket(near);
      for (let i = 0; i < 10; i++) {
        await inside(host, 'python3', '-c', DATAGRAM);
        await inside(host, 'python3', '-c', DATAGRAM, 'segments');
      }
      const slab = new FrameSlab({ slots: 64 });
      expect(queue.readBatch(slab)).toBe(40);
      const sizes = Array.from({ length: 10 }, () => [1043, 442, 442, 243]).flat();
      expect([...slab.lengths.subarray(0, 40)]).toEqual(sizes);
    }));

  test('the rest of a super-packet is not forgotten when a loop leaves after its first segment', () =>
    withHost(async ({ host, near }) => {
      await using queue = await openPacketSocket(near);
      await inside(host, 'python3', '-c', DATAGRAM, 'segments');
      expect((await take(queue, 1)).map(({ length }) => length)).toEqual([442]);
      const rest: number[] = [];
      await new Promise<void>((resolve) => {
        const reader = queue.onBatch(
          (slab) => {
            rest.push(slab.lengths[0] as number);
            if (rest.length === 2) resolve(reader.stop());
          },
          { slab: new FrameSlab({ slots: 1 }) },
        );
      });
      expect(rest).toEqual([442, 243]);
    }));

  test('keep their VLAN tag, whole and split', () =>
    withHost(async ({ host, near, far }) => {
      await using split = await openPacketSocket(near);
      await using whole = await openPacketSocket(near, { offload: true });
      await using back = await openPacketSocket(far, { offload: true });
      await inside(host, 'python3', '-c', DATAGRAM, 'segments');
      const [untagged] = (await take(whole, 1)) as [Buffer];
      await take(split, 3);
      const tag = Buffer.from('81006007', 'hex');
      const tagged = Buffer.concat([untagged.subarray(0, 22), tag, untagged.subarray(22)]);
      // csum_start
      tagged.writeUInt16LE(38, 6);
      expect(back.write(tagged)).toBe(1);
      const [again] = (await take(whole, 1)) as [Buffer];
      // hdr_len is a hint: how much of the frame the kernel had in one piece.
      tagged.writeUInt16LE(again.readUInt16LE(2), 2);
      expect(again).toEqual(tagged);
      const frames = await take(split, 3);
      expect(frames.map(({ length }) => length)).toEqual([446, 446, 247]);
      expect(frames.map((frame) => frame.subarray(12, 16))).toEqual([tag, tag, tag]);
      expect(frames.map((frame) => udpSum(frame, 18))).toEqual([0xffff, 0xffff, 0xffff]);
    }));

  test('super-packets that are written with their vnet header are split by the kernel', () =>
    withHost(async ({ host, near, here }) => {
      await using queue = await openPacketSocket(near, { offload: true });
      await inside(host, 'python3', '-c', DATAGRAM, 'segments');
      const [whole] = (await take(queue, 1)) as [Buffer];
      expect(whole).toHaveLength(10 + 42 + 1001);
      expect([whole[1], whole.readUInt16LE(4)]).toEqual([5, 400]);
      const [, near2] = await createVeth({
        name: 'far2',
        netns: host,
        up: true,
        addrGenMode: 'none',
        addresses: ['10.0.0.9/32'],
        peer: { name: 'near2', netns: here, up: true, addrGenMode: 'none' },
      });
      const receiver = `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(10); s.bind(('10.0.0.9', 5000))
print([len(s.recv(2000)) for i in range(3)])`;
      await command(host, 'sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.all.accept_local=1');
      const received = inside(host, 'python3', '-c', receiver);
      await using back = await openPacketSocket(near2, { offload: true });
      const far2 = JSON.parse(await inside(host, 'ip', '-j', 'link', 'show', 'far2'))[0] as { address: string };
      whole.set(Buffer.from(far2.address.replaceAll(':', ''), 'hex'), 10);
      for (let i = 0; i < 500; i++) {
        if ((await inside(host, 'cat', '/proc/net/udp')).includes(':1388 ')) break;
      }
      expect(back.write(whole)).toBe(1);
      expect((await received).trim()).toBe('[400, 400, 201]');
    }));
});
