/** What TypeScript takes for addresses, routes, neighbours and namespaces, and what it refuses. */
import {
  type Address,
  addAddress,
  addFdbEntry,
  addNeighbor,
  addRoute,
  addRule,
  announceAddresses,
  type Call,
  createNetns,
  createTap,
  createTun,
  currentNetns,
  deleteNetns,
  deleteRule,
  getNetnsId,
  getRoute,
  getSysctl,
  type Link,
  listAddresses,
  listNeighbors,
  listRoutes,
  listRules,
  NetlinkError,
  type Netns,
  openNetns,
  type PacketDevice,
  type Route,
  type Rule,
  type RuleSpec,
  setNetnsId,
  watch,
} from 'netloom';
import * as sync from 'netloom/sync';
import { describe, expectTypeOf, test } from 'vitest';

declare const netns: Netns;
declare const link: Link;

describe('namespaces', () => {
  test('are made, opened and closed', () => {
    expectTypeOf(createNetns()).resolves.toEqualTypeOf<Netns>();
    expectTypeOf(createNetns('blue')).resolves.toEqualTypeOf<Netns>();
    expectTypeOf(sync.createNetns('blue')).toEqualTypeOf<Netns>();
    expectTypeOf(currentNetns()).toEqualTypeOf<Netns>();
    openNetns('blue');
    openNetns({ pid: 1 });
    openNetns({ path: '/proc/1/ns/net' });
    openNetns({ fd: 3 });
    openNetns({ ociConfig: '/bundle/config.json' });
    deleteNetns(netns);
    expectTypeOf(netns.close()).toEqualTypeOf<void>();
    expectTypeOf(netns[Symbol.asyncDispose]()).toEqualTypeOf<Promise<void>>();
    // @ts-expect-error: nothing to open
    openNetns();
    // @ts-expect-error: no such way to name one
    openNetns({ name: 'blue' });
  });
});

describe('addresses', () => {
  test('are text, or text with options', () => {
    expectTypeOf(addAddress(link, '10.0.0.1/24')).resolves.toEqualTypeOf<void>();
    addAddress('eth0', { address: '10.0.0.1/24', broadcast: true, flags: ['nodad'], validLifetime: 1000 }, { netns });
    expectTypeOf(listAddresses({ link, family: 'inet' })).resolves.toEqualTypeOf<Address[]>();
    expectTypeOf(announceAddresses(link, { count: 3, interval: 500 })).resolves.toEqualTypeOf<string[]>();
    announceAddresses('eth0', { netns, addresses: ['10.0.0.1', {} as Address] });
    expectTypeOf(sync.announceAddresses(link)).toEqualTypeOf<string[]>();
    // @ts-expect-error: addresses are an option
    announceAddresses(link, ['10.0.0.1']);
    // @ts-expect-error: no address
    addAddress(link, { broadcast: true });
    // @ts-expect-error: a flag that is the kernel's to tell
    addAddress(link, { address: '10.0.0.1/24', flags: ['tentative'] });
    // @ts-expect-error: a scope that there is none of
    addAddress(link, { address: '10.0.0.1/24', scope: 'galaxy' });
    // @ts-expect-error: a family that there is none of
    listAddresses({ family: 'ipv4' });
  });
});

describe('routes', () => {
  test('have a destination and a way to it', () => {
    expectTypeOf(addRoute({ to: 'default', via: '10.0.0.1', link })).resolves.toEqualTypeOf<void>();
    addRoute({ to: '10.1.0.0/16', nexthops: [{ via: '10.0.0.1', weight: 2 }], mtu: 1400, lock: ['mtu'] });
    addRoute({ to: '10.1.0.0/16', type: 'blackhole', table: 100, protocol: 'static' });
    expectTypeOf(listRoutes({ table: 'all' })).resolves.toEqualTypeOf<Route[]>();
    expectTypeOf(getRoute('192.0.2.1')).resolves.toEqualTypeOf<Route>();
    // @ts-expect-error: no such type
    addRoute({ to: '10.1.0.0/16', type: 'wormhole' });
    // @ts-expect-error: a table by a name that is not known here
    addRoute({ to: '10.1.0.0/16', table: 'blue' });
    // @ts-expect-error: `via`
    addRoute({ to: '10.1.0.0/16', gateway: '10.0.0.1' });
    // @ts-expect-error: nowhere to
    getRoute();
  });
});

describe('rules', () => {
  test('look up one table, or go on elsewhere, or drop', () => {
    expectTypeOf(addRule({ from: '10.1.0.0/16', table: 1000 })).resolves.toEqualTypeOf<void>();
    addRule({ iif: link, oif: 'eth0', fwmark: 5, fwmask: 0xff, table: 'main', suppressPrefixLength: 0, invert: true });
    addRule({ ipProtocol: 'tcp', sourcePort: 80, destinationPort: [1000, 2000], uidRange: [0, 99], priority: 7 });
    addRule({ goto: 200, priority: 100 });
    addRule({ action: 'goto', goto: 200 });
    addRule({ l3mdev: true, protocol: 'kernel', family: 'inet6' });
    addRule({ to: '10.9.0.0/16', action: 'unreachable' });
    expectTypeOf(listRules({ family: 'inet', table: 1000 })).resolves.toEqualTypeOf<Rule[]>();
    expectTypeOf<Rule>().toExtend<RuleSpec>();
    deleteRule({ priority: 100 }, { ifExists: true });
    // @ts-expect-error: a table and a jump
    addRule({ table: 1000, goto: 200 });
    // @ts-expect-error: the table of a VRF and another
    addRule({ l3mdev: true, table: 1000 });
    // @ts-expect-error: a jump to the table of a VRF
    addRule({ l3mdev: true, goto: 200 });
    // @ts-expect-error: a table that drops
    addRule({ action: 'blackhole', table: 1000 });
    // @ts-expect-error: a drop that jumps
    addRule({ action: 'prohibit', goto: 200 });
    // @ts-expect-error: a jump to nowhere
    addRule({ action: 'goto' });
    // @ts-expect-error: nothing is looked up that could be suppressed
    addRule({ action: 'unreachable', suppressPrefixLength: 0 });
    // @ts-expect-error: no such action
    addRule({ action: 'drop' });
    // @ts-expect-error: a rule knows links by name
    addRule({ iif: 3, table: 1000 });
    // @ts-expect-error: three ports
    addRule({ sourcePort: [1, 2, 3], table: 1000 });
  });

  test('that are listed tell by their action what they have', () => {
    const rule = {} as Rule;
    if (rule.action === 'goto') expectTypeOf(rule.goto).toEqualTypeOf<number>();
    if (rule.action === 'blackhole') expectTypeOf(rule.table).toEqualTypeOf<undefined>();
    expectTypeOf(deleteRule(rule)).resolves.toEqualTypeOf<void>();
  });
});

describe('neighbours and forwarding entries', () => {
  test('are of a link', () => {
    addNeighbor({ address: '10.0.0.2', mac: '02:00:00:00:00:02', link, state: 'permanent' });
    addFdbEntry({ mac: '02:00:00:00:00:02', link, dst: '192.0.2.1', vni: 7 });
    expectTypeOf(listNeighbors({ link })).resolves.toExtend<readonly { readonly state: string }[]>();
    // @ts-expect-error: of no link
    addNeighbor({ address: '10.0.0.2' });
    // @ts-expect-error: of no address
    addNeighbor({ link });
    // @ts-expect-error: no such state
    addNeighbor({ address: '10.0.0.2', link, state: 'asleep' });
    // @ts-expect-error: no MAC
    addFdbEntry({ link });
  });
});

describe('packet devices', () => {
  test('are made by name', () => {
    expectTypeOf(createTap({ name: 'tap0' })).resolves.toEqualTypeOf<PacketDevice>();
    expectTypeOf(createTun({ name: 'tun0' })).resolves.toEqualTypeOf<PacketDevice>();
    // @ts-expect-error: no such option
    createTap({ name: 'tap0', colour: 'red' });
  });
});

describe('events', () => {
  test('say by their type what they are about', async () => {
    for await (const event of watch({ rules: true, netnsIds: true, namedNetns: true }, { netns })) {
      if (event.type === 'rule' && event.change === 'added') expectTypeOf(event.new).toEqualTypeOf<Rule>();
      if (event.type === 'netnsId') expectTypeOf(event.netns).toEqualTypeOf<Netns>();
      if (event.type === 'namedNetns') {
        expectTypeOf(event.netns).toEqualTypeOf<undefined>();
        if (event.change === 'removed') expectTypeOf(event.old.id).toEqualTypeOf<number>();
      }
    }
    // @ts-expect-error: nothing of that name
    watch({ names: true });
    expectTypeOf(setNetnsId(netns, 'auto')).resolves.toEqualTypeOf<number>();
    expectTypeOf(getNetnsId(netns)).resolves.toEqualTypeOf<number | undefined>();
    // @ts-expect-error: no id
    setNetnsId(netns);
  });
});

test('sysctls are text', () => {
  expectTypeOf(getSysctl('net.ipv4.ip_forward', { netns })).resolves.toEqualTypeOf<string>();
});

test('the synchronous flavour gives what the promise would', () => {
  type Given<C> = C extends Call<never[], infer R> ? R : never;
  expectTypeOf(sync.listRoutes).returns.toEqualTypeOf<Given<typeof listRoutes>>();
  expectTypeOf(sync.addRoute).parameters.toEqualTypeOf<Parameters<typeof addRoute>>();
});

test('a refusal says what it knows', () => {
  const error = new NetlinkError({ errno: -17, syscall: 'RTM_NEWLINK' });
  expectTypeOf(error.code).toEqualTypeOf<string>();
  expectTypeOf(error.attribute).toEqualTypeOf<string | undefined>();
  expectTypeOf(error.link).toEqualTypeOf<string | number | undefined>();
});
