import { expect, test, vi } from 'vitest';
import { createNetns } from '../../lib/netns/calls.js';
import type { Netns } from '../../lib/netns/netns.js';
import { openMacvtap } from '../../lib/packet/macvtap.js';
import { pump } from '../../lib/packet/pump.js';
import { FrameSlab } from '../../lib/packet/slab.js';
import { createTap, openPacketDevice } from '../../lib/packet/tun.js';
import { createMacvtap } from '../../lib/rtnetlink/kinds/macvtap.js';
import { createVeth } from '../../lib/rtnetlink/kinds/veth.js';
import { listLinks } from '../../lib/rtnetlink/link/find.js';
import { setLink } from '../../lib/rtnetlink/link/set.js';
import { expectNoLeaks } from './leaks.ts';
import { FRAME, inside, ipLink, queueOf, withNetns } from './packet-peers.ts';
import { FLOWS, frameTo, sendFrames } from './packet-senders.ts';
import { describeKernel } from './privilege.ts';

const withHost = async (netns: Netns, queues: number) => {
  const tap = await createTap({
    name: 'tap0',
    netns,
    queues,
    up: true,
    addresses: ['10.0.0.1/24'],
    addrGenMode: 'none',
  });
  await inside(netns, 'ip', 'neigh', 'add', '10.0.0.2', 'lladdr', '02:00:00:00:00:02', 'dev', 'tap0');
  return tap;
};

describeKernel.needs('tun')('queues that are detached', () => {
  expectNoLeaks(async () => {
    await using netns = await createNetns();
    await (await createTap({ netns })).close();
  });

  test('get no frames: all flows go to the others, until they are attached again', () =>
    withNetns(async (netns) => {
      await using tap = await withHost(netns, 2);
      const slab = new FrameSlab({ slots: 256 });
      const counts = async () => {
        await inside(netns, 'bash', '-c', FLOWS);
        return tap.queues.map((queue) => queue.readBatch(slab));
      };
      const first = queueOf(tap);
      await first.detach();
      expect((await ipLink(netns, 'tap0'))?.linkinfo?.info_data).toMatchObject({ numqueues: 1, numdisabled: 1 });
      expect(await counts()).toEqual([0, 100]);
      // It still writes.
      expect(first.write(FRAME)).toBe(1);
      first.attachSync();
      expect((await ipLink(netns, 'tap0'))?.linkinfo?.info_data).toMatchObject({ numqueues: 2, numdisabled: 0 });
      const [a = 0, b = 0] = await counts();
      expect(a + b).toBe(100);
      expect(Math.min(a, b)).toBeGreaterThan(0);
      first.detachSync();
      expect(await counts()).toEqual([0, 100]);
    }));

  test('get frames of a pump, which reads them again when they are attached', () =>
    withNetns(async (netns) => {
      const spec = { netns, up: true, addrGenMode: 'none' } as const;
      await using a = await createTap({ ...spec, name: 'a', queues: 2 });
      await using b = await createTap({ ...spec, name: 'b' });
      // So that all flows are the first one's.
      await a.queues[1]?.detach();
      await using relay = pump(queueOf(a), queueOf(b));
      await queueOf(a).detach();
      await sendFrames(netns, 'b', FRAME, FRAME, FRAME);
      await vi.waitFor(() => expect(relay.stats.bToA.frames).toBe(3));
      await queueOf(a).attach();
      await sendFrames(netns, 'a', FRAME, FRAME);
      await vi.waitFor(() => expect(relay.stats.aToB.frames).toBe(2));
      expect(relay.stats.bToA.dropped).toBe(0);
    }));

  test('a queue that is in that state already, or is the only one, or closed, says so', () =>
    withNetns(async (netns) => {
      await using one = await createTap({ name: 'tap0', netns });
      await expect(queueOf(one).detach()).rejects.toMatchObject({
        code: 'ERR_INVALID_STATE',
        message: expect.stringMatching(/^detach: .*'tap0': it was made with one queue, which stays attached/),
      });
      await using two = await createTap({ name: 'tap1', netns, queues: 2 });
      await expect(queueOf(two).attach()).rejects.toMatchObject({
        code: 'ERR_INVALID_STATE',
        message: expect.stringMatching(/^attach: .*'tap1': this queue is attached/),
      });
      await queueOf(two).detach();
      expect(() => queueOf(two).detachSync()).toThrow(/^detach: .*'tap1': this queue is detached already/);
      await queueOf(two).close();
      await expect(queueOf(two).attach()).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' });
    }));
});

describeKernel.needs('devices')('the queues of a macvtap', () => {
  expectNoLeaks(async () => {
    await using netns = await createNetns();
    await using _device = await openMacvtap(await onVeth(netns));
    await listLinks();
  });

  async function onVeth(netns: Netns) {
    const [parent] = await createVeth({
      name: 'v0',
      netns,
      up: true,
      addrGenMode: 'none',
      peer: { name: 'v1', up: true },
    });
    return createMacvtap({ name: 'a', parent, mac: '02:00:00:00:00:0a', up: true, addrGenMode: 'none' });
  }

  test('can be detached and attached, have a send buffer, and nothing that only a TUN or TAP has', () =>
    withNetns(async (netns) => {
      await using device = await openMacvtap(await onVeth(netns), { queues: 2 });
      const slab = new FrameSlab();
      const counts = async () => {
        const frames = Array.from({ length: 10 }, () => frameTo('02:00:00:00:00:0a'));
        await sendFrames(netns, 'v1', ...frames);
        return device.queues.map((queue) => queue.readBatch(slab));
      };
      await device.queues[0].detach();
      expect(await counts()).toEqual([0, 10]);
      await device.queues[0].attach();
      await device.queues[1]?.detach();
      expect(await counts()).toEqual([10, 0]);
      await expect(device.queues[0].attach()).rejects.toThrow(/this queue is attached/);
      await device.set({ sendBuffer: 100_000 });
      await expect(device.set({ persist: true })).rejects.toThrow(/^set: persist true is no option of a MACVTAP/);
      await expect(device.setSteering(null)).rejects.toThrow(/^setSteering: device "a" is no TUN or TAP/);
      await expect(device.attachFilter(null)).rejects.toThrow(/^attachFilter: device "a" is no TUN or TAP/);
    }));

  test('a descriptor of one becomes a device where the caller says in which namespace', () =>
    withNetns(async (netns) => {
      const link = await onVeth(netns);
      const device = await openMacvtap(link, { offload: {} });
      const fd = device.queues[0].release();
      await expect(openPacketDevice({ fd })).rejects.toMatchObject({
        code: 'ENODEV',
        message: expect.stringContaining('options.netns says so'),
      });
      await using another = await createNetns();
      const [parent] = await createVeth({ name: 'v0', netns: another, peer: { name: 'v1' } });
      await createMacvtap({ name: 'a', parent, mac: '02:00:00:00:00:0b' });
      await expect(openPacketDevice({ fd }, { netns: another })).rejects.toThrow(/"a" is the name of another link/);
      await using adopted = await openPacketDevice({ fd }, { netns });
      expect(adopted.link.index).toBe(link.index);
      expect(adopted.vnetHeaderSize).toBe(10);
      await sendFrames(netns, 'v1', frameTo('02:00:00:00:00:0a'));
      const slab = new FrameSlab();
      expect(adopted.queues[0].readBatch(slab)).toBe(1);
      expect(slab.lengths[0]).toBe(70);
    }));

  test('keep working after their link has moved to another namespace', () =>
    withNetns(async (netns) => {
      await using there = await createNetns();
      await using device = await openMacvtap(await onVeth(netns));
      const other = await createMacvtap({ name: 'b', netns, parent: 'v1', mac: '02:00:00:00:00:01', up: true });
      await using otherEnd = await openMacvtap(other);
      await inside(netns, 'ip', 'link', 'set', 'dev', 'a', 'netns', `/proc/${process.pid}/fd/${there.fd}`);
      await setLink('a', { up: true }, { netns: there });
      await sendFrames(netns, 'v1', frameTo('02:00:00:00:00:0a'));
      const slab = new FrameSlab();
      expect(device.queues[0].readBatch(slab)).toBe(1);
      const arrived = (async () => {
        for await (const frame of otherEnd.queues[0]) if (frame[12] === 0x88 && frame[13] === 0x85) return frame;
        throw new Error('the queue was closed');
      })();
      expect(device.queues[0].write(FRAME)).toBe(1);
      expect(Buffer.from(await arrived)).toEqual(FRAME);
    }));
});
