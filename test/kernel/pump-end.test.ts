/** How a pump ends that nobody waits for: its thread finds the link gone, whatever else happens. */
import { expect, test } from 'vitest';
import { createNetns } from '../../lib/netns/calls.js';
import type { PacketDevice } from '../../lib/packet/device.js';
import { type Pump, pump } from '../../lib/packet/pump.js';
import { createTap } from '../../lib/packet/tun.js';
import { deleteLink } from '../../lib/rtnetlink/link/delete.js';
import { expectNoLeaks } from './leaks.ts';
import { openTuns, queueOf, withNetns } from './packet-peers.ts';
import { describeKernel } from './privilege.ts';

const ENDS: [string, (relay: Pump, a: PacketDevice) => void][] = [
  ['disposing of it', (relay) => relay[Symbol.dispose]()],
  ['disposing of its queue', (_relay, a) => queueOf(a)[Symbol.dispose]()],
];

describeKernel.needs('tun')('a pump whose link is gone', () => {
  expectNoLeaks(async () => {
    await using netns = await createNetns();
    await (await createTap({ netns })).close();
  });

  test.each(ENDS)('rejects with ENODEV also where %s comes before the event loop hears of it', (_what, end) =>
    withNetns(async (netns) => {
      await using a = await createTap({ netns, up: true });
      await using b = await createTap({ netns, up: true });
      const before = openTuns();
      const relay = pump(queueOf(a), queueOf(b));
      const failed = expect(relay.ended).rejects.toMatchObject({ code: 'ENODEV', side: 'a', syscall: 'read' });
      expect(openTuns()).toBe(before + 2);
      deleteLink.sync(a.link);
      // Not a turn of the event loop until the thread has ended, and closed its duplicates.
      for (const deadline = performance.now() + 5000; openTuns() > before; )
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
});
