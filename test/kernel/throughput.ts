/** How fast TCP is from one namespace to another. */
import { spawn } from 'node:child_process';
import type { Netns } from 'netloom';
import { expect } from 'vitest';
import { pathOf } from './witness.ts';

/** Sends as much as goes for a while by TCP; gives bits per second, measured where they arrive. */
export async function throughput(from: Netns, to: Netns, address: string): Promise<number> {
  const inside = (netns: Netns, source: string) =>
    spawn('nsenter', [`--net=${pathOf(netns)}`, process.execPath, '--eval', source], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  // The first third of a second is not counted: the burst, and TCP finding its pace.
  const receiver = inside(
    to,
    `require('node:net').createServer((socket) => {
       let counted = 0, since;
       const start = process.hrtime.bigint();
       socket.on('data', ({ length }) => {
         const now = process.hrtime.bigint();
         if (now - start < 300_000_000n) return;
         if (since === undefined) { since = now; return; }
         counted += length;
         if (now - since < 800_000_000n) return;
         console.log(counted * 8 * 1e9 / Number(now - since));
         process.exit();
       });
     }).listen(5001, '0.0.0.0', () => console.log('ready'));`,
  );
  let sender: ReturnType<typeof inside> | undefined;
  try {
    return await new Promise((resolve, reject) => {
      receiver.once('exit', () => reject(new Error('nothing was measured')));
      receiver.stdout.on('data', (data: Buffer) => {
        const line = data.toString().trim();
        if (line !== 'ready') resolve(Number(line));
        sender ??= inside(
          from,
          `const socket = require('node:net').connect(5001, '${address}');
           const data = Buffer.alloc(65536);
           const more = () => { while (socket.write(data)); };
           socket.on('connect', more).on('drain', more).on('error', () => process.exit());`,
        );
      });
    });
  } finally {
    receiver.kill('SIGKILL');
    sender?.kill('SIGKILL');
  }
}

/** Never a fifth more than that, and not a fifth less: a busy machine may slow TCP down, for which it has three tries. */
export async function expectRate(rate: number, measure: () => Promise<number>): Promise<void> {
  let most = 0;
  for (let i = 0; i < 3 && most < rate * 0.8; i++) {
    const measured = await measure();
    expect(measured).toBeLessThan(rate * 1.2);
    most = Math.max(most, measured);
  }
  expect(most).toBeGreaterThan(rate * 0.8);
}
