import {
  addFilter,
  addQdisc,
  createIfb,
  createNetns,
  createVeth,
  deleteLink,
  getBandwidthLimit,
  type Link,
  limitBandwidth,
  listFilters,
  listLinks,
  listQdiscs,
  type Netns,
  openPacketSocket,
  removeBandwidthLimit,
  setLink,
} from 'netloom';
import * as sync from 'netloom/sync';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { abortAt, changing } from './abort-at.ts';
import { iproute, witness } from './ip.ts';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { SLOWNESS } from './slowness.ts';
import { failure, seen, seenNames } from './witness.ts';

const LIMITS = { egress: { rate: 20e6, burst: 32_000 }, ingress: { rate: 10e6, burst: 20_000, latency: 50 } };
const IN_FORCE = {
  egress: { rate: 20e6, burst: 32_000, latency: 25 },
  ingress: { rate: 10e6, burst: 20_000, latency: 50 },
  ifb: 'bw-va',
};

/** What `tc -j qdisc` shows of the qdiscs that were put there: `handle kind dev parent`, and the options of each tbf. */
function seenQdiscs(netns: Netns): unknown[] {
  return witness(netns, 'tc qdisc show')
    .filter(({ handle }) => handle !== '0:')
    .map(({ kind, handle, dev, options }) => ({ kind, handle, dev, ...(kind === 'tbf' && { options }) }));
}

const seenFilters = (netns: Netns, dev: string): string[] =>
  iproute(netns, `tc filter show dev ${dev} ingress`)
    .split('\n')
    .filter((line) => /action order|match/.test(line))
    .map((line) => line.trim());

describeKernel('bandwidth limits', () => {
  expectNoLeaks(() => listLinks());

  let netns: Netns;
  let a: Link;
  beforeEach(async () => {
    netns = await createNetns();
    [a] = await createVeth({ name: 'va', netns, up: true, mtu: 1400, peer: { name: 'vb', up: true } });
  });
  afterEach(() => netns.close());

  const untouched = (): void => {
    expect(seenNames(netns).sort()).toEqual(['va', 'vb']);
    expect(seenQdiscs(netns)).toEqual([]);
  };

  test('go both ways: a tbf at the root, and one at an ifb for what is received', async () => {
    expect(await limitBandwidth(a, LIMITS)).toEqual(IN_FORCE);
    expect(seenQdiscs(netns)).toEqual([
      { kind: 'tbf', handle: '1:', dev: 'va', options: expect.objectContaining({ rate: 2_500_000, burst: 32_000 }) },
      { kind: 'ingress', handle: 'ffff:', dev: 'va' },
      { kind: 'tbf', handle: '1:', dev: 'bw-va', options: expect.objectContaining({ rate: 1_250_000, burst: 20_000 }) },
    ]);
    expect(seenFilters(netns, 'va')).toEqual([
      'match 00000000/00000000 at 0',
      'action order 1: mirred (Egress Redirect to device bw-va) stolen',
    ]);
    expect(seen(netns, 'bw-va')).toMatchObject({ mtu: 1400, ifalias: `netloom: received by va (${a.index})` });
    expect(await getBandwidthLimit('va', { netns })).toEqual(IN_FORCE);
  });

  test('go one way', async () => {
    expect(await limitBandwidth(a, { egress: LIMITS.egress })).toEqual({ egress: IN_FORCE.egress });
    expect(seenNames(netns).sort()).toEqual(['va', 'vb']);
    await removeBandwidthLimit(a);
    expect(await limitBandwidth(a, { ingress: LIMITS.ingress })).toEqual({ ingress: IN_FORCE.ingress, ifb: 'bw-va' });
    expect(seenQdiscs(netns).filter((qdisc) => (qdisc as { dev: string }).dev === 'va')).toHaveLength(1);
  });

  test('said again are the same, and said otherwise are changed', async () => {
    await limitBandwidth(a, LIMITS);
    const before = [seenQdiscs(netns), seenFilters(netns, 'va'), seen(netns, 'bw-va').ifindex];
    expect(await limitBandwidth(a, LIMITS)).toEqual(IN_FORCE);
    expect([seenQdiscs(netns), seenFilters(netns, 'va'), seen(netns, 'bw-va').ifindex]).toEqual(before);

    await setLink(a, { mtu: 1300 });
    const ingress = { rate: 5e6, burst: 30_000, latency: 10 };
    expect(await limitBandwidth(a, { ingress })).toEqual({ ...IN_FORCE, ingress });
    expect(seen(netns, 'bw-va')).toMatchObject({ ifindex: before[2], mtu: 1300 });
    expect(seenFilters(netns, 'va')).toEqual(before[1]);
  });

  test('are taken away, with the ifb, as often as it is said', async () => {
    await limitBandwidth(a, LIMITS);
    for (let i = 0; i < 2; i++) {
      await removeBandwidthLimit(a);
      untouched();
      expect(await getBandwidthLimit(a)).toEqual({});
    }
  });

  test('are taken away in one direction by null', async () => {
    await limitBandwidth(a, LIMITS);
    expect(await limitBandwidth(a, { ingress: null })).toEqual({ egress: IN_FORCE.egress });
    expect(seenNames(netns).sort()).toEqual(['va', 'vb']);
    expect(await limitBandwidth(a, { egress: null })).toEqual({});
    untouched();
  });

  test('are the same in the synchronous flavour', () => {
    expect(sync.limitBandwidth(a, LIMITS)).toEqual(IN_FORCE);
    expect(sync.getBandwidthLimit(a)).toEqual(IN_FORCE);
    sync.removeBandwidthLimit(a);
    untouched();
  });

  test('above what 32 bits of bytes per second hold, and bursts that take longer than a tbf counts', async () => {
    const egress = { rate: 80e9, burst: 100_000_000, latency: 10 };
    expect(await limitBandwidth(a, { egress })).toEqual({ egress });
    // What Kubernetes asks for by default: bursts of 2^31-1 bits.
    const ingress = { rate: 1e6, burst: 268_435_455 };
    expect((await limitBandwidth(a, { ingress })).ingress).toEqual({ ...ingress, latency: 25 });
  });

  test('are refused whose burst no full frame fits in, and pass one where it just does', async () => {
    await setLink(a, { mtu: 1500 });
    await setLink('vb', { mtu: 1500 }, { netns });
    for (const direction of ['egress', 'ingress'] as const) {
      const error = await failure(limitBandwidth(a, { [direction]: { rate: 1e6, burst: 1513 } }));
      expect(error).toMatchObject({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' });
      expect(error.message).toBe(
        `limitBandwidth: ${direction}.burst 1513 is out of range (for frames of 1514 bytes, the MTU of va and 14 of header, 1514 bytes or more)`,
      );
    }
    untouched();
    await limitBandwidth(a, { egress: { rate: 1e9, burst: 1625 } });
    await using here = await openPacketSocket(a);
    await using there = await openPacketSocket('vb', { netns, protocol: 0x88b5 });
    const header = Buffer.from('ffffffffffff02000000000188b5', 'hex');
    here.write(Buffer.concat([header, Buffer.alloc(1500)]));
    for await (const frame of there) {
      expect(frame.length).toBe(1514);
      break;
    }
  });

  describe('of a link that is gone', () => {
    test.each([
      ['by its name', () => 'va'],
      ['by its index', () => a.index],
      ['by what it was', () => a],
    ])('leave an ifb, which is removed %s', async (_, ref) => {
      await limitBandwidth(a, LIMITS);
      await deleteLink(a);
      expect(seenNames(netns)).toEqual(['bw-va']);
      await removeBandwidthLimit('vb', { netns });
      expect(seenNames(netns)).toEqual(['bw-va']);
      for (let i = 0; i < 2; i++) await removeBandwidthLimit(ref(), { netns });
      expect(seenNames(netns)).toEqual([]);
    });

    test('leave an ifb that makes room for the next link of that name', async () => {
      await limitBandwidth(a, LIMITS);
      await deleteLink(a);
      const [next] = await createVeth({ name: 'va', netns, peer: { name: 'vb' } });
      expect(await limitBandwidth(next, LIMITS)).toEqual(IN_FORCE);
      expect(seen(netns, 'bw-va').ifalias).toBe(`netloom: received by va (${next.index})`);
      // What the first one was says nothing of the second.
      await removeBandwidthLimit(a);
      expect(seenNames(netns)).toContain('bw-va');
    });
  });

  test('of a link that was renamed are found, and not taken by another one of its old name', async () => {
    await limitBandwidth(a, LIMITS);
    await setLink(a, { up: false, name: 'renamed' });
    expect(await getBandwidthLimit('renamed', { netns })).toEqual(IN_FORCE);
    await createVeth({ name: 'va', netns, peer: { name: 'vc' } });
    expect(await failure(limitBandwidth('va', LIMITS, { netns }))).toMatchObject({ code: 'EEXIST', link: 'bw-va' });
    expect(await getBandwidthLimit('va', { netns })).toEqual({});
    await removeBandwidthLimit('va', { netns });
    expect(await getBandwidthLimit('renamed', { netns })).toEqual(IN_FORCE);
    await removeBandwidthLimit('renamed', { netns });
    expect(seenNames(netns).sort()).toEqual(['renamed', 'va', 'vb', 'vc']);
  });

  test('have an ifb of the name that is told', async () => {
    const options = { ifb: 'bwp0123456789ab' };
    expect(await limitBandwidth(a, LIMITS, options)).toEqual({ ...IN_FORCE, ifb: options.ifb });
    expect(await getBandwidthLimit(a, options)).toEqual({ ...IN_FORCE, ifb: options.ifb });
    await deleteLink(a);
    await removeBandwidthLimit('va', { netns, ...options });
    expect(seenNames(netns)).toEqual([]);
  });

  /** What CNI's bandwidth plugin makes, with its second action, which nothing reaches. */
  function asCniDoes(ifb: string): void {
    const redirect = `action mirred egress redirect dev ${ifb}`;
    for (const line of [
      'tc qdisc add dev va root handle 1: tbf rate 20mbit burst 32000 latency 25ms',
      `ip link add ${ifb} type ifb`,
      `ip link set ${ifb} up`,
      'tc qdisc add dev va ingress',
      `tc filter add dev va parent ffff: protocol all prio 1 u32 match u32 0 0 flowid 1:1 ${redirect} ${redirect}`,
      `tc qdisc add dev ${ifb} root handle 1: tbf rate 10mbit burst 20000 latency 50ms`,
    ])
      iproute(netns, line);
  }

  test("of CNI's plugin are known by the name of its ifb, changed and removed", async () => {
    asCniDoes('bwpabc');
    const told = { ...IN_FORCE, ifb: 'bwpabc' };
    expect(await getBandwidthLimit(a, { ifb: 'bwpabc' })).toEqual(told);
    expect(await limitBandwidth(a, { egress: { rate: 8e6, burst: 9000 } }, { ifb: 'bwpabc' })).toEqual({
      ...told,
      egress: { rate: 8e6, burst: 9000, latency: 25 },
    });
    await removeBandwidthLimit(a, { ifb: 'bwpabc' });
    untouched();
  });

  test('of which the ifb was removed alone drop all that is received; they are renewed, or removed', async () => {
    asCniDoes('bwpabc');
    iproute(netns, 'ip link delete bwpabc');
    expect(await getBandwidthLimit(a)).toEqual({ egress: IN_FORCE.egress });
    expect(await limitBandwidth(a, { ingress: LIMITS.ingress })).toEqual(IN_FORCE);
    expect(seenFilters(netns, 'va').filter((line) => line.startsWith('action'))).toEqual([
      'action order 1: mirred (Egress Redirect to device bw-va) stolen',
    ]);
    await deleteLink('bw-va', { netns });
    await removeBandwidthLimit(a);
    untouched();
  });

  test('leave filters of others where they are, and the qdisc that these stand in', async () => {
    await addQdisc(a, { kind: 'clsact' });
    await addFilter(a, { kind: 'u32', parent: 'ingress', priority: 7, destination: '192.0.2.0/24' });
    expect(await limitBandwidth(a, LIMITS)).toEqual(IN_FORCE);
    expect(await listFilters(a, { parent: 'ingress' })).toHaveLength(2);
    await removeBandwidthLimit(a);
    expect((await listFilters(a, { parent: 'ingress' })).map(({ priority }) => priority)).toEqual([7]);
    expect(await listQdiscs({ link: a, kind: 'clsact' })).toHaveLength(1);
  });

  describe('that cannot be had leave all as it was', () => {
    test('another qdisc at the root', async () => {
      await addQdisc(a, { kind: 'pfifo', handle: '1:', limit: 10 });
      const error = await failure(limitBandwidth(a, LIMITS));
      expect(error).toMatchObject({ code: 'EEXIST', entry: 'tbf root', link: 'va' });
      expect(error.message).toMatch(/^limitBandwidth: EEXIST: .*: a pfifo was put there before$/);
      expect(seenQdiscs(netns)).toEqual([{ kind: 'pfifo', handle: '1:', dev: 'va' }]);
      await removeBandwidthLimit(a);
      expect(seenQdiscs(netns)).toEqual([{ kind: 'pfifo', handle: '1:', dev: 'va' }]);
    });

    test('a link that has the name of the ifb', async () => {
      await createIfb({ name: 'bw-va', netns, alias: 'of somebody else' });
      expect(await failure(limitBandwidth(a, LIMITS))).toMatchObject({ code: 'EEXIST', link: 'bw-va' });
      expect(seenQdiscs(netns)).toEqual([]);
      expect(seen(netns, 'bw-va').ifalias).toBe('of somebody else');
    });

    test('no link', async () => {
      expect(await failure(limitBandwidth('none', LIMITS, { netns }))).toMatchObject({ code: 'ENODEV', link: 'none' });
      expect(await failure(getBandwidthLimit('none', { netns }))).toMatchObject({ code: 'ENODEV' });
      untouched();
    });

    /** Lets the requests through that change something up to the `nth`, which it makes unintelligible to the kernel. */
    function failAt(nth: number): { failed: () => boolean } {
      let changes = 0;
      let failed = false;
      const { sockets } = netns;
      const enqueue = sockets.enqueue.bind(sockets);
      vi.spyOn(sockets, 'enqueue').mockImplementation((requests, waiting) =>
        enqueue(
          requests.map((request) => {
            if (request.decode !== undefined || changes++ !== nth) return request;
            failed = true;
            return { ...request, type: 0x7ff0 };
          }),
          waiting,
        ),
      );
      return { failed: () => failed };
    }
    afterEach(() => vi.restoreAllMocks());

    test('whichever request fails', async () => {
      let nth = 0;
      for (; ; nth++) {
        const { failed } = failAt(nth);
        const limited = limitBandwidth(a, LIMITS).then(
          () => undefined,
          (error: unknown) => error as Error,
        );
        const error = await limited;
        vi.restoreAllMocks();
        if (!failed()) break;
        expect(error).toMatchObject({ name: 'NetlinkError' });
        untouched();
      }
      // The tbf, the ifb and its alias, its tbf, the ingress qdisc, the filter.
      expect(nth).toBe(6);
    });

    test('whichever request of a change fails', async () => {
      await limitBandwidth(a, LIMITS);
      const before = seenQdiscs(netns);
      await setLink(a, { mtu: 1200 });
      for (let nth = 0; nth < 3; nth++) {
        const { failed } = failAt(nth);
        await failure(limitBandwidth(a, { egress: { rate: 1e6, burst: 5000 }, ingress: { rate: 2e6, burst: 6000 } }));
        vi.restoreAllMocks();
        expect(failed()).toBe(true);
        expect(seenQdiscs(netns)).toEqual(before);
        expect(seen(netns, 'bw-va').mtu).toBe(1400);
      }
    });

    test('whenever the call is aborted', async () => {
      for (let nth = 0; nth < 6; nth++) {
        const signal = abortAt(netns, nth, changing);
        const error = await failure(limitBandwidth(a, LIMITS, { signal }));
        expect(error).toMatchObject({ name: 'AbortError' });
        await vi.waitFor(untouched, { timeout: 5000 * SLOWNESS, interval: 20 });
        vi.restoreAllMocks();
      }
    });
  });

  test('that an earlier call left half made are completed', async () => {
    iproute(netns, 'ip link add bw-va type ifb');
    iproute(netns, 'tc qdisc add dev va root handle 1: tbf rate 1mbit burst 5000 latency 25ms');
    iproute(netns, 'tc qdisc add dev va ingress');
    expect(await limitBandwidth(a, LIMITS)).toEqual(IN_FORCE);
    await removeBandwidthLimit(a);
    expect(seenNames(netns).sort()).toEqual(['va', 'vb']);
  });
});
