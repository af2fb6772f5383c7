/** What is wrong with a link is said before anything reaches the kernel. */
import { describe, expect, test } from 'vitest';
import { currentNetns } from '../../lib/netns/netns.js';
import {
  createBridge,
  createDummy,
  createMacvlan,
  createVeth,
  createVlan,
  createVxlan,
} from '../../lib/rtnetlink/kinds/index.js';
import { createLink } from '../../lib/rtnetlink/link/create.js';
import { deleteLink, deleteLinks } from '../../lib/rtnetlink/link/delete.js';
import { getLink, listLinks } from '../../lib/rtnetlink/link/find.js';
import { checkLinkName, flagsOf } from '../../lib/rtnetlink/link/options.js';
import { setLink } from '../../lib/rtnetlink/link/set.js';
import '../../lib/packet/tun-kind.js';
import { recorder } from './vectors/recorder.js';

type Failing = () => unknown;
const wrong = (what: Failing) => {
  try {
    what();
  } catch (error) {
    const { message, code } = error as Error & { code?: string };
    return `${code} ${message}`;
  }
  return 'was taken';
};
const { netns, sent } = recorder();
// What types forbid is checked as well: JavaScript has none.
const anyhow = (value: unknown): never => value as never;

describe('names', () => {
  test.each(['a', 'eth0', 'fifteen-bytes-x', 'ethé', 'a.b', 'a@b', '...'])('%s is one', (name) => {
    expect(() => checkLinkName(name)).not.toThrow();
  });

  test.each([
    ['', 'name "" must not be empty'],
    ['sixteen-bytes-xx', 'name "sixteen-bytes-xx" is 16 bytes; the kernel allows 15 (IFNAMSIZ)'],
    ['éééééééé', 'name "éééééééé" is 16 bytes; the kernel allows 15 (IFNAMSIZ)'],
    ['.', 'name "." is no name of a link'],
    ['..', 'name ".." is no name of a link'],
    ['a/b', 'name "a/b" must not contain "/"'],
    ['a:b', 'name "a:b" must not contain ":"'],
    ['a b', 'name "a b" must not contain " "'],
    ['a\tb', 'name "a\\tb" must not contain "\\t"'],
    ['a\0', 'name "a\\u0000" must not contain "\\u0000"'],
    ['veth%d', 'name "veth%d" must not contain \'%\''],
  ])('%j is none', (name, message) => expect(() => checkLinkName(name)).toThrow(message));
});

describe('a spec', () => {
  test.each<[string, Failing, string]>([
    [
      'no spec',
      () => createDummy.sync(anyhow(undefined)),
      'ERR_INVALID_ARG_TYPE createDummy: spec must be an object; received undefined',
    ],
    [
      'no name',
      () => createDummy.sync(anyhow({ netns })),
      'ERR_INVALID_ARG_TYPE createDummy: name must be a string; received undefined',
    ],
    [
      'an unknown kind',
      () => createLink.sync(anyhow({ kind: 'carrier-pigeon', name: 'a', netns })),
      'ERR_INVALID_ARG_VALUE createLink: kind "carrier-pigeon" is none of',
    ],
    [
      'an option that the kind does not have',
      () => createDummy.sync(anyhow({ name: 'a', netns, vni: 1 })),
      'ERR_INVALID_ARG_VALUE createDummy: vni 1 is no option of a dummy',
    ],
    [
      'an MTU below the least',
      () => createBridge.sync({ name: 'a', netns, mtu: 67 }),
      'ERR_OUT_OF_RANGE createBridge: mtu 67 is out of range (68 to 65535 bytes)',
    ],
    [
      'an MTU that is no integer',
      () => createBridge.sync({ name: 'a', netns, mtu: 1500.5 }),
      'ERR_OUT_OF_RANGE createBridge: mtu 1500.5 is out of range (68 to 65535 bytes)',
    ],
    [
      'a multicast MAC',
      () => createBridge.sync({ name: 'a', netns, mac: '01:00:5e:00:00:01' }),
      'ERR_INVALID_ARG_VALUE createBridge: mac "01:00:5e:00:00:01" is a multicast address',
    ],
    [
      'a MAC of zeros',
      () => createBridge.sync({ name: 'a', netns, mac: '00:00:00:00:00:00' }),
      'ERR_INVALID_ARG_VALUE createBridge: mac "00:00:00:00:00:00" is all zero',
    ],
    [
      'a number for up',
      () => createBridge.sync(anyhow({ name: 'a', netns, up: 1 })),
      'ERR_INVALID_ARG_TYPE createBridge: up must be true or false; received 1',
    ],
    [
      'a group out of range',
      () => createBridge.sync({ name: 'a', netns, group: -1 }),
      'ERR_OUT_OF_RANGE createBridge: group -1 is out of range (an integer, 0 to 2147483647)',
    ],
    [
      'a namespace that is none',
      () => createBridge.sync({ name: 'a', netns: anyhow('blue') }),
      'ERR_INVALID_ARG_TYPE createBridge: netns must be a Netns (from createNetns or openNetns); received "blue"',
    ],
    [
      'a parent of what stands on none',
      () => createBridge.sync(anyhow({ name: 'a', netns, parent: 'd0' })),
      'ERR_INVALID_ARG_VALUE createBridge: parent "d0" is no option of a bridge',
    ],
    [
      'no parent of what stands on one',
      () => createMacvlan.sync(anyhow({ name: 'a', netns })),
      'ERR_INVALID_ARG_TYPE createMacvlan: parent must be a Link, an index or a name (a macvlan stands on another link); received undefined',
    ],
    [
      'sources in a mode without them',
      () => createMacvlan.sync(anyhow({ name: 'a', netns, parent: 3, mode: 'bridge', sources: [] })),
      "ERR_INVALID_ARG_VALUE createMacvlan: sources an array of 0 goes with mode 'source' only",
    ],
    [
      'an unknown mode',
      () => createMacvlan.sync(anyhow({ name: 'a', netns, parent: 3, mode: 'magic' })),
      'ERR_INVALID_ARG_VALUE createMacvlan: mode "magic" is none of private, vepa, bridge, passthru, source',
    ],
    [
      'no VLAN id',
      () => createVlan.sync(anyhow({ name: 'a', netns, parent: 3 })),
      'ERR_INVALID_ARG_VALUE createVlan: id undefined is no VLAN id (0 to 4094)',
    ],
    [
      'a VLAN id out of range',
      () => createVlan.sync({ name: 'a', netns, parent: 3, id: 4095 }),
      'ERR_OUT_OF_RANGE createVlan: id 4095 is out of range (an integer, 0 to 4094)',
    ],
    [
      'a priority that is none',
      () => createVlan.sync({ name: 'a', netns, parent: 3, id: 1, egressQos: [{ from: 0, to: -1 }] }),
      'ERR_OUT_OF_RANGE createVlan: egressQos[0].to -1 is out of range',
    ],
    [
      'a vxlan without a network id',
      () => createVxlan.sync(anyhow({ name: 'a', netns })),
      'ERR_INVALID_ARG_VALUE createVxlan: vni undefined is no network id (0 to 16777215)',
    ],
    [
      'a network id out of range',
      () => createVxlan.sync({ name: 'a', netns, vni: 1 << 24 }),
      'ERR_OUT_OF_RANGE createVxlan: vni 16777216 is out of range (an integer, 0 to 16777215)',
    ],
    [
      'a remote that is no address',
      () => createVxlan.sync({ name: 'a', netns, vni: 1, remote: 'there' }),
      'ERR_INVALID_ARG_VALUE createVxlan: remote "there" is no IP address',
    ],
    [
      'a number for an option that is true or false',
      () => createBridge.sync(anyhow({ name: 'a', netns, noLinkLocalLearn: 1 })),
      'ERR_INVALID_ARG_TYPE createBridge: noLinkLocalLearn must be true or false; received 1',
    ],
    [
      'a word for an option that is true or false',
      () => createVlan.sync(anyhow({ name: 'a', netns, parent: 3, id: 1, gvrp: 'on' })),
      'ERR_INVALID_ARG_TYPE createVlan: gvrp must be true or false; received "on"',
    ],
    [
      'flags that are no list',
      () => createMacvlan.sync(anyhow({ name: 'a', netns, parent: 3, flags: 'nodst' })),
      'ERR_INVALID_ARG_TYPE createMacvlan: flags must be an array of names; received "nodst"',
    ],
    [
      'an address that is none',
      () => createDummy.sync({ name: 'a', netns, addresses: ['10.0.0.1/24', '10.0.0.256'] }),
      'ERR_INVALID_ARG_VALUE createDummy: addresses[1].address "10.0.0.256" is no IP address',
    ],
    [
      'addresses that are no list',
      () => createDummy.sync(anyhow({ name: 'a', netns, addresses: '10.0.0.1/24' })),
      'ERR_INVALID_ARG_TYPE createDummy: addresses must be an array; received "10.0.0.1/24"',
    ],
    [
      'an alternative name that is too long',
      () => createDummy.sync({ name: 'a', netns, altNames: ['x'.repeat(128)] }),
      'is 128 bytes; the kernel allows 127 (ALTIFNAMSIZ)',
    ],
    [
      'an alias that is too long',
      () => createDummy.sync({ name: 'a', netns, alias: 'x'.repeat(256) }),
      'is 256 bytes; the kernel allows 255 (IFALIASZ)',
    ],
    [
      'a wrong option of its port',
      () => createDummy.sync({ name: 'a', netns, bridgePort: { cost: -1 } }),
      'ERR_OUT_OF_RANGE createDummy: bridgePort.cost -1 is out of range',
    ],
    [
      'a peer with an address that is none',
      () => createVeth.sync({ name: 'a', netns, peer: { name: 'b', addresses: ['x'] } }),
      'ERR_INVALID_ARG_VALUE createVeth: peer.addresses[0].address "x" is no IP address',
    ],
    [
      'no peer',
      () => createVeth.sync(anyhow({ name: 'a', netns })),
      'ERR_INVALID_ARG_TYPE createVeth: peer must be an object with the name of the other end; received undefined',
    ],
    [
      'a peer with too long a name',
      () => createVeth.sync({ name: 'a', netns, peer: { name: 'veth0-in-net0-xx' } }),
      'ERR_INVALID_ARG_VALUE createVeth: peer.name "veth0-in-net0-xx" is 16 bytes; the kernel allows 15 (IFNAMSIZ)',
    ],
    [
      'a peer with a wrong MTU',
      () => createVeth.sync({ name: 'a', netns, peer: { name: 'b', mtu: 1 } }),
      'ERR_OUT_OF_RANGE createVeth: peer.mtu 1 is out of range (68 to 65535 bytes)',
    ],
    [
      'a misspelt option of its peer',
      () => createVeth.sync(anyhow({ name: 'a', netns, peer: { name: 'b', adresses: ['10.0.0.1/24'] } })),
      'ERR_INVALID_ARG_VALUE createVeth: peer.adresses an array of 1 is no option of a peer (addresses is)',
    ],
    [
      'a misspelt option of its kind, before what is missing',
      () => createVlan.sync(anyhow({ netns, parent: 'd0', vid: 5 })),
      'ERR_INVALID_ARG_VALUE createVlan: vid 5 is no option of a vlan (id is)',
    ],
    [
      'a misspelt option of every link',
      () => createVxlan.sync(anyhow({ name: 'a', netns, adresses: [] })),
      'ERR_INVALID_ARG_VALUE createVxlan: adresses an array of 0 is no option of a vxlan (addresses is)',
    ],
    [
      'a misspelt word of its kind',
      () => createBridge.sync(anyhow({ name: 'a', netns, mstEnable: true })),
      'ERR_INVALID_ARG_VALUE createBridge: mstEnable true is no option of a bridge (mstEnabled is)',
    ],
    [
      'one name for both ends',
      () => createVeth.sync({ name: 'a', netns, peer: { name: 'a' } }),
      'ERR_INVALID_ARG_VALUE createVeth: peer.name "a" is the name of the first end too, in one namespace',
    ],
    [
      'a parent of its peer',
      () => createVeth.sync(anyhow({ name: 'a', netns, peer: { name: 'b', parent: 3 } })),
      'ERR_INVALID_ARG_VALUE createVeth: peer.parent 3 is no option of a peer',
    ],
    [
      'a kind of its peer',
      () => createVeth.sync(anyhow({ name: 'a', netns, peer: { name: 'b', kind: 'veth' } })),
      'ERR_INVALID_ARG_VALUE createVeth: peer.kind "veth" is no option of a peer',
    ],
    [
      'a signal, which is an option of the call',
      () => createDummy.sync(anyhow({ name: 'a', netns, signal: new AbortController().signal })),
      'ERR_INVALID_ARG_VALUE createDummy: signal an object (AbortSignal) goes into the options, behind the spec',
    ],
    [
      'a signal of its peer',
      () => createVeth.sync(anyhow({ name: 'a', netns, peer: { name: 'b', signal: null } })),
      'ERR_INVALID_ARG_VALUE createVeth: peer.signal null goes into the options, behind the spec',
    ],
    [
      'the kind of what other calls make',
      () => createLink.sync(anyhow({ kind: 'tun', name: 'a', netns })),
      'ERR_INVALID_ARG_VALUE createLink: kind "tun" belongs to createTun and createTap',
    ],
    [
      'an unknown kind, upon which those that it can be are named',
      () => createLink.sync(anyhow({ kind: 'x', name: 'a', netns })),
      'kind "x" is none of bridge, dummy, ifb, ipvlan, macvlan, macvtap, veth, vlan, vxlan',
    ],
    [
      'a peer of what has none',
      () => createDummy.sync(anyhow({ name: 'a', netns, peer: { name: 'b' } })),
      'ERR_INVALID_ARG_VALUE createDummy: peer an object (Object) is no option of a dummy',
    ],
  ])('with %s', (_what, failing, message) => expect(wrong(failing)).toContain(message));
});

describe('a reference to a link', () => {
  test.each<[string, Failing, string]>([
    [
      'nothing',
      () => getLink.sync(anyhow(undefined)),
      'ERR_INVALID_ARG_TYPE getLink: link must be a Link, an index or a name; received undefined',
    ],
    ['an empty name', () => getLink.sync(''), 'ERR_INVALID_ARG_VALUE getLink: link "" is no name of a link'],
    [
      'a name that is too long',
      () => getLink.sync('x'.repeat(128)),
      'is 128 bytes; the kernel allows 127 (ALTIFNAMSIZ)',
    ],
    ['index 0', () => getLink.sync(0), 'ERR_OUT_OF_RANGE getLink: link 0 is out of range (an index, 1 or more)'],
    ['a fraction', () => deleteLink.sync(1.5), 'ERR_OUT_OF_RANGE deleteLink: link 1.5 is out of range'],
    [
      'an object',
      () => getLink.sync(anyhow({})),
      'ERR_INVALID_ARG_TYPE getLink: link must be a Link, an index or a name; received an object (Object)',
    ],
    [
      'one of a list',
      () => deleteLinks.sync(['a', anyhow(null)], { netns }),
      'ERR_INVALID_ARG_TYPE deleteLinks: which[1] must be',
    ],
    [
      'group 0',
      () => deleteLinks.sync({ group: 0 }, { netns }),
      "ERR_INVALID_ARG_VALUE deleteLinks: group 0 is every link's default group",
    ],
    [
      'neither a list nor a group',
      () => deleteLinks.sync(anyhow('a')),
      'ERR_INVALID_ARG_TYPE deleteLinks: which must be an array of links, or { group }',
    ],
  ])('that is %s', (_what, failing, message) => expect(wrong(failing)).toContain(message));

  test('with another namespace than its own', () => {
    const link = getLink.sync('d0', { netns });
    const other = recorder('/dev/zero').netns;
    expect(wrong(() => setLink.sync(link, { up: true }, { netns: other }))).toContain(
      'ERR_INVALID_ARG_VALUE setLink: netns an object (Netns) is not the namespace of link "d0"',
    );
  });
});

describe('changes', () => {
  test.each<[string, Failing, string]>([
    [
      'none',
      () => setLink.sync('d0', anyhow(undefined), { netns }),
      'ERR_INVALID_ARG_TYPE setLink: changes must be an object; received undefined',
    ],
    [
      'of a kind without its name',
      () => setLink.sync('d0', anyhow({ vlanFiltering: true, kind: 'x' }), { netns }),
      'ERR_INVALID_ARG_VALUE setLink: kind "x" is none of',
    ],
    [
      'that the kind does not have',
      () => setLink.sync('d0', anyhow({ kind: 'bridge', vni: 1 }), { netns }),
      'ERR_INVALID_ARG_VALUE setLink: vni 1 is no option of a bridge',
    ],
    [
      'of the other end of a pair',
      () => setLink.sync('d0', anyhow({ kind: 'veth', peer: { name: 'b' } }), { netns }),
      'ERR_INVALID_ARG_VALUE setLink: peer an object (Object) is fixed when a link is made',
    ],
    [
      'of the parent',
      () => setLink.sync('d0', anyhow({ kind: 'macvlan', parent: 3 }), { netns }),
      'ERR_INVALID_ARG_VALUE setLink: parent 3 is fixed when a link is made',
    ],
    [
      'of a port that it does not have',
      () => setLink.sync('d0', { bridgePort: anyhow({ colour: 1 }) }, { netns }),
      'ERR_INVALID_ARG_VALUE setLink: bridgePort.colour 1 is no option here',
    ],
    [
      'of a name that is none',
      () => setLink.sync('d0', { name: 'a/b' }, { netns }),
      'ERR_INVALID_ARG_VALUE setLink: name "a/b" must not contain "/"',
    ],
  ])('%s', (_what, failing, message) => expect(wrong(failing)).toContain(message));

  test('of an option that exists nowhere are refused, rather than done without a word', () => {
    expect(wrong(() => setLink.sync('d0', anyhow({ colour: 'red' }), { netns }))).toContain(
      'colour "red" is no option',
    );
  });
});

test('nothing that is wrong was sent', () => {
  const changes = sent.filter((message) => message[4] !== 18);
  expect(changes).toEqual([]);
});

test('flags that are said change, and no others', () => {
  expect(flagsOf({})).toEqual({});
  expect(flagsOf({ up: true })).toEqual({ flags: 0x1, change: 0x1 });
  expect(flagsOf({ up: false, promiscuous: true })).toEqual({ flags: 0x100, change: 0x101 });
  expect(flagsOf({ arp: true })).toEqual({ flags: 0, change: 0x80 });
  expect(flagsOf({ arp: false, multicast: true, allMulticast: false })).toEqual({ flags: 0x1080, change: 0x1280 });
});

test('a namespace in place of the options that name it is refused, and how to name it is said', () => {
  const message =
    /^ERR_INVALID_ARG_TYPE \w+: options must be an object like \{ netns \}; received an object \(Netns\)$/;
  expect(wrong(() => getLink.sync('v0', anyhow(currentNetns())))).toMatch(message);
  expect(wrong(() => listLinks.sync(anyhow(currentNetns())))).toMatch(message);
});
