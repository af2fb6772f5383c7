import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Result, readResult, resultObject } from '../../../lib/cni/protocol/result.js';
import { VERSIONS, versionOf } from '../../../lib/cni/protocol/version.js';

const result: Result = {
  interfaces: [
    { name: 'br0', mac: '02:00:00:00:00:01', mtu: 1500 },
    { name: 'eth0', mac: '02:00:00:00:00:02', mtu: 1500, sandbox: '/run/netns/c1' },
  ],
  ips: [
    { address: '10.1.0.2/16', gateway: '10.1.0.1', interface: 1 },
    { address: 'fd00::2/64', gateway: 'fd00::1', interface: 1 },
  ],
  routes: [{ dst: '0.0.0.0/0', gw: '10.1.0.1', mtu: 1400, priority: 5 }, { dst: '::/0' }],
  dns: { nameservers: ['10.1.0.1'], domain: 'example.org' },
};
const json = (version: (typeof VERSIONS)[number]): unknown => JSON.parse(JSON.stringify(resultObject(result, version)));

const dns = { nameservers: ['10.1.0.1'], domain: 'example.org' };
const plainInterfaces = [
  { name: 'br0', mac: '02:00:00:00:00:01' },
  { name: 'eth0', mac: '02:00:00:00:00:02', sandbox: '/run/netns/c1' },
];
const plainRoutes = [{ dst: '0.0.0.0/0', gw: '10.1.0.1' }, { dst: '::/0' }];

test('1.1.0 has all', () => {
  expect(json('1.1.0')).toEqual({ cniVersion: '1.1.0', ...result, dns });
});

test('1.0.0 lacks what came later', () => {
  expect(json('1.0.0')).toEqual({
    cniVersion: '1.0.0',
    interfaces: plainInterfaces,
    ips: result.ips,
    routes: plainRoutes,
    dns,
  });
});

test.each(['0.3.0', '0.3.1', '0.4.0'] as const)('%s says the version of each address', (version) => {
  expect(json(version)).toEqual({
    cniVersion: version,
    interfaces: plainInterfaces,
    ips: [
      { version: '4', ...result.ips[0] },
      { version: '6', ...result.ips[1] },
    ],
    routes: plainRoutes,
    dns,
  });
});

test.each(['0.1.0', '0.2.0'] as const)('%s has one address of each family, with its routes', (version) => {
  expect(json(version)).toEqual({
    cniVersion: version,
    ip4: { ip: '10.1.0.2/16', gateway: '10.1.0.1', routes: [{ dst: '0.0.0.0/0', gw: '10.1.0.1' }] },
    ip6: { ip: 'fd00::2/64', gateway: 'fd00::1', routes: [{ dst: '::/0' }] },
    dns,
  });
});

test('an empty result has no lists', () => {
  expect(JSON.parse(JSON.stringify(resultObject({ interfaces: [], ips: [], routes: [], dns: {} }, '1.0.0')))).toEqual({
    cniVersion: '1.0.0',
    dns: {},
  });
});

test('a result of any version is read as it was written', () => {
  fc.assert(
    fc.property(fc.constantFrom(...VERSIONS), (version) => {
      const again = resultObject(readResult(json(version), 'prevResult'), version);
      expect(JSON.parse(JSON.stringify(again))).toEqual(json(version));
    }),
  );
});

test('a result that is none is refused, by the place in it', () => {
  const read = (value: object) => readResult({ cniVersion: '1.0.0', ...value }, 'prevResult');
  expect(() => read({ ips: [{ address: '10.0.0.1' }] })).toThrow('prevResult.ips[0].address "10.0.0.1"');
  expect(() => read({ routes: [{}] })).toThrow('prevResult.routes[0].dst is missing');
  expect(() => read({ ips: [{ address: '10.0.0.1/8', gateway: 'x' }] })).toThrow('prevResult.ips[0].gateway "x"');
  expect(() => read({ cniVersion: '2.0.0' })).toThrow(expect.objectContaining({ code: 1 }));
});

test('a configuration without a version has the first one', () => {
  expect(versionOf(undefined)).toBe('0.1.0');
});
