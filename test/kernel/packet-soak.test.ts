import { expect, test } from 'vitest';
import { createTap } from '../../lib/packet/tun.js';
import { expectNoLeaks } from './leaks.ts';
import { program } from './packet-peers.ts';
import { describeKernel } from './privilege.ts';

/**
 * A flood that no other process takes part in, and that loses nothing: frames go round between two TAPs of one
 * bridge. What comes out of one is written to the other, which the bridge brings back.
 *
 *     flow(write): reads both queues, and gives what it read to `write`
 *     frames(): how many have been read
 */
const RING = `
  const { createBridge, createNetns, createTap, FrameSlab, setSysctl } = await import(netloom);
  const netns = await createNetns();
  // Reports of multicast groups would join the ring, and stay: of IPv6, and of a bridge that snoops.
  await setSysctl('net.ipv6.conf.default.disable_ipv6', 1, { netns });
  const quiet = { netns, up: true, addrGenMode: 'none' };
  const bridge = await createBridge({ name: 'br0', multicastSnooping: false, ...quiet });
  const taps = await Promise.all(['tap0', 'tap1'].map((name) => createTap({ name, master: bridge, ...quiet })));
  const [a, b] = taps.map(({ queues }) => queues[0]);
  const IN_THE_RING = 128;
  const start = () => {
    const slab = new FrameSlab({ slots: IN_THE_RING });
    const frame = Buffer.concat([Buffer.from('02000000000102000000000288b5', 'hex'), Buffer.alloc(46)]);
    for (let i = 0; i < slab.slots; i++) slab.set(i, frame);
    if (a.writeBatch(slab) !== IN_THE_RING) throw new Error('not all were written');
  };
  const end = async (result) => {
    await Promise.all(taps.map((tap) => tap.close()));
    netns.close();
    console.log(JSON.stringify(result));
  };
`;

describeKernel.needs('tun')('a million packets', () => {
  expectNoLeaks(async () => {
    await (await createTap({ name: 'warm-up' })).close();
  });

  test('through onBatch need no garbage collection, and leave nothing on the heap', async () => {
    const { stdout } = await program(`${RING}
      const { GCProfiler, setFlagsFromString } = await import('node:v8');
      const { runInNewContext } = await import('node:vm');
      setFlagsFromString('--expose-gc');
      const collect = runInNewContext('gc');
      const WARM_UP = 100_000;
      const MILLION = 1_000_000;
      const measured = () => {
        const { heapUsed, arrayBuffers } = process.memoryUsage();
        return { heapUsed, arrayBuffers };
      };
      let frames = 0;
      let before;
      const profiler = new GCProfiler();
      const done = new Promise((resolve) => {
        const follow = (from, to) => from.onBatch((slab, count) => {
          frames += count;
          if (to.writeBatch(slab, count) !== count) throw new Error('not all were written');
          if (before === undefined) {
            if (frames < WARM_UP) return;
            // What loading left behind would have to be collected some time.
            collect();
            measured();
            before = measured();
            frames = 0;
            profiler.start();
          } else if (frames >= MILLION) resolve();
        });
        follow(a, b);
        follow(b, a);
      });
      start();
      await done;
      // V8 looks at the whole heap from time to time, whether or not there is garbage.
      const scavenges = profiler.stop().statistics.filter(({ gcType }) => gcType === 'Scavenge').length;
      // The event loop's own calls leave some 70 bytes each, for every batch of 64; what stays is what has grown.
      collect();
      const after = measured();
      const bytes = a.stats.bytesIn + b.stats.bytesIn;
      await end({
        scavenges,
        heapGrowth: after.heapUsed - before.heapUsed,
        bufferGrowth: after.arrayBuffers - before.arrayBuffers,
        size: bytes / (a.stats.framesIn + b.stats.framesIn),
      });
    `);
    const { scavenges, heapGrowth, bufferGrowth, size } = JSON.parse(String(stdout));
    expect(size).toBe(60);
    expect(scavenges).toBe(0);
    expect(heapGrowth).toBeLessThan(1 << 20);
    expect(bufferGrowth).toBeLessThanOrEqual(0);
  });

  /** Each gives what it reads to the other queue, until the queues are closed. */
  const WAYS = {
    onBatch: 'from.onBatch((slab, count) => to.writeBatch(slab, count))',
    'onBatch with spin': 'from.onBatch((slab, count) => to.writeBatch(slab, count), { spin: 1000 })',
    'onBatch, busy': 'from.onBatch((slab, count) => to.writeBatch(slab, count), { busy: true })',
    'for await': 'for await (const frame of from) to.write(frame)',
  };

  test.each(Object.entries(WAYS))('do not hold up timers: %s', async (_way, source) => {
    const { stdout } = await program(`${RING}
      const INTERVAL_MS = 10;
      const TICKS = 150;
      const follow = async (from, to) => { ${source}; };
      void follow(a, b);
      void follow(b, a);
      start();
      // By the processor time of this process: what others take is not this loop's fault.
      const used = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1000; };
      const lags = [];
      await new Promise((resolve) => {
        let last = used();
        const interval = setInterval(() => {
          const now = used();
          lags.push(Math.max(0, now - last - INTERVAL_MS));
          last = now;
          if (lags.length < TICKS) return;
          clearInterval(interval);
          resolve();
        }, INTERVAL_MS);
      });
      const frames = a.stats.framesIn + b.stats.framesIn;
      await end({ frames, lag: lags.sort((one, other) => one - other)[Math.floor(TICKS * 0.99)] });
    `);
    const { frames, lag } = JSON.parse(String(stdout));
    expect(lag).toBeLessThan(20);
    expect(frames).toBeGreaterThan(20_000);
  });
});
