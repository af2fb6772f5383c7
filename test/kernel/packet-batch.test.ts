import { execFileSync } from 'node:child_process';
import { constants } from 'node:os';
import { expect, test, vi } from 'vitest';
import { createNetns } from '../../lib/netns/calls.js';
import { FrameSlab } from '../../lib/packet/slab.js';
import { createTap, createTun } from '../../lib/packet/tun.js';
import { deleteLink } from '../../lib/rtnetlink/link/delete.js';
import { setLink } from '../../lib/rtnetlink/link/set.js';
import { expectNoLeaks } from './leaks.ts';
import { answerPacket, FRAME, inside, pause, program, queueOf, withNetns } from './packet-peers.ts';
import { describeKernel } from './privilege.ts';

/** Sends `count` frames of a type that nobody answers through a link: the last bytes of each are its number. */
const SENDER = `import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind((sys.argv[1], 0))
for i in range(int(sys.argv[2])): s.send(bytes(12) + b'\\x88\\x85' + bytes(int(sys.argv[3]) - 18) + i.to_bytes(4, 'big'))`;

describeKernel.needs('tun')('frames in batches', () => {
  expectNoLeaks(async () => {
    await using netns = await createNetns();
    await (await createTap({ netns })).close();
  });

  const quietTap = (netns: Awaited<ReturnType<typeof createNetns>>) =>
    createTap({ name: 'tap0', netns, up: true, addrGenMode: 'none' });

  test('readBatch brings what is there, in order, and 0 when there is nothing', () =>
    withNetns(async (netns) => {
      await using tap = await quietTap(netns);
      const queue = queueOf(tap);
      const slab = new FrameSlab({ slots: 8 });
      expect(queue.readBatch(slab)).toBe(0);
      await inside(netns, 'python3', '-c', SENDER, 'tap0', '10', '60');
      const numbers: number[] = [];
      for (const expected of [8, 2, 0]) {
        const count = queue.readBatch(slab);
        expect(count).toBe(expected);
        for (let i = 0; i < count; i++) {
          expect(slab.lengths[i]).toBe(60);
          numbers.push(Buffer.from(slab.frame(i)).readUInt32BE(56));
        }
      }
      expect(numbers).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      expect(queue.stats).toEqual({
        framesIn: 10,
        bytesIn: 600,
        framesOut: 0,
        bytesOut: 0,
        dropped: 0,
        truncated: 0,
      });
    }));

  test('a frame that is longer than its slot is lost and counted, the others are not', () =>
    withNetns(async (netns) => {
      await using tap = await quietTap(netns);
      const slab = new FrameSlab({ slots: 8, frameSize: 100 });
      for (const size of ['100', '101', '60']) await inside(netns, 'python3', '-c', SENDER, 'tap0', '1', size);
      expect(queueOf(tap).readBatch(slab)).toBe(2);
      expect([...slab.lengths.subarray(0, 2)]).toEqual([100, 60]);
      expect(queueOf(tap).stats).toMatchObject({ framesIn: 2, truncated: 1 });
    }));

  test('writeBatch gives the kernel each frame whole, and says how many it took', () =>
    withNetns(async (netns) => {
      await using tap = await quietTap(netns);
      const queue = queueOf(tap);
      const slab = new FrameSlab({ slots: 4 });
      for (let i = 0; i < 4; i++) slab.set(i, FRAME);
      expect(queue.writeBatch(slab)).toBe(4);
      expect(queue.writeBatch(slab, 2)).toBe(2);
      expect(queue.writeBatch(slab, 1, 3)).toBe(1);
      expect(queue.writeBatch(slab, 0)).toBe(0);
      const [link] = JSON.parse(await inside(netns, 'ip', '-j', '-s', 'link', 'show', 'tap0'));
      expect(link.stats64.rx).toMatchObject({ packets: 7, bytes: 420 });
      expect(queue.stats).toMatchObject({ framesOut: 7, bytesOut: 420, dropped: 0 });
    }));

  test('a frame of parts is one frame', () =>
    withNetns(async (netns) => {
      await using tap = await quietTap(netns);
      expect(queueOf(tap).write([FRAME.subarray(0, 14), FRAME.subarray(14, 20), FRAME.subarray(20)])).toBe(1);
      const [link] = JSON.parse(await inside(netns, 'ip', '-j', '-s', 'link', 'show', 'tap0'));
      expect(link.stats64.rx).toMatchObject({ packets: 1, bytes: 60 });
      expect(() => queueOf(tap).write([FRAME.subarray(0, 6)])).toThrow(/write: frame.length 6 is out of range/);
      expect(() => queueOf(tap).write(Array(17).fill(FRAME))).toThrow(/at most 16 parts/);
      expect(() => queueOf(tap).write([FRAME, 'x'] as unknown as Uint8Array[])).toThrow(/a list of Uint8Array/);
    }));

  test('a bad frame in a batch ends it before that frame, and throws when it is the first', () =>
    withNetns(async (netns) => {
      await using tun = await createTun({ netns, up: true });
      const slab = new FrameSlab({ slots: 3 });
      slab.set(0, Buffer.concat([Buffer.from([0x45]), Buffer.alloc(19)]));
      slab.set(1, Buffer.from([0x15, 0]));
      slab.set(2, Buffer.concat([Buffer.from([0x45]), Buffer.alloc(19)]));
      expect(queueOf(tun).writeBatch(slab)).toBe(1);
      expect(() => queueOf(tun).writeBatch(slab, 2, 1)).toThrow(
        expect.objectContaining({ code: 'EINVAL', message: expect.stringContaining('neither an IPv4 nor an IPv6') }),
      );
      expect(queueOf(tun).writeBatch(slab, 1, 2)).toBe(1);
    }));

  test('a link that is down, a deleted one and a closed queue can be told apart', () =>
    withNetns(async (netns) => {
      const slab = new FrameSlab({ slots: 2 });
      slab.set(0, FRAME);
      const tap = await createTap({ name: 'tap0', netns });
      const queue = queueOf(tap);
      expect(queue.readBatch(slab)).toBe(0);
      expect(() => queue.writeBatch(slab, 1)).toThrow(expect.objectContaining({ code: 'EIO' }));
      await setLink(tap.link, { up: true });
      expect(queue.writeBatch(slab, 1)).toBe(1);
      await deleteLink(tap.link);
      expect(() => queue.readBatch(slab)).toThrow(expect.objectContaining({ code: 'ENODEV', syscall: 'read' }));
      slab.set(0, FRAME);
      expect(() => queue.writeBatch(slab, 1)).toThrow(expect.objectContaining({ code: 'ENODEV', syscall: 'write' }));
      await tap.close();
      expect(() => queue.readBatch(slab)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }));
      expect(() => queue.writeBatch(slab, 1)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }));
      expect(queue.fd).toBe(-1);
    }));

  test('a slab whose memory was transferred is refused, also while frames flow into it', () =>
    withNetns(async (netns) => {
      await using tap = await quietTap(netns);
      const queue = queueOf(tap);
      const slab = new FrameSlab();
      const reader = queue.onBatch(() => undefined, { slab });
      structuredClone(slab.bytes.buffer, { transfer: [slab.bytes.buffer as ArrayBuffer] });
      expect(() => queue.readBatch(slab)).toThrow(/readBatch: slab must be a FrameSlab that still has its memory/);
      expect(() => queue.writeBatch(slab, 1)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
      const ended = expect(reader.ended).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
      await inside(netns, 'python3', '-c', SENDER, 'tap0', '1', '60');
      await ended;
    }));

  test('counts and slabs that cannot be are refused', () =>
    withNetns(async (netns) => {
      await using tap = await quietTap(netns);
      const queue = queueOf(tap);
      const slab = new FrameSlab({ slots: 4 });
      for (const [count, first] of [
        [5, 0],
        [1, 4],
        [-1, 0],
        [Number.NaN, 0],
        [1, -1],
      ])
        expect(() => queue.writeBatch(slab, count, first)).toThrow(
          expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }),
        );
      expect(() => queue.readBatch({} as FrameSlab)).toThrow(/readBatch: slab must be a FrameSlab/);
      expect(() => queue.onBatch('x' as never)).toThrow(/onBatch: callback must be a function/);
      expect(() => queue.onBatch(() => {}, { spin: -1 })).toThrow(/onBatch: spin -1 is out of range/);
      expect(() => queue.onBatch(() => {}, { busy: 1 as never })).toThrow(/onBatch: busy must be true or false/);
    }));
});

describeKernel.needs('tun')('onBatch', () => {
  expectNoLeaks(async () => {
    await using netns = await createNetns();
    await (await createTap({ netns })).close();
  });

  test.each([
    ['in event mode', {}],
    ['spinning', { spin: 200 }],
    ['busy', { busy: true }],
  ])('%s, an echo in JavaScript answers every ping', (_mode, options) =>
    withNetns(async (netns) => {
      await using tun = await createTun({ name: 'tun0', netns, up: true, addresses: ['10.0.0.1/24'] });
      const queue = queueOf(tun);
      const reader = queue.onBatch((slab, count) => {
        for (let i = 0; i < count; i++) {
          const answer = answerPacket(slab.frame(i));
          if (answer) queue.write(answer);
        }
      }, options);
      const output = await inside(netns, 'ping', '-c', '50', '-i', '0.002', '-q', '10.0.0.2');
      expect(output).toContain('50 packets transmitted, 50 received');
      reader.stop();
      await reader.ended;
    }),
  );

  test('a batch has at most 64 frames, and timers have their turn in a flood', () =>
    withNetns(async (netns) => {
      await using tap = await createTap({ name: 'tap0', netns, up: true, addrGenMode: 'none', txQueueLength: 10_000 });
      await inside(netns, 'python3', '-c', SENDER, 'tap0', '1000', '60');
      const counts: number[] = [];
      let timers = 0;
      const timer = setImmediate(function again() {
        timers++;
        if (counts.length < 16) setImmediate(again);
      });
      const reader = queueOf(tap).onBatch((_slab, count) => counts.push(count), {
        slab: new FrameSlab({ slots: 256 }),
      });
      await vi.waitFor(() => expect(counts.reduce((a, b) => a + b, 0)).toBe(1000));
      clearImmediate(timer);
      reader.stop();
      expect(Math.max(...counts)).toBe(64);
      expect(timers).toBeGreaterThan(10);
    }));

  test('deleting the link ends it with one error, and costs no processor time', () =>
    withNetns(async (netns) => {
      for (const options of [{}, { spin: 100 }, { busy: true }]) {
        const tap = await quiet(netns);
        let batches = 0;
        const reader = queueOf(tap).onBatch(() => batches++, options);
        const failed = expect(reader.ended).rejects.toMatchObject({ code: 'ENODEV', errno: -constants.errno.ENODEV });
        await deleteLink(tap.link);
        await failed;
        const before = process.cpuUsage();
        await pause(200);
        const { user, system } = process.cpuUsage(before);
        expect((user + system) / 1000).toBeLessThan(100);
        expect(batches).toBe(0);
        await tap.close();
      }
    }));

  const quiet = (netns: Awaited<ReturnType<typeof createNetns>>) => createTap({ netns, up: true, addrGenMode: 'none' });

  test('busy flows of one thread do not wait for each other while nothing comes', () =>
    withNetns(async (netns) => {
      await using one = await quiet(netns);
      await using other = await quiet(netns);
      const readers = [one, other].map((tap) => queueOf(tap).onBatch(() => undefined, { busy: true }));
      const turnsIn = async (milliseconds: number): Promise<number> => {
        const end = performance.now() + milliseconds;
        let turns = 0;
        for (; performance.now() < end; turns++) await new Promise(setImmediate);
        return turns;
      };
      // Each would otherwise take 200 µs of every turn.
      expect(await turnsIn(200)).toBeGreaterThan(1000);
      readers[1]?.stop();
      expect(await turnsIn(200)).toBeLessThan(1050);
      readers[0]?.stop();
    }));

  test('stopping and closing end it, from within the callback too; then something else may read', () =>
    withNetns(async (netns) => {
      const tap = await quiet(netns);
      const queue = queueOf(tap);
      const first = queue.onBatch(() => undefined);
      expect(() => queue.onBatch(() => undefined)).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_STATE', message: expect.stringContaining('being read already') }),
      );
      await expect(queue[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' });
      first.stop();
      first.stop();
      await first.ended;
      let seen = 0;
      const second = queue.onBatch((_slab, count) => {
        seen += count;
        second.stop();
      });
      await inside(netns, 'python3', '-c', SENDER, tap.link.name, '1', '60');
      await second.ended;
      await inside(netns, 'python3', '-c', SENDER, tap.link.name, '1', '60');
      expect(seen).toBe(1);
      const third = queue.onBatch(() => void tap.close());
      await third.ended;
      expect(queue.closed).toBe(true);
      expect(() => queue.onBatch(() => undefined)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }));
    }));

  test('while frames flow, nothing else takes any, not even the callback', () =>
    withNetns(async (netns) => {
      await using tap = await quiet(netns);
      const queue = queueOf(tap);
      const slab = new FrameSlab();
      const loop = queue[Symbol.asyncIterator]();
      const refused = expect.objectContaining({
        code: 'ERR_INVALID_STATE',
        message: expect.stringContaining('its queue is being read already, by a loop or onBatch'),
      });
      let seen = 0;
      let within: unknown;
      const reader = queue.onBatch((_slab, count) => {
        seen += count;
        try {
          queue.readBatch(slab);
        } catch (error) {
          within = error;
        }
      });
      // The event loop has no turn before the others ask.
      const sender = [`--net=/proc/${process.pid}/fd/${netns.fd}`, 'python3', '-c', SENDER, tap.link.name, '3', '60'];
      execFileSync('nsenter', sender);
      expect(() => queue.readBatch(slab)).toThrow(refused);
      await expect(loop.next()).rejects.toEqual(refused);
      await vi.waitFor(() => expect(seen).toBe(3));
      expect(within).toEqual(refused);
      reader.stop();
      await inside(netns, 'python3', '-c', SENDER, tap.link.name, '2', '60');
      expect((await loop.next()).value).toHaveLength(60);
      expect(queue.readBatch(slab)).toBe(1);
    }));

  test('drained resolves when there is room, and when the queue is closed', () =>
    withNetns(async (netns) => {
      const tap = await quiet(netns);
      const queue = queueOf(tap);
      await queue.drained();
      const pending = queue.drained();
      await Promise.all([pending, tap.close()]);
      await expect(queue.drained()).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' });
    }));
});

describeKernel.needs('tun')('onBatch and its process', () => {
  const open = `
    const { createNetns, createTap, setLink } = await import(netloom);
    const netns = await createNetns();
    const tap = await createTap({ netns, up: true });
    const queue = tap.queues[0];`;

  test('it keeps the process alive until it is stopped; unref lets it end', async () => {
    const stopped = `${open}
      const reader = queue.onBatch(() => {});
      setTimeout(() => reader.stop(), 100).unref();
      process.on('exit', () => console.log('ended'));
      await reader.ended; console.log('stopped');`;
    expect((await program(stopped)).stdout).toBe('stopped\nended\n');
    for (const options of ['{}', '{ busy: true }', '{ spin: 50 }'])
      expect((await program(`${open} queue.onBatch(() => {}, ${options}).unref(); console.log('left');`)).stdout).toBe(
        'left\n',
      );
  });

  test('what the callback throws is an uncaughtException, and frames go on', async () => {
    // A link that comes up sends frames by itself: router solicitations, and reports of multicast groups.
    const source = `${open}
      let thrown = 0, batches = 0;
      process.on('uncaughtException', (error) => { if (error.message === 'mine') thrown++; });
      const reader = queue.onBatch(() => { if (++batches === 3) reader.stop(); throw new Error('mine'); });
      await reader.ended.catch(() => {});
      setTimeout(() => console.log(batches, thrown), 10);`;
    expect((await program(source)).stdout).toBe('3 3\n');
  });

  test('200 Workers that are terminated while frames flow leave nothing', async () => {
    const source = `
      import { Worker } from 'node:worker_threads';
      import { readdirSync, readlinkSync } from 'node:fs';
      const tuns = () => readdirSync('/proc/self/fd').filter((fd) => {
        try { return readlinkSync('/proc/self/fd/' + fd) === '/dev/net/tun'; } catch { return false; }
      }).length;
      const worker = 'data:text/javascript,' + encodeURIComponent(\`
        import { parentPort, workerData } from 'node:worker_threads';
        async function main() {
          const { createNetns, createTap } = await import('\${netloom}');
          const netns = await createNetns();
          const tap = await createTap({ netns, up: true });
          const queue = tap.queues[0];
          queue.onBatch((slab, count) => queue.writeBatch(slab, count), workerData);
          setImmediate(() => parentPort.postMessage('reading'));
        }
        void main();
      \`);
      const modes = [{}, { spin: 100 }, { busy: true }];
      for (let i = 0; i < 200; i++) {
        const one = new Worker(new URL(worker), { workerData: modes[i % 3] });
        await new Promise((resolve, reject) => { one.on('message', resolve); one.on('error', reject); });
        await new Promise((resolve) => setTimeout(resolve, i % 5));
        await one.terminate();
      }
      const end = performance.now() + 5000;
      while (tuns() > 0 && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
      console.log(tuns());`;
    expect((await program(source, 60_000)).stdout).toBe('0\n');
  }, 90_000);
});
