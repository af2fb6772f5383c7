import { createIfb, createNetns, DumpInterruptedError, type Link, listLinks, type Netns } from 'netloom';
import * as sync from 'netloom/sync';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { LONG } from './length.ts';
import { describeKernel } from './privilege.ts';
import { SLOWNESS } from './slowness.ts';
import { keepRunning, pathOf } from './witness.ts';

const STAYING = LONG ? 2_000 : 60;
const LIMIT = (LONG ? 300_000 : 30_000) * SLOWNESS;

describeKernel('lists while another program makes and removes links', () => {
  expectNoLeaks(() => {
    sync.listLinks();
    return listLinks();
  });

  let netns: Netns;
  let stop: () => Promise<void>;
  beforeEach(async () => {
    netns = await createNetns();
    await Promise.all(Array.from({ length: STAYING }, (_, i) => createIfb({ name: `stays${i}`, netns })));
    // Before, behind and between the links that stay, as fast as the kernel can.
    const batch =
      'for i in 1 2 3 4 5; do echo "link add churn$i type ifb"; done; for i in 1 2 3 4 5; do echo "link delete churn$i"; done';
    stop = keepRunning(
      'nsenter',
      `--net=${pathOf(netns)}`,
      'sh',
      '-c',
      `while :; do { ${batch}; }; done | ip -batch -`,
    );
  });
  afterEach(async () => {
    await stop();
    netns.close();
  });

  const expected = ['lo', ...Array.from({ length: STAYING }, (_, i) => `stays${i}`)].sort();

  /** A list is whole: every link that stays is there once, and no other than those that come and go. */
  function expectWhole(links: readonly Link[]): boolean {
    const names = links.map(({ name }) => name);
    const churning = names.filter((name) => name.startsWith('churn'));
    expect(names.filter((name) => !name.startsWith('churn')).sort()).toEqual(expected);
    expect(new Set(churning).size).toBe(churning.length);
    return churning.length > 0;
  }

  /** What one list comes to: whole, or a refusal that says what it is. */
  async function listed(list: Promise<Link[]>): Promise<'whole' | 'churning' | 'refused'> {
    try {
      return expectWhole(await list) ? 'churning' : 'whole';
    } catch (error) {
      if (!(error instanceof DumpInterruptedError)) throw error;
      expect(error).toMatchObject({ code: 'EINTR', syscall: 'RTM_GETLINK' });
      expect(error.partial.length).toBeGreaterThan(0);
      return 'refused';
    }
  }

  test('are whole, or say that they cannot be', { timeout: LIMIT }, async () => {
    const seen = { whole: 0, refused: 0, churning: 0 };
    const end = performance.now() + (LONG ? 15_000 : 1_500) * SLOWNESS;
    while (performance.now() < end) seen[await listed(listLinks({ netns }))]++;
    if (LONG) console.log(seen);
    // Where the list is long, something changes in almost every one.
    expect(seen.whole + seen.churning).toBeGreaterThan(LONG ? 0 : 20);
    // Otherwise nothing was going on meanwhile.
    expect(LONG ? seen.refused + seen.churning : seen.churning).toBeGreaterThan(0);
  });

  test('many at a time, and in both flavours, are whole, or say that they cannot be', { timeout: LIMIT }, async () => {
    for (let i = 0; i < (LONG ? 4 : 20); i++) {
      const lists = Array.from({ length: 8 }, () => listLinks({ netns, kind: 'ifb' }));
      const now = new Promise<Link[]>((resolve) => resolve(sync.listLinks({ netns })));
      const withLoopback = lists.map((list) => list.then((links) => [{ name: 'lo' } as Link, ...links]));
      const outcomes = await Promise.all([now, ...withLoopback].map(listed));
      if (!LONG) expect(outcomes).not.toContain('refused');
    }
  });
});
