import {
  addMasquerade,
  addPortMapping,
  deleteConntrack,
  deleteMasquerade,
  deletePortMappings,
  listConntrack,
  listLinks,
  type Netns,
  setSysctl,
} from 'netloom';
import * as sync from 'netloom/sync';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type HostNetwork, makeHostNetwork } from './host-network.ts';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { failure, pathOf, run, runProgram } from './witness.ts';

describeKernel.needs('nftables', 'conntrack')('tracked connections', () => {
  expectNoLeaks(() => listLinks());

  let network: HostNetwork;
  let netns: Netns;
  const conntrack = (...args: string[]): string =>
    run('nsenter', `--net=${pathOf(netns)}`, 'sh', '-c', 'conntrack "$@" 2>&1', 'sh', ...args);

  beforeAll(async () => {
    network = await makeHostNetwork();
    ({ netns } = network.host);
    await setSysctl('net.netfilter.nf_conntrack_acct', 1, { netns });
    await network.container.listen(80);
    await network.host.listen(8082);
    await addPortMapping({
      owner: 'web',
      to: ['10.1.0.5', 'fd00:1::5'],
      mappings: [
        { hostPort: 8080, containerPort: 80 },
        { hostPort: 8080, containerPort: 80, protocol: 'udp' },
      ],
      netns,
    });
  });
  beforeEach(() => conntrack('-F'));
  afterAll(() => network[Symbol.asyncDispose]());

  const askUdp = (localPort: number, port = 8080, address = '192.0.2.1') =>
    network.client.ask({ protocol: 'udp', address, port, localPort });

  test('are listed with both directions, what NAT did to them, and what went through them', async () => {
    await askUdp(5000);
    const [entry, ...others] = await listConntrack({ port: 8080, netns });
    expect(others).toEqual([]);
    expect(entry).toEqual({
      netns,
      id: expect.any(Number),
      family: 'inet',
      protocol: 'udp',
      // 'hello', and '192.0.2.2', behind IP and UDP headers.
      original: {
        source: '192.0.2.2',
        destination: '192.0.2.1',
        sourcePort: 5000,
        destinationPort: 8080,
        packets: 1n,
        bytes: 33n,
      },
      reply: {
        source: '10.1.0.5',
        destination: '192.0.2.2',
        sourcePort: 80,
        destinationPort: 5000,
        packets: 1n,
        bytes: 37n,
      },
      status: ['seen-reply', 'confirmed', 'dst-nat'],
      mark: 0,
      timeout: expect.any(Number),
    });
    const [, seconds] = /udp\s+17 (\d+) src=192\.0\.2\.2/.exec(conntrack('-L', '-p', 'udp')) ?? [];
    expect(Math.abs((entry?.timeout ?? 0) - Number(seconds) * 1000)).toBeLessThanOrEqual(2000);
    expect(conntrack('-L', '-o', 'id', '-p', 'udp')).toContain(`id=${entry?.id}`);
  });

  test('of TCP have a state, those of IPv6 their family, those of ICMP their type', async () => {
    await network.client.ask({ protocol: 'tcp', address: '2001:db8::1', port: 8080 });
    run('nsenter', `--net=${pathOf(network.client.netns)}`, 'ping', '-c1', '192.0.2.1');
    await vi.waitFor(async () => {
      const [tcp] = await listConntrack({ protocol: 'tcp', netns });
      expect(tcp).toMatchObject({ family: 'inet6', state: 'time-wait', status: expect.arrayContaining(['assured']) });
    });
    expect(conntrack('-L', '-f', 'ipv6', '-p', 'tcp')).toContain('TIME_WAIT src=2001:db8::2 dst=2001:db8::1');
    const [icmp] = await listConntrack({ protocol: 'icmp', netns });
    expect(icmp).toMatchObject({
      original: { source: '192.0.2.2', icmpType: 8, icmpCode: 0 },
      reply: { icmpType: 0, icmpCode: 0 },
    });
  });

  test('are found by an address of either direction, by protocol, by port, by family', async () => {
    await askUdp(5000);
    await askUdp(5001, 8082);
    await network.client.ask({ protocol: 'tcp', address: '2001:db8::1', port: 8080 });
    const count = async (filter: object) => (await listConntrack({ ...filter, netns })).length;
    expect(await count({ address: '10.1.0.5' })).toBe(1);
    expect(await count({ address: '192.0.2.2' })).toBe(2);
    expect(await count({ address: 'fd00:1::5' })).toBe(1);
    expect(await count({ protocol: 'udp' })).toBe(2);
    expect(await count({ protocol: 'udp', port: 8082 })).toBe(1);
    expect(await count({ protocol: 17 })).toBe(2);
    expect(await count({ port: 8080, family: 'inet6' })).toBe(1);
    expect(await count({ address: '10.9.9.9' })).toBe(0);
  });

  test('of an address are forgotten, and counted, and no others', async () => {
    await askUdp(5000);
    await askUdp(5001);
    await askUdp(5002, 8082);
    expect(await deleteConntrack({ address: '10.1.0.5', netns })).toBe(2);
    expect(conntrack('-L', '-p', 'udp')).not.toContain('10.1.0.5');
    expect(conntrack('-L', '-p', 'udp')).toContain('sport=5002');
    expect(await deleteConntrack({ address: '10.1.0.5', netns })).toBe(0);
  });

  test('of a port are forgotten synchronously, too', async () => {
    await askUdp(5000);
    await askUdp(5002, 8082);
    expect(sync.listConntrack({ protocol: 'udp', netns })).toHaveLength(2);
    expect(sync.deleteConntrack({ port: 8082, protocol: 'udp' }, { netns })).toBe(1);
    expect(sync.listConntrack({ protocol: 'udp', netns }).map(({ original }) => original.sourcePort)).toEqual([5000]);
  });

  test('are many, and all are listed and forgotten', async () => {
    // Nobody need hear them.
    const program = `
      const socket = (await import('node:dgram')).createSocket('udp4');
      await new Promise((resolve) => socket.bind(6000, resolve));
      for (let i = 0; i < 3000; i++) {
        await new Promise((resolve) => socket.send('x', 10000 + i, '192.0.2.1', resolve));
      }
      socket.close();
      console.log(0);
    `;
    await setSysctl('net.netfilter.nf_conntrack_udp_timeout', 120, { netns });
    runProgram(program, { wrap: ['nsenter', `--net=${pathOf(network.client.netns)}`] });
    const ports = (await listConntrack({ address: '192.0.2.2', netns })).map(
      ({ original }) => original.destinationPort,
    );
    expect(ports.sort()).toEqual(Array.from({ length: 3000 }, (_, i) => 10000 + i));
    expect(await deleteConntrack({ address: '192.0.2.2', netns })).toBe(3000);
    expect(conntrack('-L', '-s', '192.0.2.2')).toMatch(/ 0 flow entries have been shown/);
  });

  test('of UDP do not keep a client from a port that is published now', async () => {
    const { client } = network;
    const question = { protocol: 'udp', address: '192.0.2.1', port: 8082, localPort: 5555 } as const;
    // The host itself has answered this client before.
    expect(await client.ask(question)).toBe('192.0.2.2');
    const published = { owner: 'late', to: '10.1.0.5', netns } as const;
    await addPortMapping({ ...published, mappings: [{ hostPort: 8082, containerPort: 80, protocol: 'udp' }] });
    await client.ask(question);
    expect(conntrack('-L', '-p', 'udp')).toMatch(/sport=5555 dport=8082 .*src=10\.1\.0\.5/);
    await deletePortMappings({ owner: 'late', netns });
    await client.ask(question);
    expect(conntrack('-L', '-p', 'udp')).toMatch(/sport=5555 dport=8082 .*src=192\.0\.2\.1/);
  });

  test('of UDP that pass through are left alone when their port is published', async () => {
    await network.client.listen(8083);
    await addMasquerade({ owner: 'web', sources: ['10.1.0.6'], netns });
    await network.sibling.ask({ protocol: 'udp', address: '192.0.2.2', port: 8083, localPort: 5000 });
    const [before] = await listConntrack({ port: 8083, netns });
    await addPortMapping({
      owner: 'late',
      to: '10.1.0.5',
      mappings: [{ hostPort: 8083, containerPort: 80, protocol: 'udp' }],
      netns,
    });
    expect((await listConntrack({ port: 8083, netns })).map(({ id }) => id)).toEqual([before?.id]);
    await deletePortMappings({ owner: 'late', netns });
    await deleteMasquerade({ owner: 'web', netns });
  });

  test('are all kept where nothing says which to forget', async () => {
    const error = await failure(deleteConntrack({ netns } as never));
    expect(error.message).toBe('deleteConntrack: address must be an IP address, or port a number; received undefined');
  });
});
