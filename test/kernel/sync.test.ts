import * as netloom from 'netloom';
import { createNetns, createVeth, type Link, listLinks, type Netns } from 'netloom';
import * as sync from 'netloom/sync';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { type Failure, failure, ip, seen, seenAddresses, seenNames, seenNetns } from './witness.ts';

/** What waits by nature, or is the same in both. */
const WITHOUT_FLAVOUR = [
  'ArpView',
  'BatchReader',
  'DumpInterruptedError',
  'EthernetView',
  'FrameSlab',
  'IcmpView',
  'Ipv4View',
  'Ipv6View',
  'NetlinkError',
  'Netns',
  'PacketDevice',
  'PacketQueue',
  'UdpView',
  'checksum',
  'completeChecksum',
  'createMemoryQueues',
  'currentNetns',
  'groCoalesce',
  'gsoSplit',
  'isKind',
  'parseVnetHeader',
  'writeVnetHeader',
];

function thrown(call: () => unknown): Failure {
  try {
    call();
  } catch (error) {
    return error as Failure;
  }
  throw new Error('the call succeeded');
}

describeKernel('netloom/sync', () => {
  expectNoLeaks(async () => {
    await listLinks();
    sync.listLinks();
    sync.deleteNetns(sync.createNetns('first'));
  });

  let netns: Netns;
  beforeEach(() => {
    netns = sync.createNetns();
  });
  afterEach(() => {
    netns.close();
    for (const { name } of sync.listNetns()) sync.deleteNetns(name);
  });

  test('has every function that has a synchronous form, under the same name', () => {
    const both = Object.entries(netloom).filter(([, value]) => typeof value === 'function' && 'sync' in value);
    expect(both.length).toBeGreaterThan(20);
    for (const [name, call] of both) {
      expect({ [name]: (sync as Record<string, unknown>)[name] }).toEqual({
        [name]: (call as { sync?: unknown }).sync,
      });
    }
    const extra = Object.keys(sync).filter((name) => !both.some(([there]) => there === name));
    expect(extra.sort()).toEqual(WITHOUT_FLAVOUR);
    for (const name of WITHOUT_FLAVOUR)
      expect((sync as Record<string, unknown>)[name]).toBe((netloom as Record<string, unknown>)[name]);
  });

  test('makes, finds, changes, moves and removes', () => {
    using named = sync.createNetns('blue');
    expect(seenNetns()).toEqual(['blue']);
    const [a, b] = sync.createVeth({
      name: 'a',
      netns,
      up: true,
      addresses: ['10.0.0.1/24'],
      peer: { name: 'b', netns: named },
    });
    expect([a.netns, b.netns]).toEqual([netns, named]);
    expect(seenAddresses(netns, 'a')).toEqual(['10.0.0.1/24']);
    sync.addAddress(a, '10.1.0.2/24');
    sync.deleteAddress(a, '10.0.0.1/24');
    expect(sync.listAddresses({ link: a, family: 'inet' }).map(({ address }) => address)).toEqual(['10.1.0.2']);
    expect(sync.setLink(a, { mtu: 1400 }).mtu).toBe(1400);
    expect(sync.getLink('a', { netns })).toMatchObject({ mtu: 1400, kind: 'veth' });
    const moved = sync.moveToNetns(b, netns, { name: 'c', up: true });
    expect(seenNames(netns).sort()).toEqual(['a', 'c']);
    sync.createBridge({ name: 'br0', netns });
    expect(sync.listLinks({ netns, kind: 'bridge' }).map(({ name }) => name)).toEqual(['br0']);
    sync.deleteLinks([moved, sync.getLink('br0', { netns })]);
    expect(seenNames(netns)).toEqual([]);
    sync.deleteNetns(named);
    expect(sync.listNetns()).toEqual([]);
  });

  test('gives what the asynchronous flavour gives', async () => {
    ip(netns, 'link add name br0 type bridge');
    const now = sync.listLinks({ netns });
    expect(now).toEqual(await netloom.listLinks({ netns }));
    expect(sync.getLink('br0', { netns })).toEqual(await netloom.getLink('br0', { netns }));
    expect(sync.listAddresses({ netns })).toEqual(await netloom.listAddresses({ netns }));
  });

  describe('fails as the asynchronous flavour does', () => {
    test.each<[string, (flavour: typeof sync) => unknown, (flavour: typeof netloom) => Promise<unknown>]>([
      ['ENODEV', ({ getLink }) => getLink('nobody', { netns }), ({ getLink }) => getLink('nobody', { netns })],
      [
        'ERR_OUT_OF_RANGE',
        ({ setLink }) => setLink('lo', { mtu: -1 }, { netns }),
        ({ setLink }) => setLink('lo', { mtu: -1 }, { netns }),
      ],
      ['ENOENT', ({ openNetns }) => openNetns('nobody'), ({ openNetns }) => openNetns('nobody')],
      [
        'ERR_INVALID_ARG_VALUE',
        ({ createBridge }) => createBridge({ name: 'a/b', netns }),
        ({ createBridge }) => createBridge({ name: 'a/b', netns }),
      ],
      [
        'EEXIST',
        ({ createVeth }) =>
          createVeth({ name: 'a', netns, addresses: ['10.0.0.1/8', '10.0.0.1/8'], peer: { name: 'b' } }),
        ({ createVeth }) =>
          createVeth({ name: 'a', netns, addresses: ['10.0.0.1/8', '10.0.0.1/8'], peer: { name: 'b' } }),
      ],
    ])('%s', async (code, now, later) => {
      const error = thrown(() => now(sync));
      const same = await failure(later(netloom));
      expect(error.code).toBe(code);
      expect(error).toMatchObject({ name: same.name, code: same.code, message: same.message });
      expect({ ...error }).toEqual({ ...same });
      expect(seenNames(netns)).toEqual([]);
    });

    test('a closed handle', () => {
      const closed = sync.createNetns();
      closed.close();
      expect(thrown(() => sync.listLinks({ netns: closed }))).toMatchObject({
        code: 'ERR_INVALID_STATE',
        message: `listLinks: namespace ${closed.id} is closed`,
      });
    });
  });

  test('goes on while asynchronous calls are under way in the same namespace', async () => {
    const made: Promise<[Link, Link]>[] = [];
    for (let i = 0; i < 40; i++) {
      made.push(createVeth({ name: `a${i}`, netns, addrGenMode: 'none', peer: { name: `b${i}` } }));
      await new Promise(setImmediate);
      sync.createVeth({ name: `c${i}`, netns, addrGenMode: 'none', peer: { name: `d${i}` } });
      expect(sync.getLink(`d${i}`, { netns }).name).toBe(`d${i}`);
      expect(sync.listLinks({ netns }).filter(({ name }) => name.startsWith('c'))).toHaveLength(i + 1);
    }
    const pairs = await Promise.all(made);
    expect(pairs.map(([one]) => one.name)).toEqual(pairs.map((_, i) => `a${i}`));
    expect(seenNames(netns)).toHaveLength(160);
    expect(seen(netns, 'a39').linkinfo?.info_kind).toBe('veth');
  });

  test('leaves the thread where it was', async () => {
    const { readlinkSync } = await import('node:fs');
    const own = readlinkSync('/proc/thread-self/ns/net');
    using elsewhere = sync.createNetns();
    sync.listLinks({ netns: elsewhere });
    await createNetns().then((made) => made.close());
    expect(readlinkSync('/proc/thread-self/ns/net')).toBe(own);
  });
});
