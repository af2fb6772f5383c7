/** What users see of captured messages. */
import { expect, test } from 'vitest';
import { ByteReader } from '../../../lib/netlink/bytes.js';
import type { Netns } from '../../../lib/netns/netns.js';
import { decodeAddress } from '../../../lib/rtnetlink/address/address.js';
import '../../../lib/rtnetlink/kinds/index.js';
import { decodeLink } from '../../../lib/rtnetlink/link/link.js';
import { decodeNeighbor } from '../../../lib/rtnetlink/neighbor/neighbor.js';
import { bytesOf, vectorNamed } from './captured.js';

const netns = {} as Netns;

function read<T>(name: string, decode: (netns: Netns, input: ByteReader, start: number, end: number) => T): T {
  const bytes = bytesOf(vectorNamed(name).hex);
  return decode(netns, new ByteReader(bytes), 16, bytes.length);
}

test('the loopback link', () => {
  expect(read('link-show-all/reply0', decodeLink)).toEqual({
    netns,
    index: 1,
    name: 'lo',
    type: 'loopback',
    up: true,
    carrier: true,
    operState: 'unknown',
    flags: ['up', 'loopback', 'running', 'lower-up'],
    mtu: 65536,
    minMtu: 0,
    mac: '00:00:00:00:00:00',
    broadcast: '00:00:00:00:00:00',
    group: 0,
    altNames: [],
    qdisc: 'noqueue',
    txQueueLength: 1000,
    txQueues: 1,
    rxQueues: 1,
    promiscuity: 0,
    addrGenMode: 'eui64',
    gsoMaxSize: 65536,
    groMaxSize: 65536,
  });
});

test('one end of a veth pair', () => {
  const link = read('link-show-all/reply3', decodeLink);
  expect(link).toMatchObject({
    index: 4,
    name: 'd1p',
    kind: 'veth',
    parent: 5,
    up: false,
    operState: 'down',
    qdisc: 'noop',
  });
  expect(link).not.toHaveProperty('data');
  expect(link).not.toHaveProperty('stats');
});

test('a bridge, with times in milliseconds', () => {
  expect(read('link-show-all/reply12', decodeLink)).toMatchObject({
    name: 'br0',
    kind: 'bridge',
    data: {
      forwardDelay: 15_000,
      helloTime: 2000,
      maxAge: 20_000,
      ageingTime: 300_000,
      stp: false,
      priority: 32768,
      vlanFiltering: false,
      bridgeId: '8000.00:00:00:00:00:00',
      groupAddress: '01:80:c2:00:00:00',
      multicastRouter: 'temp-query',
      multicastSnooping: true,
      multicastQueryInterval: 125_000,
      noLinkLocalLearn: false,
      multicastVlanSnooping: false,
      mstEnabled: false,
    },
  });
});

test('a port of a bridge, as the bridge tells of it', () => {
  expect(read('brvlan-show/reply1', decodeLink)).toMatchObject({
    name: 'v0',
    master: 8,
    bridgePort: {
      state: 'disabled',
      priority: 5,
      cost: 50,
      hairpin: true,
      guard: true,
      learning: true,
      isolated: true,
    },
  });
});

test('a vxlan, with ports in the order of the machine and addresses as text', () => {
  expect(read('link-show-all/reply20', decodeLink)).toMatchObject({
    name: 'vx1',
    kind: 'vxlan',
    data: {
      vni: 43,
      remote: '239.1.1.1',
      parent: 3,
      port: 4789,
      portRange: { low: 40_000, high: 50_000 },
      tos: 1,
      learning: true,
      external: false,
      df: 'unset',
      flowLabelPolicy: 'fixed',
    },
  });
});

test('a macvlan', () => {
  expect(read('link-show-all/reply8', decodeLink)).toMatchObject({
    name: 'mvX',
    kind: 'macvlan',
    parent: 3,
    data: { mode: 'source', flags: [], broadcastQueueLength: 1000 },
  });
});

test('an address, with its lifetimes in milliseconds', () => {
  expect(read('addr-dump-dev/reply1', decodeAddress)).toEqual({
    netns,
    link: 3,
    family: 'inet',
    address: '10.1.0.1',
    prefixLength: 24,
    label: 'd0',
    scope: 'global',
    flags: [],
    validLifetime: 100_000,
    preferredLifetime: 50_000,
  });
});

test('an address for ever, with the metric of its route', () => {
  expect(read('addr-dump-dev/reply0', decodeAddress)).toMatchObject({
    address: '10.5.0.1',
    scope: 'link',
    flags: ['permanent'],
    metric: 77,
    validLifetime: Number.POSITIVE_INFINITY,
  });
});

test('a neighbour', () => {
  expect(read('neigh-get/reply0', decodeNeighbor)).toMatchObject({
    link: 3,
    family: 'inet',
    address: '10.1.0.77',
    mac: '02:00:00:00:00:77',
    state: 'permanent',
    proxy: false,
    probes: 0,
    confirmed: 20,
  });
});

test('all of them are frozen', () => {
  expect(Object.isFrozen(read('link-show-all/reply0', decodeLink))).toBe(true);
  expect(Object.isFrozen(read('addr-dump-dev/reply0', decodeAddress))).toBe(true);
  expect(Object.isFrozen(read('neigh-get/reply0', decodeNeighbor))).toBe(true);
});
