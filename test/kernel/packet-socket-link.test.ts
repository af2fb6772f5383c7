import { deleteLink, FrameSlab, getLink, moveToNetns, openPacketSocket, setLink } from 'netloom';
import { expect, test, vi } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { pause, readAll } from './packet-peers.ts';
import { command, frameOf, readNow, send, take, withWire } from './packet-wires.ts';
import { describeKernel } from './privilege.ts';
import { failure } from './witness.ts';

describeKernel('a packet socket whose link changes', () => {
  expectNoLeaks(async () => {
    (await openPacketSocket('lo'))[Symbol.dispose]();
  });

  test('goes on when a link that was down is up again, for every way to read', () =>
    withWire(async ({ host, near }) => {
      await using looped = await openPacketSocket(near);
      await using batched = await openPacketSocket(near);
      await using polled = await openPacketSocket(near);
      const got: number[] = [];
      const reader = batched.onBatch((slab, count) => {
        for (let i = 0; i < count; i++) got.push(slab.lengths[i] as number);
      });
      const next = take(looped, 1);
      await setLink(near, { up: false });
      expect(readNow(polled)).toEqual([]);
      expect(() => polled.write(frameOf(60))).toThrow(
        expect.objectContaining({ code: 'ENETDOWN', message: expect.stringContaining('the link is down') }),
      );
      await pause(50);
      await setLink(near, { up: true });
      expect(polled.write(frameOf(60))).toBe(1);
      await send(host, 'far', frameOf(61));
      expect(await next).toEqual([frameOf(61)]);
      expect(readNow(polled)).toEqual([frameOf(61)]);
      await vi.waitFor(() => expect(got).toEqual([61]));
      reader.stop();
      await reader.ended;
    }));

  test('says ENODEV of a link that was down for a while, or up again, before it was deleted', () =>
    withWire(async ({ near }) => {
      await using queue = await openPacketSocket(near);
      for (const up of [false, true, false]) {
        await setLink(near, { up });
        expect(readNow(queue)).toEqual([]);
      }
      await deleteLink(near);
      expect(() => readNow(queue)).toThrow(expect.objectContaining({ code: 'ENODEV' }));
    }));

  test('may be opened while the link is down', () =>
    withWire(async ({ host, near }) => {
      await setLink(near, { up: false });
      await using queue = await openPacketSocket(near);
      const next = take(queue, 1);
      await pause(50);
      await setLink(near, { up: true });
      await send(host, 'far', frameOf(61));
      expect(await next).toEqual([frameOf(61)]);
    }));

  test('ends with ENODEV, once, when the link is deleted, and costs no processor time', () =>
    withWire(async ({ near }) => {
      await using looped = await openPacketSocket(near);
      await using batched = await openPacketSocket(near);
      await using polled = await openPacketSocket(near);
      const reader = batched.onBatch(() => undefined);
      const ended = failure(reader.ended);
      const loop = readAll(looped);
      await deleteLink(near);
      const before = process.cpuUsage();
      expect(await loop).toMatchObject({ code: 'ENODEV', syscall: 'read' });
      expect(await ended).toMatchObject({ code: 'ENODEV', message: expect.stringContaining('the link was deleted') });
      const { user, system } = process.cpuUsage(before);
      expect(user + system).toBeLessThan(500_000);
      expect(await readAll(looped)).toBe('done');
      expect(() => readNow(polled)).toThrow(expect.objectContaining({ code: 'ENODEV' }));
      expect(() => polled.write(frameOf(60))).toThrow(expect.objectContaining({ code: 'ENODEV', syscall: 'write' }));
    }));

  test('what came before the link was deleted can still be read', () =>
    withWire(async ({ host, near }) => {
      await using queue = await openPacketSocket(near);
      await send(host, 'far', frameOf(60));
      await deleteLink(near);
      const slab = new FrameSlab();
      expect(readNow(queue, slab)).toEqual([frameOf(60)]);
      expect(() => readNow(queue, slab)).toThrow(expect.objectContaining({ code: 'ENODEV' }));
    }));

  test('ends with ENODEV when the link moves to another namespace', () =>
    withWire(async ({ host, near }) => {
      await using queue = await openPacketSocket(near);
      await moveToNetns(near, host, { up: true });
      expect(await readAll(queue)).toMatchObject({ code: 'ENODEV' });
      await using again = await openPacketSocket(await getLink('near', { netns: host }));
      await send(host, 'far', frameOf(60));
      expect(await take(again, 1)).toEqual([frameOf(60)]);
    }));

  test('write gives 0 while the send buffer is full, and drained tells when it is not', () =>
    withWire(async ({ here, near }) => {
      await command(here, 'tc qdisc add dev near root tbf rate 50mbit burst 3000 limit 50000000');
      await using queue = await openPacketSocket(near);
      let written = 0;
      while (queue.write(frameOf(1514)) === 1) expect(++written).toBeLessThan(10_000);
      expect(written).toBeGreaterThan(10);
      await queue.drained();
      expect(queue.write(frameOf(1514))).toBe(1);
      expect(queue.stats).toMatchObject({ framesOut: written + 1, dropped: 1 });
    }));

  test('write gives 0 where a queue behind the socket is full', () =>
    withWire(async ({ here, near }) => {
      await command(here, 'tc qdisc add dev near root tbf rate 50mbit burst 3000 limit 6000');
      await using queue = await openPacketSocket(near);
      let written = 0;
      while (queue.write(frameOf(1514)) === 1) expect(++written).toBeLessThan(10_000);
      expect(written).toBeLessThan(10);
      await vi.waitFor(async () => {
        await queue.drained();
        expect(queue.write(frameOf(1514))).toBe(1);
      });
    }));

  test('a frame that is longer than the MTU is refused', () =>
    withWire(async ({ near }) => {
      await using queue = await openPacketSocket(near);
      expect(() => queue.write(frameOf(1600))).toThrow(
        expect.objectContaining({ code: 'EMSGSIZE', message: expect.stringContaining("longer than the link's MTU") }),
      );
    }));
});
