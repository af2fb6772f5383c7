/** podman's containers on networks of netloom-cni. */
import { spawnSync } from 'node:child_process';
import { readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { deleteLink, listLinks, listNetns, listPortMappings, ping } from 'netloom';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { expectNoLeaks } from '../kernel/leaks.ts';
import { listContainers } from './bundle.ts';
import { kept, makePodman, type Podman, REFERENCE_PLUGINS, run } from './podman.ts';

const hostLocal = (subnet: string, rest: object = {}) => ({ type: 'host-local', ranges: [[{ subnet }]], ...rest });
const BRIDGE = {
  type: 'bridge',
  bridge: 'lab0',
  isDefaultGateway: true,
  ipMasq: true,
  hairpinMode: true,
  ipam: hostLocal('10.88.0.0/24'),
};
/** Bits per second, and bits. */
const RATE = { ingressRate: 8_000_000, ingressBurst: 320_000, egressRate: 16_000_000, egressBurst: 320_000 };
const CHAIN = [BRIDGE, { type: 'tuning', sysctl: { 'net.core.somaxconn': '500' } }, { type: 'bandwidth', ...RATE }];
const NETWORKS = [
  { name: 'lab', plugins: [BRIDGE] },
  {
    name: 'wires',
    plugins: [{ type: 'ptp', ipam: hostLocal('10.89.0.0/24', { routes: [{ dst: '10.89.0.0/16' }] }) }],
  },
  ...['portmap', 'debian-portmap'].map((type) => ({
    name: type,
    plugins: [BRIDGE, { type, capabilities: { portMappings: true } }],
  })),
  { name: 'chain', plugins: CHAIN },
];

const WEB = 'mkdir /www && echo hello > /www/index.html && httpd -h /www';

const links = (): string[] =>
  (JSON.parse(run('ip', ['-j', 'link', 'show'])) as { ifname: string }[]).map(({ ifname }) => ifname);
const ruleset = (): string => run('nft', ['list', 'ruleset']);

describe('podman', () => {
  let podman: Podman;
  beforeAll(() => {
    podman = makePodman(NETWORKS, [REFERENCE_PLUGINS]);
    symlinkSync(join(REFERENCE_PLUGINS, 'portmap'), join(podman.plugins, 'debian-portmap'));
  });
  afterAll(() => podman[Symbol.dispose]());
  expectNoLeaks(() => listLinks());

  afterEach(async () => {
    await removeAll();
    // What crun knew of those of which podman missed the end.
    for (const id of listContainers('crun')) run('crun', ['delete', '--force', id]);
    await deleteLink('lab0', { ifExists: true });
    // ptp's, of namespaces that the kernel is about to take.
    await vi.waitFor(() => expect(links()).toEqual(['lo']), { timeout: 5_000 });
    expect(kept()).toEqual([]);
    expect(await listNetns()).toEqual([]);
  });

  /** Where podman finds a container dead that it has not been told of, its first try fails with that. */
  const removeAll = () => vi.waitFor(() => podman('rm', '--all', '--force', '--time=0'), { timeout: 10_000 });
  const addressOf = (name: string, network = 'lab'): string =>
    podman.inspect(name, `{{.NetworkSettings.Networks.${network}.IPAddress}}`);
  const reaches = (name: string, address: string): void =>
    expect(podman.exec(name, 'ping', '-c', '1', '-W', '2', address)).toContain('1 packets received');

  test('a container has an address and a default route, and reaches its gateway', () => {
    podman.start('c1', ['--network=lab']);
    expect(podman.exec('c1', 'ip', '-oneline', '-4', 'address', 'show', 'dev', 'eth0')).toContain(
      ' inet 10.88.0.2/24 ',
    );
    expect(podman.exec('c1', 'ip', 'route').split('\n')[0]?.trim()).toBe('default via 10.88.0.1 dev eth0');
    expect(podman.inspect('c1', '{{.NetworkSettings.Networks.lab.IPAddress}}')).toBe('10.88.0.2');
    reaches('c1', '10.88.0.1');
  });

  test('containers reach each other, and the host them', async () => {
    podman.start('c1', ['--network=lab']);
    podman.start('c2', ['--network=lab']);
    reaches('c1', addressOf('c2'));
    reaches('c2', addressOf('c1'));
    expect((await ping(addressOf('c2'), { count: 1, timeout: 1_000 })).received).toBe(1);
  });

  test('addresses and MACs are had as they are asked for', () => {
    podman.start('c1', ['--network=lab', '--ip=10.88.0.77', '--mac-address=02:00:00:00:00:77']);
    expect(podman.exec('c1', 'ip', 'address', 'show', 'dev', 'eth0')).toMatch(
      /link\/ether 02:00:00:00:00:77 .* inet 10\.88\.0\.77\/24 /s,
    );
    reaches('c1', '10.88.0.1');
    expect(() => podman.start('c2', ['--network=lab', '--ip=10.88.0.77'])).toThrow(/10\.88\.0\.77/);
  });

  test('two networks are two links', () => {
    podman.start('c1', ['--network=lab:interface_name=eth0', '--network=wires:interface_name=wire']);
    expect(podman.exec('c1', 'ip', '-oneline', '-4', 'address', 'show', 'dev', 'wire')).toContain(
      ` inet ${addressOf('c1', 'wires')}/`,
    );
    reaches('c1', '10.88.0.1');
    reaches('c1', '10.89.0.1');
  });

  test('networks come and go while a container runs', () => {
    podman.start('c1', ['--network=lab:interface_name=eth0']);
    podman('network', 'connect', '--ip=10.89.0.9', 'wires', 'c1');
    reaches('c1', '10.89.0.1');
    podman('network', 'disconnect', 'wires', 'c1');
    expect(podman.exec('c1', 'ip', 'address')).not.toContain('10.89.0.9');
    expect(kept().filter((name) => name.includes('wires'))).toEqual([]);
    podman('network', 'reload', 'c1');
    reaches('c1', '10.88.0.1');
  });

  test('removing a container takes all but the bridge', () => {
    podman.start('c1', ['--network=lab']);
    expect(kept()).toHaveLength(2);
    podman('rm', '--force', '--time=0', 'c1');
    expect(links()).toEqual(['lo', 'lab0']);
    expect(kept()).toEqual([]);
    expect(ruleset()).not.toContain('10.88.0.');
  });

  test.each(['portmap', 'debian-portmap'])('a port published by %s is reached from the host', async (network) => {
    podman.start('web', [`--network=${network}`, '--publish=8080:80'], WEB);
    for (const address of ['127.0.0.1', '10.88.0.1'])
      await vi.waitFor(async () => expect(await (await fetch(`http://${address}:8080/`)).text()).toBe('hello\n'));
    // Which of the two it was.
    expect((await listPortMappings()).map(({ hostPort }) => hostPort)).toEqual(network === 'portmap' ? [8080] : []);
    podman.start('client', [`--network=${network}`]);
    expect(podman.exec('client', 'wget', '-q', '-O', '-', 'http://10.88.0.1:8080/')).toBe('hello');
    podman('rm', '--force', '--time=0', 'web');
    await expect(fetch('http://127.0.0.1:8080/')).rejects.toThrow('fetch failed');
    expect(await listPortMappings()).toEqual([]);
  });

  test('tuning and bandwidth follow in a chain', async () => {
    expect(readdirSync(podman.plugins)).toEqual(expect.arrayContaining(['tuning', 'bandwidth']));
    podman.start('web', ['--network=chain'], `${WEB} && yes | head -c 1000000 > /www/big`);
    podman.start('c1', ['--network=chain']);
    expect(podman.exec('c1', 'cat', '/proc/sys/net/core/somaxconn')).toBe('500');
    // Of each container a port, and an ifb.
    expect(links()).toHaveLength(6);
    const fetchBig = `time wget -q -O /dev/null http://${addressOf('web', 'chain')}/big`;
    const seconds = /^real.*?([0-9.]+)s$/m.exec(podman.exec('c1', 'sh', '-c', `${fetchBig} 2>&1`))?.[1];
    // All but the burst has to wait.
    expect(Number(seconds)).toBeGreaterThan(0.95);
    podman('rm', '--force', '--time=0', 'c1');
    expect(links()).toHaveLength(4);
  });

  test('a network that podman has made itself', async () => {
    podman('network', 'create', '--subnet=10.90.0.0/24', 'made');
    try {
      const chain = JSON.parse(podman('network', 'inspect', 'made')) as { network_interface: string }[];
      podman.start('web', ['--network=made', '--publish=8081:80'], WEB);
      reaches('web', '10.90.0.1');
      await vi.waitFor(async () => expect(await (await fetch('http://127.0.0.1:8081/')).text()).toBe('hello\n'));
      podman('rm', '--force', '--time=0', 'web');
      expect(links()).toEqual(['lo', chain[0]?.network_interface]);
    } finally {
      podman('network', 'rm', '--force', '--time=0', 'made');
    }
    expect(links()).toEqual(['lo']);
  });

  const processOf = (name: string, what: 'Pid' | 'ConmonPid'): number =>
    Number(podman.inspect(name, `{{.State.${what}}}`));

  test('what a killed container had is taken', async () => {
    podman.start('c1', ['--network=lab']);
    process.kill(processOf('c1', 'Pid'), 'SIGKILL');
    // By podman, which conmon calls.
    await vi.waitFor(() => expect([links(), kept()]).toEqual([['lo', 'lab0'], []]), { timeout: 20_000, interval: 100 });
    expect(ruleset()).not.toContain('10.88.0.');
  });

  /** Ends a container behind podman's back: first who would tell of the other. */
  function vanish(name: string): void {
    for (const victim of ['ConmonPid', 'Pid'] as const) process.kill(processOf(name, victim), 'SIGKILL');
  }

  test('what a container had of which the end was not told is taken when it is removed', async () => {
    podman.start('c1', ['--network=lab']);
    vanish('c1');
    await removeAll();
    expect([links(), kept()]).toEqual([['lo', 'lab0'], []]);
    expect(ruleset()).not.toContain('10.88.0.');
  });

  test('what nobody removes is collected', () => {
    podman.start('c1', ['--network=lab']);
    podman.start('c2', ['--network=lab']);
    const [first, second] = [addressOf('c1'), addressOf('c2')];
    vanish('c1');
    const valid = [{ containerID: podman.inspect('c2', '{{.Id}}'), ifname: 'eth0' }];
    const collected = spawnSync(join(podman.plugins, 'bridge'), {
      input: JSON.stringify({ ...BRIDGE, cniVersion: '1.1.0', name: 'lab', 'cni.dev/valid-attachments': valid }),
      env: { CNI_COMMAND: 'GC', CNI_PATH: podman.plugins },
      encoding: 'utf8',
    });
    expect(collected).toMatchObject({ status: 0, stdout: '', stderr: '' });
    expect(kept().filter((name) => !name.startsWith('result '))).toEqual([`lab/${second}`]);
    expect(links()).toHaveLength(3);
    expect(ruleset()).toContain(second);
    expect(ruleset()).not.toMatch(new RegExp(`${first}\\b`));
    reaches('c2', '10.88.0.1');
  });
});
