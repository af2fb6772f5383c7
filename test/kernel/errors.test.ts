import {
  addAddress,
  createDummy,
  createLink,
  createMacvlan,
  createNetns,
  createVeth,
  createVxlan,
  deleteAddress,
  deleteLink,
  deleteNetns,
  getLink,
  type Link,
  listLinks,
  type Netns,
  openNetns,
  replaceAddress,
  setLink,
} from 'netloom';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel, testNeeds } from './privilege.ts';
import { failure, ip, pathOf, runProgram, seen, seenAddresses, seenNames } from './witness.ts';

describeKernel('bad input', () => {
  expectNoLeaks(async () => {
    await listLinks();
    await deleteNetns(await createNetns('first'));
  });

  let netns: Netns;
  let link: Link;
  beforeEach(async () => {
    netns = await createNetns();
    [link] = await createVeth({
      name: 'here',
      netns,
      addrGenMode: 'none',
      peer: { name: 'there', addrGenMode: 'none' },
    });
  });
  afterEach(() => netns.close());

  const unchanged = (): void => {
    expect(seenNames(netns).sort()).toEqual(['here', 'there']);
    expect(seen(netns, 'here')).toMatchObject({ mtu: 1500, flags: expect.not.arrayContaining(['UP']) });
    expect(seenAddresses(netns, 'here')).toEqual([]);
  };

  /** A call that must not reach the kernel, and how it says why. */
  const REFUSED: readonly [string, () => Promise<unknown>, string, RegExp][] = [
    [
      'a name of 16 bytes',
      () => createVeth({ name: 'sixteen-bytes-xx', netns, peer: { name: 'b' } }),
      'ERR_INVALID_ARG_VALUE',
      /^createVeth: name "sixteen-bytes-xx" is 16 bytes; the kernel allows 15 \(IFNAMSIZ\)$/,
    ],
    [
      'a name of 15 characters and 16 bytes',
      () => createVeth({ name: 'fifteen-chars-ä', netns, peer: { name: 'b' } }),
      'ERR_INVALID_ARG_VALUE',
      /^createVeth: name "fifteen-chars-ä" is 16 bytes/,
    ],
    [
      'a name of 16 bytes at the other end',
      () => createVeth({ name: 'a', netns, peer: { name: 'veth0-in-net0-xx' } }),
      'ERR_INVALID_ARG_VALUE',
      /^createVeth: peer\.name "veth0-in-net0-xx" is 16 bytes; the kernel allows 15 \(IFNAMSIZ\)$/,
    ],
    ...['a/b', 'a:b', 'a b', 'a\tb', 'a\0b', 'a%d', '.', '..', '', 'all', 'default'].map(
      (name) =>
        [
          `the name ${JSON.stringify(name)}`,
          () => createDummy({ name, netns }),
          'ERR_INVALID_ARG_VALUE',
          new RegExp(`^createDummy: name ${JSON.stringify(name).replace(/[.\\]/g, '\\$&')} (must not|is no name)`),
        ] as const satisfies [string, () => Promise<unknown>, string, RegExp],
    ),
    [
      'no name at all',
      () => createDummy({ netns } as never),
      'ERR_INVALID_ARG_TYPE',
      /^createDummy: name must be a string; received undefined$/,
    ],
    [
      'no spec at all',
      () => createVeth(undefined as never),
      'ERR_INVALID_ARG_TYPE',
      /^createVeth: spec must be an object; received undefined$/,
    ],
    [
      'no peer',
      () => createVeth({ name: 'a', netns } as never),
      'ERR_INVALID_ARG_TYPE',
      /^createVeth: peer must be an object with the name of the other end; received undefined$/,
    ],
    [
      'an index of the other end alone, which the kernel would pass over',
      () => createVeth({ name: 'a', netns, peer: { name: 'b', index: 7 } }),
      'ERR_INVALID_ARG_VALUE',
      /^createVeth: peer\.index 7 needs an `index` for the first end too$/,
    ],
    [
      'an MTU of 0',
      () => createVeth({ name: 'a', netns, mtu: 0, peer: { name: 'b' } }),
      'ERR_OUT_OF_RANGE',
      /^createVeth: mtu 0 is out of range \(68 to 65535 bytes\)$/,
    ],
    [
      'an MTU of 70000 at the other end',
      () => createVeth({ name: 'a', netns, peer: { name: 'b', mtu: 70_000 } }),
      'ERR_OUT_OF_RANGE',
      /^createVeth: peer\.mtu 70000 is out of range \(68 to 65535 bytes\)$/,
    ],
    [
      'an MTU of 0 for a link that exists',
      () => setLink(link, { mtu: 0 }),
      'ERR_OUT_OF_RANGE',
      /^setLink: mtu 0 is out of range \(68 to 65535 bytes\)$/,
    ],
    [
      'an MTU of 70000 for a link that exists, by name',
      () => setLink('here', { mtu: 70_000 }, { netns }),
      'ERR_OUT_OF_RANGE',
      /^setLink: mtu 70000 is out of range \(68 to 65535 bytes\)$/,
    ],
    ...['02:00:00:00:00', '02:00:00:00:00:0g', '020000000001', '02:00-00:00:00:01', '2:0:0:0:0:1'].map(
      (mac) =>
        [
          `the MAC ${mac}`,
          () => createVeth({ name: 'a', netns, mac, peer: { name: 'b' } }),
          'ERR_INVALID_ARG_VALUE',
          new RegExp(`^createVeth: mac "${mac}" is no MAC address`),
        ] as const satisfies [string, () => Promise<unknown>, string, RegExp],
    ),
    [
      'a multicast MAC at the other end',
      () => createVeth({ name: 'a', netns, peer: { name: 'b', mac: '01:00:5e:00:00:01' } }),
      'ERR_INVALID_ARG_VALUE',
      /^createVeth: peer\.mac "01:00:5e:00:00:01" is a multicast address$/,
    ],
    [
      'a MAC of zeros',
      () => setLink(link, { mac: '00:00:00:00:00:00' }),
      'ERR_INVALID_ARG_VALUE',
      /^setLink: mac "00:00:00:00:00:00" is all zero$/,
    ],
    ...[
      '10.0.0',
      '10.0.0.256/24',
      '10.0.0.1/',
      '10.0.0.1/x',
      '2001:db8:::1/64',
      'fe80::1%here/64',
      '',
      'localhost',
    ].map(
      (address) =>
        [
          `the address ${JSON.stringify(address)}`,
          () => addAddress(link, address),
          'ERR_INVALID_ARG_VALUE',
          new RegExp(`^addAddress: address "${address}" (has no prefix length|is no IP address)`),
        ] as const satisfies [string, () => Promise<unknown>, string, RegExp],
    ),
    [
      'the prefix length 33',
      () => addAddress(link, '10.0.0.1/33'),
      'ERR_OUT_OF_RANGE',
      /^addAddress: address: prefix length of "10\.0\.0\.1\/33" is out of range \(0 to 32\)$/,
    ],
    [
      'the prefix length 129',
      () => replaceAddress(link, '2001:db8::1/129'),
      'ERR_OUT_OF_RANGE',
      /^replaceAddress: address: prefix length of "2001:db8::1\/129" is out of range \(0 to 128\)$/,
    ],
    [
      'a bad address among good ones of a link to be made',
      () => createVeth({ name: 'a', netns, addresses: ['10.0.0.1/24', '10.0.0.1/33'], peer: { name: 'b' } }),
      'ERR_OUT_OF_RANGE',
      /^createVeth: addresses\[1\]\.address: prefix length of "10\.0\.0\.1\/33" is out of range/,
    ],
    [
      'a bad address at the other end',
      () => createVeth({ name: 'a', netns, peer: { name: 'b', addresses: ['10.0.0.999/24'] } }),
      'ERR_INVALID_ARG_VALUE',
      /^createVeth: peer\.addresses\[0\]\.address "10\.0\.0\.999\/24" is no IP address$/,
    ],
    [
      'addresses that are no list',
      () => createVeth({ name: 'a', netns, addresses: '10.0.0.1/24' as never, peer: { name: 'b' } }),
      'ERR_INVALID_ARG_TYPE',
      /^createVeth: addresses must be an array; received "10\.0\.0\.1\/24"$/,
    ],
    [
      'an alternative name of 128 bytes',
      () => createVeth({ name: 'a', netns, altNames: ['x'.repeat(128)], peer: { name: 'b' } }),
      'ERR_INVALID_ARG_VALUE',
      /^createVeth: .*altNames\[0\] "x{128}" is 128 bytes; the kernel allows 127 \(ALTIFNAMSIZ\)$/,
    ],
    [
      'a macvlan without its parent',
      () => createMacvlan({ name: 'mv', netns } as never),
      'ERR_INVALID_ARG_TYPE',
      /^createMacvlan: parent must be a Link, an index or a name \(a macvlan stands on another link\); received undefined$/,
    ],
    [
      'a macvlan on the loopback',
      () => createMacvlan({ name: 'mv', parent: 'lo', netns }),
      'ERR_INVALID_ARG_VALUE',
      /^createMacvlan: parent "lo" is the loopback, on which no macvlan can stand$/,
    ],
    [
      'the loopback as the master of the other end',
      () => createVeth({ name: 'a', netns, peer: { name: 'b', master: 'lo' } }),
      'ERR_INVALID_ARG_VALUE',
      /^createVeth: peer\.master "lo" is the loopback, which takes no ports$/,
    ],
    [
      'a mode that macvlan does not have',
      () => createMacvlan({ name: 'mv', parent: link, mode: 'tunnel' as never }),
      'ERR_INVALID_ARG_VALUE',
      /^createMacvlan: mode "tunnel" is none of private, vepa, bridge, passthru, source$/,
    ],
    [
      'sources without the mode that looks at them',
      () => createMacvlan({ name: 'mv', parent: link, mode: 'bridge', sources: ['02:00:00:00:00:01'] } as never),
      'ERR_INVALID_ARG_VALUE',
      /^createMacvlan: sources .* goes with mode 'source' only$/,
    ],
    [
      'a vxlan without its id',
      () => createVxlan({ name: 'vx', netns } as never),
      'ERR_INVALID_ARG_VALUE',
      /^createVxlan: vni undefined is no network id/,
    ],
    [
      'an option of another kind',
      () => createDummy({ name: 'a', netns, vni: 5 } as never),
      'ERR_INVALID_ARG_VALUE',
      /^createDummy: vni 5 is no option of a dummy$/,
    ],
    [
      'an unknown kind',
      () => createLink({ kind: 'teleport', name: 'a', netns } as never),
      'ERR_INVALID_ARG_VALUE',
      /^createLink: kind "teleport" is none of .*bridge.*veth/,
    ],
    [
      'no kind',
      () => createLink({ name: 'a', netns } as never),
      'ERR_INVALID_ARG_VALUE',
      /^createLink: kind undefined is none of /,
    ],
  ];

  test.each(REFUSED)('%s is refused before anything reaches the kernel', async (_, call, code, message) => {
    const error = await failure(call());
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
    expect(error.name).toBe(code === 'ERR_OUT_OF_RANGE' ? 'RangeError' : 'TypeError');
    unchanged();
  });

  describe('what only the kernel knows', () => {
    test('a duplicate name is EEXIST', async () => {
      const error = await failure(createVeth({ name: 'here', netns, peer: { name: 'b' } }));
      expect(error).toMatchObject({
        name: 'NetlinkError',
        code: 'EEXIST',
        errno: -17,
        syscall: 'RTM_NEWLINK',
        link: 'here',
      });
      expect(error.message).toMatch(new RegExp(`^createVeth: EEXIST: .*'here' in namespace ${netns.id}`));
      unchanged();
    });

    test('a link that is gone is ENODEV in every call', async () => {
      ip(netns, 'link delete dev here');
      const calls: Record<string, Promise<unknown>> = {
        getLink: getLink(link),
        setLink: setLink(link, { up: true }),
        deleteLink: deleteLink(link),
        addAddress: addAddress(link, '10.0.0.1/24'),
        createMacvlan: createMacvlan({ name: 'mv', parent: link }),
      };
      for (const [call, made] of Object.entries(calls)) {
        const error = await failure(made);
        expect(error).toMatchObject({ name: 'NetlinkError', code: 'ENODEV' });
        expect(error.message).toMatch(new RegExp(`^${call}: ENODEV: .* RTM_`));
      }
      expect(seenNames(netns)).toEqual([]);
    });

    test('an address that is there is EEXIST, one that is not EADDRNOTAVAIL', async () => {
      await addAddress(link, '10.0.0.1/24');
      expect(await failure(addAddress(link, '10.0.0.1/24'))).toMatchObject({ code: 'EEXIST', link: 'here' });
      expect(await failure(deleteAddress(link, '10.0.0.2/24'))).toMatchObject({ code: 'EADDRNOTAVAIL', link: 'here' });
      expect(seenAddresses(netns, 'here')).toEqual(['10.0.0.1/24']);
    });

    test('the kernel points at the attribute that it does not like', async () => {
      const error = await failure(
        createVxlan({ name: 'vx', netns, vni: 1, port: 4789, ttl: 1, portRange: { low: 9, high: 8 } }),
      );
      expect(error).toMatchObject({ name: 'NetlinkError', code: 'EINVAL' });
      expect(error.attribute).toBe('IFLA_LINKINFO.IFLA_INFO_DATA.IFLA_VXLAN_PORT_RANGE');
      expect(error.message).toContain('(IFLA_LINKINFO.IFLA_INFO_DATA.IFLA_VXLAN_PORT_RANGE)');
      unchanged();
    });
  });

  describe('a namespace that is gone', () => {
    test('by a closed handle', async () => {
      const closed = await createNetns('lost');
      const [there] = await createVeth({ name: 'a', netns: closed, peer: { name: 'b' } });
      await deleteNetns(closed);
      const message = (call: string): string => `${call}: namespace "lost" is closed`;
      expect((await failure(createVeth({ name: 'a', netns: closed, peer: { name: 'b' } }))).message).toBe(
        message('createVeth'),
      );
      expect((await failure(setLink(there, { up: true }))).message).toBe(message('setLink'));
      expect((await failure(addAddress(there, '10.0.0.1/24'))).message).toBe(message('addAddress'));
      expect((await failure(deleteLink(there, { ifExists: true }))).message).toBe(message('deleteLink'));
      expect(await failure(listLinks({ netns: closed }))).toMatchObject({ code: 'ERR_INVALID_STATE' });
    });

    test('at the other end only', async () => {
      const closed = await createNetns();
      closed.close();
      const error = await failure(createVeth({ name: 'a', netns, peer: { name: 'b', netns: closed } }));
      expect(error).toMatchObject({
        code: 'ERR_INVALID_STATE',
        message: `createVeth: namespace ${closed.id} is closed`,
      });
      unchanged();
    });

    test('by a name that was deleted', async () => {
      await deleteNetns(await createNetns('lost'));
      expect(await failure(openNetns('lost'))).toMatchObject({ code: 'ENOENT' });
    });
  });

  testNeeds('users')('without privilege every change is EPERM, and says what is needed', async () => {
    const told = runProgram(
      `import { openNetns, createTun, createVeth, setLink, deleteLink, addAddress, getLink, getSysctl } from 'netloom';
       const netns = await openNetns({ path: '${pathOf(netns)}' });
       process.setgroups([]); process.setgid(65534); process.setuid(65534);
       const results = {};
       const calls = {
         createVeth: () => createVeth({ name: 'a', peer: { name: 'b' } }),
         setLink: () => setLink('lo', { up: false }),
         deleteLink: () => deleteLink('lo'),
         addAddress: () => addAddress('lo', '10.0.0.1/32'),
         getLink: () => getLink('here', { netns }),
         createTun: () => createTun({ netns }),
         getSysctl: () => getSysctl('net.ipv4.ip_forward', { netns }),
       };
       for (const [name, call] of Object.entries(calls)) {
         results[name] = await call().then(() => 'done', ({ code, message }) => ({ code, message }));
       }
       // Reading the own namespace takes no privilege.
       results.read = (await getLink('lo')).name;
       console.log(JSON.stringify(results));`,
    );
    const refusal = (call: string) => ({
      code: 'EPERM',
      message: expect.stringMatching(new RegExp(`^${call}: EPERM: .*RTM_\\w+.*needs CAP_NET_ADMIN`)),
    });
    const keptOut = (call: string) => ({
      code: 'EPERM',
      message: expect.stringMatching(
        new RegExp(`^${call}: EPERM: .*setns; entering the namespace needs CAP_SYS_ADMIN`),
      ),
    });
    expect(told).toEqual({
      createVeth: refusal('createVeth'),
      setLink: refusal('setLink'),
      deleteLink: refusal('deleteLink'),
      addAddress: refusal('addAddress'),
      getLink: keptOut('getLink'),
      createTun: keptOut('createTun'),
      getSysctl: keptOut('getSysctl'),
      read: 'lo',
    });
    unchanged();
  });
});
