/** What TypeScript takes for addresses, routes, neighbours and namespaces, and what it refuses. */
import {
  type Address,
  addAddress,
  addFdbEntry,
  addNeighbor,
  addRoute,
  type Call,
  createNetns,
  createTap,
  createTun,
  currentNetns,
  deleteNetns,
  getRoute,
  getSysctl,
  type Link,
  listAddresses,
  listNeighbors,
  listRoutes,
  NetlinkError,
  type Netns,
  openNetns,
  type PacketDevice,
  type Route,
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
