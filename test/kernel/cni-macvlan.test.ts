import { createVeth, type Link, listLinks, type Netns, ping } from 'netloom';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CniHost } from './cni.ts';
import { iproute, witness } from './ip.ts';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { seen, seenAddresses, seenNames } from './witness.ts';

const CONFIG = {
  type: 'macvlan',
  master: 'up0',
  ipam: { type: 'host-local', subnet: '10.1.2.0/24', routes: [{ dst: '0.0.0.0/0' }] },
};

describeKernel('cni macvlan', () => {
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

  const dataOf = (name: string) => seen(container, name).linkinfo?.info_data;

  test("DEL after an ADD that found its name taken leaves another network's link", () => {
    host.add(CONFIG, { netns: container });
    const other = { ...CONFIG, name: 'other' };
    expect(host.call('ADD', other, { netns: container }).status).toBe(1);
    expect(host.call('DEL', other, { netns: container })).toEqual({ status: 0, output: undefined });
    expect(seenNames(container)).toEqual(['eth0']);
    expect(host.call('DEL', CONFIG, { netns: container })).toEqual({ status: 0, output: undefined });
    expect(seenNames(container)).toEqual([]);
  });

  test('ADD, CHECK, DEL', () => {
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
      link_index: parent.index,
      mtu: 1500,
      flags: expect.arrayContaining(['UP']),
      linkinfo: { info_kind: 'macvlan', info_data: { mode: 'bridge' } },
    });
    expect(seenAddresses(netns, 'eth0')).toEqual(['10.1.2.2/24']);
    expect(witness(netns, 'ip route show default')).toMatchObject([{ gateway: '10.1.2.1', dev: 'eth0' }]);

    const later = { ...CONFIG, prevResult: result };
    expect(host.call('CHECK', later, { netns })).toEqual({ status: 0, output: undefined });
    expect(host.call('DEL', later, { netns })).toEqual({ status: 0, output: undefined });
    expect(seenNames(netns)).toEqual([]);
    expect(host.reserved('net')).toEqual([]);
    expect(host.call('DEL', later, { netns })).toEqual({ status: 0, output: undefined });
    expect(host.call('CHECK', later, { netns }).output).toMatchObject({ code: 102 });
  });

  test('containers on one parent reach each other in mode bridge', async () => {
    const other = await host.container('cni-c2');
    host.add(CONFIG, { netns: container });
    host.add(CONFIG, { netns: other, id: 'c2' });
    expect((await ping('10.1.2.3', { netns: container, count: 1 })).received).toBe(1);
  });

  test('neighbours who knew its address elsewhere learn where it is now', async () => {
    iproute(host.netns, 'ip address add 10.1.2.254/24 dev far');
    iproute(host.netns, 'ip neighbour replace 10.1.2.2 lladdr 02:00:00:00:00:01 nud reachable dev far');
    host.add(CONFIG, { netns: container });
    const { address } = seen(container, 'eth0');
    const known = () => witness(host.netns, 'ip neighbour show').find(({ dst }) => dst === '10.1.2.2')?.['lladdr'];
    await vi.waitFor(() => expect(known()).toBe(address));
  });

  test.each(['private', 'vepa', 'passthru'])('mode %s', (mode) => {
    const config = { ...CONFIG, mode };
    const prevResult = host.add(config, { netns: container });
    expect(dataOf('eth0')).toMatchObject({ mode });
    expect(host.call('CHECK', { ...config, prevResult }, { netns: container }).status).toBe(0);
    expect(host.call('CHECK', { ...CONFIG, prevResult }, { netns: container }).output).toMatchObject({
      code: 102,
      msg: `interface eth0: mode is ${mode}, not bridge`,
    });
  });

  test('MTU, MAC, bcqueuelen, and the DNS of the configuration, in results of 1.1.0', () => {
    const config = {
      ...CONFIG,
      cniVersion: '1.1.0',
      mtu: 1400,
      bcqueuelen: 2000,
      mac: '02:00:00:00:00:04',
      runtimeConfig: { mac: '02:00:00:00:00:05' },
      dns: { nameservers: ['10.1.2.1'] },
    };
    const { interfaces, dns } = host.add(config, { netns: container });
    expect(interfaces).toEqual([{ name: 'eth0', mac: '02:00:00:00:00:05', mtu: 1400, sandbox: '/run/netns/cni-c1' }]);
    expect(seen(container, 'eth0')).toMatchObject({ address: '02:00:00:00:00:05', mtu: 1400 });
    expect(dataOf('eth0')).toMatchObject({ bcqueuelen: 2000 });
    expect(dns).toEqual({ nameservers: ['10.1.2.1'] });
  });

  test('without master it stands on the link of the default route', () => {
    const { master: _, ...config } = CONFIG;
    expect(host.call('ADD', config, { netns: container }).output).toMatchObject({
      code: 7,
      msg: expect.stringContaining('no default route'),
    });
    expect(host.reserved('net')).toEqual([]);
    iproute(host.netns, 'ip address add 192.0.2.2/24 dev up0');
    iproute(host.netns, 'ip route add default via 192.0.2.1');
    const prevResult = host.add(config, { netns: container });
    expect(seen(container, 'eth0').link_index).toBe(parent.index);
    iproute(host.netns, 'ip route del default');
    expect(host.call('CHECK', { ...config, prevResult }, { netns: container }).status).toBe(0);
  });

  test('linkInContainer: the master is in the container', async () => {
    const [inside] = await createVeth({
      name: 'in0',
      netns: container,
      up: true,
      peer: { name: 'in1', netns: container },
    });
    const config = { ...CONFIG, master: 'in0', linkInContainer: true };
    const prevResult = host.add(config, { netns: container });
    expect(seen(container, 'eth0')).toMatchObject({ link: 'in0', linkinfo: { info_kind: 'macvlan' } });
    expect(inside.index).not.toBe(0);
    expect(host.call('CHECK', { ...config, prevResult }, { netns: container }).status).toBe(0);
    expect(host.call('DEL', config, { netns: container }).status).toBe(0);
    expect(seenNames(container).toSorted()).toEqual(['in0', 'in1']);
  });

  test('the link may be called as its master is', () => {
    host.add(CONFIG, { netns: container, ifname: 'up0' });
    expect(seen(container, 'up0')).toMatchObject({ link_index: parent.index, linkinfo: { info_kind: 'macvlan' } });
    expect(seenNames(container)).toEqual(['up0']);
    expect(host.call('DEL', CONFIG, { netns: container, ifname: 'up0' }).status).toBe(0);
    expect(seenNames(container)).toEqual([]);
    expect(seenNames(host.netns).toSorted()).toEqual(['far', 'up0']);
  });

  test('without IPAM the link is up and has no address', () => {
    const { ipam: _, ...config } = CONFIG;
    expect(host.add(config, { netns: container }).ips).toBeUndefined();
    expect(seen(container, 'eth0').flags).toContain('UP');
    expect(seenAddresses(container, 'eth0')).toEqual([]);
  });

  test.each([
    [{ master: 'none' }, 7, 'master: there is no link none in the host'],
    [{ master: 5 }, 7, 'master'],
    [{ mtu: 1600 }, 7, 'mtu 1600'],
    [{ mtu: '1400' }, 7, 'mtu'],
    [{ mode: 'l2' }, 7, 'mode "l2" is none of bridge, private, vepa, passthru'],
    [{ linkInContainer: 'no' }, 7, 'linkInContainer'],
    [{ bcqueuelen: -1 }, 7, 'bcqueuelen'],
    [{ mac: 'x' }, 7, 'mac "x"'],
  ])('%j is refused, and nothing is made', (field, code, msg) => {
    expect(host.call('ADD', { ...CONFIG, ...field }, { netns: container }).output).toMatchObject({
      code,
      msg: expect.stringContaining(msg),
    });
    expect(seenNames(container)).toEqual([]);
  });

  test('ADD where the container has such a link fails; neither it nor the DEL that follows touches that link', async () => {
    const [link] = await createVeth({ name: 'eth0', netns: container, peer: { name: 'mine', netns: container } });
    expect(host.call('ADD', CONFIG, { netns: container }).output).toMatchObject({ code: 100 });
    expect(host.reserved('net')).toEqual([]);
    expect(host.call('DEL', CONFIG, { netns: container }).status).toBe(0);
    expect(seen(container, 'eth0').address).toBe(link.mac);
    // The same where its name is another one at first.
    await createVeth({ name: 'up0', netns: container, peer: { name: 'other', netns: container } });
    expect(host.call('ADD', CONFIG, { netns: container, ifname: 'up0' }).output).toMatchObject({ code: 100 });
    expect(seenNames(container).toSorted()).toEqual(['eth0', 'mine', 'other', 'up0']);
    expect(host.reserved('net')).toEqual([]);
  });

  test('an ADD that fails takes its link back', () => {
    const ipam = {
      type: 'static',
      addresses: [{ address: '10.1.2.5/24' }],
      routes: [{ dst: '10.9.0.0/16', gw: '10.8.0.1' }],
    };
    expect(host.call('ADD', { ...CONFIG, ipam }, { netns: container }).output).toMatchObject({ code: 100 });
    expect(seenNames(container)).toEqual([]);
  });

  test('DEL without the namespace, of one that is gone, and with a configuration that is wrong elsewhere', () => {
    host.add(CONFIG, { netns: container });
    expect(host.call('DEL', CONFIG).status).toBe(0);
    expect(host.reserved('net')).toEqual([]);
    expect(host.call('DEL', CONFIG, { netns: '/run/netns/gone' }).status).toBe(0);
    const wrong = { ...CONFIG, mode: 'l2', mtu: 'x', master: 'gone', dns: 5, prevResult: 'none', args: 1 };
    expect(host.call('DEL', wrong, { netns: container })).toEqual({ status: 0, output: undefined });
    expect(seenNames(container)).toEqual([]);
  });

  test('CHECK tells what has changed', () => {
    const prevResult = host.add(CONFIG, { netns: container });
    const problem = (config: object = CONFIG) =>
      host.call('CHECK', { ...config, prevResult }, { netns: container }).output?.msg;
    expect(problem()).toBeUndefined();
    expect(problem({ ...CONFIG, master: 'far' })).toBe('interface eth0 does not stand on far');
    iproute(container, 'ip route delete default');
    expect(problem()).toBe('route 0.0.0.0/0 is not there');
    iproute(container, 'ip address delete 10.1.2.2/24 dev eth0');
    expect(problem()).toBe('interface eth0 does not have 10.1.2.2/24');
    iproute(container, 'ip link set eth0 address 02:00:00:00:00:09');
    expect(problem()).toContain('interface eth0: MAC is 02:00:00:00:00:09');
    iproute(container, 'ip link delete eth0');
    expect(problem()).toBe('interface eth0 is not there');
  });

  test('STATUS says whether there is a master, GC gives back what no container has', async () => {
    const config = { ...CONFIG, cniVersion: '1.1.0' };
    expect(host.call('STATUS', config)).toEqual({ status: 0, output: undefined });
    expect(host.call('STATUS', { ...config, master: 'none' }).output).toMatchObject({ code: 50 });
    const other = await host.container('cni-c2');
    host.add(config, { netns: container });
    host.add(config, { netns: other, id: 'c2' });
    const valid = [{ containerID: 'c2', ifname: 'eth0' }];
    expect(host.call('GC', { ...config, 'cni.dev/valid-attachments': valid }).status).toBe(0);
    expect(host.reserved('net')).toEqual(['10.1.2.3']);
  });
});
