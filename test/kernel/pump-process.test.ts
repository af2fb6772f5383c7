import { expect, test } from 'vitest';
import { program } from './packet-peers.ts';
import { describeKernel } from './privilege.ts';

const OPEN = `
  const { createNetns, createTap, pump } = await import(netloom);
  const netns = await createNetns();
  const [a, b] = await Promise.all([createTap({ netns, up: true }), createTap({ netns, up: true })]);
  const relay = pump(a.queues[0], b.queues[0]);
  process.on('exit', () => console.log('ended'));`;

describeKernel.needs('tun')('a pump and its process', () => {
  test('keeps it alive until the pump is stopped', async () => {
    const stopped = `${OPEN}
      setTimeout(() => relay.stop(), 100).unref();
      await relay.ended; console.log('stopped');`;
    expect((await program(stopped)).stdout).toBe('stopped\nended\n');
  });

  test('unref lets it end, and stop is waited for nevertheless', async () => {
    expect((await program(`${OPEN} relay.unref(); console.log('left');`)).stdout).toBe('left\nended\n');
    const stopped = `${OPEN} relay.unref(); await relay.stop(); console.log('stopped');`;
    expect((await program(stopped)).stdout).toBe('stopped\nended\n');
    const again = `${OPEN} relay.unref().ref(); setTimeout(() => relay.stop(), 100).unref(); await relay.ended;`;
    expect((await program(again)).stdout).toBe('ended\n');
  });

  test('process.exit ends it while frames pass', async () => {
    expect((await program(`${OPEN} setTimeout(() => process.exit(0), 50);`)).stdout).toBe('ended\n');
  });

  test('nobody who listens to its end makes that an unhandledRejection', async () => {
    const source = `${OPEN}
      const { deleteLink } = await import(netloom);
      process.on('unhandledRejection', (error) => console.log(error.code, error.side));
      await deleteLink(b.link);`;
    expect((await program(source)).stdout).toBe('ENODEV b\nended\n');
  });

  test('200 Workers that are terminated with live pumps leave no thread and no descriptor', async () => {
    const source = `
      import { Worker } from 'node:worker_threads';
      import { readdirSync, readlinkSync } from 'node:fs';
      const OWN = /^(\\/dev\\/net\\/tun|anon_inode:\\[event(poll|fd)\\])$/;
      const descriptors = () => readdirSync('/proc/self/fd').filter((fd) => {
        try { return OWN.test(readlinkSync('/proc/self/fd/' + fd)); } catch { return false; }
      }).length;
      const threads = () => readdirSync('/proc/self/task').length;
      const worker = 'data:text/javascript,' + encodeURIComponent(\`
        import { parentPort, workerData } from 'node:worker_threads';
        async function main() {
          const { createNetns, createTap, pump } = await import('\${netloom}');
          const netns = await createNetns();
          const [a, b] = await Promise.all([createTap({ netns, up: true }), createTap({ netns, up: true })]);
          const relay = pump(a.queues[0], b.queues[0]);
          if (workerData % 3 === 0) relay.stop();
          parentPort.postMessage('pumping');
        }
        void main();
      \`);
      async function one(i) {
        const worker_ = new Worker(new URL(worker), { workerData: i });
        await new Promise((resolve, reject) => { worker_.on('message', resolve); worker_.on('error', reject); });
        await new Promise((resolve) => setTimeout(resolve, i % 5));
        await worker_.terminate();
      }
      await one(0);
      const before = [descriptors(), threads()];
      for (let i = 1; i < 200; i += 4) await Promise.all([i, i + 1, i + 2, i + 3].filter((each) => each < 200).map(one));
      const settled = () => descriptors() === before[0] && threads() === before[1];
      const end = performance.now() + 10_000;
      while (!settled() && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
      console.log(descriptors() - before[0], threads() - before[1]);`;
    expect((await program(source, 150_000)).stdout).toBe('0 0\n');
  }, 180_000);
});
