import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { listLinks } from 'netloom';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CniHost } from './cni.ts';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';

const NETNS = '/run/netns/of-no-interest';

describeKernel('cni IPAM', () => {
  expectNoLeaks(() => listLinks());

  let host: CniHost;
  beforeEach(async () => {
    host = await CniHost.create();
  });
  afterEach(() => host.close());

  const config = (ipam: object = {}, rest: object = {}) => ({
    type: 'host-local',
    ...rest,
    ipam: { type: 'host-local', ranges: [[{ subnet: '10.1.2.0/29' }], [{ subnet: 'fd00::/64' }]], ...ipam },
  });
  const addresses = (id: string, conf: object = config(), args?: string) =>
    host.add(conf, { id, netns: NETNS, ...(args !== undefined && { args }) }).ips?.map(({ address }) => address);
  const refusal = (id: string, conf: object = config(), args?: string) =>
    host.call('ADD', conf, { id, netns: NETNS, ...(args !== undefined && { args }) }).output;

  test('reservations are files as other programs know them', () => {
    expect(addresses('c1')).toEqual(['10.1.2.2/29', 'fd00::2/64']);
    const path = (name: string) => join(host.dataDir, 'net', name);
    expect(readFileSync(path('10.1.2.2'), 'utf8')).toBe('c1\r\neth0');
    expect(readFileSync(path('fd00::2'), 'utf8')).toBe('c1\r\neth0');
    expect(readFileSync(path('last_reserved_ip.0'), 'utf8')).toBe('10.1.2.2');
    expect(readFileSync(path('last_reserved_ip.1'), 'utf8')).toBe('fd00::2');
    expect(existsSync(path('lock'))).toBe(true);
  });

  test('an address that was given back is not the next one', () => {
    expect(addresses('c1')?.[0]).toBe('10.1.2.2/29');
    host.call('DEL', config(), { id: 'c1' });
    expect(host.reserved('net')).toEqual([]);
    expect(addresses('c1')?.[0]).toBe('10.1.2.3/29');
  });

  test('when all are taken it says so, and keeps none', () => {
    for (const id of ['c1', 'c2', 'c3', 'c4', 'c5']) addresses(id);
    const before = host.reserved('net');
    // The other family has addresses left; its range set comes first here.
    const turned = config({ ranges: [[{ subnet: 'fd00::/64' }], [{ subnet: '10.1.2.0/29' }]] });
    expect(refusal('c6', turned)).toMatchObject({ code: 101, msg: expect.stringContaining('10.1.2.1-10.1.2.6') });
    expect(host.reserved('net')).toEqual(before);
    const status = config({}, { cniVersion: '1.1.0' });
    expect(host.call('STATUS', status).output).toMatchObject({ code: 50 });
    host.call('DEL', config(), { id: 'c3' });
    expect(host.call('STATUS', status)).toEqual({ status: 0, output: undefined });
    expect(addresses('c6')?.[0]).toBe('10.1.2.4/29');
  });

  test('STATUS makes nothing, and tells where nothing could be reserved', () => {
    const status = (ipam: object, wrap: readonly string[] = []) =>
      host.call('STATUS', config(ipam, { cniVersion: '1.1.0' }), { wrap }).output;
    const dataDir = join(host.dataDir, 'not', 'yet');
    const before = readdirSync(host.dataDir);
    expect(status({ dataDir })).toBeUndefined();
    const refused = { code: 50, msg: expect.stringContaining('no address can be reserved') };
    expect(status({ dataDir }, ['setpriv', '--reuid=65534', '--clear-groups'])).toMatchObject(refused);
    expect(status({ dataDir: join(fileURLToPath(import.meta.url), 'below') })).toMatchObject(refused);
    expect(readdirSync(host.dataDir)).toEqual(before);
  });

  test('a second ADD of the same attachment is refused, and the first keeps its addresses', () => {
    addresses('c1');
    expect(refusal('c1')).toMatchObject({ code: 101, msg: expect.stringContaining('duplicate allocation') });
    expect(host.reserved('net')).toEqual(['10.1.2.2', 'fd00::2']);
  });

  test('an address may be asked for in three ways', () => {
    expect(addresses('c1', config(), 'IgnoreUnknown=1;IP=10.1.2.5')).toEqual(['10.1.2.5/29', 'fd00::2/64']);
    expect(addresses('c2', config({}, { args: { cni: { ips: ['fd00::99'] } } }))).toEqual([
      '10.1.2.6/29',
      'fd00::99/64',
    ]);
    expect(addresses('c3', config({}, { runtimeConfig: { ips: ['10.1.2.3/29', 'fd00::aa'] } }))).toEqual([
      '10.1.2.3/29',
      'fd00::aa/64',
    ]);
    expect(refusal('c4', config(), 'IP=10.1.2.5')).toMatchObject({
      code: 101,
      msg: expect.stringContaining('10.1.2.5 is not available'),
    });
    expect(refusal('c4', config(), 'IP=10.1.2.1')).toMatchObject({ msg: "requested ip 10.1.2.1 is subnet's gateway" });
    expect(refusal('c4', config(), 'IP=192.0.2.1')).toMatchObject({ msg: expect.stringContaining('192.0.2.1') });
    expect(host.reserved('net')).toHaveLength(6);
  });

  test('ranges that the runtime gives come first', () => {
    const conf = config({}, { runtimeConfig: { ipRanges: [[{ subnet: '10.7.0.0/24' }]] } });
    expect(addresses('c1', conf)).toEqual(['10.7.0.2/24', '10.1.2.2/29', 'fd00::2/64']);
  });

  test('routes and resolvConf', () => {
    const resolvConf = join(host.dataDir, 'resolv.conf');
    writeFileSync(resolvConf, 'nameserver 10.0.0.1\nsearch example.org\n');
    const conf = config({ resolvConf, routes: [{ dst: '0.0.0.0/0' }, { dst: '10.0.0.0/8', gw: '10.1.2.6' }] });
    expect(host.add(conf, { netns: NETNS })).toMatchObject({
      routes: [{ dst: '0.0.0.0/0' }, { dst: '10.0.0.0/8', gw: '10.1.2.6' }],
      dns: { nameservers: ['10.0.0.1'], search: ['example.org'] },
    });
  });

  test('GC releases what belongs to nobody any more', () => {
    for (const id of ['c1', 'c2', 'c3']) addresses(id);
    const conf = config(
      {},
      { cniVersion: '1.1.0', 'cni.dev/valid-attachments': [{ containerID: 'c2', ifname: 'eth0' }] },
    );
    expect(host.call('GC', conf)).toEqual({ status: 0, output: undefined });
    expect(host.reserved('net')).toEqual(['10.1.2.3', 'fd00::3']);
  });

  test('an attachment that very old versions made has its addresses released', () => {
    mkdirSync(join(host.dataDir, 'net'), { recursive: true });
    writeFileSync(join(host.dataDir, 'net', '10.1.2.4'), 'c1');
    host.call('DEL', config(), { id: 'c1' });
    expect(host.reserved('net')).toEqual([]);
  });

  test('thirty processes at once get thirty addresses', async () => {
    const conf = config({ ranges: [[{ subnet: '10.1.0.0/16' }]] });
    const outcomes = await Promise.all(
      Array.from({ length: 30 }, (_, i) => host.callAsync('ADD', conf, { id: `c${i}`, netns: NETNS })),
    );
    const given = outcomes.map(({ output }) => output?.ips?.[0]?.address);
    const expected = Array.from({ length: 30 }, (_, i) => `10.1.0.${i + 2}/16`);
    expect(given.toSorted()).toEqual(expected.toSorted());
    expect(host.reserved('net')).toHaveLength(30);
  });

  test('static gives what is written', () => {
    const ipam = { type: 'static', addresses: [{ address: '10.1.2.5/24', gateway: '10.1.2.1' }] };
    const conf = { type: 'static', ipam };
    const prevResult = host.add(conf, { netns: NETNS });
    expect(prevResult.ips).toEqual([{ address: '10.1.2.5/24', gateway: '10.1.2.1' }]);
    expect(host.call('CHECK', { ...conf, prevResult }, { netns: NETNS }).status).toBe(0);
    const other = { ...conf, ipam: { ...ipam, addresses: [{ address: '10.1.2.6/24' }] }, prevResult };
    expect(host.call('CHECK', other, { netns: NETNS }).output).toMatchObject({ code: 102 });
  });

  test('IPAM of another program is asked by executing it', async () => {
    const container = await host.container('cni-c1');
    const path = join(host.dataDir, 'bin');
    mkdirSync(path);
    const note = join(host.dataDir, 'note');
    const answer = '{"cniVersion":"0.4.0","ips":[{"version":"4","address":"10.1.2.9/24"}]}';
    writeFileSync(
      join(path, 'foreign'),
      `#!/bin/sh\necho "$CNI_COMMAND $CNI_CONTAINERID" >> ${note}\ncat >> ${note}\n[ $CNI_COMMAND = ADD ] && echo '${answer}'\nexit 0\n`,
      { mode: 0o755 },
    );
    const conf = { type: 'bridge', cniVersion: '0.4.0', ipam: { type: 'foreign' } };
    expect(host.add(conf, { netns: container, path }).ips).toEqual([
      { version: '4', address: '10.1.2.9/24', interface: 2 },
    ]);
    expect(host.call('DEL', conf, { netns: container, path }).status).toBe(0);
    expect(readFileSync(note, 'utf8')).toMatch(/^ADD c1\n\{.*\}DEL c1\n\{.*\}$/);
    expect(host.call('ADD', { ...conf, ipam: { type: 'absent' } }, { netns: container, path }).output).toMatchObject({
      code: 7,
      msg: expect.stringContaining('failed to find plugin "absent"'),
    });
  });

  test('the error of another program is told on', async () => {
    const container = await host.container('cni-c1');
    const path = join(host.dataDir, 'bin');
    mkdirSync(path);
    const error = '{"cniVersion":"1.0.0","code":11,"msg":"no lease","details":"yet"}';
    writeFileSync(join(path, 'foreign'), `#!/bin/sh\necho '${error}'\nexit 1\n`, { mode: 0o755 });
    const { output } = host.call('ADD', { type: 'bridge', ipam: { type: 'foreign' } }, { netns: container, path });
    expect(output).toEqual({ cniVersion: '1.0.0', code: 11, msg: 'no lease', details: 'yet' });
  });
});
