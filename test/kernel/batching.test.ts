import { monitorEventLoopDelay } from 'node:perf_hooks';
import {
  addAddress,
  createNetns,
  createVeth,
  deleteLink,
  getLink,
  type Link,
  listAddresses,
  listLinks,
  type Netns,
  setLink,
} from 'netloom';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { type Failure, ip, seen, seenAddresses, seenNames } from './witness.ts';

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describeKernel('calls made together', () => {
  expectNoLeaks(() => listLinks());

  let netns: Netns;
  let link: Link;
  beforeEach(async () => {
    netns = await createNetns();
    [link] = await createVeth({ name: 'a', netns, addrGenMode: 'none', peer: { name: 'b', addrGenMode: 'none' } });
  });
  afterEach(() => netns.close());

  test('each have their own result, also where some are refused by the kernel and some before it', async () => {
    ip(netns, 'address add 10.0.0.31/24 dev a');
    const results = await Promise.allSettled(
      range(100).map((i) => addAddress(link, i === 60 ? '10.0.0.61/33' : `10.0.0.${i + 1}/24`)),
    );
    const refused = results.flatMap((result, i) =>
      result.status === 'rejected' ? [[i, (result.reason as Failure).code]] : [],
    );
    expect(refused).toEqual([
      [30, 'EEXIST'],
      [60, 'ERR_OUT_OF_RANGE'],
    ]);
    expect(seenAddresses(netns, 'a').sort()).toEqual(
      range(100)
        .filter((i) => i !== 60)
        .map((i) => `10.0.0.${i + 1}/24`)
        .sort(),
    );
  });

  test('travel in one exchange', async () => {
    // The batch is what one native call sends; each goes through `exchangeAsync` of the namespace's socket.
    const flights: number[] = [];
    const { native } = await import('../../lib/native/load.js');
    const open = native.openNetlink;
    native.openNetlink = (options) => {
      const socket = open(options);
      return new Proxy(socket, {
        get(target, key) {
          const value: unknown = Reflect.get(target, key, target);
          if (key === 'exchangeAsync') {
            return (send: Uint8Array | null, length: number, receive: Uint8Array) => {
              if (send) flights.push(length);
              return target.exchangeAsync(send, length, receive);
            };
          }
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    };
    try {
      using fresh = await createNetns();
      await Promise.all(range(50).map((i) => setLink('lo', { group: i }, { netns: fresh })));
      // setLink by name looks the link up first: all look-ups together, then all changes together.
      expect(flights).toHaveLength(2);
      expect(seen(fresh, 'lo').group).toBe('49');
    } finally {
      native.openNetlink = open;
    }
  });

  test('reach the kernel in the order in which they were made', async () => {
    await Promise.all(range(100).map((i) => setLink(link, { mtu: undefined, group: i + 1 })));
    expect(seen(netns, 'a').group).toBe('100');
    const [, , renamed] = await Promise.all([
      setLink(link, { name: 'first' }),
      setLink(link, { name: 'second' }),
      setLink(link, { name: 'third' }),
    ]);
    expect(renamed.name).toBe('third');
    expect(seenNames(netns).sort()).toEqual(['b', 'third']);
  });

  test('see what those before them did', async () => {
    const [, seenAfter] = await Promise.all([setLink(link, { alias: 'written' }), getLink(link)]);
    expect(seenAfter.alias).toBe('written');
  });

  test('may be thousands: more than one batch takes', async () => {
    await Promise.all(range(5_000).map((i) => addAddress(link, `10.${1 + (i >> 8)}.${i & 255}.1/32`)));
    expect(await listAddresses({ link, family: 'inet' })).toHaveLength(5_000);
    expect(seenAddresses(netns, 'a')).toHaveLength(5_000);
  });

  test('in many namespaces do not wait for each other', async () => {
    const all = await Promise.all(range(50).map(() => createNetns()));
    const links = await Promise.all(all.map((there) => createVeth({ name: 'x', netns: there, peer: { name: 'y' } })));
    const found = await Promise.all(links.map(([x]) => getLink(x)));
    expect(found.map(({ name, netns: where }) => [name, where.id])).toEqual(all.map(({ id }) => ['x', id]));
    for (const there of all) there.close();
  });

  test('keep the event loop free: 50 removals, each of which the kernel takes 15 ms for', async () => {
    const links = await Promise.all(
      range(50).map((i) => createVeth({ name: `x${i}`, netns, addrGenMode: 'none', peer: { name: `y${i}` } })),
    );
    const delay = monitorEventLoopDelay({ resolution: 1 });
    // The first ticks of the histogram count what came before.
    await new Promise((resolve) => setTimeout(resolve, 20));
    delay.enable();
    const start = performance.now();
    for (const [x] of links) await deleteLink(x);
    const took = performance.now() - start;
    delay.disable();
    expect(seenNames(netns).sort()).toEqual(['a', 'b']);
    expect(took).toBeGreaterThan(50);
    // Nanoseconds. A call that waits for the kernel on this thread would show up with every removal.
    expect(delay.percentile(90) / 1e6).toBeLessThan(20);
    expect(delay.mean / 1e6).toBeLessThan(10);
  });
});
