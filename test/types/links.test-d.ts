/** What TypeScript takes for a link, and what it refuses. */
import {
  createBridge,
  createDummy,
  createLink,
  createMacvlan,
  createMacvtap,
  createVeth,
  createVlan,
  createVxlan,
  deleteLink,
  deleteLinks,
  getLink,
  isKind,
  type Link,
  type LinkOf,
  lendLink,
  listLinks,
  moveToNetns,
  type Netns,
  returnLink,
  setLink,
} from 'netloom';
import * as sync from 'netloom/sync';
import { describe, expectTypeOf, test } from 'vitest';

declare const netns: Netns;
declare const link: Link;

describe('veth', () => {
  test('gives both ends', () => {
    expectTypeOf(createVeth({ name: 'a', peer: { name: 'b' } })).resolves.toEqualTypeOf<
      [LinkOf<'veth'>, LinkOf<'veth'>]
    >();
    expectTypeOf(sync.createVeth({ name: 'a', peer: { name: 'b' } })).toEqualTypeOf<[LinkOf<'veth'>, LinkOf<'veth'>]>();
  });

  test('takes the same options at both ends', () => {
    createVeth({
      name: 'a',
      netns,
      up: true,
      mtu: 1400,
      mac: '02:00:00:00:00:01',
      addresses: ['10.0.0.1/24', { address: '10.0.0.2/24', scope: 'link' }],
      txQueueLength: 0,
      peer: { name: 'b', netns, up: true, master: link, addresses: ['10.0.0.3/24'] },
    });
  });

  test('needs a peer, and its name', () => {
    // @ts-expect-error: no peer
    createVeth({ name: 'a' });
    // @ts-expect-error: no name of the peer
    createVeth({ name: 'a', peer: {} });
    // @ts-expect-error: no name
    createVeth({ peer: { name: 'b' } });
  });

  test('has no options that it does not have', () => {
    // @ts-expect-error: a peer has no peer
    createVeth({ name: 'a', peer: { name: 'b', peer: { name: 'c' } } });
    // @ts-expect-error: nor a VXLAN's
    createVeth({ name: 'a', vni: 1, peer: { name: 'b' } });
  });
});

describe('macvlan and macvtap', () => {
  test('stand on a link, by snapshot, index or name', () => {
    expectTypeOf(createMacvlan({ name: 'a', parent: link })).resolves.toEqualTypeOf<LinkOf<'macvlan'>>();
    expectTypeOf(createMacvtap({ name: 'a', parent: 3, mode: 'passthru' })).resolves.toEqualTypeOf<LinkOf<'macvtap'>>();
    createMacvlan({ name: 'a', parent: 'eth0', mode: 'bridge', flags: ['nopromisc'] });
  });

  test('need a parent', () => {
    // @ts-expect-error: no parent
    createMacvlan({ name: 'a' });
    // @ts-expect-error: no parent
    createMacvtap({ name: 'a', mode: 'bridge' });
  });

  test('take sources in mode source only', () => {
    createMacvlan({ name: 'a', parent: link, mode: 'source', sources: ['02:00:00:00:00:01'] });
    // @ts-expect-error: sources with mode bridge
    createMacvlan({ name: 'a', parent: link, mode: 'bridge', sources: ['02:00:00:00:00:01'] });
    // @ts-expect-error: sources without a mode
    createMacvlan({ name: 'a', parent: link, sources: ['02:00:00:00:00:01'] });
  });

  test('have the modes that there are', () => {
    // @ts-expect-error: no such mode
    createMacvlan({ name: 'a', parent: link, mode: 'magic' });
    // @ts-expect-error: no such flag
    createMacvlan({ name: 'a', parent: link, flags: ['promisc'] });
  });
});

describe('vxlan', () => {
  test('has a network id, or takes it from outside', () => {
    expectTypeOf(createVxlan({ name: 'a', vni: 42, remote: '192.0.2.1' })).resolves.toEqualTypeOf<LinkOf<'vxlan'>>();
    createVxlan({ name: 'a', external: true });
    // @ts-expect-error: neither
    createVxlan({ name: 'a' });
    // @ts-expect-error: neither
    createVxlan({ name: 'a', external: false });
    // @ts-expect-error: both
    createVxlan({ name: 'a', vni: 42, external: true });
  });

  test('has no options under the names of attributes', () => {
    // @ts-expect-error: remote
    createVxlan({ name: 'a', vni: 42, remote4: '192.0.2.1' });
    // @ts-expect-error: parent
    createVxlan({ name: 'a', vni: 42, underlay: 3 });
    // @ts-expect-error: numbers are no text
    createVxlan({ name: 'a', vni: '42' });
  });
});

describe('vlan', () => {
  test('has a parent and an id', () => {
    createVlan({ name: 'a', parent: link, id: 100, protocol: '802.1ad', egressQos: [{ from: 1, to: 2 }] });
    // @ts-expect-error: no id
    createVlan({ name: 'a', parent: link });
    // @ts-expect-error: no parent
    createVlan({ name: 'a', id: 100 });
    // @ts-expect-error: no such protocol
    createVlan({ name: 'a', parent: link, id: 100, protocol: 'qinq' });
  });
});

describe('bridge', () => {
  test('takes what can be said, and not what the kernel tells', () => {
    createBridge({ name: 'a', vlanFiltering: true, ageingTime: 300_000, multicastRouter: 'permanent' });
    // @ts-expect-error: the kernel computes it
    createBridge({ name: 'a', bridgeId: '8000.02:00:00:00:00:01' });
    // @ts-expect-error: a boolean
    createBridge({ name: 'a', vlanFiltering: 1 });
    // @ts-expect-error: stands on no link
    createBridge({ name: 'a', parent: link });
  });
});

describe('any link', () => {
  test('is made by its kind', () => {
    expectTypeOf(createLink({ kind: 'vxlan', name: 'a', vni: 1 })).resolves.toEqualTypeOf<LinkOf<'vxlan'>>();
    expectTypeOf(sync.createLink({ kind: 'dummy', name: 'a' })).toEqualTypeOf<LinkOf<'dummy'>>();
    createLink({ kind: 'dummy', name: 'a' });
    // @ts-expect-error: no such kind
    createLink({ kind: 'carrier-pigeon', name: 'a' });
    // @ts-expect-error: no kind
    createLink({ name: 'a' });
    // @ts-expect-error: an option of another kind
    createLink({ kind: 'dummy', name: 'a', vni: 1 });
    // @ts-expect-error: without what the kind needs
    createLink({ kind: 'macvlan', name: 'a' });
  });

  test('takes undefined for what is left to the kernel, and a signal', () => {
    createDummy({ name: 'a', mtu: undefined, netns: undefined, up: undefined });
    createDummy({ name: 'a' }, { signal: new AbortController().signal });
    // @ts-expect-error: null is no way to say nothing
    createDummy({ name: 'a', mtu: null });
    // @ts-expect-error: misspelt
    createDummy({ name: 'a', MTU: 1500 });
    // @ts-expect-error: a namespace is a Netns
    createDummy({ name: 'a', netns: 'blue' });
    // @ts-expect-error: a generation mode that there is none of
    createDummy({ name: 'a', addrGenMode: 'eui48' });
  });

  test('is found by snapshot, index or name', () => {
    expectTypeOf(getLink('a')).resolves.toEqualTypeOf<Link>();
    expectTypeOf(getLink(3, { netns, stats: true })).resolves.toEqualTypeOf<Link>();
    expectTypeOf(listLinks({ kind: 'veth', up: true })).resolves.toEqualTypeOf<Link[]>();
    expectTypeOf(sync.getLink(link)).toEqualTypeOf<Link>();
    // @ts-expect-error: nothing to look for
    getLink();
    // @ts-expect-error: no such option
    getLink('a', { namespace: netns });
  });

  test('is changed, moved and removed', () => {
    expectTypeOf(setLink(link, { up: false, master: null })).resolves.toEqualTypeOf<Link>();
    setLink('a', { kind: 'bridge', vlanFiltering: true });
    setLink('a', { bridgePort: { hairpin: true, state: 'forwarding' } });
    expectTypeOf(moveToNetns(link, netns, { name: 'b', up: true })).resolves.toEqualTypeOf<Link>();
    expectTypeOf(deleteLink('a', { ifExists: true })).resolves.toEqualTypeOf<void>();
    deleteLinks([link, 'a', 3]);
    deleteLinks({ group: 5 });
    // @ts-expect-error: options of a kind go with its name
    setLink('a', { vlanFiltering: true });
    // @ts-expect-error: options of another kind
    setLink('a', { kind: 'bridge', vni: 1 });
    // @ts-expect-error: a pair keeps its ends
    setLink('a', { kind: 'veth', peer: { name: 'b' } });
    // @ts-expect-error: a link keeps its parent
    setLink('a', { kind: 'macvlan', parent: 3 });
    // @ts-expect-error: the kernel's to tell
    setLink('a', { bridgePort: { rootId: 'x' } });
    // @ts-expect-error: no such state
    setLink('a', { bridgePort: { state: 'sleeping' } });
    // @ts-expect-error: nowhere to move to
    moveToNetns(link);
    expectTypeOf(lendLink('eth1', netns, { name: 'net1', up: true })).resolves.toEqualTypeOf<Link>();
    expectTypeOf(returnLink('net1', { netns, to: netns, name: 'eth1', up: true })).resolves.toEqualTypeOf<Link>();
    expectTypeOf(sync.returnLink(link)).toEqualTypeOf<Link>();
    // @ts-expect-error: nowhere to lend it to
    lendLink(link);
    // @ts-expect-error: no namespace
    returnLink(link, { to: 'blue' });
    // @ts-expect-error: neither a list nor a group
    deleteLinks('a');
  });

  test('tells what its kind keeps once its kind is known', () => {
    expectTypeOf(link.data).toEqualTypeOf<Readonly<Record<string, unknown>> | undefined>();
    if (isKind(link, 'vlan')) {
      expectTypeOf(link).toEqualTypeOf<LinkOf<'vlan'>>();
      expectTypeOf(link.kind).toEqualTypeOf<'vlan'>();
      expectTypeOf(link.data.id).toEqualTypeOf<number | undefined>();
    }
    // @ts-expect-error: no such kind
    isKind(link, 'carrier-pigeon');
  });

  test('is a snapshot that nobody writes to', () => {
    // @ts-expect-error: read only
    link.mtu = 1500;
    // @ts-expect-error: read only
    link.altNames.push('a');
  });
});
