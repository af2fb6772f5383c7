import { expect, test } from 'vitest';
import { ownerName, staleOwners } from '../../../lib/cni/container/owner.js';
import { hostVethName } from '../../../lib/cni/container/veth.js';
import { parseResolvConf } from '../../../lib/cni/ipam/host-local/resolv-conf.js';
import { staticIpam } from '../../../lib/cni/ipam/static.js';
import { readBridge } from '../../../lib/cni/plugins/bridge/config.js';
import { bridgeAddresses, completeResult } from '../../../lib/cni/plugins/bridge/gateways.js';
import { parseConfig } from '../../../lib/cni/protocol/config.js';
import { readEnvironment } from '../../../lib/cni/protocol/environment.js';
import type { Invocation } from '../../../lib/cni/protocol/plugin.js';
import { EMPTY_RESULT } from '../../../lib/cni/protocol/result.js';
import { shortHash } from '../../../lib/cni/short-hash.js';

function invocation(config: object, args = ''): Invocation {
  const variables = {
    CNI_COMMAND: 'ADD',
    CNI_CONTAINERID: 'c1',
    CNI_NETNS: '/run/netns/c1',
    CNI_IFNAME: 'eth0',
    CNI_ARGS: args,
  };
  const text = JSON.stringify({ cniVersion: '1.0.0', name: 'net', type: 'x', ...config });
  return { ...readEnvironment(variables), config: parseConfig(text) };
}

test('resolv.conf', () => {
  const text = `# comment
; another
nameserver 10.0.0.1
nameserver  10.0.0.2
domain example.org
search a.example b.example
options ndots:5 edns0
options
`;
  expect(parseResolvConf(text)).toEqual({
    nameservers: ['10.0.0.1', '10.0.0.2'],
    domain: 'example.org',
    search: ['a.example', 'b.example'],
    options: ['ndots:5', 'edns0'],
  });
  expect(parseResolvConf('')).toEqual({});
});

test('a bridge that is the default gateway completes what IPAM gives', () => {
  const ips = [{ address: '10.1.0.5/16' }, { address: 'fd00::5/64', gateway: 'fd00::fe' }];
  const complete = completeResult({ ...EMPTY_RESULT, ips }, { isGateway: true, isDefaultGateway: true }, 2);
  expect(complete.ips).toEqual([
    { address: '10.1.0.5/16', gateway: '10.1.0.1', interface: 2 },
    { address: 'fd00::5/64', gateway: 'fd00::fe', interface: 2 },
  ]);
  expect(complete.routes).toEqual([
    { dst: '0.0.0.0/0', gw: '10.1.0.1' },
    { dst: '::/0', gw: 'fd00::fe' },
  ]);
  expect(bridgeAddresses(complete.ips)).toEqual(['10.1.0.1/16', 'fd00::fe/64']);
});

test('a default route that is there already is enough', () => {
  const routes = [{ dst: '0.0.0.0/0' }];
  const given = { ...EMPTY_RESULT, ips: [{ address: '10.1.0.5/16', gateway: '10.1.0.9' }], routes };
  expect(completeResult(given, { isGateway: true, isDefaultGateway: true }, 2).routes).toEqual(routes);
});

test('the MAC that the runtime wants counts before args, and that before CNI_ARGS', () => {
  const MAC = 'MAC=02-00-00-00-00-03';
  const args = { cni: { mac: '02:00:00:00:00:02' } };
  const runtimeConfig = { mac: '02:00:00:00:00:0A' };
  expect(readBridge(invocation({ args, runtimeConfig }, MAC)).mac).toBe('02:00:00:00:00:0a');
  expect(readBridge(invocation({ args }, MAC)).mac).toBe('02:00:00:00:00:02');
  expect(readBridge(invocation({}, MAC)).mac).toBe('02:00:00:00:00:03');
  expect(readBridge(invocation({})).mac).toBeUndefined();
  expect(() => readBridge(invocation({ runtimeConfig: { mac: 'x' } }))).toThrow('runtimeConfig.mac "x"');
});

test('what a bridge cannot be at once is refused', () => {
  expect(() => readBridge(invocation({ hairpinMode: true, promiscMode: true }))).toThrow('at the same time');
  expect(() => readBridge(invocation({ disableContainerInterface: true, ipam: { type: 'static' } }))).toThrow(
    'cannot use IPAM when disableContainerInterface is set',
  );
  expect(() => readBridge(invocation({ bridge: 'a-name-of-16-byte' }))).toThrow('bridge "a-name-of-16-byte"');
});

test('static: the runtime replaces what the configuration says, CNI_ARGS add to it', () => {
  const ipam = { type: 'static', addresses: [{ address: '10.1.0.5/16', gateway: '10.1.0.1' }] };
  const addresses = (config: object, args?: string) => staticIpam.add(invocation({ ipam, ...config }, args)).ips;
  expect(addresses({})).toEqual([{ address: '10.1.0.5/16', gateway: '10.1.0.1' }]);
  expect(addresses({}, 'IP=10.2.0.5/16,fd00::5/64;GATEWAY=10.2.0.1')).toEqual([
    { address: '10.1.0.5/16', gateway: '10.1.0.1' },
    { address: '10.2.0.5/16', gateway: '10.2.0.1' },
    { address: 'fd00::5/64' },
  ]);
  expect(addresses({ runtimeConfig: { ips: ['10.9.0.5/24'] }, args: { cni: { ips: ['10.8.0.5/24'] } } })).toEqual([
    { address: '10.9.0.5/24' },
  ]);
  expect(() => addresses({}, 'IP=10.2.0.5')).toThrow('IP of CNI_ARGS "10.2.0.5" has no prefix length');
});

test("the host's end of a pair has a name that tells attachments apart, the same each time", () => {
  const name = hostVethName(invocation({}));
  expect(name).toMatch(/^veth[0-9a-f]{11}$/);
  expect(hostVethName(invocation({ mtu: 1400 }))).toBe(name);
  expect(hostVethName(invocation({ name: 'other' }))).not.toBe(name);
});

test('the hash spreads what differs in one place', () => {
  expect(shortHash('', 16)).toHaveLength(16);
  expect(shortHash('a', 11)).toMatch(/^[0-9a-f]{11}$/);
  const all = Array.from({ length: 20_000 }, (_, i) => shortHash(`["net","c${i}","eth0"]`, 11));
  expect(new Set(all).size).toBe(all.length);
  const firsts = Array.from({ length: 256 }, (_, i) => shortHash(`c${i}`, 11).slice(0, 2));
  expect(new Set(firsts).size).toBeGreaterThan(140);
});

test('an owner is named by network, container and link, in 127 bytes at most', () => {
  expect(ownerName('net', { containerId: 'c1', ifname: 'eth0' })).toBe('cni net c1 eth0');
  const long = { containerId: 'f'.repeat(255), ifname: 'fifteen-bytes-x' };
  expect(ownerName('n'.repeat(255), long).length).toBeLessThanOrEqual(127);
  expect(ownerName('net', long)).not.toBe(ownerName('net', { ...long, containerId: `${'f'.repeat(254)}e` }));
});

test('GC knows the owners of a network that are not valid any more', () => {
  const owners = ['cni net c1 eth0', 'cni net c2 eth0', 'cni network c3 eth0', 'other'];
  expect(staleOwners(owners, 'net', [{ containerId: 'c1', ifname: 'eth0' }])).toEqual(['cni net c2 eth0']);
});
