import {
  addMasquerade,
  addRoute,
  deleteMasquerade,
  deleteRoute,
  listLinks,
  listMasquerades,
  type MasqueradeSpec,
  type Netns,
} from 'netloom';
import * as sync from 'netloom/sync';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { abortAt } from './abort-at.ts';
import { type HostNetwork, makeHostNetwork, ruleset, rulesetSorted } from './host-network.ts';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { SLOWNESS } from './slowness.ts';
import { failure, pathOf, run, runProgram } from './witness.ts';

describeKernel.needs('nftables')('masquerade', () => {
  expectNoLeaks(() => listLinks());

  let network: HostNetwork;
  let netns: Netns;
  beforeAll(async () => {
    network = await makeHostNetwork();
    ({ netns } = network.host);
    await network.client.listen(80);
  });
  afterEach(async () => {
    for (const { owner } of await listMasquerades({ netns })) await deleteMasquerade({ owner, netns });
  });
  afterAll(() => network[Symbol.asyncDispose]());

  const masquerade = (more: Partial<MasqueradeSpec> = {}) =>
    addMasquerade({ owner: 'one', sources: ['10.1.0.5', 'fd00:1::5'], except: ['10.1.0.0/16'], netns, ...more });
  /** The address that the client sees a container by. */
  const seenBy = (protocol: 'tcp' | 'udp', address = '192.0.2.2', place = network.container) =>
    place.ask({ protocol, address, port: 80 });
  const chains = (): unknown[] =>
    ruleset(netns).flatMap(({ chain }) => (chain as { name: string } | undefined)?.name ?? []);

  test('lets a container out, with the address of its host, over IPv4 and IPv6', async () => {
    expect(await seenBy('tcp')).toBe('timeout');
    await masquerade();
    expect(await seenBy('tcp')).toBe('192.0.2.1');
    expect(await seenBy('udp')).toBe('192.0.2.1');
    expect(await seenBy('tcp', '2001:db8::2')).toBe('2001:db8::1');
  });

  test('is of the sources alone', async () => {
    await masquerade();
    expect(await seenBy('tcp', '192.0.2.2', network.sibling)).toBe('timeout');
  });

  test('leaves the source of what goes to one of the exceptions', async () => {
    await masquerade({ except: ['198.51.100.0/24', '192.0.2.128/25', '2001:db8:0:0:8000::/65', '192.0.2.2'] });
    await addRoute({ to: '10.1.0.0/24', via: '192.0.2.1' }, { netns: network.client.netns });
    expect(await seenBy('tcp')).toBe('10.1.0.5');
    expect(await seenBy('tcp', '2001:db8::2')).toBe('2001:db8::1');
    await deleteRoute({ to: '10.1.0.0/24' }, { netns: network.client.netns });
  });

  test('has rules as nft would write them', async () => {
    await masquerade();
    const rule = (chain: string, ...expr: object[]) => ({ chain, expr });
    const to = (protocol: string, right: unknown) => ({
      match: { op: '==', left: { payload: { protocol, field: 'daddr' } }, right },
    });
    const by = (protocol: string, map: string) => ({
      vmap: { key: { payload: { protocol, field: 'saddr' } }, data: `@${map}` },
    });
    const rules = ruleset(netns).flatMap(({ rule: one }) =>
      one === undefined ? [] : [one as { chain: string; expr: object[] }],
    );
    expect(rules.map(({ chain, expr }) => ({ chain, expr }))).toEqual([
      rule('masquerading', to('ip', { prefix: { addr: '224.0.0.0', len: 4 } }), { return: null }),
      rule('masquerading', to('ip6', { prefix: { addr: 'ff00::', len: 8 } }), { return: null }),
      rule('masquerading', by('ip', 'masquerade4')),
      rule('masquerading', by('ip6', 'masquerade6')),
      rule('outside-10.1.0.0/16', to('ip', { prefix: { addr: '10.1.0.0', len: 16 } }), { return: null }),
      rule('outside-10.1.0.0/16', { masquerade: null }),
    ]);
    const maps = ruleset(netns).flatMap(({ map }) => (map === undefined ? [] : [map]));
    expect(maps).toMatchObject([
      {
        name: 'masquerade4',
        type: 'ipv4_addr',
        map: 'verdict',
        elem: [[{ elem: { val: '10.1.0.5', comment: 'one' } }, { jump: { target: 'outside-10.1.0.0/16' } }]],
      },
      { name: 'masquerade6', type: 'ipv6_addr', map: 'verdict' },
    ]);
  });

  test('of one network has one chain for all owners, which goes with the last of them', async () => {
    await masquerade({ except: ['10.1.0.7/16', 'fd00::/8'] });
    await masquerade({ owner: 'two', sources: ['10.1.0.6'], except: ['fd00::/8', '10.1.0.0/16', '10.1.0.0/16'] });
    await masquerade({ owner: 'three', sources: ['10.1.0.8'], except: [] });
    expect(chains()).toEqual(['masquerading', 'outside-10.1.0.0/16-fd00__/8', 'outside']);
    await deleteMasquerade({ owner: 'one', netns });
    await deleteMasquerade({ owner: 'three', netns });
    expect(chains()).toEqual(['masquerading', 'outside-10.1.0.0/16-fd00__/8']);
    await deleteMasquerade({ owner: 'two', netns });
    expect(ruleset(netns)).toEqual([]);
  });

  test('is listed, address by address', async () => {
    await masquerade({ except: ['10.1.0.0/16', 'fd00::/8'] });
    const except = ['10.1.0.0/16', 'fd00::/8'];
    const listed = [
      { netns, owner: 'one', source: '10.1.0.5', except },
      { netns, owner: 'one', source: 'fd00:1::5', except },
    ];
    expect(await listMasquerades({ netns })).toEqual(listed);
    expect(sync.listMasquerades({ netns, owner: 'one' })).toEqual(listed);
    expect(await listMasquerades({ netns, owner: 'two' })).toEqual([]);
  });

  test("of an address is one owner's, whose message tells another; with it, nothing is added", async () => {
    await masquerade();
    const before = rulesetSorted(netns);
    const error = await failure(masquerade({ owner: 'two', sources: ['10.1.0.6', '10.1.0.5'], except: [] }));
    expect(error).toMatchObject({ name: 'NetlinkError', code: 'EEXIST', entry: '10.1.0.5' });
    expect(error.message).toBe(
      `addMasquerade: EEXIST: file already exists, NFT_MSG_NEWSETELEM '10.1.0.5' in namespace ${netns.id}: the source is masqueraded for owner "one"`,
    );
    expect(rulesetSorted(netns)).toEqual(before);
    await deleteMasquerade({ owner: 'one', netns });
    await masquerade({ owner: 'two', sources: ['10.1.0.5'] });
    expect(await seenBy('tcp')).toBe('192.0.2.1');
  });

  test('of an address that many owners want at once is the one’s whose call succeeds', async () => {
    const owners = Array.from({ length: 20 }, (_, i) => `owner ${i}`);
    const results = await Promise.allSettled(owners.map((owner) => masquerade({ owner, sources: ['10.1.0.5'] })));
    const winners = owners.filter((_, i) => results[i]?.status === 'fulfilled');
    expect(winners).toHaveLength(1);
    expect((await listMasquerades({ netns })).map(({ owner }) => owner)).toEqual(winners);
  });

  test('added again by its owner has the exceptions that were said last', async () => {
    await masquerade();
    await masquerade({ sources: ['10.1.0.5'], except: ['10.2.0.0/16'] });
    expect(await listMasquerades({ netns })).toMatchObject([
      { owner: 'one', source: '10.1.0.5', except: ['10.2.0.0/16'] },
      { owner: 'one', source: 'fd00:1::5', except: ['10.1.0.0/16'] },
    ]);
    expect(await seenBy('tcp')).toBe('192.0.2.1');
  });

  test('may be added again as it is, and is deleted where there is none', async () => {
    await masquerade();
    await masquerade();
    expect(await listMasquerades({ netns })).toHaveLength(2);
    await deleteMasquerade({ owner: 'one', netns });
    await deleteMasquerade({ owner: 'one', netns });
    sync.deleteMasquerade({ owner: 'nobody' }, { netns });
    expect(ruleset(netns)).toEqual([]);
  });

  test('of hundreds is added and deleted at once', async () => {
    const owners = Array.from({ length: 300 }, (_, i) => `owner ${i}`);
    await Promise.all(
      owners.map((owner, i) =>
        masquerade({ owner, sources: [`10.1.${i >> 8}.${i & 255}`, `fd00::${i.toString(16)}`] }),
      ),
    );
    expect(new Set((await listMasquerades({ netns })).map(({ owner }) => owner))).toEqual(new Set(owners));
    expect(await listMasquerades({ netns })).toHaveLength(600);
    await Promise.all(owners.map((owner) => deleteMasquerade({ owner, netns })));
    expect(ruleset(netns)).toEqual([]);
  });

  test('of more addresses than one message holds is one owner’s', async () => {
    const sources = Array.from({ length: 3000 }, (_, i) => `10.2.${i >> 8}.${i & 255}`);
    await masquerade({ sources });
    expect((await listMasquerades({ netns })).map(({ source }) => source).sort()).toEqual([...sources].sort());
    await deleteMasquerade({ owner: 'one', netns });
    expect(ruleset(netns)).toEqual([]);
  });

  test('is taken back where the call is aborted', async () => {
    const controller = new AbortController();
    const call = addMasquerade({ owner: 'one', sources: ['10.1.0.5'], netns }, { signal: controller.signal });
    // By then it is under way: what is asked for in a turn goes out in a tick behind the promises of that turn.
    queueMicrotask(() => process.nextTick(() => controller.abort()));
    const error = await failure(call.then(() => failure(Promise.reject(new Error('made before')))));
    expect(error.name).toBe('AbortError');
    // What was begun is put away before what is asked for later.
    await masquerade({ owner: 'two' });
    expect((await listMasquerades({ netns })).map(({ owner }) => owner)).toEqual(['two', 'two']);
  });

  test('that is said anew is as it was before, whenever the call is aborted', async () => {
    await masquerade();
    const before = rulesetSorted(netns);
    let nth = 0;
    for (; ; nth++) {
      const signal = abortAt(netns, nth);
      const call = addMasquerade(
        { owner: 'one', sources: ['10.1.0.5', '10.1.0.6'], except: ['192.0.2.0/24'], netns },
        { signal },
      );
      const error = await call.then(
        () => undefined,
        (reason: Error) => reason,
      );
      vi.restoreAllMocks();
      if (error === undefined) break;
      expect(error.name).toBe('AbortError');
      await vi.waitFor(() => expect(rulesetSorted(netns)).toEqual(before), { timeout: 5000 * SLOWNESS });
    }
    // The transaction that finds the address there, the reading, the transaction that replaces it.
    expect(nth).toBe(3);
    expect((await listMasquerades({ netns })).filter(({ except }) => except[0] === '192.0.2.0/24')).toHaveLength(2);
  });

  test('in a table of that name with another map is refused, with the name of the map', async () => {
    const nft = (...words: string[]) => run('nsenter', `--net=${pathOf(netns)}`, 'nft', ...words);
    nft('add', 'table', 'inet', 'netloom');
    nft('add', 'map', 'inet', 'netloom', 'masquerade4', '{ type inet_service : verdict ; }');
    const before = rulesetSorted(netns);
    const error = await failure(masquerade());
    expect(error).toMatchObject({ name: 'NetlinkError', entry: 'inet netloom masquerade4' });
    expect(error.message).toMatch(/^addMasquerade: .*, NFT_MSG_NEWSET\S* 'inet netloom masquerade4' in namespace /);
    expect(rulesetSorted(netns)).toEqual(before);
    nft('delete', 'table', 'inet', 'netloom');
  });

  test('says what it takes, without privilege', () => {
    const program = `
      import { addMasquerade } from 'netloom/sync';
      try { addMasquerade({ owner: 'one', sources: ['10.1.0.5'] }); } catch ({ code, message }) {
        console.log(JSON.stringify([code, message]));
      }
    `;
    expect(
      runProgram(program, {
        wrap: ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin', '--ambient-caps=-net_admin'],
      }),
    ).toEqual([
      'EPERM',
      expect.stringMatching(
        /^addMasquerade: EPERM: operation not permitted, NFNL_MSG_BATCH_BEGIN; needs CAP_NET_ADMIN/,
      ),
    ]);
  });
});
