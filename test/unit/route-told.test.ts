import { expect, test } from 'vitest';
import { ByteReader } from '../../lib/netlink/bytes.js';
import type { Netns } from '../../lib/netns/netns.js';
import { routeAttributes } from '../../lib/rtnetlink/route/attributes.js';
import { decodeRoute } from '../../lib/rtnetlink/route/route.js';
import { type RouteSpec, routeRequest } from '../../lib/rtnetlink/route/spec.js';
import { RTM } from '../../lib/rtnetlink/types.js';
import { encode, hex, parts } from './wire.ts';

const netns = {} as Netns;

test('a route is told as plain data', () => {
  const message = hex('02180000fe04fd0110000000 08000f00fe000000 08000100ac100400 080007000a020001 0800040003000000');
  expect(decodeRoute(netns, new ByteReader(message), 0, message.length)).toStrictEqual({
    netns,
    family: 'inet',
    to: '172.16.4.0/24',
    type: 'unicast',
    table: 'main',
    protocol: 'static',
    scope: 'link',
    flags: ['linkdown'],
    link: 3,
    source: '10.2.0.1',
  });
});

const full: RouteSpec[] = [
  {
    to: '10.0.0.0/8',
    family: 'inet',
    type: 'unicast',
    table: 70000,
    protocol: 'bgp',
    scope: 'global',
    flags: ['onlink'],
    via: '10.9.0.1',
    link: 4,
    metric: 7,
    source: '10.9.0.2',
    tos: 4,
    realm: 65538,
  },
  {
    to: '2001:db8::/32',
    family: 'inet6',
    type: 'unicast',
    table: 'local',
    protocol: 200,
    scope: 'global',
    flags: [],
    via: 'fe80::1',
    link: 4,
    pref: 'low',
    from: '2001:db8:1::/48',
  },
  {
    to: 'default',
    family: 'inet',
    type: 'unicast',
    table: 'main',
    protocol: 'boot',
    scope: 'global',
    flags: [],
    via: 'fe80::1',
    link: 4,
    mtu: 1400,
    lock: ['mtu', 'hoplimit'],
    hoplimit: 3,
    rtt: 12.5,
    rttvar: 2.25,
    rtoMin: 200,
    features: ['ecn'],
    congctl: 'bbr',
    quickack: false,
    initrwnd: 8,
    window: 9,
    ssthresh: 10,
    cwnd: 11,
    reordering: 4,
    fastopenNoCookie: true,
    advmss: 1,
  },
  {
    to: 'default',
    family: 'inet6',
    type: 'unicast',
    table: 'main',
    protocol: 'boot',
    scope: 'global',
    flags: [],
    nexthops: [
      { flags: ['onlink'], weight: 256, link: 3, via: 'fe80::1' },
      { flags: [], weight: 1, link: 4 },
    ],
  },
  {
    to: '10.0.0.1/32',
    family: 'inet',
    type: 'prohibit',
    table: 'main',
    protocol: 'kernel',
    scope: 'global',
    flags: [],
    nexthopId: 4,
    encap: { type: 'mpls', data: new Uint8Array([1, 2, 3, 4]) },
  },
];
test.each(full)('what is said of %j is what is told', (spec) => {
  const message = encode(
    routeRequest(
      RTM.NEWROUTE,
      0,
      spec,
      spec.link as number | undefined,
      spec.nexthops?.map(({ link }) => link as number),
    ),
  );
  expect(decodeRoute(netns, new ByteReader(message), 16, message.length)).toEqual({ netns, ...spec });
});

test('a route that was listed can be given back', () => {
  const message = hex(
    '0a300000fe03000110000000 1400010020010db8010000000000000000000000 0800040003000000 24000c00 00000000000000000000000000000000000000000000000000000000000000000000 0000',
  );
  const route = decodeRoute(netns, new ByteReader(message), 0, message.length);
  expect(route).toBeDefined();
  expect(parts(encode(routeRequest(RTM.DELROUTE, 0, route as RouteSpec, 3)))).toMatchObject({
    header: '0a300000fe03000100000000',
  });
});

test('no bytes crash the decoder', () => {
  const message = encode(routeRequest(RTM.NEWROUTE, 0, full[3] as RouteSpec, undefined, [3, 4])).subarray(16);
  for (let length = 0; length < message.length; length++) {
    for (const value of [0, 1, 255]) {
      const bytes = message.slice(0, length + 1);
      bytes[length] = value;
      decodeRoute(netns, new ByteReader(bytes), 0, bytes.length);
    }
  }
});

test('the attributes of paths are named in errors', () => {
  const message = encode(
    routeRequest(
      RTM.NEWROUTE,
      0,
      {
        nexthops: [
          { via: '10.0.0.1', link: 3 },
          { via: '10.0.0.2', link: 3 },
        ],
      },
      undefined,
      [3, 3],
    ),
  );
  const input = new ByteReader(message);
  // Behind nlmsghdr and rtmsg: RTA_MULTIPATH, two rtnexthop of 8 bytes with a gateway of 8 each.
  expect(routeAttributes.path(input, 28, message.length, 28 + 4 + 16 + 8)).toBe('RTA_MULTIPATH.RTA_GATEWAY');
});
