import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createVeth, getSysctl, listLinks, type Netns, setSysctl } from 'netloom';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CniHost } from './cni.ts';
import { iproute } from './ip.ts';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel, testNeeds } from './privilege.ts';
import { seen } from './witness.ts';

const MAC = '02:00:00:00:00:05';
const OLD_MAC = '02:00:00:00:00:07';

describeKernel('cni tuning', () => {
  expectNoLeaks(() => listLinks());

  let host: CniHost;
  let netns: Netns;
  let dataDir: string;
  beforeEach(async () => {
    host = await CniHost.create();
    netns = await host.container('cni-c1');
    dataDir = join(host.dataDir, 'tuning');
    await createVeth({ name: 'eth0', netns, mac: OLD_MAC, peer: { name: 'other', netns } });
  });
  afterEach(() => host.close());

  const prevResult = {
    cniVersion: '1.1.0',
    interfaces: [
      { name: 'veth1', mac: '02:00:00:00:00:09' },
      { name: 'eth0', mac: OLD_MAC, mtu: 1500, sandbox: '/run/netns/cni-c1' },
    ],
    ips: [{ address: '10.1.2.5/24', interface: 1 }],
  };
  const config = (more: object) => ({ cniVersion: '1.1.0', type: 'tuning', dataDir, prevResult, ...more });
  const link = () => {
    const { address, mtu, txqlen, flags } = seen(netns, 'eth0');
    return {
      address,
      mtu,
      txqlen,
      promiscuous: flags.includes('PROMISC'),
      allMulticast: flags.includes('ALLMULTI'),
    };
  };
  const before = { address: OLD_MAC, mtu: 1500, txqlen: 1000, promiscuous: false, allMulticast: false };
  const WANTED = { mac: MAC, mtu: 1400, promisc: true, allmulti: true, txQLen: 77 };
  const tuned = { address: MAC, mtu: 1400, txqlen: 77, promiscuous: true, allMulticast: true };

  test('ADD tunes the link and tells so, CHECK finds it so, DEL puts it back, and may come again', () => {
    const wanted = config(WANTED);
    expect(host.add(wanted, { netns })).toEqual({
      ...prevResult,
      interfaces: [prevResult.interfaces[0], { ...prevResult.interfaces[1], mac: MAC, mtu: 1400 }],
      dns: {},
    });
    expect(link()).toEqual(tuned);
    expect(host.call('CHECK', wanted, { netns })).toEqual({ status: 0, output: undefined });
    iproute(netns, 'ip link set eth0 mtu 1300');
    expect(host.call('CHECK', wanted, { netns }).output).toMatchObject({
      code: 102,
      msg: 'interface eth0 has {"mtu":1300}, not {"mtu":1400}',
    });
    const { prevResult: _, ...bare } = wanted;
    expect(host.call('DEL', bare, { netns })).toEqual({ status: 0, output: undefined });
    expect(link()).toEqual(before);
    expect(readdirSync(dataDir)).toEqual([]);
    iproute(netns, 'ip link set eth0 mtu 1300');
    expect(host.call('DEL', bare, { netns })).toEqual({ status: 0, output: undefined });
    expect(link().mtu).toBe(1300);
  });

  test('what is not asked for is neither changed nor kept', () => {
    host.add(config({ mtu: 1400 }), { netns });
    iproute(netns, 'ip link set eth0 promisc on');
    expect(host.call('CHECK', config({ mtu: 1400 }), { netns }).status).toBe(0);
    host.call('DEL', config({}), { netns });
    expect(link()).toEqual({ ...before, promiscuous: true });
  });

  test.each([
    [{ mac: '02:00:00:00:00:0a' }, '', '02:00:00:00:00:0a'],
    [{ mac: '02:00:00:00:00:0a' }, 'MAC=02:00:00:00:00:0b', '02:00:00:00:00:0b'],
    [{ runtimeConfig: { mac: '02:00:00:00:00:0c' } }, 'MAC=02:00:00:00:00:0b', '02:00:00:00:00:0c'],
    [
      { runtimeConfig: { mac: '02:00:00:00:00:0c' }, args: { cni: { mac: '02:00:00:00:00:0d' } } },
      'IgnoreUnknown=1;K8S_POD_NAME=x',
      '02:00:00:00:00:0d',
    ],
  ])('the MAC of %j and CNI_ARGS %s is %s', (more, args, mac) => {
    host.add(config(more), { netns, args });
    expect(link().address).toBe(mac);
  });

  test('sysctls are of the container alone, and what args.cni says counts', async () => {
    const wanted = config({
      sysctl: {
        'net.ipv4.conf.IFNAME.arp_filter': '1',
        'net/ipv4/conf/all/log_martians': '1',
        'net.ipv4.ip_local_port_range': '20000 30000',
      },
      args: { cni: { sysctl: { 'net.ipv4.conf.all.log_martians': '0' } } },
    });
    const here = await getSysctl('net.ipv4.ip_local_port_range');
    host.add(wanted, { netns });
    expect(await getSysctl('net.ipv4.conf.eth0.arp_filter', { netns })).toBe('1');
    expect(await getSysctl('net.ipv4.conf.all.log_martians', { netns })).toBe('0');
    expect(await getSysctl('net.ipv4.ip_local_port_range', { netns })).toBe('20000\t30000');
    expect(await getSysctl('net.ipv4.ip_local_port_range', { netns: host.netns })).toBe(here);
    expect(existsSync(dataDir)).toBe(false);
    expect(host.call('CHECK', wanted, { netns }).status).toBe(0);
    await setSysctl('net.ipv4.conf.eth0.arp_filter', 0, { netns });
    expect(host.call('CHECK', wanted, { netns }).output).toMatchObject({
      code: 102,
      msg: 'sysctl net/ipv4/conf/eth0/arp_filter is 0, not 1',
    });
    expect(host.call('DEL', wanted, { netns }).status).toBe(0);
  });

  test('a link whose name has a dot is one name', async () => {
    iproute(netns, 'ip link set eth0 name eth0.5');
    host.add(config({ sysctl: { 'net.ipv4.conf.IFNAME.arp_filter': '1' } }), { netns, ifname: 'eth0.5' });
    expect(await getSysctl('net/ipv4/conf/eth0.5/arp_filter', { netns })).toBe('1');
  });

  test.each([
    ['kernel.hostname', 'x', 7, 'invalid net sysctl key: "kernel.hostname"'],
    ['net/../kernel/hostname', 'x', 7, "must not contain the component '..'"],
    ['/net/ipv4/ip_forward', '1', 7, 'must not be an absolute path'],
    ['net.ipv4.ip_forward', 1, 7, 'sysctl.net.ipv4.ip_forward must be a string; received 1'],
    ['net.ipv4.none', '1', 5, 'ENOENT'],
  ])('the sysctl %s = %s is refused, and nothing is tuned', async (key, value, code, msg) => {
    const sysctl = { 'net.ipv4.conf.IFNAME.arp_filter': '1', [key]: value };
    const { status, output } = host.call('ADD', config({ ...WANTED, sysctl }), { netns });
    expect([status, output?.code, output?.msg]).toEqual([1, code, expect.stringContaining(msg)]);
    expect(await getSysctl('net.ipv4.conf.eth0.arp_filter', { netns })).toBe('0');
    expect(link()).toEqual(before);
    expect(existsSync(dataDir)).toBe(false);
  });

  test('an ADD that fails late puts everything back', async () => {
    const sysctl = { 'net.ipv4.conf.IFNAME.arp_filter': '1' };
    const { output } = host.call('ADD', config({ ...WANTED, sysctl, mtu: 60 }), { netns });
    expect(output).toMatchObject({ code: 7, msg: expect.stringContaining('mtu 60 is out of range') });
    expect(await getSysctl('net.ipv4.conf.eth0.arp_filter', { netns })).toBe('0');
    expect(link()).toEqual(before);
    expect(readdirSync(dataDir)).toEqual([]);
  });

  test('two in a chain: the values from before both are put back', () => {
    host.add(config({ mtu: 1400, mac: MAC }), { netns });
    host.add(config({ mtu: 1300, promisc: true }), { netns });
    expect(link()).toMatchObject({ address: MAC, mtu: 1300, promiscuous: true });
    host.call('DEL', config({}), { netns });
    host.call('DEL', config({}), { netns });
    expect(link()).toEqual(before);
  });

  test('DEL without the namespace, or the link, leaves no file, and one that is broken does not stop it', () => {
    for (const call of [{}, { netns: '/run/netns/gone' }]) {
      host.add(config({ mtu: 1400 }), { netns });
      expect(host.call('DEL', config({}), call).status).toBe(0);
      expect(readdirSync(dataDir)).toEqual([]);
    }
    host.add(config({ mtu: 1300 }), { netns });
    writeFileSync(join(dataDir, 'c1_eth0.json'), '{"mtu": 13');
    expect(host.call('DEL', config({}), { netns }).status).toBe(0);
    host.add(config({ mtu: 1400 }), { netns });
    iproute(netns, 'ip link delete eth0');
    expect(host.call('DEL', config({}), { netns }).status).toBe(0);
    expect(readdirSync(dataDir)).toEqual([]);
  });

  test('DEL puts back what the kernel takes, tells what it refused, and has nothing to do when it comes again', () => {
    host.add(config({ mtu: 1400, mac: MAC, promisc: true }), { netns });
    const file = join(dataDir, 'c1_eth0.json');
    writeFileSync(file, readFileSync(file, 'utf8').replace('1500', '60'));
    expect(host.call('DEL', config({}), { netns }).output).toMatchObject({ msg: expect.stringContaining('mtu 60') });
    expect(link()).toEqual({ ...before, mtu: 1400 });
    expect(readdirSync(dataDir)).toEqual([]);
    expect(host.call('DEL', config({}), { netns })).toEqual({ status: 0, output: undefined });
  });

  test('GC forgets what is not attached to this network any more, and nothing else', () => {
    for (const [name, id] of [
      ['net', 'c1'],
      ['net', 'c2'],
      ['other', 'c3'],
    ] as const) {
      host.add(config({ name, mtu: 1400 }), { netns, id });
    }
    writeFileSync(join(dataDir, 'c4_eth0.json'), '{"mtu": 1500}');
    const valid = [{ containerID: 'c1', ifname: 'eth0' }];
    expect(host.call('GC', config({ 'cni.dev/valid-attachments': valid })).status).toBe(0);
    expect(readdirSync(dataDir).sort()).toEqual(['c1_eth0.json', 'c3_eth0.json', 'c4_eth0.json']);
  });

  test('without prevResult, or in the own namespace, it is refused', () => {
    const { prevResult: _, ...bare } = config({ mtu: 1400 });
    expect(host.call('ADD', bare, { netns }).output).toMatchObject({
      code: 7,
      msg: 'tuning must be called as chained plugin: prevResult is missing',
    });
    expect(host.call('ADD', config({ mtu: 1400 }), { netns: host.netns }).output).toMatchObject({ code: 4 });
    expect(link()).toEqual(before);
  });

  test('STATUS tells what ADD could not do', () => {
    expect(host.call('STATUS', config({ mtu: 1400 })).status).toBe(0);
    expect(host.call('STATUS', config({ sysctl: { 'kernel.hostname': 'x' } })).output).toMatchObject({ code: 7 });
  });

  testNeeds('reference plugins')("the reference plugin undoes netloom's changes, and netloom those of that", () => {
    const older = { cniVersion: '1.0.0', prevResult: { ...prevResult, cniVersion: '1.0.0' } };
    const theirs = (command: string, given: object) => {
      const call = { netns, program: '/usr/lib/cni/tuning', path: '/' };
      expect(host.call(command, { ...given, ...older }, call).status).toBe(0);
    };
    const shared = { mac: MAC, mtu: 1400, promisc: true, allmulti: true };
    mkdirSync(dataDir);
    host.add(config(shared), { netns });
    theirs('DEL', config({}));
    expect(link()).toEqual(before);
    theirs('ADD', config(shared));
    expect(link()).toMatchObject({ address: MAC, mtu: 1400, promiscuous: true, allMulticast: true });
    expect(JSON.parse(readFileSync(join(dataDir, 'c1_eth0.json'), 'utf8'))).toMatchObject({ mtu: 1500, mac: OLD_MAC });
    host.call('DEL', config({}), { netns });
    expect(link()).toEqual(before);
    expect(readdirSync(dataDir)).toEqual([]);
  });
});
