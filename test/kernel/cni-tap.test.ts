import { createBridge, createVeth, listLinks, type Netns, openPacketDevice } from 'netloom';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CniHost } from './cni.ts';
import { iproute, witness } from './ip.ts';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { SLOWNESS } from './slowness.ts';
import { seen, seenAddresses, seenNames } from './witness.ts';

const CONFIG = {
  type: 'tap',
  ipam: { type: 'host-local', subnet: '10.1.2.0/24', routes: [{ dst: '0.0.0.0/0' }] },
};

describeKernel('cni tap', () => {
  expectNoLeaks(() => listLinks());

  let host: CniHost;
  let container: Netns;
  beforeEach(async () => {
    host = await CniHost.create();
    container = await host.container('cni-c1');
  });
  afterEach(() => host.close());

  const dataOf = (name: string) => seen(container, name).linkinfo?.info_data;

  test("DEL after an ADD that found its name taken leaves another network's link", () => {
    host.add(CONFIG, { netns: container });
    const other = { ...CONFIG, name: 'other' };
    expect(host.call('ADD', other, { netns: container }).status).toBe(1);
    expect(host.call('DEL', other, { netns: container })).toEqual({ status: 0, output: undefined });
    expect(seenNames(container)).toEqual(['eth0']);
  });

  test('ADD, CHECK, DEL, and a program opens it in between', async () => {
    const netns = container;
    const result = host.add(CONFIG, { netns });
    expect(result).toEqual({
      cniVersion: '1.0.0',
      interfaces: [{ name: 'eth0', mac: seen(netns, 'eth0').address, sandbox: '/run/netns/cni-c1' }],
      ips: [{ address: '10.1.2.2/24', gateway: '10.1.2.1', interface: 0 }],
      routes: [{ dst: '0.0.0.0/0' }],
      dns: {},
    });
    expect(seen(netns, 'eth0')).toMatchObject({
      flags: expect.arrayContaining(['UP']),
      linkinfo: { info_kind: 'tun', info_data: { type: 'tap', multi_queue: false, persist: true } },
    });
    expect(dataOf('eth0')).not.toHaveProperty('user');
    expect(seenAddresses(netns, 'eth0')).toEqual(['10.1.2.2/24']);
    expect(witness(netns, 'ip route show default')).toMatchObject([{ gateway: '10.1.2.1', dev: 'eth0' }]);
    const device = await openPacketDevice('eth0', { netns });
    await device.close();

    const later = { ...CONFIG, prevResult: result };
    expect(host.call('CHECK', later, { netns })).toEqual({ status: 0, output: undefined });
    expect(host.call('DEL', later, { netns })).toEqual({ status: 0, output: undefined });
    expect(seenNames(netns)).toEqual([]);
    expect(host.reserved('net')).toEqual([]);
    expect(host.call('DEL', later, { netns })).toEqual({ status: 0, output: undefined });
  });

  test('options: MAC, MTU, queues, owner and group, without IPAM', async () => {
    const options = { mac: '02:00:00:00:00:05', mtu: 1400, multiQueue: true, owner: 4242, group: 4243 };
    const { ips } = host.add({ type: 'tap', ...options }, { netns: container });
    expect(ips).toBeUndefined();
    expect(seen(container, 'eth0')).toMatchObject({
      address: '02:00:00:00:00:05',
      mtu: 1400,
      flags: expect.arrayContaining(['UP']),
      linkinfo: { info_data: { multi_queue: true, user: 4242, group: 4243 } },
    });
    expect(iproute(container, 'ip -4 address show dev eth0')).toBe('');
    const device = await openPacketDevice('eth0', { netns: container, queues: 4 });
    await device.close();
  });

  test('IPv6, too, is there at once: there is nothing to wait for before somebody opens it', () => {
    const ipam = { type: 'host-local', subnet: 'fd00:1::/64', routes: [{ dst: '::/0' }] };
    const start = performance.now();
    host.add({ ...CONFIG, ipam }, { netns: container });
    expect(performance.now() - start).toBeLessThan(9_000 * SLOWNESS);
    expect(seenAddresses(container, 'eth0')).toEqual(['fd00:1::2/64']);
    expect(witness(container, 'ip -6 route show default')).toMatchObject([{ gateway: 'fd00:1::1', dev: 'eth0' }]);
  });

  test('a port of a bridge of the container, which CHECK looks for', async () => {
    await createBridge({ name: 'br0', netns: container, up: true });
    const config = { type: 'tap', bridge: 'br0' };
    const prevResult = host.add(config, { netns: container });
    expect(seen(container, 'eth0').master).toBe('br0');
    const check = () => host.call('CHECK', { ...config, prevResult }, { netns: container }).output;
    expect(check()).toBeUndefined();
    iproute(container, 'ip link set eth0 nomaster');
    expect(check()).toMatchObject({ code: 102, msg: 'interface eth0 is no port of bridge br0' });
  });

  test.each([
    [{ selinuxContext: 'system_u:system_r:container_t:s0' }, 2, 'tap: selinuxContext "system_u'],
    [{ multiQueue: 1 }, 7, 'multiQueue'],
    [{ owner: 'root' }, 7, 'owner'],
    [{ group: -1 }, 7, 'group'],
    [{ mtu: 65536 }, 7, 'mtu'],
    [{ mac: 'x' }, 7, 'mac "x"'],
    [{ bridge: 'br0' }, 7, 'bridge: there is no link br0 in the container'],
    [{ bridge: 'lo' }, 7, 'bridge: lo is not a bridge'],
  ])('%j is refused, and nothing is made', (field, code, msg) => {
    expect(host.call('ADD', { ...CONFIG, ...field }, { netns: container }).output).toMatchObject({
      code,
      msg: expect.stringContaining(msg),
    });
    expect(seenNames(container)).toEqual([]);
    expect(host.call('DEL', { ...CONFIG, ...field }, { netns: container })).toEqual({ status: 0, output: undefined });
  });

  test('ADD where the container has such a link fails; neither it nor the DEL that follows touches that link', async () => {
    const [link] = await createVeth({ name: 'eth0', netns: container, peer: { name: 'mine', netns: container } });
    expect(host.call('ADD', CONFIG, { netns: container }).status).toBe(1);
    expect(host.reserved('net')).toEqual([]);
    expect(host.call('DEL', CONFIG, { netns: container }).status).toBe(0);
    expect(seen(container, 'eth0').address).toBe(link.mac);
  });

  test('an ADD that fails takes its link back', () => {
    const routes = [{ dst: '10.9.0.0/16', gw: '10.8.0.1' }];
    const ipam = { type: 'static', addresses: [{ address: '10.1.2.5/24' }], routes };
    expect(host.call('ADD', { ...CONFIG, ipam }, { netns: container }).output).toMatchObject({ code: 100 });
    expect(seenNames(container)).toEqual([]);
  });
});
