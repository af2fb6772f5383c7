import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import {
  addMasquerade,
  addPortMapping,
  deleteMasquerade,
  deletePortMappings,
  getSysctl,
  listLinks,
  listMasquerades,
  listPortMappings,
  type Netns,
  type PortMappingSpec,
  setSysctl,
} from 'netloom';
import * as sync from 'netloom/sync';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { abortAt } from './abort-at.ts';
import { type HostNetwork, makeHostNetwork, ruleset, rulesetSorted } from './host-network.ts';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { SLOWNESS } from './slowness.ts';
import { failure, ip, pathOf, run } from './witness.ts';

const V4 = '10.1.0.5/24';
const V6 = 'fd00:1::5/64';

describeKernel.needs('nftables')('a published port', () => {
  expectNoLeaks(() => listLinks());

  let network: HostNetwork;
  const publish = (more: Partial<PortMappingSpec> = {}) =>
    addPortMapping({
      owner: 'web',
      to: [V4, V6],
      mappings: [
        { hostPort: 8080, containerPort: 80 },
        { hostPort: 8080, containerPort: 80, protocol: 'udp' },
      ],
      netns: network.host.netns,
      ...more,
    });
  const unpublish = (owner = 'web') => deletePortMappings({ owner, netns: network.host.netns });

  beforeAll(async () => {
    network = await makeHostNetwork();
    await network.container.listen(80);
    await network.sibling.listen(80);
  });
  beforeEach(async () => {
    for (const { owner } of await listPortMappings({ netns: network.host.netns })) await unpublish(owner);
  });
  afterAll(() => network[Symbol.asyncDispose]());

  const reached = [
    ['IPv4', '192.0.2.1', '192.0.2.2'],
    ['IPv6', '2001:db8::1', '2001:db8::2'],
  ] as const;

  test.for(reached)(
    'is reached from outside by TCP and UDP over %s, and the client is seen as it is',
    async ([, address, client]) => {
      expect(await network.client.ask({ protocol: 'tcp', address, port: 8080 })).toBe('ECONNREFUSED');
      await publish();
      expect(await network.client.ask({ protocol: 'tcp', address, port: 8080 })).toBe(client);
      expect(await network.client.ask({ protocol: 'udp', address, port: 8080 })).toBe(client);
    },
  );

  test('is reached from the host itself, by its own address and by 127.0.0.1', async () => {
    await publish();
    expect(await network.host.ask({ protocol: 'tcp', address: '192.0.2.1', port: 8080 })).toBe('192.0.2.1');
    expect(await network.host.ask({ protocol: 'tcp', address: '2001:db8::1', port: 8080 })).toBe('2001:db8::1');
    expect(await network.host.ask({ protocol: 'tcp', address: '127.0.0.1', port: 8080 })).toBe('10.1.0.1');
    expect(await network.host.ask({ protocol: 'udp', address: '127.0.0.1', port: 8080 })).toBe('10.1.0.1');
    expect(await getSysctl('net.ipv4.conf.br0.route_localnet', { netns: network.host.netns })).toBe('1');
  });

  test('leaves ::1 to the host', async () => {
    await publish();
    expect(await network.host.ask({ protocol: 'tcp', address: '::1', port: 8080 })).toBe('ECONNREFUSED');
  });

  test('is reached by the container itself, and by others on its bridge', async () => {
    await publish();
    for (const place of [network.container, network.sibling]) {
      expect(await place.ask({ protocol: 'tcp', address: '192.0.2.1', port: 8080 })).toBe('10.1.0.1');
      expect(await place.ask({ protocol: 'udp', address: '10.1.0.1', port: 8080 })).toBe('10.1.0.1');
      expect(await place.ask({ protocol: 'tcp', address: '2001:db8::1', port: 8080 })).toBe('fd00:1::1');
    }
  });

  test('is reached from outside alone without snat', async () => {
    await publish({ snat: false });
    expect(await network.client.ask({ protocol: 'tcp', address: '192.0.2.1', port: 8080 })).toBe('192.0.2.2');
    expect(await network.container.ask({ protocol: 'tcp', address: '192.0.2.1', port: 8080 })).toBe('timeout');
  });

  test('of one address of the host is no port of the others', async () => {
    await publish({ mappings: [{ hostPort: 8080, containerPort: 80, hostAddress: '192.0.2.1' }] });
    expect(await network.client.ask({ protocol: 'tcp', address: '192.0.2.1', port: 8080 })).toBe('192.0.2.2');
    expect(await network.host.ask({ protocol: 'tcp', address: '10.1.0.1', port: 8080 })).toBe('ECONNREFUSED');
    expect(await network.client.ask({ protocol: 'tcp', address: '2001:db8::1', port: 8080 })).toBe('ECONNREFUSED');
  });

  test('of 0.0.0.0 is one of every IPv4 address', async () => {
    await publish({ mappings: [{ hostPort: 8080, containerPort: 80, hostAddress: '0.0.0.0' }] });
    expect(await network.client.ask({ protocol: 'tcp', address: '192.0.2.1', port: 8080 })).toBe('192.0.2.2');
    expect(await network.host.ask({ protocol: 'tcp', address: '10.1.0.1', port: 8080 })).not.toBe('ECONNREFUSED');
    expect(await network.client.ask({ protocol: 'tcp', address: '2001:db8::1', port: 8080 })).toBe('ECONNREFUSED');
  });

  test('leaves alone what passes through the host', async () => {
    await publish({ mappings: [{ hostPort: 80, containerPort: 81 }] });
    await addMasquerade({ owner: 'web', sources: ['10.1.0.6'], netns: network.host.netns });
    await network.client.listen(80);
    expect(await network.sibling.ask({ protocol: 'tcp', address: '192.0.2.2', port: 80 })).toBe('192.0.2.1');
    await deleteMasquerade({ owner: 'web', netns: network.host.netns });
  });

  test('lets nobody outside reach what listens on 127.0.0.1', async () => {
    await network.host.listen(9000);
    await publish();
    const { netns } = network.container;
    await setSysctl('net.ipv4.conf.eth0.route_localnet', 1, { netns });
    expect(await network.host.ask({ protocol: 'tcp', address: '127.0.0.1', port: 9000 })).toBe('127.0.0.1');
    for (const command of [
      'route add 127.0.0.1 via 10.1.0.1 table 99',
      'rule add pref 10 table local',
      'rule del pref 0',
      'rule add pref 5 to 127.0.0.1 table 99',
    ]) {
      ip(netns, command);
    }
    const question = { protocol: 'tcp', address: '127.0.0.1', port: 9000 } as const;
    expect(await network.container.ask(question)).toBe('timeout');
    run(
      'nsenter',
      `--net=${pathOf(network.host.netns)}`,
      'nft',
      'delete',
      'chain',
      'inet',
      'netloom',
      'guard_loopback',
    );
    expect(await network.container.ask(question)).toBe('10.1.0.5');
    ip(netns, 'rule del pref 5');
  });

  test('is listed with its owner, once for each family', async () => {
    await publish({
      mappings: [
        { hostPort: 8080, containerPort: 80 },
        { hostPort: 53, containerPort: 5353, protocol: 'udp', hostAddress: '192.0.2.1' },
      ],
    });
    const { netns } = network.host;
    const web = { netns, owner: 'web' };
    expect(await listPortMappings({ netns })).toEqual([
      { ...web, hostPort: 8080, protocol: 'tcp', containerPort: 80, to: '10.1.0.5' },
      { ...web, hostPort: 53, protocol: 'udp', hostAddress: '192.0.2.1', containerPort: 5353, to: '10.1.0.5' },
      { ...web, hostPort: 8080, protocol: 'tcp', containerPort: 80, to: 'fd00:1::5' },
    ]);
    expect(await listPortMappings({ netns, owner: 'other' })).toEqual([]);
  });

  test('leaves nothing when it is deleted, not even the table', async () => {
    await publish();
    expect(ruleset(network.host.netns)).not.toEqual([]);
    await unpublish();
    expect(ruleset(network.host.netns)).toEqual([]);
    expect(await network.client.ask({ protocol: 'tcp', address: '192.0.2.1', port: 8080 })).toBe('ECONNREFUSED');
    await unpublish();
  });

  test('that is taken is refused with its owner, and none of the others is mapped', async () => {
    await publish();
    const error = await failure(
      publish({
        owner: 'shop',
        to: '10.1.0.6',
        mappings: [
          { hostPort: 81, containerPort: 80 },
          { hostPort: 8080, containerPort: 80 },
        ],
      }),
    );
    expect(error.message).toBe(
      `addPortMapping: EEXIST: file already exists, NFT_MSG_NEWSETELEM '*:8080/tcp' in namespace ${network.host.netns.id}: the port leads to 10.1.0.5:80, for owner "web"`,
    );
    expect(await listPortMappings({ netns: network.host.netns, owner: 'shop' })).toEqual([]);
  });

  test('may be published again as it is, and more ports with it', async () => {
    await publish();
    await publish({
      mappings: [
        { hostPort: 8080, containerPort: 80 },
        { hostPort: 8081, containerPort: 80 },
      ],
    });
    expect(await network.client.ask({ protocol: 'tcp', address: '192.0.2.1', port: 8081 })).toBe('192.0.2.2');
    expect(await listPortMappings({ netns: network.host.netns, owner: 'web' })).toHaveLength(6);
    expect((await failure(publish({ mappings: [{ hostPort: 8080, containerPort: 443 }] }))).message).toContain(
      'the port leads to 10.1.0.5:80, for the same owner',
    );
  });

  test('stays as it was, whenever a call that publishes more is aborted', async () => {
    const { netns } = network.host;
    await publish();
    const before = rulesetSorted(netns);
    const more = [
      { hostPort: 8080, containerPort: 80 },
      { hostPort: 8081, containerPort: 80, protocol: 'udp' },
    ] as const;
    let nth = 0;
    for (; ; nth++) {
      const signal = abortAt(netns, nth);
      const call = addPortMapping({ owner: 'web', to: [V4, V6], mappings: more, netns }, { signal });
      const error = await call.then(
        () => undefined,
        (reason: Error) => reason,
      );
      vi.restoreAllMocks();
      if (error === undefined) break;
      expect(error.name).toBe('AbortError');
      await vi.waitFor(() => expect(rulesetSorted(netns)).toEqual(before), { timeout: 5000 * SLOWNESS });
    }
    // The transaction that finds a port taken, the reading, the other transaction, and what comes behind it.
    expect(nth).toBeGreaterThan(3);
    expect(await listPortMappings({ netns })).toHaveLength(6);
  });

  test('goes to the container that has the address now, when the last owner of the address is deleted', async () => {
    await publish();
    await publish({ owner: 'next', mappings: [{ hostPort: 9090, containerPort: 80 }] });
    await unpublish('web');
    expect(await network.container.ask({ protocol: 'tcp', address: '192.0.2.1', port: 9090 })).toBe('10.1.0.1');
    await unpublish('next');
    expect(ruleset(network.host.netns)).toEqual([]);
  });

  test('is published and deleted synchronously, too', async () => {
    const { netns } = network.host;
    sync.addPortMapping({ owner: 'web', to: V4, mappings: [{ hostPort: 8080, containerPort: 80 }] }, { netns });
    expect(await network.client.ask({ protocol: 'tcp', address: '192.0.2.1', port: 8080 })).toBe('192.0.2.2');
    expect(sync.listPortMappings({ netns })).toHaveLength(1);
    sync.deletePortMappings({ owner: 'web', netns });
    expect(ruleset(netns)).toEqual([]);
  });

  test('is in rules that nft lists and reads', async () => {
    await publish();
    const { netns } = network.host;
    const nft = (...args: string[]) => run('nsenter', `--net=${pathOf(netns)}`, 'nft', ...args);
    const listed = nft('list', 'ruleset');
    expect(listed).toContain('elements = { tcp . 8080 comment "web" : 10.1.0.5 . 80');
    run(
      'nsenter',
      `--net=${pathOf(netns)}`,
      'sh',
      '-c',
      'nft list ruleset > /run/rules && nft flush ruleset && nft -f /run/rules',
    );
    expect(nft('list', 'ruleset')).toBe(listed);
    expect(await network.client.ask({ protocol: 'tcp', address: '192.0.2.1', port: 8080 })).toBe('192.0.2.2');
  });

  test('is lost by none of many that publish and delete at the same time, in several processes', async () => {
    const { netns } = network.host;
    const program = (first: number) => `
      import { addMasquerade, addPortMapping, deleteMasquerade, deletePortMappings } from 'netloom';
      await Promise.all(Array.from({ length: 25 }, async (_, i) => {
        const number = ${first} + i;
        const owner = 'number ' + number;
        await addMasquerade({ owner, sources: ['10.1.1.' + number], except: ['10.1.0.0/16'] });
        await addPortMapping({ owner, to: '10.1.1.' + number, mappings: [{ hostPort: 1000 + number, containerPort: 80 }] });
        if (number % 2 === 0) return;
        await deleteMasquerade({ owner });
        await deletePortMappings({ owner });
      }));
    `;
    const children = [0, 25, 50, 75].map((first) =>
      runAlone(netns, process.execPath, '--input-type=module', '--eval', program(first)),
    );
    expect(await Promise.all(children)).toEqual([0, 0, 0, 0]);
    const even = Array.from({ length: 50 }, (_, i) => i * 2);
    const byNumber = (a: number, b: number) => a - b;
    const published = await listPortMappings({ netns });
    const masqueraded = await listMasquerades({ netns });
    expect(published.map(({ hostPort }) => hostPort - 1000).sort(byNumber)).toEqual(even);
    expect(masqueraded.map(({ owner }) => Number(owner.slice(7))).sort(byNumber)).toEqual(even);
    await Promise.all(
      published.flatMap(({ owner }) => [deletePortMappings({ owner, netns }), deleteMasquerade({ owner, netns })]),
    );
    expect(ruleset(netns)).toEqual([]);
  });
});

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Runs a command inside; resolves to its exit status. */
const runAlone = (netns: Netns, ...command: string[]): Promise<number | null> =>
  new Promise((resolve) => {
    const stdio = ['ignore', 'inherit', 'inherit'] as const;
    spawn('nsenter', [`--net=${pathOf(netns)}`, ...command], { cwd: root, stdio: [...stdio] }).once('exit', resolve);
  });
