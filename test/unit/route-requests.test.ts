import { expect, test } from 'vitest';
import { ByteWriter } from '../../lib/netlink/bytes.js';
import { writeMessage } from '../../lib/netlink/message.js';
import { addRoute, deleteRoute, replaceRoute } from '../../lib/rtnetlink/route/calls.js';
import {
  type Encapsulation,
  type RouteSpec,
  routeRequest,
  type WeightedNexthop,
} from '../../lib/rtnetlink/route/spec.js';
import { RTM } from '../../lib/rtnetlink/types.js';
import { encode, hex, parts } from './wire.ts';

const ADD = RTM.NEWROUTE;
const DELETE = RTM.DELROUTE;

// What iproute2 6.1 sends for the command; link 3 is its d0. nlmsghdr, rtmsg, attributes.
const commands: [string, typeof ADD | typeof DELETE, RouteSpec, string][] = [
  [
    'ip route add 172.16.1.0/24 via 10.1.0.254',
    ADD,
    { to: '172.16.1.0/24', via: '10.1.0.254' },
    '2c000000180005060000000000000000 02180000fe03000100000000 08000100ac100100 080005000a0100fe',
  ],
  [
    'ip route add default via 10.1.0.254 dev d0 metric 500',
    ADD,
    { via: '10.1.0.254', link: 3, metric: 500 },
    '34000000180005060000000000000000 02000000fe03000100000000 080005000a0100fe 08000600f4010000 0800040003000000',
  ],
  [
    'ip route add 10.9.0.0/16 via 10.1.0.254 table 1000',
    ADD,
    { to: '10.9.0.0/16', via: '10.1.0.254', table: 1000 },
    '34000000180005060000000000000000 021000000003000100000000 080001000a090000 080005000a0100fe 08000f00e8030000',
  ],
  [
    'ip route add 10.9.0.0/16 via inet6 2001:db8:1::9 dev d0',
    ADD,
    { to: '10.9.0.0/16', via: '2001:db8:1::9', link: 3 },
    '44000000180005060000000000000000 02100000fe03000100000000 080001000a090000 160012000a0020010db80001000000000000000000090000 0800040003000000',
  ],
  [
    'ip route add 10.10.0.0/16 via 10.1.0.254 mtu lock 1400 advmss 1360 rtt 100ms initcwnd 20 quickack 1 congctl cubic',
    ADD,
    {
      to: '10.10.0.0/16',
      via: '10.1.0.254',
      lock: ['mtu'],
      mtu: 1400,
      advmss: 1360,
      initcwnd: 20,
      quickack: true,
      congctl: 'cubic',
    },
    '6c000000180005060000000000000000 02100000fe03000100000000 080001000a0a0000 080005000a0100fe 3800 0800 0800010004000000 0800020078050000 0800080050050000 08000b0014000000 08000f0001000000 0a001000637562696300 0000',
  ],
  [
    'ip route add 10.11.0.0/16 via 10.99.0.1 dev d0 onlink src 10.1.0.1 tos 0x10',
    ADD,
    { to: '10.11.0.0/16', via: '10.99.0.1', link: 3, flags: ['onlink'], source: '10.1.0.1', tos: 0x10 },
    '3c000000180005060000000000000000 02100010fe03000104000000 080001000a0b0000 080005000a630001 080007000a010001 0800040003000000',
  ],
  [
    'ip route add local 10.12.0.1 dev d0',
    ADD,
    { type: 'local', to: '10.12.0.1', link: 3 },
    '2c000000180005060000000000000000 02200000ff03fe0200000000 080001000a0c0001 0800040003000000',
  ],
  [
    'ip route add broadcast 10.14.255.255 dev d0',
    ADD,
    { type: 'broadcast', to: '10.14.255.255', link: 3 },
    '2c000000180005060000000000000000 02200000ff03fd0300000000 080001000a0effff 0800040003000000',
  ],
  [
    'ip route add multicast 239.0.0.0/8 dev d0',
    ADD,
    { type: 'multicast', to: '239.0.0.0/8', link: 3 },
    '2c000000180005060000000000000000 02080000fe03fd0500000000 08000100ef000000 0800040003000000',
  ],
  [
    'ip route add throw 10.13.0.0/16',
    ADD,
    { type: 'throw', to: '10.13.0.0/16' },
    '24000000180005060000000000000000 02100000fe03000900000000 080001000a0d0000',
  ],
  [
    'ip route add blackhole default metric 9',
    ADD,
    { type: 'blackhole', to: 'default', metric: 9 },
    '24000000180005060000000000000000 02000000fe03000600000000 0800060009000000',
  ],
  [
    'ip route add unreachable 172.16.6.0/24 metric 4278198272',
    ADD,
    { type: 'unreachable', to: '172.16.6.0/24', metric: 4278198272 },
    '2c000000180005060000000000000000 02180000fe03000700000000 08000100ac100600 08000600002000ff',
  ],
  [
    'ip route add 172.16.8.0/24 nexthop via 10.1.0.253 dev d0 weight 1 nexthop via 10.1.0.252 dev d0 weight 5',
    ADD,
    {
      to: '172.16.8.0/24',
      nexthops: [
        { via: '10.1.0.253', link: 3, weight: 1 },
        { via: '10.1.0.252', link: 3, weight: 5 },
      ],
    },
    '48000000180005060000000000000000 02180000fe03000100000000 08000100ac100800 24000900 1000000003000000080005000a0100fd 1000000403000000080005000a0100fc',
  ],
  [
    'ip route add 172.16.11.0/24 nhid 20',
    ADD,
    { to: '172.16.11.0/24', nexthopId: 20 },
    '2c000000180005060000000000000000 02180000fe03000100000000 08000100ac100b00 08001e0014000000',
  ],
  [
    'ip route add default via 2001:db8:1::ff pref high expires 100',
    ADD,
    { to: 'default', via: '2001:db8:1::ff', pref: 'high', expires: 100_000 },
    '40000000180005060000000000000000 0a000000fe03000100000000 1400050020010db80001000000000000000000ff 0500140001000000 0800170064000000',
  ],
  [
    'ip -6 route add 2001:db8:103::/48 encap seg6 mode encap segs 2001:db8:f::1,2001:db8:f::2 dev d0',
    ADD,
    {
      to: '2001:db8:103::/48',
      link: 3,
      encap: {
        type: 'seg6',
        data: hex('30000100 01000000000404010100000020010db8000f0000000000000000000220010db8000f00000000000000000001'),
      },
    },
    '74000000180005060000000000000000 0a300000fe03000100000000 1400010020010db8010300000000000000000000 34001680 3000010001000000000404010100000020010db8000f0000000000000000000220010db8000f00000000000000000001 0600150005000000 0800040003000000',
  ],
  [
    'ip route del 172.16.5.0/24',
    DELETE,
    { to: '172.16.5.0/24' },
    '24000000190005000000000000000000 02180000fe00ff0000000000 08000100ac100500',
  ],
  [
    'ip route del blackhole default',
    DELETE,
    { type: 'blackhole' },
    '1c000000190005000000000000000000 02000000fe00ff0600000000',
  ],
  [
    'ip -6 route del 2001:db8:77::/48',
    DELETE,
    { to: '2001:db8:77::/48' },
    '30000000190005000000000000000000 0a300000fe00000000000000 1400010020010db8007700000000000000000000',
  ],
];

test.each(commands)('%s', (_, type, spec, expected) => {
  const index = spec.link as number | undefined;
  const request = routeRequest(
    type,
    0,
    spec,
    index,
    spec.nexthops?.map(({ link }) => link as number),
  );
  expect(parts(encode(request))).toEqual(parts(lengthFixed(hex(expected))));
});

/** The tables above leave some lengths to be counted. */
function lengthFixed(message: Uint8Array): Uint8Array {
  new DataView(message.buffer).setUint32(0, message.length, true);
  return message;
}

const defaults: RouteSpec[] = [{}, { to: 'default' }, { to: '0.0.0.0/0' }, { to: undefined, family: 'inet' }];
test.each(defaults)('%j is the IPv4 default route', (spec) => {
  const expected = encode(routeRequest(ADD, 0, { to: 'default', link: 3 }, 3));
  expect(encode(routeRequest(ADD, 0, { ...spec, link: 3 }, 3))).toEqual(expected);
});

const defaults6: RouteSpec[] = [{ family: 'inet6' }, { to: '::/0' }, { to: 'default', family: 'inet6' }];
test.each(defaults6)('%j is the IPv6 default route', (spec) => {
  expect(parts(encode(routeRequest(ADD, 0, { ...spec, link: 3 }, 3)))).toEqual({
    type: 24,
    header: '0a000000fe03000100000000',
    attributes: ['4: 03000000'],
  });
});

const refused: [RouteSpec, string, string][] = [
  [
    { to: '10.1.0.1/24' },
    'ERR_INVALID_ARG_VALUE',
    'to "10.1.0.1/24" has bits behind its prefix length; the network is 10.1.0.0/24',
  ],
  [{ to: '10.1.0.0/33' }, 'ERR_OUT_OF_RANGE', '10.1.0.0/33'],
  [{ to: 'somewhere' }, 'ERR_INVALID_ARG_VALUE', 'to "somewhere"'],
  [{ via: '10.1.0.' }, 'ERR_INVALID_ARG_VALUE', 'via "10.1.0."'],
  [{ via: 7 as unknown as string }, 'ERR_INVALID_ARG_TYPE', 'via'],
  [{ source: '2001:db8::1', to: '10.0.0.0/8' }, 'ERR_INVALID_ARG_VALUE', 'source "2001:db8::1"'],
  [{ to: '2001:db8::/32', family: 'inet' }, 'ERR_INVALID_ARG_VALUE', 'family "inet"'],
  [{ family: 'ipv4' as 'inet' }, 'ERR_INVALID_ARG_VALUE', 'family "ipv4"'],
  [{ type: 'hole' as 'throw' }, 'ERR_INVALID_ARG_VALUE', 'type "hole"'],
  [{ protocol: 256 }, 'ERR_INVALID_ARG_VALUE', 'protocol 256'],
  [{ table: -1 }, 'ERR_INVALID_ARG_VALUE', 'table -1'],
  [{ table: 'mine' as 'main' }, 'ERR_INVALID_ARG_VALUE', 'table "mine"'],
  [{ scope: 'near' as 'link' }, 'ERR_INVALID_ARG_VALUE', 'scope "near"'],
  [{ metric: -1 }, 'ERR_OUT_OF_RANGE', 'metric -1'],
  [{ tos: 256 }, 'ERR_OUT_OF_RANGE', 'tos 256'],
  [{ mtu: 1.5 }, 'ERR_OUT_OF_RANGE', 'mtu 1.5'],
  [{ lock: ['mss' as 'mtu'] }, 'ERR_INVALID_ARG_VALUE', 'lock "mss"'],
  [{ flags: ['offlink' as 'onlink'] }, 'ERR_INVALID_ARG_VALUE', 'flags "offlink"'],
  [{ nexthops: [{ via: '10.0.0.1', weight: 257 }] }, 'ERR_OUT_OF_RANGE', 'nexthops[0].weight 257'],
  [{ nexthops: [{ via: '10.0.0.x' }] }, 'ERR_INVALID_ARG_VALUE', 'nexthops[0].via "10.0.0.x"'],
  [{ expires: -1 }, 'ERR_OUT_OF_RANGE', 'expires'],
  [{ expires: '1 s' as unknown as number }, 'ERR_INVALID_ARG_TYPE', 'expires must be a number of milliseconds'],
  [{ mtuu: 1400 } as RouteSpec, 'ERR_INVALID_ARG_VALUE', 'mtuu 1400 is no option of a route (mtu is)'],
  [
    { nexthops: [{ via: '10.0.0.1', wait: 2 } as WeightedNexthop] },
    'ERR_INVALID_ARG_VALUE',
    'nexthops[0].wait 2 is no option of a nexthop (',
  ],
  [
    { encap: { type: 'mpls', date: 2 } as unknown as Encapsulation },
    'ERR_INVALID_ARG_VALUE',
    'encap.date 2 is no option of an encapsulation',
  ],
  [{ gateway: '10.0.0.1' } as RouteSpec, 'ERR_INVALID_ARG_VALUE', 'gateway "10.0.0.1" is no option of a route'],
];
test.each(refused)('%j is refused', (spec, code, message) => {
  const request = routeRequest(
    ADD,
    0,
    spec,
    undefined,
    spec.nexthops?.map(() => 3),
  );
  const out = new ByteWriter();
  let caught: unknown;
  try {
    writeMessage(out, request, 0);
  } catch (error) {
    caught = error;
  }
  expect(caught).toMatchObject({ code, message: expect.stringContaining(message) });
  expect(out.length).toBe(0);
});

test.each([null, undefined, 7, 'default'])('%j is no route', (nothing) => {
  for (const call of [addRoute, replaceRoute, deleteRoute]) {
    expect(() => call.sync(nothing as unknown as RouteSpec)).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_ARG_TYPE',
        message: expect.stringContaining(`${call.name}: route must be an object`),
      }),
    );
  }
});
