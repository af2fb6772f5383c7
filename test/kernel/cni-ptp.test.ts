import { createVeth, listLinks, type Netns, ping } from 'netloom';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CniHost } from './cni.ts';
import { iproute, witness } from './ip.ts';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { seen, seenAddresses, seenNames } from './witness.ts';

const CONFIG = {
  type: 'ptp',
  mtu: 1400,
  ipam: { type: 'host-local', subnet: '10.1.2.0/24', routes: [{ dst: '0.0.0.0/0' }] },
};

describeKernel('cni ptp', () => {
  expectNoLeaks(() => listLinks());

  let host: CniHost;
  let container: Netns;
  beforeEach(async () => {
    host = await CniHost.create();
    container = await host.container('cni-c1');
  });
  afterEach(() => host.close());

  test('ADD, CHECK, DEL', async () => {
    const netns = container;
    const result = host.add(CONFIG, { netns });
    const name = result.interfaces?.[0]?.name as string;
    expect(result).toEqual({
      cniVersion: '1.0.0',
      interfaces: [
        { name: expect.stringMatching(/^veth[0-9a-f]{11}$/), mac: seen(host.netns, name).address },
        { name: 'eth0', mac: seen(netns, 'eth0').address, sandbox: '/run/netns/cni-c1' },
      ],
      ips: [{ address: '10.1.2.2/24', gateway: '10.1.2.1', interface: 1 }],
      routes: [{ dst: '0.0.0.0/0' }],
      dns: {},
    });
    expect(seen(netns, 'eth0').mtu).toBe(1400);
    expect(seenAddresses(netns, 'eth0')).toEqual(['10.1.2.2/24']);
    expect(seenAddresses(host.netns, name)).toEqual(['10.1.2.1/32']);
    expect(witness(netns, 'ip route').map(({ dst, gateway }) => [dst, gateway])).toEqual([
      ['default', '10.1.2.1'],
      ['10.1.2.0/24', '10.1.2.1'],
      ['10.1.2.1', undefined],
    ]);
    expect(witness(host.netns, 'ip route')).toMatchObject([{ dst: '10.1.2.2', dev: name, scope: 'host' }]);
    expect((await ping('10.1.2.1', { netns, count: 1 })).received).toBe(1);

    const later = { ...CONFIG, prevResult: result };
    expect(host.call('CHECK', later, { netns })).toEqual({ status: 0, output: undefined });
    expect(host.call('DEL', later, { netns })).toEqual({ status: 0, output: undefined });
    expect([...seenNames(netns), ...seenNames(host.netns)]).toEqual([]);
    expect(host.reserved('net')).toEqual([]);
    expect(host.call('DEL', later, { netns })).toEqual({ status: 0, output: undefined });
  });

  test('DEL succeeds where the configuration is wrong in what it does not need', () => {
    host.add({ ...CONFIG, ipMasq: true }, { netns: container });
    const wrong = { ...CONFIG, ipMasq: true, mtu: 'x', dns: 5, ipam: { ...CONFIG.ipam, subnet: 'none' } };
    expect(host.call('DEL', wrong, { netns: container })).toEqual({ status: 0, output: undefined });
    expect([...seenNames(container), ...seenNames(host.netns)]).toEqual([]);
    expect(iproute(host.netns, 'nft list ruleset')).toBe('');
    expect(host.reserved('net')).toEqual([]);
  });

  test('ADD where the container has such a link fails, and leaves it alone', async () => {
    const [link] = await createVeth({ name: 'eth0', netns: container, peer: { name: 'mine', netns: container } });
    expect(host.call('ADD', CONFIG, { netns: container }).output).toMatchObject({ code: expect.any(Number) });
    expect(seen(container, 'eth0').address).toBe(link.mac);
    expect(seenNames(host.netns)).toEqual([]);
    expect(host.reserved('net')).toEqual([]);
  });

  test('containers reach each other through the host', async () => {
    const other = await host.container('cni-c2');
    host.add(CONFIG, { netns: container });
    host.add(CONFIG, { netns: other, id: 'c2' });
    expect((await ping('10.1.2.3', { netns: container, count: 1 })).received).toBe(1);
  });

  test('GC takes the links of attachments that are no more, though their namespaces live on', async () => {
    const other = await host.container('cni-c2');
    const config = { ...CONFIG, cniVersion: '1.1.0' };
    host.add(config, { netns: container });
    host.add(config, { netns: other, id: 'c2' });
    const valid = [{ containerID: 'c2', ifname: 'eth0' }];
    expect(host.call('GC', { ...config, 'cni.dev/valid-attachments': valid }).status).toBe(0);
    expect([container, other].map(seenNames)).toEqual([[], ['eth0']]);
    expect(seenNames(host.netns)).toHaveLength(1);
  });

  const routes = (netns: Netns, words: string) =>
    witness(netns, words).map(({ dst, gateway, dev, prefsrc }) => [dst, gateway, dev, prefsrc]);

  // The reference plugin fails too, at the second route to the gateway.
  test('a second link in the subnet of the first is refused, and the first stays as it was', async () => {
    host.add(CONFIG, { netns: container });
    const before = routes(container, 'ip route');
    expect(host.call('ADD', CONFIG, { netns: container, ifname: 'eth1' }).output).toMatchObject({
      code: 7,
      msg: 'the container reaches the gateway 10.1.2.1 by another link than eth1: each of its ptp links needs a subnet of its own',
    });
    expect(seenNames(container)).toEqual(['eth0']);
    expect(routes(container, 'ip route')).toEqual(before);
    expect(seenNames(host.netns)).toHaveLength(1);
    expect(host.reserved('net')).toEqual(['10.1.2.2']);
    expect((await ping('10.1.2.1', { netns: container, count: 1 })).received).toBe(1);
  });

  test('a second link in a subnet of its own reaches the host too', async () => {
    host.add(CONFIG, { netns: container });
    const other = { ...CONFIG, name: 'other', ipam: { type: 'host-local', subnet: '10.1.3.0/24' } };
    host.add(other, { netns: container, ifname: 'eth1' });
    for (const address of ['10.1.2.1', '10.1.3.1'])
      expect((await ping(address, { netns: container, count: 1 })).received).toBe(1);
  });

  test('two addresses of one subnet share its routes', async () => {
    const addresses = [
      { address: '10.1.2.5/24', gateway: '10.1.2.1' },
      { address: '10.1.2.6/24', gateway: '10.1.2.1' },
      { address: 'fd00:1::5/64', gateway: 'fd00:1:0::1' },
      { address: 'fd00:1::6/64', gateway: 'fd00:1::1' },
    ];
    host.add({ ...CONFIG, ipam: { type: 'static', addresses } }, { netns: container });
    expect(routes(container, 'ip route')).toEqual([
      ['10.1.2.0/24', '10.1.2.1', 'eth0', '10.1.2.5'],
      ['10.1.2.1', undefined, 'eth0', '10.1.2.5'],
    ]);
    expect(routes(container, 'ip -6 route').filter(([dst]) => dst !== 'fe80::/64')).toEqual([
      ['fd00:1::1', undefined, 'eth0', 'fd00:1::5'],
      ['fd00:1::/64', 'fd00:1::1', 'eth0', 'fd00:1::5'],
    ]);
    expect((await ping('10.1.2.1', { netns: container, count: 1 })).received).toBe(1);
  });

  test('without a gateway it is refused, and nothing is made', () => {
    const ipam = { type: 'static', addresses: [{ address: '10.1.2.5/24' }] };
    expect(host.call('ADD', { ...CONFIG, ipam }, { netns: container }).output).toMatchObject({
      code: 7,
      msg: 'IPAM gave no gateway for 10.1.2.5/24; ptp reaches everything by one',
    });
    expect([...seenNames(container), ...seenNames(host.netns)]).toEqual([]);
  });
});
