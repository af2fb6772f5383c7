/** What limitBandwidth makes of a limit, and of a link. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ifbAlias, ifbName, isIfbOf, ownerOf } from '../../lib/rtnetlink/tc/bandwidth/ifb.js';
import { checkBurst, limitTold, tbfFor } from '../../lib/rtnetlink/tc/bandwidth/limit.js';

describe('a limit', () => {
  const limits = fc
    .record({ rate: fc.integer({ min: 1, max: 5_000_000_000 }), latency: fc.nat(20_000), extra: fc.nat(1_000_000) })
    .map(({ rate, latency, extra }) => ({
      rate: rate * 8,
      latency: latency / 100,
      burst: Math.ceil(rate / 1e6) + extra,
    }))
    .filter(({ rate, latency, burst }) => (rate / 8) * (latency / 1000) + burst < 2 ** 32);

  test('is told as it was said', () => {
    fc.assert(
      fc.property(limits, (limit) => {
        // More than a tbf can count; the latency is not known then.
        fc.pre((limit.burst * 8) / limit.rate < 274);
        const told = limitTold(tbfFor(limit, 'egress'));
        expect(told?.rate).toBe(limit.rate);
        // A microsecond of either where one cannot be told from the other; and whole bytes.
        expect(Math.abs((told?.burst ?? 0) - limit.burst)).toBeLessThanOrEqual(limit.rate / 8e6 + 1);
        expect(Math.abs((told?.latency ?? -1) - limit.latency)).toBeLessThanOrEqual(0.01 + 16_000 / limit.rate);
      }),
    );
  });

  test.each([
    { rate: 20e6, burst: 32_000, latency: 25 },
    { rate: 8, burst: 1, latency: 25 },
    { rate: 1e9, burst: 1_000_001, latency: 50 },
    { rate: 100e9, burst: 12_345_678, latency: 1.5 },
    { rate: 1e6, burst: 268_435_455, latency: 25 },
  ])('of $rate bits per second is told exactly', (limit) => {
    expect(limitTold(tbfFor(limit, 'egress'))).toEqual(limit);
  });

  test("counts as CNI's bandwidth plugin does", () => {
    // 1 Mbit/s, 1 Mbit: 125,000 bytes take 1,000,000 µs, 15.625 ticks each; 25 ms are 3125 bytes.
    expect(tbfFor({ rate: 1e6, burst: 125_000 }, 'egress').parameters).toMatchObject({
      rate: { rate: 125_000 },
      limit: 128_125,
      buffer: 15_625_000,
      mtu: 0,
    });
  });
});

describe("a link's longest frame", () => {
  const eth0 = { name: 'eth0', mtu: 1500, mac: '02:00:00:00:00:01' };
  const tun0 = { name: 'tun0', mtu: 1500 };

  test.each([
    [{ rate: 1e6, burst: 1514 }, eth0],
    [{ rate: 1e6, burst: 1500 }, tun0],
    [{ rate: 1e9, burst: 1625 }, eth0],
    [{ rate: 48, burst: 0xfffff000, latency: 0 }, eth0],
  ])('passes within %j', (limit, link) => {
    expect(() => checkBurst(limit, 'egress', link)).not.toThrow();
  });

  test.each([
    [
      { rate: 1e6, burst: 1000 },
      eth0,
      'egress.burst 1000 is out of range (for frames of 1514 bytes, the MTU of eth0 and 14 of header, 1514 bytes or more)',
    ],
    [
      { rate: 1e6, burst: 1499 },
      tun0,
      'egress.burst 1499 is out of range (for frames of 1500 bytes, the MTU of tun0, 1500 bytes or more)',
    ],
    // 13 µs at 125 bytes each.
    [
      { rate: 1e9, burst: 1514 },
      eth0,
      'egress.burst 1514 is out of range (for frames of 1514 bytes, the MTU of eth0 and 14 of header, 1625 bytes or more)',
    ],
    [
      { rate: 8, burst: 5000 },
      eth0,
      'egress.rate 8 is out of range (for frames of 1514 bytes, the MTU of eth0 and 14 of header, 48 bits per second or more)',
    ],
  ])('does not within %j', (limit, link, message) => {
    expect(() => checkBurst(limit, 'egress', link)).toThrow(
      expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE', message }),
    );
  });
});

describe('the ifb of a link', () => {
  test('has a name of up to 15 bytes, a digest where the link has a long one', () => {
    expect(ifbName('eth0')).toBe('bw-eth0');
    expect(ifbName('twelve-bytes')).toBe('bw-twelve-bytes');
    expect(ifbName('thirteen-byte')).toMatch(/^bw_[0-9a-f]{12}$/);
    expect(ifbName('thirteen-byte')).not.toBe(ifbName('thirteen-bytf'));
    expect(ifbName('thirteen-byte')).toBe(ifbName('thirteen-byte'));
  });

  test('says whose it is', () => {
    const alias = ifbAlias({ name: 'a (7)', index: 42 });
    const ifb = { name: 'bw-a (7)', alias } as never;
    expect(ownerOf(ifb)).toEqual({ name: 'a (7)', index: 42 });
    expect(isIfbOf(ifb, 'a (7)', undefined)).toBe(true);
    expect(isIfbOf(ifb, 42, undefined)).toBe(true);
    expect(isIfbOf(ifb, 7, undefined)).toBe(false);
    expect(isIfbOf({ name: 'bw-x', alias: 'other' } as never, 'x', undefined)).toBe(false);
    expect(isIfbOf({ name: 'bw-x' } as never, 'x', undefined)).toBe(true);
    expect(isIfbOf({ name: 'bw-x' } as never, 'x', 'bwp')).toBe(false);
  });
});
