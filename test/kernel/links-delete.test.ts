import {
  createBridge,
  createIfb,
  createNetns,
  createVeth,
  deleteLink,
  deleteLinks,
  getLink,
  type Link,
  listLinks,
  type Netns,
  setLink,
} from 'netloom';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { SLOWNESS } from './slowness.ts';
import { failure, ip, seen, seenLinks, seenNames } from './witness.ts';

describeKernel('removing links', () => {
  expectNoLeaks(() => listLinks());

  let netns: Netns;
  beforeEach(async () => {
    netns = await createNetns();
  });
  afterEach(() => netns.close());

  const pairs = async (count: number, group = 0): Promise<Link[]> => {
    const made = Array.from({ length: count }, (_, i) =>
      createVeth({ name: `a${i}`, netns, group, addrGenMode: 'none', peer: { name: `b${i}` } }),
    );
    return (await Promise.all(made)).map(([link]) => link);
  };

  describe('deleteLink', () => {
    test('by snapshot, by name, by alternative name, by index', async () => {
      const [link] = await pairs(4);
      await setLink('a2', { altNames: ['a-name-of-more-than-fifteen-bytes'] }, { netns });
      await deleteLink(link as Link);
      await deleteLink('a1', { netns });
      await deleteLink('a-name-of-more-than-fifteen-bytes', { netns });
      await deleteLink(seen(netns, 'a3').ifindex, { netns });
      expect(seenNames(netns)).toEqual([]);
    });

    test('takes the other end of a veth along, in whichever namespace it is', async () => {
      using other = await createNetns();
      const [, far] = await createVeth({ name: 'near', netns, peer: { name: 'far', netns: other } });
      await deleteLink(far);
      expect([seenNames(netns), seenNames(other)]).toEqual([[], []]);
    });

    test('by snapshot removes the link that was meant, not one that has its name now', async () => {
      const [link] = await pairs(1);
      ip(netns, 'link set dev a0 name moved');
      await createIfb({ name: 'a0', netns });
      await deleteLink(link as Link);
      expect(seenNames(netns)).toEqual(['a0']);
    });

    test('of a link that is gone is ENODEV, and nothing with ifExists', async () => {
      const [link] = await pairs(1);
      await deleteLink(link as Link);
      const error = await failure(deleteLink(link as Link));
      expect(error).toMatchObject({ name: 'NetlinkError', code: 'ENODEV', syscall: 'RTM_DELLINK', link: 'a0' });
      expect(error.message).toMatch(/^deleteLink: ENODEV: .*RTM_DELLINK 'a0' in namespace \d+/);
      await deleteLink(link as Link, { ifExists: true });
      await deleteLink('nobody', { netns, ifExists: true });
      await deleteLink(4321, { netns, ifExists: true });
    });

    test('of lo is EOPNOTSUPP', async () => {
      const error = await failure(deleteLink('lo', { netns, ifExists: true }));
      expect(error).toMatchObject({ name: 'NetlinkError', code: 'EOPNOTSUPP', link: 'lo' });
    });
  });

  describe('deleteLinks', () => {
    test('removes a group, and no other', async () => {
      await pairs(3, 7);
      await createIfb({ name: 'stays', netns, group: 8 });
      await deleteLinks({ group: 7 }, { netns });
      expect(seenNames(netns)).toEqual(['stays']);
    });

    test('of a group without links does nothing', async () => {
      await deleteLinks({ group: 4242 }, { netns });
    });

    test('of group 0, which has every link, is refused before the kernel says EPERM', async () => {
      await pairs(1);
      expect(await failure(deleteLinks({ group: 0 }, { netns }))).toMatchObject({
        code: 'ERR_INVALID_ARG_VALUE',
        message: "deleteLinks: group 0 is every link's default group, which the kernel does not remove",
      });
      expect(seenNames(netns).sort()).toEqual(['a0', 'b0']);
    });

    test('removes a list of 300 pairs in one wait', async () => {
      const links = await pairs(300);
      const start = performance.now();
      await deleteLinks(links);
      const took = performance.now() - start;
      expect(seenNames(netns)).toEqual([]);
      // One by one they take 5 s.
      expect(took).toBeLessThan(400 * SLOWNESS);
    });

    test('takes names, indexes and snapshots', async () => {
      const [link] = await pairs(3);
      await deleteLinks([link as Link, 'a1', seen(netns, 'b2').ifindex], { netns });
      expect(seenNames(netns)).toEqual([]);
    });

    test('takes links of several namespaces', async () => {
      using other = await createNetns();
      const links = await pairs(2);
      links.push(await createIfb({ name: 'there', netns: other }));
      await deleteLinks(links);
      expect([seenNames(netns), seenNames(other)]).toEqual([[], []]);
    });

    test('both ends of a pair may be in the list', async () => {
      const ends = await createVeth({ name: 'a', netns, peer: { name: 'b' } });
      await deleteLinks(ends);
      expect(seenNames(netns)).toEqual([]);
    });

    test('an empty list is nothing to do', async () => {
      await pairs(1);
      await deleteLinks([]);
      expect(seenNames(netns)).toHaveLength(2);
    });

    test('with one of them gone removes the others, and says which was gone', async () => {
      const links = await pairs(3);
      await deleteLink(links[1] as Link);
      expect(await failure(deleteLinks(links))).toMatchObject({ code: 'ENODEV', link: 'a1' });
      expect(seenNames(netns)).toEqual([]);
    });

    test('with one of them gone and ifExists succeeds', async () => {
      const links = await pairs(3);
      await deleteLink(links[1] as Link);
      await deleteLinks(links, { ifExists: true });
      expect(seenNames(netns)).toEqual([]);
      await deleteLinks(links, { ifExists: true });
    });

    test('with lo among them removes nothing, and every link is in its group again', async () => {
      const links = [...(await pairs(2, 5)), await createBridge({ name: 'br0', netns, group: 6 })];
      const before = seenLinks(netns).map(({ ifname, group }) => ({ ifname, group }));
      const error = await failure(deleteLinks([...links, await getLink('lo', { netns })]));
      expect(error).toMatchObject({ name: 'NetlinkError', code: 'EOPNOTSUPP' });
      expect(seenLinks(netns).map(({ ifname, group }) => ({ ifname, group }))).toEqual(before);
      expect(seen(netns, 'lo').group).toBe('default');
    });

    test.each([[undefined], [null], ['a0'], [7], [{}]])('deleteLinks(%j) says what it takes', async (which) => {
      expect(await failure(deleteLinks(which as never, { netns }))).toMatchObject({
        code: 'ERR_INVALID_ARG_TYPE',
        message: expect.stringMatching(/^deleteLinks: which must be an array of links, or \{ group \}; received/),
      });
    });

    test('a reference that cannot be one is named by its place, and nothing is removed', async () => {
      const links = await pairs(1);
      expect(await failure(deleteLinks([...links, 0]))).toMatchObject({
        code: 'ERR_OUT_OF_RANGE',
        message: 'deleteLinks: which[1] 0 is out of range (an index, 1 or more)',
      });
      expect(seenNames(netns)).toHaveLength(2);
    });
  });
});
