import { createVeth, listLinks, type Netns } from 'netloom';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CniHost, type CniOutput } from './cni.ts';
import { noDad, type Place, reaches, ruleset, talkIn } from './host-network.ts';
import { iproute } from './ip.ts';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';

const BRIDGE = {
  type: 'bridge',
  bridge: 'br0',
  isDefaultGateway: true,
  // With br_netfilter, what comes back to the port it came from needs it.
  hairpinMode: true,
  ipam: { type: 'host-local', ranges: [[{ subnet: '10.1.2.0/24' }], [{ subnet: 'fd00:1::/64' }]] },
};
const TCP = { hostPort: 8080, containerPort: 80, protocol: 'tcp' };
const UDP = { hostPort: 8080, containerPort: 80, protocol: 'UDP' };

describeKernel.needs('nftables')('cni portmap', () => {
  expectNoLeaks(() => listLinks());

  let host: CniHost;
  let netns: Netns;
  let prevResult: CniOutput;
  /** The programs that talk: in the host, in a client outside, in the container. */
  let here: Place;
  let outside: Place;
  let inside: Place;
  beforeEach(async () => {
    host = await CniHost.create();
    netns = await host.container('cni-c1');
    const client = await host.container('cni-client');
    prevResult = host.add(BRIDGE, { netns });
    await createVeth({
      ...{ name: 'outer', netns: host.netns, up: true, addresses: ['192.0.2.1/24', '2001:db8::1/64'].map(noDad) },
      peer: { name: 'eth0', netns: client, up: true, addresses: ['192.0.2.2/24', '2001:db8::2/64'].map(noDad) },
    });
    [here, outside, inside] = await Promise.all([talkIn(host.netns), talkIn(client), talkIn(netns)]);
    await inside.listen(80);
    await reaches(client, '2001:db8::1');
  });
  afterEach(async () => {
    for (const place of [here, outside, inside]) await place.end();
    await host.close();
  });

  const config = (mappings: object[], more: object = {}) => ({
    type: 'portmap',
    prevResult,
    runtimeConfig: { portMappings: mappings },
    ...more,
  });
  const ask = (place: Place, address: string, protocol: 'tcp' | 'udp' = 'tcp') =>
    place.ask({ protocol, address, port: 8080 });
  /** The comments of the elements in `inet netloom`. */
  const owners = (): Set<string> =>
    new Set([...JSON.stringify(ruleset(host.netns)).matchAll(/"comment":"([^"]*)"/g)].map((found) => found[1] ?? ''));

  test('ADD publishes ports, CHECK finds them, DEL needs nothing but the names, and may come again', async () => {
    const wanted = config([TCP, UDP]);
    await reaches(netns, 'fd00:1::1');
    expect(host.add(wanted, { netns })).toEqual(prevResult);
    expect(await ask(outside, '192.0.2.1')).toBe('192.0.2.2');
    expect(await ask(outside, '192.0.2.1', 'udp')).toBe('192.0.2.2');
    expect(await ask(outside, '2001:db8::1')).toBe('2001:db8::2');
    expect(await ask(here, '127.0.0.1')).toBe('10.1.2.1');
    expect(await ask(here, '192.0.2.1')).toBe('192.0.2.1');
    expect(await ask(inside, '192.0.2.1')).toBe('10.1.2.1');
    expect(await ask(inside, '2001:db8::1', 'udp')).toBe('fd00:1::1');
    expect(owners()).toEqual(new Set(['cni net c1 eth0']));
    expect(host.call('CHECK', wanted, { netns })).toEqual({ status: 0, output: undefined });

    expect(host.call('DEL', { type: 'portmap', runtimeConfig: 'bad', snat: 'bad' })).toEqual({
      status: 0,
      output: undefined,
    });
    expect(ruleset(host.netns)).toEqual([]);
    expect(await ask(outside, '192.0.2.1')).toBe('ECONNREFUSED');
    expect(host.call('DEL', wanted, { netns })).toEqual({ status: 0, output: undefined });
    expect(host.call('CHECK', wanted, { netns }).output).toMatchObject({
      code: 102,
      msg: 'port *:8080/tcp does not lead to 10.1.2.2:80',
    });
  });

  test('hostIP is the one address of the host, and of the other family nobody', async () => {
    host.add(config([{ ...TCP, hostIP: '192.0.2.1' }]), { netns });
    expect(await ask(outside, '192.0.2.1')).toBe('192.0.2.2');
    expect(await ask(here, '10.1.2.1')).toBe('ECONNREFUSED');
    expect(await ask(outside, '2001:db8::1')).toBe('ECONNREFUSED');
    host.call('DEL', config([]), { netns });
    const v4 = { ...prevResult, ips: prevResult.ips?.slice(0, 1) };
    const other = config([{ ...TCP, hostIP: '2001:db8::1' }], { prevResult: v4 });
    host.add(other, { netns });
    expect(host.call('CHECK', other, { netns }).status).toBe(0);
    expect(ruleset(host.netns)).toEqual([]);
  });

  test('hostIP 0.0.0.0 is every address of IPv4', async () => {
    const wanted = config([{ ...TCP, hostIP: '0.0.0.0' }]);
    host.add(wanted, { netns });
    expect(await ask(outside, '192.0.2.1')).toBe('192.0.2.2');
    expect(await ask(outside, '2001:db8::1')).toBe('ECONNREFUSED');
    expect(host.call('CHECK', wanted, { netns }).status).toBe(0);
  });

  test('masqAll gives all of them the address of the host', async () => {
    await reaches(netns, 'fd00:1::1');
    host.add(config([TCP], { masqAll: true, markMasqBit: 14 }), { netns });
    expect(await ask(outside, '192.0.2.1')).toBe('10.1.2.1');
    expect(await ask(outside, '2001:db8::1')).toBe('fd00:1::1');
    expect(await ask(inside, '192.0.2.1')).toBe('10.1.2.1');
  });

  test('without snat nobody is given it, so that the container does not reach itself', async () => {
    host.add(config([TCP], { snat: false, masqAll: true }), { netns });
    expect(await ask(outside, '192.0.2.1')).toBe('192.0.2.2');
    expect(await ask(inside, '192.0.2.1')).toBe('timeout');
  });

  test('who went on sending UDP before the port was published reaches the container', async () => {
    const question = { protocol: 'udp', address: '192.0.2.1', port: 8080, localPort: 5000 } as const;
    await here.listen(8080);
    expect(await outside.ask(question)).toBe('192.0.2.2');
    // Connections are tracked since the first port is published.
    host.add(config([{ ...UDP, hostPort: 9090 }]), { netns, ifname: 'eth0', id: 'other' });
    expect(await outside.ask(question)).toBe('192.0.2.2');
    await here.end();
    host.add(config([UDP]), { netns });
    expect(await outside.ask(question)).toBe('192.0.2.2');
  });

  test('a port that is taken is an error that says whose it is, and nothing is published', async () => {
    host.add(config([TCP]), { netns });
    const { status, output } = host.call('ADD', config([{ ...TCP, hostPort: 81 }, TCP]), { netns, id: 'c2' });
    expect([status, output?.code]).toEqual([1, 100]);
    expect(output?.msg).toContain('the port leads to 10.1.2.2:80, for owner "cni net c1 eth0"');
    expect(owners()).toEqual(new Set(['cni net c1 eth0']));
    expect(host.call('DEL', config([TCP]), { netns, id: 'c2' }).status).toBe(0);
    expect(await ask(outside, '192.0.2.1')).toBe('192.0.2.2');
  });

  test('nothing to publish makes nothing', () => {
    for (const more of [{ runtimeConfig: undefined }, {}, { prevResult: { interfaces: [] } }]) {
      const wanted = config('prevResult' in more ? [TCP] : [], more);
      expect(host.call('ADD', wanted, { netns }).status).toBe(0);
      expect(host.call('CHECK', wanted, { netns }).status).toBe(0);
    }
    expect(ruleset(host.netns)).toEqual([]);
  });

  test('CHECK tells that the container does not reach its own port any more', () => {
    host.add(config([TCP]), { netns });
    iproute(host.netns, 'nft delete element inet netloom published4 { 10.1.2.2 }');
    expect(host.call('CHECK', config([TCP]), { netns }).output).toMatchObject({
      code: 102,
      msg: '10.1.2.2 does not reach its own ports, nor do others near it',
    });
    expect(host.call('CHECK', config([TCP], { snat: false }), { netns }).status).toBe(0);
  });

  test('sctp is published as tcp and udp are', () => {
    const wanted = config([{ ...TCP, protocol: 'SCTP' }]);
    host.add(wanted, { netns });
    expect(host.call('CHECK', wanted, { netns })).toEqual({ status: 0, output: undefined });
    expect(host.ruleset()).toContain('sctp . 8080');
    host.call('DEL', wanted, { netns });
    expect(ruleset(host.netns)).toEqual([]);
  });

  test('STATUS tells that nf_tables cannot be used, where it is needed', () => {
    const wrap = ['setpriv', '--bounding-set', '-net_admin', '--inh-caps', '-net_admin'];
    const status = (more: object) => host.call('STATUS', { cniVersion: '1.1.0', ...more }, { wrap }).output;
    const unavailable = { code: 50, msg: expect.stringContaining('nf_tables cannot be used: ') };
    expect(status({ type: 'portmap' })).toMatchObject(unavailable);
    expect(status({ ...BRIDGE, ipMasq: true })).toMatchObject(unavailable);
    expect(status({ ...BRIDGE, type: 'ptp', ipMasq: true })).toMatchObject(unavailable);
    const { output } = host.call('STATUS', { cniVersion: '1.1.0', ...BRIDGE, type: 'ptp', ipMasq: true });
    expect(output).toBeUndefined();
  });

  test('GC removes the ports of those that are not attached any more', () => {
    host.add(config([TCP]), { netns });
    host.add(config([{ ...TCP, hostPort: 81 }]), { netns, id: 'c2' });
    host.add(config([{ ...TCP, hostPort: 82 }], { name: 'other' }), { netns, id: 'c3' });
    const valid = [{ containerID: 'c1', ifname: 'eth0' }];
    const gc = { cniVersion: '1.1.0', type: 'portmap', 'cni.dev/valid-attachments': valid };
    expect(host.call('GC', gc)).toEqual({ status: 0, output: undefined });
    expect(owners()).toEqual(new Set(['cni net c1 eth0', 'cni other c3 eth0']));
  });

  test.each([
    [[{ ...TCP, hostPort: 0 }], {}, 7, 'runtimeConfig.portMappings[0].hostPort 0 is out of range'],
    [[TCP, { hostPort: 81 }], {}, 7, 'runtimeConfig.portMappings[1].containerPort is missing'],
    [[{ ...TCP, protocol: 'icmp' }], {}, 7, 'runtimeConfig.portMappings[0].protocol "icmp" is none of tcp, udp, sctp'],
    [[{ ...TCP, hostIP: 'here' }], {}, 7, 'runtimeConfig.portMappings[0].hostIP "here" is no IP address'],
    [[TCP], { markMasqBit: 32 }, 7, 'markMasqBit 32 is out of range'],
    [[TCP], { externalSetMarkChain: 'KUBE-MARK-MASQ' }, 2, 'externalSetMarkChain "KUBE-MARK-MASQ" is not supported'],
    [[TCP], { conditionsV4: ['-d', '1.2.3.4'] }, 2, 'conditionsV4'],
    [[TCP], { backend: 'iptables' }, 2, 'backend "iptables" is not supported'],
    [[TCP], { prevResult: undefined }, 7, 'portmap must be called as chained plugin: prevResult is missing'],
  ])('%j with %j is refused', (mappings, more, code, msg) => {
    const { output } = host.call('ADD', config(mappings, more), { netns });
    expect(output).toMatchObject({ code, msg: expect.stringContaining(msg) });
    expect(ruleset(host.netns)).toEqual([]);
    const { prevResult: _, ...status } = { ...config(mappings, more), cniVersion: '1.1.0' };
    expect(host.call('STATUS', status).status).toBe('prevResult' in more ? 0 : 1);
  });
});
