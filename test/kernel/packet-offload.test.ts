import { expect, test } from 'vitest';
import { createNetns } from '../../lib/netns/calls.js';
import type { Netns } from '../../lib/netns/netns.js';
import type { PacketDevice } from '../../lib/packet/device.js';
import { openMacvtap } from '../../lib/packet/macvtap.js';
import { completeChecksum, groCoalesce, gsoSplit } from '../../lib/packet/segmentation.js';
import { FrameSlab } from '../../lib/packet/slab.js';
import type { TunSpec } from '../../lib/packet/spec.js';
import { createTap, createTun, openPacketDevice } from '../../lib/packet/tun.js';
import { parseVnetHeader } from '../../lib/packet/vnet-header.js';
import { createMacvtap } from '../../lib/rtnetlink/kinds/macvtap.js';
import { createVeth } from '../../lib/rtnetlink/kinds/veth.js';
import { deleteLink } from '../../lib/rtnetlink/link/delete.js';
import { readPacket } from '../unit/offload-reading.ts';
import { expectNoLeaks } from './leaks.ts';
import { FRAME, inside, ipLink, queueOf, withNetns } from './packet-peers.ts';
import { frameTo, sendFrames } from './packet-senders.ts';
import { describeKernel } from './privilege.ts';

const ALL = { checksum: true, tso4: true, tso6: true };
const NONE = { checksum: false, tso4: false, tso6: false, uso: false, ecn: false };

/** What ethtool -k asks: ETHTOOL_GTXCSUM and ETHTOOL_GTSO (linux/ethtool.h). */
const ETHTOOL = `import ctypes, fcntl, socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def ask(command):
  value = ctypes.create_string_buffer(struct.pack('II', command, 0))
  fcntl.ioctl(s, 0x8946, struct.pack('16sQ', sys.argv[1].encode(), ctypes.addressof(value)) + bytes(16))
  return struct.unpack('II', value.raw[:8])[1]
print(ask(0x16), ask(0x1e))`;

/** Whether the kernel leaves checksums, and TCP segmentation, to the reader. */
const seenOffload = async (netns: Netns, link: string): Promise<string> =>
  (await inside(netns, 'python3', '-c', ETHTOOL, link)).trim();

describeKernel.needs('tun')('offload', () => {
  expectNoLeaks(async () => {
    await using netns = await createNetns();
    await (await createTap({ netns })).close();
  });

  test.each([
    ['a TUN', createTun],
    ['a TAP', createTap],
  ])('of %s is on where it is asked for, and changes while the device is open', (_what, create) =>
    withNetns(async (netns) => {
      await using plain = await create({ name: 'plain', netns });
      expect([plain.offload, plain.vnetHeaderSize]).toEqual([NONE, 0]);
      expect(await seenOffload(netns, 'plain')).toBe('0 0');
      await using device = await create({ name: 'fast', netns, offload: true });
      expect(device.offload).toMatchObject({ ...ALL, ecn: false });
      expect(device.vnetHeaderSize).toBe(10);
      expect((await ipLink(netns, 'fast'))?.linkinfo?.info_data).toMatchObject({ vnet_hdr: true });
      expect(await seenOffload(netns, 'fast')).toBe('1 1');
      await device.setOffload(false);
      expect(device.offload).toEqual(NONE);
      expect(await seenOffload(netns, 'fast')).toBe('0 0');
      device.setOffloadSync({ checksum: true });
      expect(device.offload).toEqual({ ...NONE, checksum: true });
      expect(await seenOffload(netns, 'fast')).toBe('1 0');
      await device.setOffload({ tso4: true, tso6: true, ecn: true });
      expect(device.offload).toEqual({ ...NONE, ...ALL, ecn: true });
      expect(await seenOffload(netns, 'fast')).toBe('1 1');
      expect(device.vnetHeaderSize).toBe(10);
    }),
  );

  test('a persistent device does not keep what its last user announced', () =>
    withNetns(async (netns) => {
      await (await createTap({ name: 'tap0', netns, persist: true, offload: true })).close();
      expect(await seenOffload(netns, 'tap0')).toBe('1 1');
      const plain = await openPacketDevice('tap0', { netns });
      expect(await seenOffload(netns, 'tap0')).toBe('0 0');
      await expect(plain.setOffload(true)).rejects.toMatchObject({
        code: 'ERR_INVALID_ARG_VALUE',
        message: 'setOffload: device "tap0" has no vnet header: it was opened without `offload`',
      });
      await plain.close();
      const fast = await openPacketDevice('tap0', { netns, offload: { checksum: true }, vnetHeaderSize: 12 });
      expect([fast.offload, fast.vnetHeaderSize]).toEqual([{ ...NONE, checksum: true }, 12]);
      await deleteLink(fast.link);
      await fast.close();
    }));

  test.each([10, 12] as const)('a vnet header of %i bytes says what is left to do', (vnetHeaderSize) =>
    withNetns(async (netns) => {
      await using tun = await createTun({
        name: 'tun0',
        netns,
        up: true,
        addresses: ['10.0.0.1/24'],
        offload: { checksum: true },
        vnetHeaderSize,
        addrGenMode: 'none',
      });
      const slab = new FrameSlab({ slots: 4 });
      await inside(netns, 'bash', '-c', 'echo hello > /dev/udp/10.0.0.2/99');
      expect(queueOf(tun).readBatch(slab)).toBe(1);
      const packet = Buffer.from(slab.frame(0));
      expect(packet.length).toBe(vnetHeaderSize + 20 + 8 + 6);
      // VIRTIO_NET_HDR_F_NEEDS_CSUM, no GSO; the sum begins behind the IP header, and goes into UDP's field.
      expect([packet[0], packet[1]]).toEqual([1, 0]);
      expect([packet.readUInt16LE(6), packet.readUInt16LE(8)]).toEqual([20, 6]);
      expect(packet[vnetHeaderSize]).toBe(0x45);
      await tun.setOffload(false);
      await inside(netns, 'bash', '-c', 'echo hello > /dev/udp/10.0.0.2/99');
      expect(queueOf(tun).readBatch(slab)).toBe(1);
      expect(slab.frame(0)[0]).toBe(0);
      expect(slab.lengths[0]).toBe(vnetHeaderSize + 34);
    }),
  );

  test.each([
    ['a UDP datagram', 10, 'echo hello > /dev/udp/10.0.0.2/99'],
    ['a SYN of TCP', 12, 'timeout 0.2 bash -c "echo > /dev/tcp/10.0.0.2/99" || true'],
    ['a UDP datagram over IPv6', 10, 'echo hello > /dev/udp/fd00::2/99'],
  ] as const)('%s without a checksum has a right one when it was completed', (_what, vnetHeaderSize, command) =>
    withNetns(async (netns) => {
      await using tun = await createTun({
        name: 'tun0',
        netns,
        up: true,
        addresses: ['10.0.0.1/24', 'fd00::1/64'],
        offload: { checksum: true },
        vnetHeaderSize,
        addrGenMode: 'none',
      });
      const slab = new FrameSlab({ slots: 4 });
      await inside(netns, 'bash', '-c', command);
      const count = queueOf(tun).readBatch(slab);
      // IPv6 has something to say of its own.
      const isSent = (frame: Uint8Array): boolean => readPacket(frame.subarray(vnetHeaderSize), 3) !== undefined;
      const [packet] = Array.from({ length: count }, (_, i) => slab.frame(i)).filter(isSent) as [Uint8Array];
      const behind = packet.subarray(vnetHeaderSize);
      expect(parseVnetHeader(packet, 0, vnetHeaderSize).needsChecksum).toBe(true);
      expect(readPacket(behind, 3)?.rightChecksums).toBe(false);
      completeChecksum(packet, { headerSize: vnetHeaderSize });
      expect(parseVnetHeader(packet, 0, vnetHeaderSize).needsChecksum).toBe(false);
      expect(readPacket(behind, 3)?.rightChecksums).toBe(true);
    }),
  );

  test('a device that others have open is opened as they have it, or not at all', () =>
    withNetns(async (netns) => {
      const options = { netns, offload: {} } as const;
      await using first = await createTap({ name: 'tap0', ...options, queues: 2, up: true, vnetHeaderSize: 12 });
      await expect(openPacketDevice('tap0', { netns })).rejects.toMatchObject({
        code: 'EBUSY',
        message: expect.stringContaining('others have it open with a vnet header'),
      });
      await expect(openPacketDevice('tap0', options)).rejects.toMatchObject({
        code: 'EBUSY',
        message: expect.stringContaining('others have it open with a vnet header of another size'),
      });
      await using second = await openPacketDevice('tap0', { ...options, vnetHeaderSize: 12 });
      for (const { queues } of [first, second]) expect(queues[0].write([new Uint8Array(12), FRAME])).toBe(1);
      await using plain = await createTap({ name: 'tap1', netns, queues: 2 });
      await expect(openPacketDevice('tap1', options)).rejects.toMatchObject({
        code: 'EBUSY',
        message: expect.stringContaining('others have it open without a vnet header'),
      });
      expect((await ipLink(netns, 'tap1'))?.linkinfo?.info_data).toMatchObject({ vnet_hdr: false });
      expect(plain.queues).toHaveLength(2);
    }));
});

const SIZE = 1 << 20;

/** Sends a megabyte to whoever connects, and prints its digest. */
const SERVER = `import hashlib, os, socket
s = socket.create_server(('', 5000)); print('ready', flush=True)
data = os.urandom(${SIZE})
c, _ = s.accept(); c.sendall(data); c.shutdown(socket.SHUT_WR)
while c.recv(65536): pass
print(hashlib.sha256(data).hexdigest())`;

/** Receives, and prints the digest. */
const CLIENT = `import hashlib, socket, time
for i in range(500):
  try: c = socket.create_connection(('10.0.0.1', 5000), timeout=20); break
  except ConnectionRefusedError: time.sleep(0.02)
h = hashlib.sha256(); size = 0
while data := c.recv(65536): h.update(data); size += len(data)
print(size, h.hexdigest())`;

describeKernel.needs('tun')('TCP through a forwarder in JavaScript', () => {
  expectNoLeaks(async () => {
    await using netns = await createNetns();
    await (await createTun({ netns })).close();
  });

  /** Writes all that is read from one device to the other; the bytes of the longest packet. */
  function forward(from: PacketDevice, to: PacketDevice): { longest: number } {
    const seen = { longest: 0 };
    queueOf(from).onBatch((slab, count) => {
      for (let i = 0; i < count; i++) seen.longest = Math.max(seen.longest, slab.lengths[i] as number);
      for (let done = 0; done < count; ) done += queueOf(to).writeBatch(slab, count - done, done);
    });
    return seen;
  }

  test.each<[string, Partial<TunSpec>, Partial<TunSpec>, boolean]>([
    ['without offload', {}, {}, false],
    ['with offload', { offload: true }, { offload: true }, true],
    ['with a header of 12 bytes', { offload: true, vnetHeaderSize: 12 }, { offload: true, vnetHeaderSize: 12 }, true],
    ['to a side that takes no unfinished packets', { offload: true }, { offload: {} }, true],
    ['from a side that hands over no unfinished packets', { offload: {} }, { offload: true }, false],
  ])('%s arrives whole', async (_how, left, right, superPackets) => {
    await using near = await createNetns();
    await using far = await createNetns();
    const common = { name: 'tun0', up: true, addrGenMode: 'none' } as const;
    await using a = await createTun({ ...common, netns: near, addresses: ['10.0.0.1/24'], ...left });
    await using b = await createTun({ ...common, netns: far, addresses: ['10.0.0.2/24'], ...right });
    const there = forward(a, b);
    forward(b, a);
    const sent = inside(near, 'python3', '-c', SERVER);
    const [size, received] = (await inside(far, 'python3', '-c', CLIENT)).trim().split(' ');
    expect(size).toBe(String(SIZE));
    expect((await sent).trim()).toBe(`ready\n${received}`);
    // The server's data goes from a to b.
    if (superPackets) expect(there.longest).toBeGreaterThan(3000);
    else expect(there.longest).toBe(1500 + a.vnetHeaderSize);
  });
});

describeKernel.needs('tun')('TCP between a side with offload and one without', () => {
  expectNoLeaks(async () => {
    await using netns = await createNetns();
    await (await createTun({ netns })).close();
  });

  /** Cuts for the plain side, and merges for the other. The bytes of the longest packets, behind their vnet header. */
  function translate(fast: PacketDevice, plain: PacketDevice) {
    const seen = { toPlain: { read: 0, written: 0 }, toFast: { read: 0, written: 0 } };
    const options = { layer: 3, headerSize: fast.vnetHeaderSize as 10 | 12 } as const;
    const segments = new FrameSlab({ slots: 128, frameSize: 1500 });
    const merged = new FrameSlab({ slots: 64, frameSize: 65535 + fast.vnetHeaderSize });
    const longest = (slab: FrameSlab, count: number): number => Math.max(...slab.lengths.subarray(0, count));
    const write = (to: PacketDevice, slab: FrameSlab, count: number): void => {
      for (let done = 0; done < count; ) done += queueOf(to).writeBatch(slab, count - done, done);
    };
    queueOf(fast).onBatch((slab, count) => {
      const { toPlain } = seen;
      toPlain.read = Math.max(toPlain.read, longest(slab, count) - options.headerSize);
      for (let i = 0; i < count; i++) {
        const cut = gsoSplit(slab.frame(i), segments, options);
        toPlain.written = Math.max(toPlain.written, longest(segments, cut));
        write(plain, segments, cut);
      }
    });
    queueOf(plain).onBatch((slab, count) => {
      const { toFast } = seen;
      toFast.read = Math.max(toFast.read, longest(slab, count));
      const left = groCoalesce(slab, count, merged, options);
      toFast.written = Math.max(toFast.written, longest(merged, left) - options.headerSize);
      write(fast, merged, left);
    });
    return seen;
  }

  test.each([
    ['cut', 10],
    ['cut', 12],
    ['merged', 10],
    ['merged', 12],
  ] as const)('arrives whole, %s on its way, with a header of %i bytes', async (how, vnetHeaderSize) => {
    await using near = await createNetns();
    await using far = await createNetns();
    const common = { name: 'tun0', up: true, addrGenMode: 'none' } as const;
    const offload = { offload: true, vnetHeaderSize } as const;
    const [left, right] = how === 'cut' ? [offload, {}] : [{}, offload];
    await using a = await createTun({ ...common, netns: near, addresses: ['10.0.0.1/24'], ...left });
    await using b = await createTun({ ...common, netns: far, addresses: ['10.0.0.2/24'], ...right });
    // The server's data goes from a to b.
    const longest = how === 'cut' ? translate(a, b).toPlain : translate(b, a).toFast;
    const sent = inside(near, 'python3', '-c', SERVER);
    const [size, received] = (await inside(far, 'python3', '-c', CLIENT)).trim().split(' ');
    expect(size).toBe(String(SIZE));
    expect((await sent).trim()).toBe(`ready\n${received}`);
    expect(how === 'cut' ? longest.written : longest.read).toBe(1500);
    expect(how === 'cut' ? longest.read : longest.written).toBeGreaterThan(3000);
  });
});

describeKernel.needs('devices')('offload of a macvtap', () => {
  async function onVeth(netns: Netns) {
    // Silent: nothing but the test sends.
    const quiet = { up: true, addrGenMode: 'none' } as const;
    const [parent] = await createVeth({ name: 'v0', netns, ...quiet, peer: { name: 'v1', ...quiet } });
    return createMacvtap({ name: 'a', parent, mac: '02:00:00:00:00:0a', up: true, addrGenMode: 'none' });
  }

  test('puts a header in front, of each queue, and changes', () =>
    withNetns(async (netns) => {
      const link = await onVeth(netns);
      await using device = await openMacvtap(link, { queues: 2, offload: true, vnetHeaderSize: 12 });
      expect(device.offload).toMatchObject({ ...ALL, ecn: false });
      expect(device.vnetHeaderSize).toBe(12);
      const slab = new FrameSlab({ slots: 64 });
      await sendFrames(netns, 'v1', frameTo('02:00:00:00:00:0a'));
      const counts = device.queues.map((queue) => queue.readBatch(slab));
      expect(counts.sort()).toEqual([0, 1]);
      expect(slab.lengths[0]).toBe(72);
      expect(Buffer.from(slab.frame(0).subarray(12))).toEqual(frameTo('02:00:00:00:00:0a'));
      await device.setOffload(false);
      expect(device.offload).toEqual(NONE);
      await device.close();
      await using plain = await openPacketDevice(link);
      expect([plain.offload, plain.vnetHeaderSize]).toEqual([NONE, 0]);
    }));
});
