import { createVeth, type Link, listLinks, type Netns } from 'netloom';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CniHost } from './cni.ts';
import { iproute, witness } from './ip.ts';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { seen, seenAddresses, seenNames } from './witness.ts';

const CONFIG = {
  type: 'vlan',
  master: 'up0',
  vlanId: 5,
  mtu: 1400,
  ipam: { type: 'host-local', subnet: '10.1.2.0/24', routes: [{ dst: '0.0.0.0/0' }] },
};

// Where the kernel has no vlan, each test sees that ADD says so, and leaves nothing.
describeKernel('cni vlan', () => {
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

  test('ADD, CHECK, DEL', () => {
    const netns = container;
    const result = host.addOfKind('8021q', CONFIG, { netns });
    if (result === undefined) {
      expect([...seenNames(netns), ...host.reserved('net')]).toEqual([]);
      return;
    }
    expect(result).toEqual({
      cniVersion: '1.0.0',
      interfaces: [{ name: 'eth0', mac: parent.mac, sandbox: '/run/netns/cni-c1' }],
      ips: [{ address: '10.1.2.2/24', gateway: '10.1.2.1', interface: 0 }],
      routes: [{ dst: '0.0.0.0/0' }],
      dns: {},
    });
    expect(seen(netns, 'eth0')).toMatchObject({
      link_index: parent.index,
      mtu: 1400,
      flags: expect.arrayContaining(['UP']),
      linkinfo: { info_kind: 'vlan', info_data: { protocol: '802.1Q', id: 5 } },
    });
    expect(seenAddresses(netns, 'eth0')).toEqual(['10.1.2.2/24']);
    expect(witness(netns, 'ip route show default')).toMatchObject([{ gateway: '10.1.2.1', dev: 'eth0' }]);

    const problem = (config: object) => host.call('CHECK', { ...config, prevResult: result }, { netns }).output?.msg;
    expect(problem(CONFIG)).toBeUndefined();
    expect(problem({ ...CONFIG, vlanId: 6 })).toBe('interface eth0: VLAN is 5, not 6');
    expect(problem({ ...CONFIG, master: 'far' })).toBe('interface eth0 does not stand on far');
    iproute(netns, 'ip link set eth0 mtu 1300');
    expect(problem(CONFIG)).toBe('interface eth0: MTU is 1300, not 1400');

    expect(host.call('DEL', CONFIG, { netns })).toEqual({ status: 0, output: undefined });
    expect(seenNames(netns)).toEqual([]);
    expect(host.reserved('net')).toEqual([]);
    expect(host.call('DEL', CONFIG, { netns })).toEqual({ status: 0, output: undefined });
  });

  test("a VLAN of a master is one container's, and the second ADD leaves nothing", async () => {
    if (host.addOfKind('8021q', CONFIG, { netns: container }) === undefined) return;
    const other = await host.container('cni-c2');
    expect(host.call('ADD', CONFIG, { netns: other, id: 'c2' }).output).toMatchObject({ code: 100 });
    expect(seenNames(other)).toEqual([]);
    expect(host.reserved('net')).toEqual(['10.1.2.2']);
    host.add({ ...CONFIG, vlanId: 6 }, { netns: other, id: 'c2' });
    expect(seen(other, 'eth0').linkinfo?.info_data).toMatchObject({ id: 6 });
  });

  test('linkInContainer, and a link that is called as one of the host', async () => {
    await createVeth({ name: 'in0', netns: container, up: true, peer: { name: 'far0', netns: host.netns } });
    const config = { ...CONFIG, master: 'in0', linkInContainer: true };
    if (host.addOfKind('8021q', config, { netns: container }) === undefined) return;
    expect(seen(container, 'eth0')).toMatchObject({ link: 'in0', linkinfo: { info_kind: 'vlan' } });
    expect(host.call('DEL', config, { netns: container }).status).toBe(0);
    host.add(CONFIG, { netns: container, ifname: 'up0' });
    expect(seen(container, 'up0').link_index).toBe(parent.index);
    expect(host.call('DEL', CONFIG, { netns: container, ifname: 'up0' }).status).toBe(0);
    expect(seenNames(container)).toEqual(['in0']);
  });

  test.each([
    [{ master: '' }, 'master is missing'],
    [{ master: 'none' }, 'master: there is no link none in the host'],
    [{ vlanId: null }, 'vlanId is missing (0 to 4094)'],
    [{ vlanId: 4095 }, 'vlanId 4095'],
    [{ vlanId: '5' }, 'vlanId'],
    [{ mtu: 1600 }, 'mtu 1600'],
    [{ ipam: {} }, 'ipam.type is missing: vlan is of no use without addresses'],
  ])('%j is refused, and nothing is made', (field, msg) => {
    expect(host.call('ADD', { ...CONFIG, ...field }, { netns: container }).output).toMatchObject({
      code: 7,
      msg: expect.stringContaining(msg),
    });
    expect(seenNames(container)).toEqual([]);
    expect(host.call('DEL', { ...CONFIG, ...field }, { netns: container })).toEqual({ status: 0, output: undefined });
  });
});
