import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatIp, nextIp, parseIp } from '../../../lib/addressing/ip.js';
import { candidates, readRange, readRangeSets, setsOverlap } from '../../../lib/cni/ipam/host-local/ranges.js';

const shown = (range: object) => {
  const { first, last, gateway } = readRange(range, 'ipam');
  return [first, last, gateway].map((bytes) => formatIp(bytes));
};

describe('a range', () => {
  test.each([
    [{ subnet: '10.1.2.0/24' }, ['10.1.2.1', '10.1.2.254', '10.1.2.1']],
    [{ subnet: '10.1.2.0/30' }, ['10.1.2.1', '10.1.2.2', '10.1.2.1']],
    [{ subnet: '10.0.0.0/8', rangeStart: '10.0.5.0' }, ['10.0.5.0', '10.255.255.254', '10.0.0.1']],
    [{ subnet: '10.1.2.0/24', rangeEnd: '10.1.2.9', gateway: '10.1.2.254' }, ['10.1.2.1', '10.1.2.9', '10.1.2.254']],
    [{ subnet: 'fd00::/64' }, ['fd00::1', 'fd00::ffff:ffff:ffff:ffff', 'fd00::1']],
    [{ subnet: 'fd00::/126' }, ['fd00::1', 'fd00::3', 'fd00::1']],
  ])('%j', (range, expected) => expect(shown(range)).toEqual(expected));

  test.each([
    [{}, 'ipam.subnet is missing'],
    [{ subnet: '10.1.2.0' }, 'ipam.subnet "10.1.2.0" has no prefix length'],
    [{ subnet: '10.1.2.0/31' }, 'ipam.subnet "10.1.2.0/31" is too small to allocate from'],
    [{ subnet: '10.1.2.3/24' }, 'ipam.subnet "10.1.2.3/24" has host bits set; the network is 10.1.2.0/24'],
    [{ subnet: '10.1.2.0/24', rangeStart: '10.1.3.1' }, 'ipam.rangeStart "10.1.3.1" is not in 10.1.2.0/24'],
    [{ subnet: '10.1.2.0/24', gateway: 'fd00::1' }, 'ipam.gateway "fd00::1" is not in 10.1.2.0/24'],
    [
      { subnet: '10.1.2.0/24', rangeStart: '10.1.2.9', rangeEnd: '10.1.2.5' },
      'ipam.rangeStart "10.1.2.9" comes after rangeEnd 10.1.2.5',
    ],
  ])('%j is refused', (range, message) => expect(() => readRange(range, 'ipam')).toThrow(message));
});

describe('range sets', () => {
  test('of two families, or with ranges that overlap, are refused', () => {
    expect(() => readRangeSets([[{ subnet: '10.1.0.0/24' }, { subnet: 'fd00::/64' }]], 'r')).toThrow(
      'r[0][1] is of another family than r[0][0]',
    );
    expect(() => readRangeSets([[{ subnet: '10.1.0.0/24' }, { subnet: '10.1.0.0/16' }]], 'r')).toThrow(
      'r[0][1] overlaps with r[0][0]',
    );
    expect(() => readRangeSets([[]], 'r')).toThrow('r[0] is empty');
  });

  test('overlap where they share an address', () => {
    const set = (subnet: string) => [readRange({ subnet }, 'ipam')];
    expect(setsOverlap(set('10.1.0.0/16'), set('10.1.5.0/24'))).toBe(true);
    expect(setsOverlap(set('10.1.0.0/24'), set('10.1.1.0/24'))).toBe(false);
    expect(setsOverlap(set('10.1.0.0/24'), set('fd00::/64'))).toBe(false);
  });
});

describe('candidates', () => {
  const [set = []] = readRangeSets(
    [[{ subnet: '10.1.0.0/29' }, { subnet: '10.2.0.0/29', rangeStart: '10.2.0.3', rangeEnd: '10.2.0.4' }]],
    'r',
  );
  const from = (after?: string) =>
    [...candidates(set, after === undefined ? undefined : parseIp(after))].map(([bytes]) => formatIp(bytes));
  const all = ['10.1.0.2', '10.1.0.3', '10.1.0.4', '10.1.0.5', '10.1.0.6', '10.2.0.3', '10.2.0.4'];

  test('are all addresses but the gateway', () => expect(from()).toEqual(all));

  test('begin behind the last one that was given', () => {
    expect(from('10.1.0.4')).toEqual([...all.slice(3), ...all.slice(0, 3)]);
    expect(from('10.1.0.6')).toEqual([...all.slice(5), ...all.slice(0, 5)]);
    expect(from('10.2.0.4')).toEqual(all);
    expect(from('192.0.2.1')).toEqual(all);
  });

  test('are each there once, wherever they begin', () => {
    fc.assert(
      fc.property(fc.constantFrom('10.1.0.1', ...all), (after) => {
        expect(from(after).toSorted()).toEqual(all.toSorted());
      }),
    );
  });
});

test('the address behind one carries over', () => {
  expect(formatIp(nextIp(parseIp('10.0.255.255')))).toBe('10.1.0.0');
  expect(formatIp(nextIp(parseIp('fd00::ffff')))).toBe('fd00::1:0');
});
