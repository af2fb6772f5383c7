import {
  addAddress,
  createIfb,
  createMacvlan,
  createNetns,
  createVeth,
  getLink,
  type Link,
  listLinks,
  moveToNetns,
  type Netns,
  setLink,
} from 'netloom';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { failure, ip, seen, seenAddresses, seenNames } from './witness.ts';

describeKernel('moveToNetns', () => {
  expectNoLeaks(() => listLinks());

  let from: Netns;
  let to: Netns;
  let link: Link;
  beforeEach(async () => {
    [from, to] = await Promise.all([createNetns(), createNetns()]);
    [link] = await createVeth({ name: 'a', netns: from, mtu: 1400, addrGenMode: 'none', peer: { name: 'b' } });
  });
  afterEach(() => {
    from.close();
    to.close();
  });

  test('moves a link, and gives it as it is there', async () => {
    const moved = await moveToNetns(link, to);
    expect(moved).toMatchObject({ netns: to, name: 'a', kind: 'veth', mtu: 1400, up: false });
    expect([seenNames(from), seenNames(to)]).toEqual([['b'], ['a']]);
    expect(moved.index).toBe(seen(to, 'a').ifindex);
  });

  test('renames and brings up on the way, in one request', async () => {
    const sent: string[] = [];
    const enqueue = from.sockets.enqueue.bind(from.sockets);
    from.sockets.enqueue = (requests, waiting) => {
      sent.push(...requests.map(({ name }) => name));
      return enqueue(requests, waiting);
    };
    await moveToNetns(link, to, { name: 'eth0', up: true });
    expect(sent.filter((name) => name !== 'RTM_GETLINK')).toEqual(['RTM_NEWLINK']);
    expect(seen(to, 'eth0').flags).toContain('UP');
    expect(seenNames(from)).toEqual(['b']);
  });

  test('moves back', async () => {
    const moved = await moveToNetns(link, to, { name: 'eth0' });
    const back = await moveToNetns(moved, from, { name: 'a' });
    expect(back.netns).toBe(from);
    expect([seenNames(from).sort(), seenNames(to)]).toEqual([['a', 'b'], []]);
  });

  test('moves out of the namespace of the process by name, and back into it', async () => {
    const here = await createIfb({ name: 'netloom-move' });
    const moved = await moveToNetns('netloom-move', to);
    expect(here.netns).not.toBe(to);
    expect(seenNames(to)).toEqual(['netloom-move']);
    await moveToNetns(moved, from);
    expect(seenNames(from).sort()).toEqual(['a', 'b', 'netloom-move']);
  });

  test('takes another index where its own is taken there', async () => {
    await createIfb({ name: 'taken', netns: to, index: link.index });
    const moved = await moveToNetns(link, to);
    expect(moved.index).not.toBe(link.index);
    expect(await getLink(moved)).toMatchObject({ name: 'a', netns: to });
  });

  test('loses its addresses, as the kernel has it', async () => {
    await addAddress(link, '10.0.0.1/24');
    await moveToNetns(link, to);
    expect(seenAddresses(to, 'a')).toEqual([]);
  });

  test('keeps its alternative names', async () => {
    ip(from, 'link property add dev a altname an-alternative-name');
    expect((await moveToNetns(link, to)).altNames).toEqual(['an-alternative-name']);
  });

  test('a macvlan keeps its parent behind', async () => {
    const macvlan = await createMacvlan({ name: 'mv', parent: link, mode: 'bridge' });
    const moved = await moveToNetns(macvlan, to, { name: 'eth0' });
    expect(moved).toMatchObject({ kind: 'macvlan', parent: link.index, data: { mode: 'bridge' } });
    expect(moved.parentNetnsId).toBeTypeOf('number');
  });

  test('does not bring a name back that the link had when the snapshot was taken', async () => {
    ip(from, 'link set dev a name renamed');
    expect(await moveToNetns(link, to)).toMatchObject({ name: 'renamed' });
    expect(seenNames(to)).toEqual(['renamed']);
  });

  test('to where it is already only renames it', async () => {
    expect(await moveToNetns(link, from, { name: 'other' })).toMatchObject({ name: 'other', index: link.index });
    expect(seenNames(from).sort()).toEqual(['b', 'other']);
  });

  test('a name that is taken there is EEXIST, and the link stays', async () => {
    await createIfb({ name: 'eth0', netns: to });
    const error = await failure(moveToNetns(link, to, { name: 'eth0' }));
    expect(error).toMatchObject({ name: 'NetlinkError', code: 'EEXIST', syscall: 'RTM_NEWLINK', link: 'a' });
    expect(error.message).toContain('the name "eth0" is taken');
    expect([seenNames(from).sort(), seenNames(to)]).toEqual([['a', 'b'], ['eth0']]);
  });

  test('a name that is taken on the way is EEXIST, and the link comes back as it was', async () => {
    await setLink(link, { up: true, alias: 'mine' });
    const enqueue = from.sockets.enqueue.bind(from.sockets);
    from.sockets.enqueue = (requests, waiting) => {
      const moves = requests.some(({ name }) => name === 'RTM_NEWLINK');
      if (moves && seenNames(to).length === 0) ip(to, 'link add eth0 type ifb');
      return enqueue(requests, waiting);
    };
    const error = await failure(moveToNetns(link, to, { name: 'eth0' }));
    expect(error).toMatchObject({ name: 'NetlinkError', code: 'EEXIST', syscall: 'RTM_NEWLINK', link: 'a' });
    expect(error.message).toMatch(/: the name "eth0" is taken by a link there$/);
    expect([seenNames(from).sort(), seenNames(to)]).toEqual([['a', 'b'], ['eth0']]);
    expect(seen(from, 'a')).toMatchObject({ ifalias: 'mine', flags: expect.arrayContaining(['UP']) });
  });

  test('its own name being taken there is EEXIST, unless it gets another', async () => {
    await createIfb({ name: 'a', netns: to });
    expect(await failure(moveToNetns(link, to))).toMatchObject({ name: 'NetlinkError', code: 'EEXIST', link: 'a' });
    expect([seenNames(from).sort(), seenNames(to)]).toEqual([['a', 'b'], ['a']]);
    await moveToNetns(link, to, { name: 'a2' });
    expect([seenNames(from), seenNames(to).sort()]).toEqual([['b'], ['a', 'a2']]);
  });

  test('lo cannot move', async () => {
    const error = await failure(moveToNetns(await getLink('lo', { netns: from }), to));
    expect(error).toMatchObject({ name: 'NetlinkError', code: 'EINVAL', link: 'lo' });
    // Kernels before 6.13 have no words for it.
    expect(error.kernelMessage ?? 'immutable').toContain('immutable');
  });

  test('a link that is gone is ENODEV', async () => {
    ip(from, 'link delete dev a');
    expect(await failure(moveToNetns(link, to))).toMatchObject({ code: 'ENODEV', link: 'a' });
  });

  test('what is no namespace, or a closed one, is refused', async () => {
    for (const wrong of [undefined, null, 'name', 7]) {
      expect(await failure(moveToNetns(link, wrong as never))).toMatchObject({
        code: 'ERR_INVALID_ARG_TYPE',
        message: expect.stringMatching(/^moveToNetns: netns must be a Netns/),
      });
    }
    const closed = await createNetns();
    closed.close();
    expect(await failure(moveToNetns(link, closed))).toMatchObject({
      code: 'ERR_INVALID_STATE',
      message: `moveToNetns: namespace ${closed.id} is closed`,
    });
    expect(seenNames(from).sort()).toEqual(['a', 'b']);
  });

  test('a bad name is refused, and the link stays', async () => {
    expect(await failure(moveToNetns(link, to, { name: 'a/b' }))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: 'moveToNetns: name "a/b" must not contain "/"',
    });
    expect(seenNames(from).sort()).toEqual(['a', 'b']);
  });
});
