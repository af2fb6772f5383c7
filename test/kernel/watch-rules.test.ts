import {
  addRule,
  createNetns,
  createVeth,
  deleteLink,
  deleteRule,
  listLinks,
  listNetnsIds,
  listRules,
  type Netns,
  type NetworkEvent,
  type NetworkWatcher,
  setLink,
  setNetnsId,
  watch,
} from 'netloom';
import { expect, test, vi } from 'vitest';
import { NLM_F_CREATE } from '../../lib/netlink/message.js';
import { ruleRequest } from '../../lib/rtnetlink/rule/spec.js';
import { RTM } from '../../lib/rtnetlink/types.js';
import { expectNoLeaks } from './leaks.ts';
import { inside, withNetns } from './packet-peers.ts';
import { describeKernel } from './privilege.ts';

type Of<T extends NetworkEvent['type']> = Extract<NetworkEvent, { type: T }>;

async function nextOf<T extends NetworkEvent['type']>(watcher: NetworkWatcher, type: T): Promise<Of<T>> {
  const { value } = await watcher.next();
  expect(value?.type).toBe(type);
  return value as Of<T>;
}

/** What the picture says is what a fresh list says. */
const expectTrue = (watcher: NetworkWatcher, netns: Netns): Promise<void> =>
  vi.waitFor(async () => expect(watcher.snapshot(netns).rules).toEqual(await listRules({ netns })), {
    timeout: 10_000,
    interval: 20,
  });

describeKernel('watch of rules', () => {
  expectNoLeaks(async () => {
    using watcher = watch();
    await watcher.ready;
    await listLinks();
  });

  test('that come and go, by this library and by iproute2', () =>
    withNetns(async (netns) => {
      await using watcher = watch({ rules: true }, { netns });
      await watcher.ready;
      expect(watcher.snapshot().rules.map(({ family, priority }) => `${family} ${priority}`)).toEqual([
        'inet 0',
        'inet 32766',
        'inet 32767',
        'inet6 0',
        'inet6 32766',
      ]);
      await addRule({ from: '10.1.0.0/16', table: 1000, priority: 100, netns });
      const added = await nextOf(watcher, 'rule');
      expect(added).toMatchObject({ change: 'added', netns, new: { from: '10.1.0.0/16', table: 1000, priority: 100 } });
      await inside(netns, 'ip', '-6', 'rule', 'add', 'from', '2001:db8::/32', 'prohibit', 'pref', '5');
      expect(await nextOf(watcher, 'rule')).toMatchObject({
        change: 'added',
        new: { family: 'inet6', from: '2001:db8::/32', action: 'prohibit' },
      });
      await expectTrue(watcher, netns);
      await deleteRule(added.new as NonNullable<typeof added.new>);
      expect(await nextOf(watcher, 'rule')).toMatchObject({ change: 'removed', old: { priority: 100 } });
      await expectTrue(watcher, netns);
    }));

  test('that are there come first where it is asked for', () =>
    withNetns(async (netns) => {
      await addRule({ from: '10.1.0.0/16', table: 1000, priority: 100, netns });
      await using watcher = watch({ rules: true }, { netns, initial: true });
      const first: unknown[] = [];
      for (let i = 0; i < 6; i++) first.push((await nextOf(watcher, 'rule')).new);
      expect(first).toEqual(await listRules({ netns }));
      await addRule({ from: '10.2.0.0/16', table: 1000, netns });
      expect(await nextOf(watcher, 'rule')).toMatchObject({ change: 'added', new: { from: '10.2.0.0/16' } });
    }));

  test('whose link, or whose target, comes and goes: which the kernel does not tell', () =>
    withNetns(async (netns) => {
      await addRule({ iif: 'a', table: 1000, priority: 100, netns });
      await addRule({ goto: 300, priority: 200, netns });
      await using watcher = watch({ rules: true }, { netns });
      await watcher.ready;
      const [a] = await createVeth({ name: 'a', netns, peer: { name: 'b' } });
      expect(await nextOf(watcher, 'rule')).toMatchObject({
        change: 'changed',
        old: { priority: 100, flags: ['iif-detached'] },
        new: { priority: 100, flags: [] },
      });
      await setLink(a, { name: 'c' });
      expect(await nextOf(watcher, 'rule')).toMatchObject({ change: 'changed', new: { flags: ['iif-detached'] } });
      await setLink(a, { name: 'a' });
      expect(await nextOf(watcher, 'rule')).toMatchObject({ change: 'changed', new: { flags: [] } });
      await deleteLink(a);
      expect(await nextOf(watcher, 'rule')).toMatchObject({ change: 'changed', new: { flags: ['iif-detached'] } });
      await addRule({ action: 'nop', priority: 300, netns });
      expect(await nextOf(watcher, 'rule')).toMatchObject({ change: 'added', new: { priority: 300 } });
      expect(await nextOf(watcher, 'rule')).toMatchObject({
        change: 'changed',
        old: { flags: ['unresolved'] },
        new: { flags: [] },
      });
      await deleteRule({ priority: 300 }, { netns });
      expect(await nextOf(watcher, 'rule')).toMatchObject({ change: 'removed', old: { priority: 300 } });
      expect(await nextOf(watcher, 'rule')).toMatchObject({ change: 'changed', new: { flags: ['unresolved'] } });
      await expectTrue(watcher, netns);
    }));

  test('of which two say the same: the end of one leaves the other', () =>
    withNetns(async (netns) => {
      const rule = { from: '10.1.0.0/16', table: 1000, priority: 100 } as const;
      const twice = [1, 2].map(() => ruleRequest(RTM.NEWRULE, NLM_F_CREATE, rule));
      for (const { error } of netns.sockets.exchange(twice)) expect(error).toBeUndefined();
      expect(await listRules({ netns, table: 1000 })).toHaveLength(2);
      await using watcher = watch({ rules: true }, { netns });
      await watcher.ready;
      await deleteRule(rule, { netns });
      await addRule({ action: 'nop', priority: 7, netns });
      expect(await nextOf(watcher, 'rule')).toMatchObject({ change: 'added', new: { priority: 7 } });
      await expectTrue(watcher, netns);
      await deleteRule(rule, { netns });
      expect(await nextOf(watcher, 'rule')).toMatchObject({ change: 'removed', old: { priority: 100 } });
      // And of two that come to be while it watches.
      for (const { error } of netns.sockets.exchange(twice)) expect(error).toBeUndefined();
      expect(await nextOf(watcher, 'rule')).toMatchObject({ change: 'added', new: { priority: 100 } });
      await deleteRule(rule, { netns });
      await addRule({ action: 'nop', priority: 8, netns });
      expect(await nextOf(watcher, 'rule')).toMatchObject({ change: 'added', new: { priority: 8 } });
      await expectTrue(watcher, netns);
      await deleteRule(rule, { netns });
      expect(await nextOf(watcher, 'rule')).toMatchObject({ change: 'removed', old: { priority: 100 } });
    }));

  test('a flood of them that overflows the socket is answered by the differences, 20 times', () =>
    withNetns(async (netns) => {
      await using watcher = watch({ rules: true }, { netns, receiveBuffer: 4096 });
      await watcher.ready;
      // Whoever follows the events has the same picture, and is told nothing twice.
      const followed = new Set(watcher.snapshot().rules.map(nameOf));
      const following = (async () => {
        for await (const event of watcher) {
          if (event.type !== 'rule') continue;
          if (event.old) expect(followed.delete(nameOf(event.old))).toBe(true);
          if (event.new) expect(followed).not.toContain(nameOf(event.new));
          if (event.new) followed.add(nameOf(event.new));
        }
      })();
      for (let round = 0; round < 20; round++) {
        const rules = Array.from({ length: 150 }, (_, i) => ({
          from: `10.${round}.${i}.0/24`,
          table: 1000 + (i % 3),
          priority: 100 + (i % 7),
          netns,
        }));
        await Promise.all(rules.map((rule) => addRule(rule)));
        await Promise.all(rules.slice(0, round % 3 === 0 ? 150 : 140).map((rule) => deleteRule(rule)));
        await expectTrue(watcher, netns);
        expect(followed).toEqual(new Set((await listRules({ netns })).map(nameOf)));
      }
      watcher.close();
      await following;
    }));

  test('ids of namespaces are given and go, and are in the snapshot', () =>
    withNetns(async (netns) => {
      const other = await createNetns();
      await using watcher = watch({ netnsIds: true }, { netns });
      await watcher.ready;
      expect(watcher.snapshot().netnsIds).toEqual([]);
      await setNetnsId(other, 7, { netns });
      expect(await nextOf(watcher, 'netnsId')).toMatchObject({ change: 'added', new: { netns, nsid: 7 } });
      expect(watcher.snapshot().netnsIds).toEqual([{ netns, nsid: 7 }]);
      await using third = await createNetns();
      const [a] = await createVeth({ name: 'a', netns, peer: { name: 'b', netns: third } });
      expect(await nextOf(watcher, 'netnsId')).toMatchObject({ change: 'added', new: { nsid: a.parentNetnsId } });
      await using late = watch({ netnsIds: true }, { netns, initial: true });
      expect([(await nextOf(late, 'netnsId')).new?.nsid, (await nextOf(late, 'netnsId')).new?.nsid].sort()).toEqual(
        [a.parentNetnsId, 7].sort(),
      );
      other.close();
      expect(await nextOf(watcher, 'netnsId')).toMatchObject({ change: 'removed', old: { nsid: 7 } });
    }));

  test('a flood of ids that overflows the socket is answered by the differences', () =>
    withNetns(async (netns) => {
      await using watcher = watch({ netnsIds: true }, { netns, receiveBuffer: 1 });
      await watcher.ready;
      for (let round = 0; round < 5; round++) {
        const others = await Promise.all(Array.from({ length: 30 }, () => createNetns()));
        await Promise.all(others.map((other) => setNetnsId(other, 'auto', { netns })));
        const seen = async (): Promise<void> => {
          const ids = (list: readonly { nsid: number }[]): number[] =>
            list.map(({ nsid }) => nsid).sort((a, b) => a - b);
          expect(ids(watcher.snapshot().netnsIds)).toEqual(ids(await listNetnsIds({ netns })));
        };
        await vi.waitFor(seen, { timeout: 10_000, interval: 20 });
        expect(watcher.snapshot().netnsIds.length).toBeGreaterThanOrEqual(30);
        for (const other of others) other.close();
        await vi.waitFor(async () => expect(await listNetnsIds({ netns })).toEqual([]), { timeout: 10_000 });
        await vi.waitFor(seen, { timeout: 10_000, interval: 20 });
      }
    }));
});

const nameOf = ({
  family,
  priority,
  from,
  table,
}: {
  family: string;
  priority: number;
  from?: string;
  table?: unknown;
}) => `${family} ${priority} ${from} ${table}`;
