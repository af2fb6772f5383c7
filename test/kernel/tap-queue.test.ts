import { expect, test } from 'vitest';
import { createNetns } from '../../lib/netns/calls.js';
import { createTap } from '../../lib/packet/tun.js';
import { setLink } from '../../lib/rtnetlink/link/set.js';
import { expectNoLeaks } from './leaks.js';
import { FRAME, inside, ipLink, pause, program, queueOf, readAll, withNetns } from './packet-peers.js';
import { describeKernel } from './privilege.js';
import { SLOWNESS } from './slowness.ts';

describeKernel.needs('tun')('a queue', () => {
  expectNoLeaks(async () => {
    await using netns = await createNetns();
    await using _device = await createTap({ netns });
    using _synchronous = createTap.sync({ netns });
  });

  test('closing ends a pending read within 50 ms, and the link is gone', () =>
    withNetns(async (netns) => {
      const tap = await createTap({ name: 'tap0', netns, addrGenMode: 'none' });
      const ended = readAll(queueOf(tap)).then((result) => [result, performance.now()] as const);
      await pause(20);
      const start = performance.now();
      const closed = tap.close();
      const [result, at] = await ended;
      expect(result).toBe('done');
      expect(at - start).toBeLessThan(50);
      await closed;
      expect(await ipLink(netns, 'tap0')).toBeUndefined();
      expect(await readAll(queueOf(tap))).toBe('done');
    }));

  test('deleting the link gives one error, and no busy loop', () =>
    withNetns(async (netns) => {
      await using tap = await createTap({ name: 'tap0', netns, up: true, addrGenMode: 'none' });
      const queue = queueOf(tap);
      const ended = [readAll(queue), readAll(queue)];
      await pause(20);
      await inside(netns, 'ip', 'link', 'delete', 'tap0');
      const results = await Promise.all(ended);
      expect(results).toContainEqual(
        expect.objectContaining({ code: 'ENODEV', message: expect.stringContaining('deleted') }),
      );
      expect(results).toContain('done');
      expect(await readAll(queue)).toBe('done');
      expect(() => queue.write(FRAME)).toThrow(expect.objectContaining({ code: 'ENODEV' }));
      const before = process.cpuUsage();
      await pause(200);
      const { user, system } = process.cpuUsage(before);
      expect((user + system) / 1000).toBeLessThan(100);
    }));

  test('an idle reader of a busy link costs no CPU, and reads what the kernel kept', () =>
    withNetns(async (netns) => {
      await using tap = await createTap({
        name: 'tap0',
        netns,
        up: true,
        txQueueLength: 5,
        addresses: ['10.0.0.1/24'],
        addrGenMode: 'none',
      });
      await inside(netns, 'ip', 'neigh', 'add', '10.0.0.2', 'lladdr', '02:00:00:00:00:02', 'dev', 'tap0');
      const reader = queueOf(tap)[Symbol.asyncIterator]();
      const send = (from: number, to: number) =>
        inside(netns, 'bash', '-c', `for i in $(seq ${from} ${to}); do echo -n $i > /dev/udp/10.0.0.2/99; done`);
      const first = reader.next();
      await send(101, 110);
      expect(
        Buffer.from((await first).value as Uint8Array)
          .subarray(42)
          .toString(),
      ).toBe('101');
      await send(111, 120);
      const before = process.cpuUsage();
      await pause(200);
      const { user, system } = process.cpuUsage(before);
      expect((user + system) / 1000).toBeLessThan(100);
      const kept: string[] = [];
      const second = reader.next();
      kept.push(
        Buffer.from((await second).value as Uint8Array)
          .subarray(42)
          .toString(),
      );
      expect(kept).toEqual(['102']);
    }));

  test('a link that is down refuses a frame with EIO', () =>
    withNetns(async (netns) => {
      await using tap = await createTap({ name: 'tap0', netns });
      expect(() => queueOf(tap).write(FRAME)).toThrow(
        expect.objectContaining({
          code: 'EIO',
          syscall: 'write',
          message: expect.stringContaining('the link is down'),
        }),
      );
      expect(queueOf(tap).stats).toMatchObject({ framesOut: 0, dropped: 1 });
      await setLink(tap.link, { up: true });
      expect(queueOf(tap).write(FRAME)).toBe(1);
      expect(queueOf(tap).stats).toMatchObject({ framesOut: 1, bytesOut: 60, dropped: 1 });
    }));

  test('frames that no link can carry, and writes after close, are refused before the kernel', () =>
    withNetns(async (netns) => {
      const tap = await createTap({ netns, up: true });
      const queue = queueOf(tap);
      for (const size of [0, 13, 65554]) {
        expect(() => queue.write(new Uint8Array(size))).toThrow(
          expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' }),
        );
      }
      expect(() => queue.write('text' as unknown as Uint8Array)).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
      );
      expect(queue.stats.dropped).toBe(0);
      await tap.close();
      expect(() => queue.write(FRAME)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }));
    }));

  test('the largest frame passes whole, both ways', () =>
    withNetns(async (netns) => {
      await using tap = await createTap({ netns, mtu: 65521, up: true, addrGenMode: 'none' });
      const queue = queueOf(tap);
      const reader = queue[Symbol.asyncIterator]();
      const sender = `import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind((sys.argv[1], 0)); s.send(bytes(12) + b'\\x88\\x85' + b'x' * 65521)`;
      const next = reader.next();
      await inside(netns, 'python3', '-c', sender, tap.link.name);
      expect(((await next).value as Uint8Array).length).toBe(65535);
      expect(queue.write(new Uint8Array(65553))).toBe(1);
    }));

  test('leaving the loop leaves the queue open, and takes a pending read back', () =>
    withNetns(async (netns) => {
      await using tap = await createTap({ netns, up: true, addrGenMode: 'none' });
      const reader = queueOf(tap)[Symbol.asyncIterator]();
      const pending = reader.next();
      await reader.return?.();
      expect(await pending).toEqual({ value: undefined, done: true });
      expect(await reader.next()).toEqual({ value: undefined, done: true });
      expect(queueOf(tap).write(FRAME)).toBe(1);
    }));

  test('a flood leaves other events their turn', () =>
    withNetns(async (netns) => {
      await using tap = await createTap({ netns, up: true, addrGenMode: 'none' });
      const queue = queueOf(tap);
      const loop = readAll(queue);
      // Without answers, ping -f sends a hundred a second.
      const sender = `import socket, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind((sys.argv[1], 0)); end = time.monotonic() + 1
while time.monotonic() < end: s.send(bytes(12) + b'\\x88\\x85' + b'x' * 46)`;
      const flood = inside(netns, 'python3', '-c', sender, tap.link.name);
      let turns = 0;
      const timer = setInterval(() => turns++, 5);
      await pause(1000);
      clearInterval(timer);
      await flood;
      await tap.close();
      expect(await loop).toBe('done');
      expect(queue.stats.framesIn).toBeGreaterThan(1000);
      expect(turns).toBeGreaterThan(50);
    }));
});

describeKernel.needs('tun')('the process', () => {
  const open = `
    const { createNetns, createTap } = await import(netloom);
    const netns = await createNetns();
    const tap = await createTap({ netns, addrGenMode: 'none' });`;

  test('an open device does not keep it alive', async () => {
    expect((await program(`${open} console.log('opened');`)).stdout).toBe('opened\n');
  });

  test('a pending read does, until the queue is closed', async () => {
    const source = `${open}
      setTimeout(() => tap.close(), 200).unref();
      for await (const frame of tap.queues[0]) {}
      console.log('ended');`;
    expect((await program(source)).stdout).toBe('ended\n');
  });

  test('a Worker may be terminated while it reads: nothing is left of it', async () => {
    const source = `
      import { Worker } from 'node:worker_threads';
      import { readdirSync, readlinkSync } from 'node:fs';
      const tuns = () => readdirSync('/proc/self/fd').filter((fd) => {
        try { return readlinkSync('/proc/self/fd/' + fd) === '/dev/net/tun'; } catch { return false; }
      }).length;
      const worker = 'data:text/javascript,' + encodeURIComponent(\`
        import { parentPort } from 'node:worker_threads';
        const { createNetns, createTap } = await import('\${netloom}');
        const netns = await createNetns();
        const tap = await createTap({ netns, up: true });
        setImmediate(() => parentPort.postMessage('reading'));
        for await (const frame of tap.queues[0]);
      \`);
      for (let i = 0; i < ${SLOWNESS > 1 ? 5 : 50}; i++) {
        const one = new Worker(new URL(worker));
        await new Promise((resolve, reject) => { one.on('message', resolve); one.on('error', reject); });
        if (tuns() !== 1) throw new Error('not open');
        await one.terminate();
      }
      const end = performance.now() + 2000;
      while (tuns() > 0 && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
      console.log(tuns());`;
    expect((await program(source)).stdout).toBe('0\n');
  });
});
