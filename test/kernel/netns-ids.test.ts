import { createNetns, createVeth, getNetnsId, listLinks, listNetnsIds, type Netns, setNetnsId } from 'netloom';
import * as sync from 'netloom/sync';
import { expect, test } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { withNetns } from './packet-peers.ts';
import { describeKernel } from './privilege.ts';
import { ip } from './witness.ts';

const seenIds = (netns: Netns): number[] =>
  (JSON.parse(ip(netns, '-j netns list-id') || '[]') as { nsid: number }[]).map(({ nsid }) => nsid);

describeKernel('ids of namespaces', () => {
  expectNoLeaks(() => listLinks());

  test('are given on request, and told', () =>
    withNetns(async (netns) => {
      await using other = await createNetns();
      expect(await getNetnsId(other, { netns })).toBeUndefined();
      expect(await listNetnsIds({ netns })).toEqual([]);
      expect(await setNetnsId(other, 7, { netns })).toBe(7);
      expect(await getNetnsId(other, { netns })).toBe(7);
      expect(await listNetnsIds({ netns })).toEqual([{ netns, nsid: 7 }]);
      expect(seenIds(netns)).toEqual([7]);
      // Each namespace has ids of its own.
      expect(await listNetnsIds({ netns: other })).toEqual([]);
    }));

  test('are chosen by the kernel where they may be any', () =>
    withNetns(async (netns) => {
      await using other = await createNetns();
      const nsid = sync.setNetnsId(other, 'auto', { netns });
      expect(sync.listNetnsIds({ netns })).toEqual([{ netns, nsid }]);
      expect(sync.getNetnsId(other, { netns })).toBe(nsid);
    }));

  test('are what a link says of the namespace that it reaches into', () =>
    withNetns(async (netns) => {
      await using other = await createNetns();
      const [a] = await createVeth({ name: 'a', netns, peer: { name: 'b', netns: other } });
      expect(a.parentNetnsId).toBeTypeOf('number');
      expect(await getNetnsId(other, { netns })).toBe(a.parentNetnsId);
    }));

  test('are for ever, and each is of one namespace', () =>
    withNetns(async (netns) => {
      await using other = await createNetns();
      await using third = await createNetns();
      await setNetnsId(other, 7, { netns });
      await expect(setNetnsId(other, 8, { netns })).rejects.toMatchObject({
        code: 'EEXIST',
        syscall: 'RTM_NEWNSID',
        entry: String(other.id),
      });
      await expect(setNetnsId(third, 7, { netns })).rejects.toMatchObject({
        code: expect.stringMatching(/^(EEXIST|ENOSPC)$/),
      });
      expect(await getNetnsId(third, { netns })).toBeUndefined();
    }));

  test.each<[of: unknown, nsid: unknown, code: string, message: string]>([
    [undefined, 7, 'ERR_INVALID_ARG_TYPE', 'of must be a Netns'],
    ['blue', 7, 'ERR_INVALID_ARG_TYPE', 'of must be a Netns'],
    ['a namespace', -1, 'ERR_OUT_OF_RANGE', 'nsid -1'],
    ['a namespace', 'any', 'ERR_INVALID_ARG_TYPE', "nsid must be a number or 'auto'"],
  ])('%j as %j is refused', (of, nsid, code, message) =>
    withNetns(async (netns) => {
      const other = of === 'a namespace' ? netns : (of as Netns);
      await expect(setNetnsId(other, nsid as number, { netns })).rejects.toMatchObject({
        code,
        message: expect.stringContaining(message),
      });
      expect(await listNetnsIds({ netns })).toEqual([]);
    }),
  );
});
