import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { listLinks } from 'netloom';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CniHost } from './cni.ts';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { seen, seenNames } from './witness.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/netloom-cni.cjs', import.meta.url));
const BRIDGE = {
  type: 'bridge',
  bridge: 'br0',
  isGateway: true,
  ipam: { type: 'host-local', subnet: '10.1.2.0/24' },
};

describeKernel('netloom-cni', () => {
  expectNoLeaks(() => listLinks());

  let host: CniHost;
  beforeEach(async () => {
    host = await CniHost.create();
  });
  afterEach(() => host.close());

  test('loopback: lo comes up and goes down', async () => {
    const netns = await host.container('cni-c1');
    const result = host.add({ type: 'loopback' }, { netns, ifname: 'lo' });
    expect(result).toEqual({
      cniVersion: '1.0.0',
      interfaces: [{ name: 'lo', mac: '00:00:00:00:00:00', sandbox: '/run/netns/cni-c1' }],
      ips: [
        { address: '127.0.0.1/8', interface: 0 },
        { address: '::1/128', interface: 0 },
      ],
      dns: {},
    });
    expect(seen(netns, 'lo').flags).toContain('UP');
    const later = { type: 'loopback', prevResult: result };
    expect(host.call('CHECK', later, { netns, ifname: 'lo' }).status).toBe(0);
    expect(host.call('DEL', later, { netns, ifname: 'lo' }).status).toBe(0);
    expect(seen(netns, 'lo').flags).not.toContain('UP');
    expect(host.call('CHECK', later, { netns, ifname: 'lo' }).output).toMatchObject({ code: 102 });
    expect(host.call('DEL', later, { netns: '/run/netns/gone', ifname: 'lo' }).status).toBe(0);
  });

  test('the own namespace is allowed to who says so', () => {
    host.add(BRIDGE, { netns: host.netns, override: true });
    expect(seenNames(host.netns)).toContain('eth0');
    expect(host.call('DEL', BRIDGE, { netns: host.netns, override: true }).status).toBe(0);
  });

  test('STATUS tells that who calls may not attach containers', () => {
    const status = (config: object, ...wrap: string[]) =>
      host.call('STATUS', { cniVersion: '1.1.0', ...config }, { wrap }).output;
    const lacks = (names: string) => ({ code: 50, msg: `no container can be attached without ${names}` });
    const nobody = ['setpriv', '--reuid=65534', '--clear-groups'];
    for (const type of ['bridge', 'ptp', 'loopback', 'tuning']) {
      expect(status({ type })).toBeUndefined();
      expect(status({ type }, ...nobody)).toMatchObject(lacks('CAP_NET_ADMIN, CAP_SYS_ADMIN'));
    }
    expect(status({ type: 'bridge' }, 'setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin')).toMatchObject(
      lacks('CAP_SYS_ADMIN'),
    );
    expect(status({ type: 'static', ipam: { type: 'static' } }, ...nobody)).toBeUndefined();
  });

  test('has Node load no more modules at its start than a pod should wait for', () => {
    const bundle = readFileSync(PROGRAM.replace('.cjs', '.bundle.cjs'), 'utf8');
    const loaded = [...bundle.matchAll(/\brequire\(["'`](.*?)["'`]\)/g)].map(([, name]) => name);
    expect([...new Set(loaded)].sort()).toEqual(['node:fs', 'node:os', 'node:path', 'node:util']);
  });

  test('has nothing that reads or writes frames, which no plugin does', () => {
    const bundle = readFileSync(PROGRAM.replace('.cjs', '.bundle.cjs'), 'utf8');
    expect(bundle).not.toMatch(/\b(PacketDevice|PacketQueue|FrameSlab)\b/);
  });

  test('without a command it says what it is', () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM], { env: {}, encoding: 'utf8' });
    expect([status, stdout]).toEqual([0, '']);
    expect(stderr).toContain('CNI protocol versions supported: 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0');
  });

  test('an unknown command is an error', () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, 'uninstall'], {
      env: {},
      encoding: 'utf8',
    });
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain('unknown command "uninstall"');
  });

  test('install puts a program that needs nothing else, and names its Node itself', () => {
    const directory = mkdtempSync(join(tmpdir(), 'netloom-cni-'));
    const install = (...args: string[]) =>
      spawnSync(process.execPath, [PROGRAM, 'install', '--dir', directory, ...args], { env: {}, encoding: 'utf8' });
    try {
      writeFileSync(join(directory, 'bridge'), 'somebody else');
      expect(install('bridge', 'ptp')).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('bridge of another'),
      });
      expect(install('bridge', 'ptp', '--force')).toMatchObject({ status: 0, stderr: '' });
      expect(readlinkSync(join(directory, 'ptp'))).toBe('netloom-cni');
      expect(readFileSync(join(directory, 'netloom-cni'), 'utf8').split('\n')[0]).toBe(
        `#!${process.execPath} --no-rehash-snapshot`,
      );
      // Again, as for a newer version: what was there is replaced.
      expect(install('bridge', 'ptp').status).toBe(0);
      expect(readdirSync(directory).sort()).toEqual([
        expect.stringMatching(/^\.netloom-cni-[0-9a-f]{12}$/),
        'bridge',
        'netloom-cni',
        'ptp',
      ]);
      // The type that counts is the name: `bridge` here.
      const output = execFileSync(join(directory, 'bridge'), {
        env: { CNI_COMMAND: 'STATUS' },
        input: JSON.stringify({ cniVersion: '1.1.0', name: 'net', type: 'whatever' }),
        encoding: 'utf8',
      });
      expect(output).toBe('');
      execFileSync('sh', ['-c', 'umask 0; exec "$0"', join(directory, 'netloom-cni')], {
        env: { CNI_COMMAND: 'ADD', CNI_CONTAINERID: 'c1', CNI_NETNS: '/proc/self/ns/net', CNI_IFNAME: 'eth0' },
        input: JSON.stringify({ cniVersion: '1.0.0', name: 'net', type: 'static', ipam: { type: 'static' } }),
      });
      const files = readdirSync(directory, { recursive: true, encoding: 'utf8' });
      expect(files).toContainEqual(expect.stringMatching(/\/netloom-cni\.cache$/));
      // What root runs nobody else may write.
      for (const file of files) expect([file, statSync(join(directory, file)).mode & 0o022]).toEqual([file, 0]);
      expect(install('nothing')).toMatchObject({ status: 1, stderr: expect.stringContaining('nothing is neither') });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
