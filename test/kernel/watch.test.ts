import {
  addAddress,
  addNeighbor,
  addRoute,
  createBridge,
  createNetns,
  createVeth,
  deleteAddress,
  deleteLink,
  deleteRoute,
  type Link,
  listAddresses,
  listLinks,
  listRoutes,
  type Netns,
  type NetworkEvent,
  type NetworkWatcher,
  replaceRoute,
  setLink,
  watch,
} from 'netloom';
import * as sync from 'netloom/sync';
import { expect, test, vi } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { inside, pause, program, withNetns } from './packet-peers.ts';
import { describeKernel } from './privilege.ts';

/** The next event that is about `type`. */
async function nextOf<T extends NetworkEvent['type']>(watcher: NetworkWatcher, type: T) {
  for (;;) {
    const { value } = await watcher.next();
    if (value === undefined) throw new Error('the watcher has ended');
    if (value.type === type) return value as Extract<NetworkEvent, { type: T }>;
  }
}

/** What the picture says is what a fresh list says. */
async function expectTrue(watcher: NetworkWatcher, netns: Netns): Promise<void> {
  await vi.waitFor(
    async () => {
      const { links, addresses, routes } = watcher.snapshot(netns);
      const names = (of: Iterable<{ name: string; up: boolean; mtu: number; carrier: boolean }>) =>
        [...of].map(({ name, up, mtu, carrier }) => `${name} ${up} ${mtu} ${carrier}`).sort();
      expect(names(links.values())).toEqual(names(await listLinks({ netns })));
      const told = (of: readonly { address: string; link: number; flags: readonly string[] }[]) =>
        of.map(({ address, link, flags }) => `${address} ${link} ${flags}`).sort();
      expect(told(addresses)).toEqual(told(await listAddresses({ netns })));
      const routed = (of: readonly { to: string; via?: string; table: unknown; flags: readonly string[] }[]) =>
        of.map(({ to, via, table, flags }) => `${to} ${via} ${table} ${flags}`).sort();
      expect(routed(routes)).toEqual(routed(await listRoutes({ netns, table: 'all' })));
    },
    { timeout: 10_000, interval: 50 },
  );
}

describeKernel('watch', () => {
  expectNoLeaks(async () => {
    using watcher = watch();
    await watcher.ready;
    await listLinks();
  });

  test('a link that comes, changes and goes is three events, with what it was and is', () =>
    withNetns(async (netns) => {
      await using watcher = watch({ links: true }, { netns });
      await watcher.ready;
      const [a] = await createVeth({ name: 'a', netns, peer: { name: 'b' } });
      const added = await nextOf(watcher, 'link');
      expect(added).toMatchObject({ change: 'added', netns });
      expect(['a', 'b']).toContain(added.new?.name);
      await nextOf(watcher, 'link');
      await setLink(a, { mtu: 1400 });
      for (;;) {
        const changed = await nextOf(watcher, 'link');
        if (changed.change !== 'changed' || changed.new.mtu !== 1400) continue;
        expect([changed.new.name, changed.old.mtu]).toEqual(['a', 1500]);
        break;
      }
      await deleteLink(a);
      const removed = new Set<string | undefined>();
      while (removed.size < 2) {
        const event = await nextOf(watcher, 'link');
        if (event.change === 'removed') removed.add(event.old.name);
      }
      expect(removed).toEqual(new Set(['a', 'b']));
    }));

  test('what there is comes first where it is asked for, and is in the snapshot in any case', () =>
    withNetns(async (netns) => {
      const [a] = await createVeth({ name: 'a', netns, peer: { name: 'b' }, addresses: ['10.0.0.1/24'] });
      await using watcher = watch({ links: true, addresses: true }, { netns, initial: true });
      const names: string[] = [];
      for (let i = 0; i < 3; i++) names.push((await nextOf(watcher, 'link')).new?.name ?? '');
      expect(names.sort()).toEqual(['a', 'b', 'lo']);
      expect((await nextOf(watcher, 'address')).new).toMatchObject({ address: '10.0.0.1', link: a.index });
      await using other = watch({ links: true }, { netns });
      await other.ready;
      expect([...other.snapshot().links.values()].map(({ name }) => name).sort()).toEqual(['a', 'b', 'lo']);
      expect(other.snapshot().addresses).toEqual([]);
    }));

  test('addresses, routes and neighbours, by this library and by iproute2', () =>
    withNetns(async (netns) => {
      const [a] = await createVeth({ name: 'a', netns, up: true, peer: { name: 'b', up: true } });
      await using watcher = watch({}, { netns });
      await watcher.ready;
      await addAddress(a, '10.0.0.1/24');
      for (;;) {
        const event = await nextOf(watcher, 'address');
        if (event.new?.family === 'inet6') continue;
        expect(event).toMatchObject({ change: 'added', new: { address: '10.0.0.1', prefixLength: 24 } });
        break;
      }
      await addRoute({ to: '10.9.0.0/16', via: '10.0.0.2', link: a });
      await replaceRoute({ to: '10.9.0.0/16', via: '10.0.0.3', link: a });
      await expectTrue(watcher, netns);
      expect(watcher.snapshot().routes.filter(({ to }) => to === '10.9.0.0/16')).toMatchObject([{ via: '10.0.0.3' }]);
      await inside(netns, 'ip', 'route', 'append', '10.9.0.0/16', 'via', '10.0.0.4');
      await inside(netns, 'ip', '-6', 'route', 'add', '2001:db8:9::/48', 'via', 'fe80::7', 'dev', 'a');
      await inside(netns, 'ip', '-6', 'route', 'append', '2001:db8:9::/48', 'via', 'fe80::8', 'dev', 'a');
      await expectTrue(watcher, netns);
      expect(watcher.snapshot().routes.filter(({ to }) => to === '10.9.0.0/16')).toHaveLength(2);
      await deleteRoute({ to: '10.9.0.0/16', via: '10.0.0.3' }, { netns });
      await expectTrue(watcher, netns);
      await addNeighbor({ address: '10.0.0.7', mac: '02:00:00:00:00:07', link: a });
      await vi.waitFor(() =>
        expect(watcher.snapshot().neighbors).toContainEqual(
          expect.objectContaining({ address: '10.0.0.7', mac: '02:00:00:00:00:07', state: 'permanent' }),
        ),
      );
    }));

  test('routes that the kernel takes away without a word are told', () =>
    withNetns(async (netns) => {
      const [a] = await createVeth({ name: 'a', netns, up: true, peer: { name: 'b', up: true } });
      await addAddress(a, '10.0.0.1/24');
      await addRoute({ to: '10.9.0.0/16', via: '10.0.0.2', link: a });
      await using watcher = watch({}, { netns });
      await watcher.ready;
      await setLink(a, { up: false });
      for (;;) {
        const event = await nextOf(watcher, 'route');
        if (event.change === 'removed' && event.old.to === '10.9.0.0/16') break;
      }
      await deleteAddress(a, '10.0.0.1/24');
      await expectTrue(watcher, netns);
    }));

  test('the state of a bridge port is told, and leaving the bridge is no end of the link', () =>
    withNetns(async (netns) => {
      const br = await createBridge({ name: 'br', netns, up: true });
      const [port] = await createVeth({ name: 'port', netns, peer: { name: 'p', up: true } });
      await using watcher = watch({ links: true }, { netns });
      await watcher.ready;
      await setLink(port, { master: br, up: true });
      await vi.waitFor(() => expect(watcher.snapshot().links.get(port.index)?.bridgePort?.state).toBe('forwarding'));
      await setLink(port, { master: null });
      await vi.waitFor(() => expect(watcher.snapshot().links.get(port.index)?.master).toBeUndefined());
      expect(watcher.snapshot().links.get(port.index)?.name).toBe('port');
    }));

  test('an answer that is older than what was heard meanwhile does not count', () =>
    withNetns(async (netns) => {
      const br = await createBridge({ name: 'br', netns, up: true });
      const [port] = await createVeth({ name: 'port', netns, up: true, master: br, peer: { name: 'p', up: true } });
      await using watcher = watch({ links: true }, { netns });
      await watcher.ready;
      for (let round = 0; round < 20; round++) {
        await pause(10);
        // Told by the bridge, so the watcher asks for the link.
        await setLink(port, { bridgePort: { cost: 100 + round } });
        for (let turn = 0; turn < (round % 4) + 1; turn++) await new Promise((resolve) => setImmediate(resolve));
        // The answer waits while this thread is busy, and the link changes.
        const end = performance.now() + 4;
        while (performance.now() < end);
        sync.setLink(port, { mtu: 1300 + round });
        await pause(40);
        expect(watcher.snapshot().links.get(port.index)?.mtu).toBe(1300 + round);
      }
    }));

  test('a neighbour that lists do not show any more is gone', () =>
    withNetns(async (netns) => {
      const [a] = await createVeth({ name: 'a', netns, up: true, peer: { name: 'b', up: true } });
      await using watcher = watch({ neighbors: true }, { netns });
      await watcher.ready;
      await addNeighbor({ address: '10.0.0.7', mac: '02:00:00:00:00:07', link: a });
      expect(await nextOf(watcher, 'neighbor')).toMatchObject({ change: 'added', new: { address: '10.0.0.7' } });
      await inside(
        netns,
        'ip',
        'neigh',
        'replace',
        '10.0.0.7',
        'lladdr',
        '02:00:00:00:00:07',
        'dev',
        'a',
        'nud',
        'noarp',
      );
      expect(await nextOf(watcher, 'neighbor')).toMatchObject({ change: 'removed', old: { address: '10.0.0.7' } });
    }));

  test('several namespaces in one watcher', () =>
    withNetns(async (one) => {
      await using two = await createNetns();
      await using watcher = watch({ links: true }, { netns: [one, two] });
      await watcher.ready;
      await createVeth({ name: 'a', netns: one, peer: { name: 'b', netns: two } });
      await vi.waitFor(() => {
        expect([...watcher.snapshot(one).links.values()].map(({ name }) => name)).toContain('a');
        expect([...watcher.snapshot(two).links.values()].map(({ name }) => name)).toContain('b');
      });
      const places = new Set<string>();
      while (places.size < 2) {
        const event = await nextOf(watcher, 'link');
        const { name } = (event.new ?? event.old) as Link;
        places.add(`${name}@${event.netns === one ? 'one' : 'two'}`);
        places.delete('b@one');
      }
      expect(places).toEqual(new Set(['a@one', 'b@two']));
    }));

  test(
    'a flood that overflows the socket is answered by the differences: the picture is true, 50 times',
    () =>
      withNetns(async (netns) => {
        await using watcher = watch({ links: true, addresses: true, routes: true }, { netns, receiveBuffer: 4096 });
        await watcher.ready;
        // Whoever follows the events has the same picture.
        const followed = new Map<number, string>();
        for (const [index, { name }] of watcher.snapshot().links) followed.set(index, name);
        const following = (async () => {
          for await (const event of watcher) {
            if (event.type !== 'link') continue;
            if (event.new) followed.set(event.new.index, event.new.name);
            else followed.delete(event.old.index);
          }
        })();
        for (let round = 0; round < 50; round++) {
          const made = Array.from({ length: 5 }, (_, i) =>
            createVeth({
              name: `a${round}-${i}`,
              netns,
              up: true,
              addresses: [`10.${round}.${i}.1/24`],
              peer: { name: `b${round}-${i}`, up: true },
            }),
          );
          const links = await Promise.all(made);
          if (round % 3 !== 0) await Promise.all(links.map(([link]) => deleteLink(link)));
          await expectTrue(watcher, netns);
          expect(new Map([...watcher.snapshot().links].map(([index, { name }]) => [index, name]))).toEqual(followed);
        }
        watcher.close();
        await following;
      }),
    120_000,
  );

  test('a reader that does not read is told where it all led', () =>
    withNetns(async (netns) => {
      await using watcher = watch({ addresses: true }, { netns });
      await watcher.ready;
      const address = String.raw`address add 10.$((i >> 8)).$((i & 255)).1/32 dev lo\naddress del 10.$((i >> 8)).$((i & 255)).1/32 dev lo\n`;
      const flood = `(for i in $(seq 6000); do printf "${address}"; done; echo address add 10.99.0.1/32 dev lo) | ip -batch -`;
      await inside(netns, 'bash', '-c', flood);
      await pause(200);
      const event = await nextOf(watcher, 'address');
      expect(event).toMatchObject({ change: 'added', new: { address: '10.99.0.1' } });
    }));

  test('its end: close, leaving the loop, the signal, a closed namespace', () =>
    withNetns(async (netns) => {
      const closed = watch({ links: true }, { netns });
      const waiting = closed.next();
      closed.close();
      closed.close();
      expect(await waiting).toEqual({ value: undefined, done: true });
      await expect(closed.ready).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' });

      for await (const event of watch({ links: true }, { netns, initial: true })) {
        expect(event).toMatchObject({ change: 'added', new: { name: 'lo' } });
        break;
      }

      const aborting = new AbortController();
      const aborted = watch({ links: true }, { netns, signal: aborting.signal });
      await aborted.ready;
      const next = expect(aborted.next()).rejects.toMatchObject({ name: 'AbortError' });
      aborting.abort();
      await next;
      expect(await aborted.next()).toEqual({ value: undefined, done: true });
      await expect(watch({}, { netns, signal: AbortSignal.abort() }).next()).rejects.toMatchObject({
        name: 'AbortError',
      });

      const other = await createNetns();
      other.close();
      await expect(watch({}, { netns: other }).next()).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' });

      const meanwhile = await createNetns();
      const watched = watch({}, { netns: meanwhile });
      await watched.ready;
      const pending = expect(watched.next()).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' });
      meanwhile.close();
      await pending;

      const early = watch({}, { netns, signal: AbortSignal.abort() });
      const first = expect(early.next()).rejects.toMatchObject({ name: 'AbortError' });
      await expect(early.ready).rejects.toMatchObject({ name: 'AbortError' });
      await first;
    }));

  test.each<[selection: unknown, options: object, code: string, message: RegExp]>([
    [{ link: true }, {}, 'ERR_INVALID_ARG_VALUE', /link true is none of links, addresses, routes, neighbors/],
    [{ links: 'yes' }, {}, 'ERR_INVALID_ARG_TYPE', /links must be true or false/],
    [{ links: false }, {}, 'ERR_INVALID_ARG_VALUE', /selects nothing/],
    [null, {}, 'ERR_INVALID_ARG_TYPE', /selection must be an object/],
    [{}, { receiveBuffer: -1 }, 'ERR_OUT_OF_RANGE', /receiveBuffer -1/],
    [{}, { netns: [] }, 'ERR_INVALID_ARG_VALUE', /names none/],
    [{}, { netns: 'blue' }, 'ERR_INVALID_ARG_TYPE', /netns must be a Netns/],
    [{}, { intial: true }, 'ERR_INVALID_ARG_VALUE', /options.intial/],
  ])('%j with %j is refused', (selection, options, code, message) => {
    expect(() => watch(selection as object, options)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });

  test('it keeps its process alive until it is closed, unless it is unreferenced', async () => {
    const open = `
      const { watch } = await import(netloom);
      const watcher = watch({ links: true });
      await watcher.ready;`;
    expect((await program(`${open} watcher.unref(); console.log('left');`)).stdout).toBe('left\n');
    const early = "(await import(netloom)).watch({ links: true }).unref(); console.log('left');";
    expect((await program(early)).stdout).toBe('left\n');
    expect(
      (
        await program(
          `${open} setTimeout(() => watcher.close(), 100).unref(); await watcher.next(); console.log('closed');`,
        )
      ).stdout,
    ).toBe('closed\n');
  });
});
