import { expect, test } from 'vitest';
import type { Netns } from '../../lib/netns/netns.js';
import {
  type GetRouteOptions,
  getRouteRequest,
  type ListRoutesOptions,
  listRoutesRequest,
} from '../../lib/rtnetlink/route/find.js';
import { encode, parts } from './wire.ts';

const netns = {} as Netns;

const dumps: [ListRoutesOptions, number | undefined, string, string[]][] = [
  [{}, undefined, '000000000000000000000000', ['15: fe000000']],
  [{ family: 'inet', protocol: 'static' }, 3, '020000000004000000000000', ['15: fe000000', '4: 03000000']],
  [{ table: 'all', family: 'inet6' }, undefined, '0a0000000000000000000000', []],
  [{ table: 1000, type: 'blackhole' }, undefined, '000000000000000600000000', ['15: e8030000']],
  [{ cached: true, family: 'inet' }, undefined, '020000000000000000020000', ['15: fe000000']],
  [{ to: '2001:db8::/32' }, undefined, '0a0000000000000000000000', ['15: fe000000']],
];
test.each(dumps)('listing %j asks the kernel for no more', (options, index, header, attributes) => {
  expect(parts(encode(listRoutesRequest(netns, options, index)))).toEqual({ type: 26, header, attributes });
});

const questions: [string, GetRouteOptions, string, string[]][] = [
  ['10.1.0.7', { from: '10.1.0.1', iif: 3 }, '022020000000000000100000', ['1: 0a010007', '2: 0a010001', '3: 03000000']],
  ['10.1.0.7', { oif: 3, fibMatch: true }, '022000000000000000300000', ['1: 0a010007', '4: 03000000']],
  [
    '2001:db8::1',
    { mark: 5, tos: 8 },
    '0a8000080000000000000000',
    ['16: 05000000', '1: 20010db8000000000000000000000001'],
  ],
  [
    '10.1.0.7',
    { ipProtocol: 6, sport: 5, dport: 80, uid: 0 },
    '022000000000000000100000',
    ['1: 0a010007', '25: 00000000', '27: 06', '28: 0005', '29: 0050'],
  ],
];
test.each(questions)('asking for the route to %s with %j', (to, options, header, attributes) => {
  const request = getRouteRequest(netns, to, options, options.iif as number, options.oif as number);
  expect(parts(encode(request))).toEqual({ type: 26, header, attributes });
});
