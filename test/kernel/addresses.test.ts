import { afterEach, beforeEach, expect, test } from 'vitest';
import { createNetns } from '../../lib/netns/calls.js';
import type { Netns } from '../../lib/netns/netns.js';
import type { Address, AddressSpec } from '../../lib/rtnetlink/address/address.js';
import { addAddress, deleteAddress, listAddresses, replaceAddress } from '../../lib/rtnetlink/address/calls.js';
import { createBridge } from '../../lib/rtnetlink/kinds/bridge.js';
import { createVeth } from '../../lib/rtnetlink/kinds/veth.js';
import { getLink, listLinks } from '../../lib/rtnetlink/link/find.js';
import type { Link } from '../../lib/rtnetlink/link/link.js';
import { makePair, witness } from './ip.ts';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';

describeKernel('addresses', () => {
  expectNoLeaks(() => listLinks());

  let netns: Netns;
  let b: Link;
  beforeEach(async () => {
    netns = await createNetns();
    makePair(netns);
    b = await getLink('vb', { netns });
  });
  afterEach(() => netns.close());

  const shown = (): Record<string, unknown>[] =>
    ((witness(netns, 'ip address show dev vb')[0]?.['addr_info'] ?? []) as Record<string, unknown>[]).filter(
      (info) => !String(info['local']).startsWith('fe80'),
    );

  const cases: [string, string | AddressSpec, Record<string, unknown>][] = [
    ['of IPv4', '10.2.0.1/24', { local: '10.2.0.1', prefixlen: 24, scope: 'global' }],
    ['of IPv6', '2001:db8:2::1/64', { local: '2001:db8:2::1', prefixlen: 64 }],
    ['without a length', '10.2.0.1', { local: '10.2.0.1', prefixlen: 32 }],
    ['with a broadcast address', { address: '10.2.0.1/24', broadcast: true }, { broadcast: '10.2.0.255' }],
    [
      'with a label and a scope',
      { address: '10.2.0.1/24', label: 'vb:web', scope: 'link' },
      { label: 'vb:web', scope: 'link' },
    ],
    [
      'with a peer',
      { address: '10.2.0.1', peer: '10.3.0.1/32' },
      { local: '10.2.0.1', address: '10.3.0.1', prefixlen: 32 },
    ],
    ['without duplicate detection', { address: '2001:db8:2::1/64', flags: ['nodad'] }, { nodad: true }],
    ['without a prefix route', { address: '10.2.0.1/24', flags: ['noprefixroute'] }, { noprefixroute: true }],
  ];
  test.each(cases)('an address %s', async (_, spec, expected) => {
    await addAddress(b, spec);
    expect(shown()).toMatchObject([expected]);
    await deleteAddress(b, spec);
    expect(shown()).toEqual([]);
  });

  test('the gateway address of a bridge may be set again and again, and brings its route', async () => {
    const bridge = await createBridge({ name: 'br0', netns, up: true });
    for (let round = 0; round < 2; round++) {
      await replaceAddress(bridge, '10.88.0.1/16');
      await replaceAddress(bridge, { address: '2001:db8:88::1/64', flags: ['nodad'] });
    }
    await replaceAddress(bridge, '10.88.0.2/16');
    const listed = await listAddresses({ link: bridge });
    expect(listed.filter(({ scope }) => scope === 'global')).toMatchObject([
      { address: '10.88.0.1', prefixLength: 16, flags: ['permanent'] },
      { address: '10.88.0.2', prefixLength: 16, flags: ['secondary', 'permanent'] },
      { address: '2001:db8:88::1', prefixLength: 64, flags: ['nodad', 'permanent'] },
    ]);
    expect(witness(netns, 'ip route show dev br0')).toMatchObject([
      { dst: '10.88.0.0/16', protocol: 'kernel', scope: 'link', prefsrc: '10.88.0.1' },
    ]);
    expect(witness(netns, 'ip -6 route show 2001:db8:88::/64')).toMatchObject([{ dev: 'br0', protocol: 'kernel' }]);
  });

  test('lifetimes are in milliseconds', async () => {
    await addAddress(b, { address: '10.2.0.1/24', validLifetime: 3600_000, preferredLifetime: 1800_000 });
    expect(shown()).toMatchObject([{ valid_life_time: 3600, preferred_life_time: 1800 }]);
    const [address] = await listAddresses({ link: b, family: 'inet' });
    expect(address).toMatchObject({ address: '10.2.0.1', prefixLength: 24, link: b.index });
    expect(address?.validLifetime).toBeGreaterThan(3590_000);
    expect(address?.preferredLifetime).toBeGreaterThan(1790_000);
  });

  test('an address that is there already is refused, and can be replaced', async () => {
    await addAddress(b, '10.2.0.1/24');
    await expect(addAddress(b, '10.2.0.1/24')).rejects.toMatchObject({
      code: 'EEXIST',
      syscall: 'RTM_NEWADDR',
      link: 'vb',
      entry: '10.2.0.1/24',
    });
    await replaceAddress(b, { address: '10.2.0.1/24', validLifetime: 100_000 });
    expect(shown()).toMatchObject([{ valid_life_time: 100 }]);
  });

  test('deleting what is not there says EADDRNOTAVAIL', async () => {
    await expect(deleteAddress(b, '10.2.0.1/24')).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
  });

  test('of the addresses of a new link, the refused one is named', async () => {
    await expect(
      createVeth({ name: 'vc', netns, addresses: ['10.2.0.1/24', '10.2.0.1/24'], peer: { name: 'vd' } }),
    ).rejects.toMatchObject({ code: 'EEXIST', link: 'vc', entry: '10.2.0.1/24' });
    const twice = { address: '10.2.0.2', prefixLength: 16 };
    await addAddress(b, twice);
    await expect(addAddress(b, twice)).rejects.toMatchObject({ entry: '10.2.0.2/16' });
  });

  test('with ifExists, what is not there need not be removed', async () => {
    await addAddress(b, '10.2.0.1/24');
    await deleteAddress(b, '10.2.0.1/24', { ifExists: true });
    expect(shown()).toEqual([]);
    await deleteAddress(b, '10.2.0.1/24', { ifExists: true });
    await deleteAddress('none', '10.2.0.1/24', { netns, ifExists: true });
    await deleteAddress(4711, '10.2.0.1/24', { netns, ifExists: true });
    await expect(deleteAddress('none', '10.2.0.1/24', { netns })).rejects.toMatchObject({ code: 'ENODEV' });
    await expect(deleteAddress(b, '10.2.0.999/24', { ifExists: true })).rejects.toMatchObject({
      message: 'deleteAddress: address "10.2.0.999/24" is no IP address',
    });
  });

  const listedBack: (string | AddressSpec)[] = [
    '10.2.0.1/24',
    { address: '10.2.0.1/24', label: 'vb:web', broadcast: true, scope: 'link' },
    { address: '10.2.0.1', peer: '10.3.0.0/24' },
    { address: '2001:db8:2::1/64', flags: ['nodad'] },
    { address: '2001:db8:2::1', peer: '2001:db8:3::1/128', flags: ['nodad'] },
  ];
  test.each(listedBack)('%j can be given back as it was listed', async (spec) => {
    await addAddress(b, spec);
    const listed = async () => (await listAddresses({ link: b })).filter(({ address }) => !address.startsWith('fe80'));
    const [address] = await listed();
    const before = shown();
    expect(before).toHaveLength(1);
    await replaceAddress(b, address as Address);
    expect(shown()).toEqual(before);
    // Its namespace need not be told again.
    await deleteAddress('vb', address as Address);
    expect(shown()).toEqual([]);
    await addAddress(b, address as Address);
    expect(shown()).toEqual(before);
  });

  test('what was listed of one link can be given to another, elsewhere', async () => {
    const other = await createNetns();
    makePair(other);
    await addAddress(b, '10.2.0.1/24');
    const [address] = await listAddresses({ link: b, family: 'inet' });
    await addAddress('vb', address as Address, { netns: other });
    const there = await listAddresses({ link: 'vb', netns: other, family: 'inet' });
    expect(there).toMatchObject([{ address: '10.2.0.1', prefixLength: 24 }]);
    other.close();
  });

  test('addresses are listed by link and family', async () => {
    await addAddress('vb', '10.2.0.1/24', { netns });
    const listed = async (options: object): Promise<string[]> =>
      (await listAddresses({ netns, ...options })).map(({ address }) => address).sort();
    expect(await listed({ family: 'inet' })).toEqual(['10.1.0.1', '10.2.0.1', '127.0.0.1']);
    expect(await listed({ family: 'inet', link: b })).toEqual(['10.2.0.1']);
    expect(await listed({ family: 'inet6', link: 'va' })).toContain('2001:db8:1::1');
    expect(await listed({ link: 'lo' })).toEqual(['127.0.0.1', '::1']);
  });
});
