/** How a pump ends that nobody waits for: its thread finds the link gone, whatever else happens. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createNetns } from '../../lib/netns/calls.js';
import type { PacketDevice } from '../../lib/packet/device.js';
import { type Pump, pump } from '../../lib/packet/pump.js';
import { createTap } from '../../lib/packet/tun.js';
import { deleteLink } from '../../lib/rtnetlink/link/delete.js';
import { expectNoLeaks } from './leaks.ts';
import { queueOf, withNetns } from './packet-peers.ts';
import { describeKernel } from './privilege.ts';

const ENDS: [string, (relay: Pump, a: PacketDevice) => void][] = [
  ['disposing of it', (relay) => relay[Symbol.dispose]()],
  ['disposing of its queue', (_relay, a) => queueOf(a)[Symbol.dispose]()],
];

/** A frame each 10 ms, of a type that nobody answers, until it is killed. */
const STEADY = `import socket, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind((sys.argv[1], 0))
while True: s.send(bytes.fromhex('020000000001 020000000002 8885') + bytes(46)); time.sleep(0.01)`;

const threads = () => readdirSync('/proc/self/task').length;

const NOTHING = [{ code: 0x06, jt: 0, jf: 0, k: 0 }];

describeKernel.needs('tun')('a pump whose link is gone', () => {
  expectNoLeaks(async () => {
    await using netns = await createNetns();
    await (await createTap({ netns })).close();
  });

  test.each(ENDS)('rejects with ENODEV also where %s comes before the event loop hears of it', (_what, end) =>
    withNetns(async (netns) => {
      await using a = await createTap({ netns, up: true });
      await using b = await createTap({ netns, up: true });
      const before = threads();
      const relay = pump(queueOf(a), queueOf(b));
      const failed = expect(relay.ended).rejects.toMatchObject({ code: 'ENODEV', side: 'a', syscall: 'read' });
      expect(threads()).toBe(before + 1);
      deleteLink.sync(a.link);
      // Not a turn of the event loop until the thread has ended.
      for (const deadline = performance.now() + 5000; threads() > before; )
        if (performance.now() > deadline) throw new Error('the thread of the pump has not ended');
      end(relay, a);
      await failed;
    }),
  );

  test('resolves where it is disposed of while the links are there', () =>
    withNetns(async (netns) => {
      await using a = await createTap({ netns, up: true });
      await using b = await createTap({ netns, up: true });
      const relay = pump(queueOf(a), queueOf(b));
      relay[Symbol.dispose]();
      await expect(relay.ended).resolves.toBeUndefined();
    }));

  test('tells of b, one way, also while frames come from a all the time and none is let through', () =>
    withNetns(async (netns) => {
      await using a = await createTap({ name: 'a', netns, up: true });
      await using b = await createTap({ name: 'b', netns, up: true });
      const relay = pump(queueOf(a), queueOf(b), { oneWay: true, filter: NOTHING });
      const failed = expect(relay.ended).rejects.toMatchObject({ code: 'ENODEV', side: 'b' });
      const sender = spawn('nsenter', [`--net=/proc/${process.pid}/fd/${netns.fd}`, 'python3', '-c', STEADY, 'a']);
      const closed = once(sender, 'close');
      try {
        const { filtered } = relay.stats.aToB;
        await expect.poll(() => relay.stats.aToB.filtered).toBeGreaterThan(filtered + 10);
        await deleteLink(b.link);
        await failed;
      } finally {
        sender.kill();
        await closed;
      }
    }));
});
