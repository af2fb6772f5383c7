import { createVeth, type Link, listLinks, type Netns } from 'netloom';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CniHost } from './cni.ts';
import { iproute, witness } from './ip.ts';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { seen, seenAddresses, seenNames } from './witness.ts';

const CONFIG = {
  type: 'host-device',
  device: 'card0',
  ipam: { type: 'host-local', subnet: '10.1.2.0/24', routes: [{ dst: '0.0.0.0/0' }] },
};

describeKernel('cni host-device', () => {
  expectNoLeaks(() => listLinks());

  let host: CniHost;
  let container: Netns;
  let card: Link;
  beforeEach(async () => {
    host = await CniHost.create();
    container = await host.container('cni-c1');
    card = await host.cable('card0');
  });
  afterEach(() => host.close());

  const atHome = () => seenNames(host.netns).toSorted();

  test('ADD takes the link, CHECK finds it so, DEL gives it back as it was called', () => {
    const netns = container;
    const result = host.add(CONFIG, { netns });
    expect(result).toEqual({
      cniVersion: '1.0.0',
      interfaces: [{ name: 'eth0', mac: card.mac, sandbox: '/run/netns/cni-c1' }],
      ips: [{ address: '10.1.2.2/24', gateway: '10.1.2.1', interface: 0 }],
      routes: [{ dst: '0.0.0.0/0' }],
      dns: {},
    });
    expect(seen(netns, 'eth0')).toMatchObject({
      address: card.mac,
      ifalias: 'card0',
      flags: expect.arrayContaining(['UP']),
    });
    expect(seenAddresses(netns, 'eth0')).toEqual(['10.1.2.2/24']);
    expect(witness(netns, 'ip route show default')).toMatchObject([{ gateway: '10.1.2.1', dev: 'eth0' }]);
    expect(atHome()).toEqual(['far']);

    const later = { ...CONFIG, prevResult: result };
    expect(host.call('CHECK', later, { netns })).toEqual({ status: 0, output: undefined });
    expect(host.call('DEL', later, { netns })).toEqual({ status: 0, output: undefined });
    expect(seenNames(netns)).toEqual([]);
    expect(seen(host.netns, 'card0').address).toBe(card.mac);
    expect(seen(host.netns, 'card0').ifalias).toBeUndefined();
    expect(host.reserved('net')).toEqual([]);
    expect(host.call('DEL', later, { netns })).toEqual({ status: 0, output: undefined });
    expect(host.call('CHECK', later, { netns }).output).toMatchObject({ code: 102 });
  });

  test('without IPAM, the link named by its MAC, and twice one after the other', () => {
    const config = { type: 'host-device', hwaddr: card.mac?.toUpperCase() };
    for (const id of ['c1', 'c2']) {
      expect(host.add(config, { netns: container, id })).toMatchObject({
        interfaces: [{ name: 'eth0', mac: card.mac }],
      });
      expect(seen(container, 'eth0').flags).toContain('UP');
      expect(host.call('DEL', config, { netns: container, id }).status).toBe(0);
      expect(atHome()).toEqual(['card0', 'far']);
    }
  });

  test('an ADD that fails gives it back, up as it was', () => {
    const routes = [{ dst: '10.9.0.0/16', gw: '10.8.0.1' }];
    const ipam = { type: 'static', addresses: [{ address: '10.1.2.5/24' }], routes };
    expect(host.call('ADD', { ...CONFIG, ipam }, { netns: container }).output).toMatchObject({ code: 100 });
    expect(seenNames(container)).toEqual([]);
    expect(seen(host.netns, 'card0')).toMatchObject({ address: card.mac, flags: expect.arrayContaining(['UP']) });
  });

  test('ADD where the container has such a link fails; neither it nor the DEL that follows touches a link', async () => {
    const [other] = await createVeth({ name: 'eth0', netns: container, peer: { name: 'mine', netns: container } });
    iproute(container, 'ip link set eth0 alias its/own:alias');
    expect(host.call('ADD', CONFIG, { netns: container }).output).toMatchObject({ code: 100 });
    expect(host.reserved('net')).toEqual([]);
    expect(host.call('DEL', CONFIG, { netns: container })).toEqual({ status: 0, output: undefined });
    expect(seen(container, 'eth0').address).toBe(other.mac);
    expect(seen(host.netns, 'card0').flags).toContain('UP');
  });

  test('DEL without the namespace, of one that is gone, and with a configuration that says no device', () => {
    host.add(CONFIG, { netns: container });
    expect(host.call('DEL', CONFIG).status).toBe(0);
    expect(host.reserved('net')).toEqual([]);
    expect(host.call('DEL', CONFIG, { netns: '/run/netns/gone' }).status).toBe(0);
    expect(host.call('DEL', { type: 'host-device', device: 5 }, { netns: container }).status).toBe(0);
    expect(atHome()).toEqual(['card0', 'far']);
  });

  test('DEL where its name is taken says so, and gives it back once it is free', () => {
    host.add(CONFIG, { netns: container });
    iproute(host.netns, 'ip link set far name card0');
    expect(host.call('DEL', CONFIG, { netns: container }).output).toMatchObject({
      code: 100,
      msg: expect.stringContaining('card0'),
    });
    expect(seenNames(container)).toEqual(['eth0']);
    iproute(host.netns, 'ip link set card0 name far');
    expect(host.call('DEL', CONFIG, { netns: container }).status).toBe(0);
    expect(atHome()).toEqual(['card0', 'far']);
  });

  test.each([
    [{}, 'one of device, hwaddr, kernelpath and pciBusID is needed'],
    [{ device: 'none' }, 'no link in the host with the name none (device)'],
    [{ device: 5 }, 'device'],
    [{ hwaddr: '02:00:00:00:00:99' }, 'no link in the host with the MAC 02:00:00:00:00:99 (hwaddr)'],
    [{ hwaddr: 'x' }, 'hwaddr "x"'],
    [{ kernelpath: '/sys/devices/../class' }, 'kernelpath "/sys/devices/../class" is not below /sys/devices/'],
    [{ kernelpath: '/sys/devices/none' }, 'no link in the host with kernelpath /sys/devices/none'],
    [{ pciBusID: '../0000:00:03.0' }, 'pciBusID "../0000:00:03.0" is no PCI address'],
    [{ pciBusID: 'ffff:ff:1f.7' }, 'no link in the host with the PCI address ffff:ff:1f.7'],
    [{ pciBusID: 'ffff:ff:1f.7', runtimeConfig: { deviceID: '/' } }, 'runtimeConfig.deviceID "/" is no PCI address'],
  ])('%j is refused', (fields, msg) => {
    const config = { type: 'host-device', ...fields };
    expect(host.call('ADD', config, { netns: container }).output).toMatchObject({
      code: 7,
      msg: expect.stringContaining(msg),
    });
    expect(atHome()).toEqual(['card0', 'far']);
  });
});
