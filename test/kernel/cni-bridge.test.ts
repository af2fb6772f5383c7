import {
  addMasquerade,
  createVeth,
  getSysctl,
  listAddresses,
  listLinks,
  listMasquerades,
  type Netns,
  ping,
} from 'netloom';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CniHost } from './cni.ts';
import { iproute, witness } from './ip.ts';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { seen, seenAddresses, seenNames } from './witness.ts';

const CONFIG = {
  type: 'bridge',
  bridge: 'br0',
  isDefaultGateway: true,
  ipam: { type: 'host-local', ranges: [[{ subnet: '10.1.2.0/24' }], [{ subnet: 'fd00:1::/64' }]] },
};

describeKernel('cni bridge', () => {
  expectNoLeaks(() => listLinks());

  let host: CniHost;
  let container: Netns;
  beforeEach(async () => {
    host = await CniHost.create();
    container = await host.container('cni-c1');
  });
  afterEach(() => host.close());

  test('ADD attaches a container, CHECK finds it so, DEL leaves nothing, and may come again', async () => {
    const netns = container;
    const result = host.add(CONFIG, { netns });
    expect(result).toEqual({
      cniVersion: '1.0.0',
      interfaces: [
        { name: 'br0', mac: seen(host.netns, 'br0').address },
        { name: expect.stringMatching(/^veth[0-9a-f]{11}$/), mac: expect.any(String) },
        { name: 'eth0', mac: seen(netns, 'eth0').address, sandbox: '/run/netns/cni-c1' },
      ],
      ips: [
        { address: '10.1.2.2/24', gateway: '10.1.2.1', interface: 2 },
        { address: 'fd00:1::2/64', gateway: 'fd00:1::1', interface: 2 },
      ],
      routes: [
        { dst: '0.0.0.0/0', gw: '10.1.2.1' },
        { dst: '::/0', gw: 'fd00:1::1' },
      ],
      dns: {},
    });
    expect(seenAddresses(netns, 'eth0')).toEqual(['10.1.2.2/24', 'fd00:1::2/64']);
    expect(seenAddresses(host.netns, 'br0')).toEqual(['10.1.2.1/24', 'fd00:1::1/64']);
    const port = seen(host.netns, result.interfaces?.[1]?.name as string);
    expect(port).toMatchObject({ master: 'br0', address: result.interfaces?.[1]?.mac, operstate: 'UP' });
    expect(witness(netns, 'ip route show default')).toMatchObject([{ gateway: '10.1.2.1', dev: 'eth0' }]);
    expect(witness(netns, 'ip -6 route show default')).toMatchObject([{ gateway: 'fd00:1::1', dev: 'eth0' }]);
    expect(await getSysctl('net.ipv4.ip_forward', { netns: host.netns })).toBe('1');
    expect(await getSysctl('net.ipv6.conf.all.forwarding', { netns: host.netns })).toBe('1');
    expect((await ping('10.1.2.1', { netns, count: 1 })).received).toBe(1);

    const later = { ...CONFIG, prevResult: result };
    expect(host.call('CHECK', later, { netns })).toEqual({ status: 0, output: undefined });
    expect(host.call('DEL', later, { netns })).toEqual({ status: 0, output: undefined });
    expect(seenNames(netns)).toEqual([]);
    expect(seenNames(host.netns)).toEqual(['br0']);
    expect(host.reserved('net')).toEqual([]);
    expect(host.call('DEL', later, { netns })).toEqual({ status: 0, output: undefined });
    expect(host.call('CHECK', later, { netns }).output).toMatchObject({ code: 102 });
  });

  test('ADD where the container has such a link fails, and leaves it alone', async () => {
    const [link] = await createVeth({ name: 'eth0', netns: container, peer: { name: 'mine', netns: container } });
    expect(host.call('ADD', CONFIG, { netns: container }).output).toMatchObject({ code: expect.any(Number) });
    expect(seen(container, 'eth0').address).toBe(link.mac);
    expect(seenNames(host.netns)).toEqual(['br0']);
    expect(host.reserved('net')).toEqual([]);
  });

  test('DEL after an ADD that failed for the link of another network leaves that alone', () => {
    const netns = container;
    host.add(CONFIG, { netns });
    const other = { ...CONFIG, name: 'other', bridge: 'br1', ipam: { type: 'host-local', subnet: '10.9.0.0/24' } };
    expect(host.call('ADD', other, { netns }).output).toMatchObject({ code: 100 });
    expect(host.call('DEL', other, { netns })).toEqual({ status: 0, output: undefined });
    expect(seenAddresses(netns, 'eth0')).toContain('10.1.2.2/24');
    expect(host.call('DEL', CONFIG, { netns })).toEqual({ status: 0, output: undefined });
    expect(seenNames(netns)).toEqual([]);
  });

  test('DEL after an ADD that failed for a link of another kind leaves that alone', () => {
    iproute(container, 'ip link add eth0 type bridge');
    expect(host.call('ADD', CONFIG, { netns: container }).output).toMatchObject({ code: 100 });
    expect(host.call('DEL', CONFIG, { netns: container })).toEqual({ status: 0, output: undefined });
    expect(seenNames(container)).toEqual(['eth0']);
  });

  test('ADD a second time fails, and leaves the container attached', () => {
    const { ipam: _, ...config } = { ...CONFIG, isDefaultGateway: false };
    const [, port, eth0] = host.add(config, { netns: container }).interfaces ?? [];
    expect(host.call('ADD', config, { netns: container }).output).toMatchObject({ code: expect.any(Number) });
    expect(seen(container, 'eth0').address).toBe(eth0?.mac);
    expect(seen(host.netns, port?.name as string)).toMatchObject({ master: 'br0', operstate: 'UP' });
  });

  test("the gateway's IPv6 address can be used at once, unless others behind the bridge may have it", async () => {
    const address = () =>
      witness(host.netns, 'ip -6 address show dev br0')
        .flatMap(({ addr_info }) => addr_info as { local?: string; nodad?: boolean; tentative?: boolean }[])
        .find(({ local }) => local === 'fd00:1::1');
    host.add(CONFIG, { netns: container });
    expect(address()).toMatchObject({ nodad: true });
    expect(address()).not.toHaveProperty('tentative');
    expect((await ping('fd00:1::1', { netns: container, count: 1 })).received).toBe(1);
    host.call('DEL', CONFIG, { netns: container });
    iproute(host.netns, 'ip link delete br0');
    iproute(host.netns, 'ip link add br0 type bridge');
    iproute(host.netns, 'ip tuntap add out0 mode tap');
    iproute(host.netns, 'ip link set out0 master br0');
    host.add(CONFIG, { netns: container });
    expect(address()).toBeDefined();
    expect(address()).not.toHaveProperty('nodad');
  });

  test('containers of one bridge reach each other', async () => {
    const other = await host.container('cni-c2');
    host.add(CONFIG, { netns: container });
    host.add(CONFIG, { netns: other, id: 'c2' });
    expect((await ping('10.1.2.3', { netns: container, count: 1 })).received).toBe(1);
  });

  test('neighbours who knew its addresses elsewhere learn where they are now', async () => {
    const other = await host.container('cni-c2');
    host.add(CONFIG, { netns: other, id: 'c2' });
    const old = 'lladdr 02:00:00:00:00:01 nud reachable dev eth0';
    for (const address of ['10.1.2.3', 'fd00:1::3']) iproute(other, `ip neighbour replace ${address} ${old}`);
    host.add(CONFIG, { netns: container });
    const { address } = seen(container, 'eth0');
    const known = () =>
      witness(other, 'ip neighbour show').filter(({ dst }) => /^10.1.2.3$|^fd00:1::3$/.test(`${dst}`));
    await vi.waitFor(() => expect(known().map(({ lladdr }) => lladdr)).toEqual([address, address]));
  });

  test('a second network adds its default route to that of the first', () => {
    const second = { ...CONFIG, name: 'second', bridge: 'br1', ipam: { type: 'host-local', subnet: '10.9.0.0/24' } };
    host.add(CONFIG, { netns: container });
    host.add(second, { netns: container, ifname: 'eth1' });
    const routes = witness(container, 'ip route show default').map(({ dev }) => dev);
    expect(routes.toSorted()).toEqual(['eth0', 'eth1']);
  });

  test('DEL without the namespace finds the pair all the same', () => {
    host.add(CONFIG, { netns: container });
    expect(host.call('DEL', CONFIG)).toEqual({ status: 0, output: undefined });
    expect(seenNames(host.netns)).toEqual(['br0']);
    expect(seenNames(container)).toEqual([]);
    expect(host.reserved('net')).toEqual([]);
  });

  test('DEL of a namespace that is gone gives the address back', () => {
    host.add(CONFIG, { netns: container });
    expect(host.call('DEL', CONFIG, { netns: '/run/netns/gone' })).toEqual({ status: 0, output: undefined });
    expect(host.reserved('net')).toEqual([]);
  });

  test('DEL and GC succeed where the configuration is wrong in what they do not need', () => {
    host.add({ ...CONFIG, ipMasq: true }, { netns: container });
    const ipam = { ...CONFIG.ipam, ranges: 'none', routes: 5 };
    const wrong = { ...CONFIG, cniVersion: '1.1.0', ipMasq: true, mtu: 'x', vlan: 9999, macspoofchk: true, ipam };
    const valid = [{ containerID: 'c1', ifname: 'eth0' }];
    expect(host.call('GC', { ...wrong, 'cni.dev/valid-attachments': valid }).output).toBeUndefined();
    expect(host.reserved('net')).toHaveLength(2);
    const later = { ...wrong, dns: 5, args: 1, runtimeConfig: [], prevResult: 'none' };
    expect(host.call('DEL', later, { netns: container })).toEqual({ status: 0, output: undefined });
    expect(seenNames(host.netns)).toEqual(['br0']);
    expect(iproute(host.netns, 'nft list ruleset')).toBe('');
    expect(host.reserved('net')).toEqual([]);
  });

  test('options: MTU, MAC, hairpin, isolation, and the DNS of the configuration', () => {
    const config = {
      ...CONFIG,
      mtu: 1400,
      hairpinMode: true,
      portIsolation: true,
      runtimeConfig: { mac: '02:00:00:00:00:05' },
      dns: { nameservers: ['10.1.2.1'] },
    };
    const { interfaces, dns } = host.add(config, { netns: container });
    expect(seen(container, 'eth0')).toMatchObject({ address: '02:00:00:00:00:05', mtu: 1400 });
    expect(seen(host.netns, 'br0')).toMatchObject({ mtu: 1400 });
    expect(seen(host.netns, interfaces?.[1]?.name as string)).toMatchObject({
      mtu: 1400,
      linkinfo: { info_slave_data: { hairpin: true, isolated: true } },
    });
    expect(dns).toEqual({ nameservers: ['10.1.2.1'] });
  });

  test('promiscMode', () => {
    const config = { ...CONFIG, promiscMode: true };
    const prevResult = host.add(config, { netns: container });
    expect(seen(host.netns, 'br0').flags).toContain('PROMISC');
    expect(host.call('CHECK', { ...config, prevResult }, { netns: container }).status).toBe(0);
    expect(host.call('CHECK', { ...CONFIG, prevResult }, { netns: container }).output).toMatchObject({ code: 102 });
  });

  test('ipMasq masquerades what goes elsewhere, until DEL or GC', async () => {
    const config = { ...CONFIG, cniVersion: '1.1.0', ipMasq: true };
    const other = await host.container('cni-c2');
    const prevResult = host.add(config, { netns: container });
    host.add(config, { netns: other, id: 'c2' });
    const ruleset = () => iproute(host.netns, 'nft list ruleset');
    expect(ruleset()).toContain('10.1.2.2 comment "cni net c1 eth0"');
    expect(ruleset()).toContain('fd00:1::2 comment "cni net c1 eth0"');
    expect(ruleset()).toContain('10.1.2.3 comment "cni net c2 eth0"');
    expect(host.call('CHECK', { ...config, prevResult }, { netns: container }).status).toBe(0);

    const valid = [{ containerID: 'c1', ifname: 'eth0' }];
    expect(host.call('GC', { ...config, 'cni.dev/valid-attachments': valid }).status).toBe(0);
    expect(ruleset()).toContain('cni net c1 eth0');
    expect(ruleset()).not.toContain('cni net c2 eth0');
    expect(host.reserved('net')).toEqual(['10.1.2.2', 'fd00:1::2']);

    expect(host.call('DEL', config, { netns: container }).status).toBe(0);
    expect(ruleset()).toBe('');
    expect(host.call('CHECK', { ...config, prevResult }, { netns: container }).status).toBe(1);
  });

  test('ipMasq takes over what is left of a container that had the address before', async () => {
    await addMasquerade({ owner: 'cni net gone eth0', sources: ['10.1.2.2'], netns: host.netns });
    host.add({ ...CONFIG, ipMasq: true }, { netns: container });
    expect(await listMasquerades({ netns: host.netns })).toMatchObject([
      { owner: 'cni net c1 eth0', source: '10.1.2.2' },
      { owner: 'cni net c1 eth0', source: 'fd00:1::2' },
    ]);
  });

  test('GC takes the links of attachments that are no more, though their namespaces live on', async () => {
    const config = { ...CONFIG, cniVersion: '1.1.0' };
    const names = ['cni-c2', 'cni-c3'] as const;
    const [gone, elsewhere] = (await Promise.all(names.map((name) => host.container(name)))) as [Netns, Netns];
    host.add(config, { netns: container });
    host.add(config, { netns: gone, id: 'c2' });
    host.add({ ...config, name: 'other', ipam: undefined, isDefaultGateway: false }, { netns: elsewhere, id: 'c2' });
    iproute(host.netns, 'ip link add v0 type veth peer name v1');
    const valid = [{ containerID: 'c1', ifname: 'eth0' }];
    expect(host.call('GC', { ...config, 'cni.dev/valid-attachments': valid }).status).toBe(0);
    expect([container, gone, elsewhere].map(seenNames)).toEqual([['eth0'], [], ['eth0']]);
    expect(seenNames(host.netns)).toHaveLength(5);
  });

  test('without IPAM the link is up and has no address', async () => {
    const { ips } = host.add({ type: 'bridge', bridge: 'br0' }, { netns: container });
    expect(ips).toBeUndefined();
    expect(seen(container, 'eth0').flags).toContain('UP');
    expect(await listAddresses({ netns: container, link: 'eth0', family: 'inet' })).toEqual([]);
  });

  test('disableContainerInterface leaves the link down', () => {
    host.add({ type: 'bridge', bridge: 'br0', disableContainerInterface: true }, { netns: container });
    expect(seen(container, 'eth0').flags).not.toContain('UP');
  });

  test('the MAC of a gateway stays when ports come and go', () => {
    const { interfaces } = host.add(CONFIG, { netns: container });
    const before = seen(host.netns, 'br0').address;
    iproute(host.netns, 'ip link add low type veth peer name low1');
    iproute(host.netns, 'ip link set low address 00:00:00:00:00:01');
    iproute(host.netns, 'ip link set low master br0');
    expect(seen(host.netns, 'br0').address).toBe(before);
    expect(interfaces?.[0]?.mac).toBe(before);
  });

  test('a bridge that has lost all its ports becomes a gateway', () => {
    const { ipam: _, ...config } = { ...CONFIG, isDefaultGateway: false };
    host.add(config, { netns: container });
    host.call('DEL', config, { netns: container });
    expect(seen(host.netns, 'br0').address).toBe('00:00:00:00:00:00');
    host.add(CONFIG, { netns: container });
    expect(seen(host.netns, 'br0').address).not.toBe('00:00:00:00:00:00');
    expect(seenAddresses(host.netns, 'br0')).toEqual(['10.1.2.1/24', 'fd00:1::1/64']);
  });

  test('another address of the bridge is refused, unless forceAddress replaces it', () => {
    host.add(CONFIG, { netns: container });
    host.call('DEL', CONFIG, { netns: container });
    const config = { ...CONFIG, ipam: { type: 'host-local', subnet: '10.5.0.0/24' } };
    expect(host.call('ADD', config, { netns: container })).toMatchObject({
      status: 1,
      output: { code: 7, msg: expect.stringContaining('br0 already has an IP address different from 10.5.0.1/24') },
    });
    expect(seenNames(container)).toEqual([]);
    expect(host.reserved('net')).toEqual([]);
    host.add({ ...config, forceAddress: true }, { netns: container });
    expect(seenAddresses(host.netns, 'br0')).toEqual(['10.5.0.1/24', 'fd00:1::1/64']);
  });

  test('a failed ADD leaves neither links nor addresses', async () => {
    await createVeth({ name: 'eth0', netns: container, peer: { name: 'other', netns: container } });
    const { status, output } = host.call('ADD', CONFIG, { netns: container });
    expect([status, output?.code]).toEqual([1, 100]);
    expect(output?.msg).toContain('eth0');
    expect(host.reserved('net')).toEqual([]);
    expect(seenNames(host.netns)).toEqual(['br0']);
  });

  test('what is no bridge is left alone', async () => {
    await createVeth({ name: 'br0', netns: host.netns, peer: { name: 'other', netns: host.netns } });
    expect(host.call('ADD', CONFIG, { netns: container }).output).toMatchObject({
      code: 7,
      msg: 'br0 already exists but is not a bridge',
    });
    expect(host.reserved('net')).toEqual([]);
  });

  test('a field that is not supported is refused by name', () => {
    expect(host.call('ADD', { ...CONFIG, macspoofchk: true }, { netns: container }).output).toMatchObject({
      code: 2,
      msg: expect.stringContaining('macspoofchk'),
    });
  });

  test('CHECK knows a gateway that the configuration writes otherwise than the kernel', () => {
    const routes = [{ dst: 'fd00:2::/64', gw: 'FD00:1:0::1' }];
    const config = { ...CONFIG, ipam: { ...CONFIG.ipam, routes } };
    const prevResult = host.add(config, { netns: container });
    expect(host.call('CHECK', { ...config, prevResult }, { netns: container })).toEqual({
      status: 0,
      output: undefined,
    });
  });

  test('CHECK tells what is missing', () => {
    const prevResult = host.add(CONFIG, { netns: container });
    const problem = () => host.call('CHECK', { ...CONFIG, prevResult }, { netns: container }).output?.msg;
    iproute(container, 'ip address delete 10.1.2.2/24 dev eth0');
    expect(problem()).toBe('interface eth0 does not have 10.1.2.2/24');
    iproute(container, 'ip address add 10.1.2.2/24 dev eth0');
    expect(problem()).toBe('route 0.0.0.0/0 via 10.1.2.1 is not there');
    iproute(container, 'ip route add default via 10.1.2.1');
    expect(problem()).toBeUndefined();
    iproute(host.netns, `ip link set ${prevResult.interfaces?.[1]?.name} nomaster`);
    expect(problem()).toBe('no port of bridge br0 is the other end of eth0');
  });
});
