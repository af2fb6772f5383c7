import {
  createBridge,
  createIfb,
  createMacvlan,
  createNetns,
  createVeth,
  deleteLink,
  listLinks,
  type Netns,
  type VethSpec,
} from 'netloom';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { failure, seenAddresses, seenNames } from './witness.ts';

describeKernel('a link that cannot be made leaves nothing behind', () => {
  expectNoLeaks(() => listLinks());

  let near: Netns;
  let far: Netns;
  beforeEach(async () => {
    [near, far] = await Promise.all([createNetns(), createNetns()]);
    // What the calls below stumble upon, at either end.
    await createIfb({ name: 'taken', netns: near, index: 99, altNames: ['taken-as-an-alternative'] });
    await createIfb({ name: 'taken', netns: far, index: 99, altNames: ['taken-as-an-alternative'] });
  });
  afterEach(() => {
    near.close();
    far.close();
  });

  const nothingNew = (): void => {
    expect(seenNames(near)).toEqual(['taken']);
    expect(seenNames(far)).toEqual(['taken']);
  };

  type End = Partial<Omit<VethSpec, 'peer' | 'netns'>>;

  /** Refusals of the kernel, each at another step of the way. */
  const REFUSALS: readonly [string, End, Record<string, unknown>][] = [
    ['the name is taken', { name: 'taken' }, { code: 'EEXIST', syscall: 'RTM_NEWLINK' }],
    ['the index is taken', { index: 99 }, { code: expect.stringMatching(/^(EEXIST|EBUSY)$/) }],
    ['the master is not there', { master: 'nobody' }, { code: 'ENODEV', link: 'nobody' }],
    ['the master has gone', { master: 4321 }, {}],
    [
      'the master is no bridge',
      { master: 'taken' },
      { code: 'EOPNOTSUPP', message: expect.stringMatching(/; is its master a bridge, bond or VRF\?$/) },
    ],
    [
      'an address comes twice',
      { addresses: ['10.0.0.1/24', '10.0.0.1/24'] },
      { code: 'EEXIST', syscall: 'RTM_NEWADDR' },
    ],
    ['an address is multicast', { addresses: ['ff02::1/64'] }, { syscall: 'RTM_NEWADDR' }],
    [
      'an alternative name is taken',
      { altNames: ['mine', 'taken-as-an-alternative'] },
      { code: 'EEXIST', syscall: 'RTM_NEWLINKPROP' },
    ],
    ['it is no port of a bridge', { bridgePort: { hairpin: true } }, {}],
    ['it is IPv6 without the secret', { addrGenMode: 'stable-privacy' }, { code: 'EINVAL' }],
  ];

  describe.each(['near', 'far'] as const)('at the %s end of a veth pair', (where) => {
    test.each(REFUSALS)('%s', async (_, end, expected) => {
      const wrong = { alias: 'half made', ...end };
      const spec: VethSpec =
        where === 'near'
          ? { name: 'a', netns: near, index: 55, ...wrong, peer: { name: 'b', netns: far } }
          : {
              name: 'a',
              netns: near,
              index: 55,
              up: true,
              addresses: ['10.9.0.1/24'],
              peer: { name: 'b', netns: far, ...wrong },
            };
      const error = await failure(createVeth(spec));
      expect(error).toMatchObject({ name: 'NetlinkError', ...expected });
      expect(error.message).toMatch(/^createVeth: E\w+: /);
      nothingNew();
    });
  });

  test.each(REFUSALS)('in one namespace: %s', async (_, end) => {
    await failure(createVeth({ name: 'a', netns: near, ...end, peer: { name: 'b' } }));
    nothingNew();
    await failure(createVeth({ name: 'a', netns: near, index: 55, peer: { name: 'b', ...end } }));
    nothingNew();
  });

  test('the same name at both ends in one namespace is refused', async () => {
    expect(await failure(createVeth({ name: 'a', netns: near, peer: { name: 'a' } }))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
    nothingNew();
  });

  test('a name that is taken is told of the end that wanted it, and of its namespace', async () => {
    const told = { code: 'EEXIST', link: 'taken', netns: String(far.id) };
    expect(await failure(createVeth({ name: 'a', netns: near, peer: { name: 'taken', netns: far } }))).toMatchObject(
      told,
    );
    expect(await failure(createVeth({ name: 'taken', netns: far, peer: { name: 'a', netns: near } }))).toMatchObject(
      told,
    );
    nothingNew();
  });

  test.each([
    ['one exchange', () => near],
    ['two', () => far],
  ])('what an aborted call made in %s is removed by its index: its name may be of another link', async (_, where) => {
    const parent = await createVeth({ name: 'a', netns: near, peer: { name: 'b' } });
    const controller = new AbortController();
    const removed: unknown[] = [];
    for (const { sockets } of [near, far]) {
      const enqueue = sockets.enqueue.bind(sockets);
      vi.spyOn(sockets, 'enqueue').mockImplementation((requests, waiting) => {
        for (const { name, context } of requests) if (name === 'RTM_DELLINK') removed.push(context?.link);
        return enqueue(requests, {
          done(replies) {
            if (requests.some(({ name }) => name === 'RTM_GETLINK')) controller.abort();
            waiting.done(replies);
          },
        });
      });
    }
    const made = createMacvlan({ name: 'mv', parent: parent[0], netns: where() }, { signal: controller.signal });
    expect(await failure(made)).toMatchObject({ name: 'AbortError' });
    await vi.waitFor(() => expect(removed).toEqual([expect.any(Number)]));
    vi.restoreAllMocks();
    await deleteLink(parent[0]);
    nothingNew();
  });

  test('a macvlan whose parent has gone', async () => {
    const [parent] = await createVeth({ name: 'a', netns: near, peer: { name: 'b' } });
    await deleteLink(parent);
    const error = await failure(createMacvlan({ name: 'mv', parent, netns: far, addresses: ['10.0.0.1/24'] }));
    expect(error).toMatchObject({ code: 'ENODEV', link: 'mv' });
    nothingNew();
  });

  test('a macvlan in another namespace than its parent, with an address twice', async () => {
    const [parent] = await createVeth({ name: 'a', netns: near, peer: { name: 'b' } });
    const addresses = ['10.0.0.1/24', '10.0.0.1/24'];
    expect(await failure(createMacvlan({ name: 'mv', parent, netns: far, addresses }))).toMatchObject({
      code: 'EEXIST',
    });
    await deleteLink(parent);
    nothingNew();
  });

  test('the same call succeeds once the cause is gone', async () => {
    const spec = { name: 'a', netns: near, master: 'br0', addresses: ['10.0.0.1/24'], peer: { name: 'b', netns: far } };
    expect(await failure(createVeth(spec))).toMatchObject({ code: 'ENODEV' });
    await createBridge({ name: 'br0', netns: near });
    await createVeth(spec);
    expect(seenAddresses(near, 'a')).toEqual(['10.0.0.1/24']);
  });

  test('a link that was there before is not touched by a creation that fails on its name', async () => {
    const before = (await listLinks({ netns: near })).map(({ index, name }) => ({ index, name }));
    await failure(createIfb({ name: 'taken', netns: near, addresses: ['10.0.0.1/24'], up: true }));
    expect((await listLinks({ netns: near })).map(({ index, name }) => ({ index, name }))).toEqual(before);
    expect(seenAddresses(near, 'taken')).toEqual([]);
  });
});
