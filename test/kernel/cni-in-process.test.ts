import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { listLinks } from 'netloom';
import type { CniRequest, CniResult } from 'netloom/cni';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CniHost } from './cni.ts';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { seenAddresses, seenNames } from './witness.ts';

const RUNTIME = fileURLToPath(new URL('./cni-in-process.mjs', import.meta.url));

interface Answer {
  readonly result?: CniResult;
  readonly code?: number | string;
  readonly name?: string;
  readonly message?: string;
  /** Descriptors that are open afterwards. */
  readonly open: number;
}

describeKernel('netloom/cni', () => {
  expectNoLeaks(() => listLinks());

  let host: CniHost;
  beforeEach(async () => {
    host = await CniHost.create();
  });
  afterEach(() => host.close());

  const callAll = (requests: readonly (object | null)[]): Answer[] =>
    JSON.parse(
      execFileSync('nsenter', [`--net=/proc/${process.pid}/fd/${host.netns.fd}`, process.execPath, RUNTIME], {
        input: JSON.stringify(requests),
        encoding: 'utf8',
      }),
    );

  test('attaches and detaches as netloom-cni does, and keeps nothing open', async () => {
    const netns = await host.container('cni-c1');
    const config = {
      cniVersion: '1.0.0',
      name: 'net',
      type: 'bridge',
      bridge: 'br0',
      isGateway: true,
      ipam: { type: 'host-local', dataDir: host.dataDir, subnet: '10.1.2.0/24' },
    };
    const attachment = { containerId: 'c1', ifname: 'eth0', netns: '/run/netns/cni-c1' };
    const [added] = callAll([{ command: 'ADD', config, ...attachment } satisfies CniRequest]);
    expect(added?.result).toMatchObject({
      cniVersion: '1.0.0',
      interfaces: [{ name: 'br0' }, {}, { name: 'eth0', sandbox: '/run/netns/cni-c1' }],
      ips: [{ address: '10.1.2.2/24', gateway: '10.1.2.1', interface: 2 }],
    });
    expect(seenAddresses(netns, 'eth0')).toContain('10.1.2.2/24');
    const later = { ...attachment, config: { ...config, prevResult: added?.result } };
    const round = [
      { command: 'DEL', ...later },
      { command: 'ADD', config, ...attachment },
    ];
    const answers = callAll([
      { command: 'CHECK', ...later },
      ...round,
      ...round,
      ...round,
      { command: 'DEL', ...later },
    ]);
    expect(answers.map(({ message }) => message)).toEqual(answers.map(() => undefined));
    // The sockets of the host stay, for the next call; of containers nothing does.
    expect(answers.at(-1)?.open).toBe(answers[2]?.open);
    expect(seenNames(netns)).not.toContain('eth0');
    expect(host.reserved('net')).toEqual([]);
  });

  test('throws errors with the codes of the protocol', async () => {
    await host.container('cni-c1');
    const attachment = { containerId: 'c1', ifname: 'eth0', netns: '/run/netns/cni-c1' };
    const config = { cniVersion: '1.0.0', name: 'net', type: 'bridge' };
    const answers = callAll([
      { command: 'ADD', config, containerId: 'c1' },
      { command: 'ADD', config: { ...config, cniVersion: '9.0.0' }, ...attachment },
      { command: 'ADD', config: { ...config, type: 'novel' }, ...attachment },
      { command: 'ADD', config, ...attachment, netns: '/run/netns/absent' },
      { command: 'ADD', config, ...attachment, ifName: 'eth0' },
      { command: 'ADD', ...attachment },
      { command: 'ADD', config: JSON.stringify(config), ...attachment },
      { command: 'ADD', config: { cniVersion: '1.0.0', name: 'net', plugins: [config] }, ...attachment },
      null,
      { command: 'ADD', config, ...attachment, containerId: 5 },
    ]);
    expect(answers.map(({ name, code }) => [name, code])).toEqual([
      ['CniError', 4],
      ['CniError', 1],
      ['CniError', 7],
      ['CniError', 4],
      ['TypeError', 'ERR_INVALID_ARG_VALUE'],
      ['TypeError', 'ERR_INVALID_ARG_TYPE'],
      ['TypeError', 'ERR_INVALID_ARG_TYPE'],
      ['CniError', 7],
      ['TypeError', 'ERR_INVALID_ARG_TYPE'],
      ['TypeError', 'ERR_INVALID_ARG_TYPE'],
    ]);
    expect(answers.at(-3)?.message).toBe('this is a list of plugins; call each of its plugins');
    expect(answers.at(-2)?.message).toContain('the request of cni() must be an object like');
    expect(answers.at(-1)?.message).toBe('containerId must be a string; received 5');
    expect(seenNames(host.netns)).toEqual([]);
  });

  test('tells IPAM of another program all that it was told', async () => {
    const netns = await host.container('cni-c1');
    const note = join(host.dataDir, 'note');
    const answer = '{"cniVersion":"1.0.0","ips":[{"address":"10.1.2.9/24"}]}';
    writeFileSync(
      join(host.dataDir, 'foreign'),
      `#!/bin/sh\necho "$CNI_COMMAND $CNI_CONTAINERID $CNI_NETNS $CNI_IFNAME $CNI_ARGS $CNI_PATH" > ${note}\necho '${answer}'\n`,
      { mode: 0o755 },
    );
    const config = { cniVersion: '1.0.0', name: 'net', type: 'bridge', ipam: { type: 'foreign' } };
    const attachment = { containerId: 'c1', ifname: 'eth0', netns: '/run/netns/cni-c1', path: host.dataDir };
    const [added] = callAll([{ command: 'ADD', config, ...attachment, args: 'IP=10.1.2.9' } satisfies CniRequest]);
    expect(added?.message).toBeUndefined();
    expect(seenAddresses(netns, 'eth0')).toEqual(['10.1.2.9/24']);
    expect(readFileSync(note, 'utf8')).toBe(`ADD c1 /run/netns/cni-c1 eth0 IP=10.1.2.9 ${host.dataDir}\n`);
  });
});
