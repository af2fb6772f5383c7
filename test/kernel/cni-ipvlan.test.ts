import { createVeth, type Link, listLinks, type Netns } from 'netloom';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CniHost } from './cni.ts';
import { iproute, witness } from './ip.ts';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { seen, seenAddresses, seenNames } from './witness.ts';

const CONFIG = {
  type: 'ipvlan',
  master: 'up0',
  ipam: { type: 'host-local', subnet: '10.1.2.0/24', routes: [{ dst: '0.0.0.0/0' }] },
};

// Where the kernel has no ipvlan, each test sees that ADD says so, and leaves nothing.
describeKernel('cni ipvlan', () => {
  expectNoLeaks(() => listLinks());

  let host: CniHost;
  let container: Netns;
  let parent: Link;
  beforeEach(async () => {
    host = await CniHost.create();
    container = await host.container('cni-c1');
    parent = await host.cable('up0');
  });
  afterEach(() => host.close());

  const add = (config: object, ifname = 'eth0') => {
    const result = host.addOfKind('ipvlan', config, { netns: container, ifname });
    if (result === undefined) expect([...seenNames(container), ...host.reserved('net')]).toEqual([]);
    return result;
  };

  test('ADD, CHECK, DEL', () => {
    const netns = container;
    const result = add(CONFIG);
    if (result === undefined) return;
    expect(result).toEqual({
      cniVersion: '1.0.0',
      interfaces: [{ name: 'eth0', mac: parent.mac, sandbox: '/run/netns/cni-c1' }],
      ips: [{ address: '10.1.2.2/24', gateway: '10.1.2.1', interface: 0 }],
      routes: [{ dst: '0.0.0.0/0' }],
      dns: {},
    });
    expect(seen(netns, 'eth0')).toMatchObject({
      link_index: parent.index,
      flags: expect.arrayContaining(['UP']),
      linkinfo: { info_kind: 'ipvlan', info_data: { mode: 'l2' } },
    });
    expect(seenAddresses(netns, 'eth0')).toEqual(['10.1.2.2/24']);
    expect(witness(netns, 'ip route show default')).toMatchObject([{ gateway: '10.1.2.1', dev: 'eth0' }]);
    const later = { ...CONFIG, prevResult: result };
    expect(host.call('CHECK', later, { netns })).toEqual({ status: 0, output: undefined });
    expect(host.call('DEL', later, { netns })).toEqual({ status: 0, output: undefined });
    expect(seenNames(netns)).toEqual([]);
    expect(host.reserved('net')).toEqual([]);
    expect(host.call('DEL', later, { netns })).toEqual({ status: 0, output: undefined });
  });

  test.each(['l3', 'l3s'])('mode %s, which CHECK compares, and an MTU', (mode) => {
    const config = { ...CONFIG, mode, mtu: 1400 };
    const prevResult = add(config);
    if (prevResult === undefined) return;
    expect(seen(container, 'eth0')).toMatchObject({ mtu: 1400, linkinfo: { info_data: { mode } } });
    expect(host.call('CHECK', { ...config, prevResult }, { netns: container }).status).toBe(0);
    expect(host.call('CHECK', { ...CONFIG, prevResult }, { netns: container }).output).toMatchObject({
      code: 102,
      msg: `interface eth0: mode is ${mode}, not l2`,
    });
  });

  test('in a chain: the link of the result before is the master, and its addresses are those of the link', () => {
    const prevResult = {
      interfaces: [{ name: 'up0' }],
      ips: [{ address: '10.7.0.5/24', gateway: '10.7.0.1' }],
      routes: [{ dst: '0.0.0.0/0' }],
    };
    const result = host.addOfKind('ipvlan', { name: 'net', type: 'ipvlan', prevResult }, { netns: container });
    if (result === undefined) return;
    expect(result).toMatchObject({
      interfaces: [{ name: 'eth0', sandbox: '/run/netns/cni-c1' }],
      ips: [{ address: '10.7.0.5/24', gateway: '10.7.0.1', interface: 0 }],
      routes: [{ dst: '0.0.0.0/0' }],
    });
    expect(seen(container, 'eth0').link_index).toBe(parent.index);
    expect(seenAddresses(container, 'eth0')).toEqual(['10.7.0.5/24']);
    const later = { type: 'ipvlan', prevResult: result };
    expect(host.call('CHECK', later, { netns: container })).toEqual({ status: 0, output: undefined });
    expect(host.call('DEL', later, { netns: container })).toEqual({ status: 0, output: undefined });
    expect(seenNames(container)).toEqual([]);
  });

  test('the link of the default route is the master of one that says none', () => {
    const { master: _, ...config } = CONFIG;
    iproute(host.netns, 'ip -6 address add 2001:db8::2/64 dev up0 nodad');
    iproute(host.netns, 'ip -6 route add default via 2001:db8::1');
    if (add(config) === undefined) return;
    expect(seen(container, 'eth0').link_index).toBe(parent.index);
  });

  test('linkInContainer, and a link that is called as one of the host', async () => {
    await createVeth({ name: 'in0', netns: container, up: true, peer: { name: 'far0', netns: host.netns } });
    const config = { ...CONFIG, master: 'in0', linkInContainer: true };
    if (host.addOfKind('ipvlan', config, { netns: container }) === undefined) return;
    expect(seen(container, 'eth0')).toMatchObject({ link: 'in0', linkinfo: { info_kind: 'ipvlan' } });
    expect(host.call('DEL', config, { netns: container }).status).toBe(0);
    host.add(CONFIG, { netns: container, ifname: 'up0' });
    expect(seen(container, 'up0').link_index).toBe(parent.index);
    expect(host.call('DEL', CONFIG, { netns: container, ifname: 'up0' }).status).toBe(0);
    expect(seenNames(container)).toEqual(['in0']);
  });

  test.each([
    [{ mode: 'bridge' }, 'mode "bridge" is none of l2, l3, l3s'],
    [{ master: '', prevResult: { interfaces: [{ name: 'up0' }, { name: 'far' }] } }, 'no single named interface'],
    [{ master: 'none' }, 'master: there is no link none in the host'],
    [{ mtu: 9000 }, 'mtu 9000'],
    [{ ipam: {} }, 'ipam.type is missing: ipvlan is of no use without addresses'],
  ])('%j is refused, and nothing is made', (field, msg) => {
    expect(host.call('ADD', { ...CONFIG, ...field }, { netns: container }).output).toMatchObject({
      code: 7,
      msg: expect.stringContaining(msg),
    });
    expect(seenNames(container)).toEqual([]);
    expect(host.call('DEL', { ...CONFIG, ...field }, { netns: container })).toEqual({ status: 0, output: undefined });
  });
});
