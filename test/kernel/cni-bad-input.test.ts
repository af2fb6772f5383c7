/** What must not be done to a machine because somebody asked for it in the wrong way. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { listLinks, type Netns, setSysctl } from 'netloom';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type CniCall, CniHost } from './cni.ts';
import { iproute } from './ip.ts';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { seenLinks } from './witness.ts';

const RANGES = [[{ subnet: '10.1.2.0/24' }]];
const BRIDGE = {
  cniVersion: '1.1.0',
  type: 'bridge',
  bridge: 'br0',
  isGateway: true,
  ipMasq: true,
  ipam: { type: 'host-local', ranges: RANGES },
};
const withIpam = (ipam: object) => ({ ...BRIDGE, ipam: { ...BRIDGE.ipam, ...ipam } });

/** Codes of the specification. */
const [INCOMPATIBLE, ENVIRONMENT, IO, DECODING, CONFIG] = [1, 4, 5, 6, 7];

/** Texts that are no configuration. */
const TEXTS: readonly [string, number][] = [
  ['', DECODING],
  [' \n', DECODING],
  ['{', DECODING],
  ['{"cniVersion": "1.0.0", "name": "net", "type": "bridge"', DECODING],
  ['{"cniVersion": "1.0.0", "name": "net", "type": "bridge"} more', DECODING],
  ['\u0000\u0001\u0002', DECODING],
  ['null', CONFIG],
  ['[]', CONFIG],
  ['"bridge"', CONFIG],
];

/** Whose network it is, and by which plugin: without that no command can do anything. */
const IDENTITIES: readonly [object, number][] = [
  [{ cniVersion: '9.0.0' }, INCOMPATIBLE],
  [{ cniVersion: '1.0' }, INCOMPATIBLE],
  [{ cniVersion: 1 }, INCOMPATIBLE],
  [{ name: '' }, CONFIG],
  [{ name: 'a/b' }, CONFIG],
  [{ name: '..' }, CONFIG],
  [{ name: 'n'.repeat(256) }, CONFIG],
  [{ name: 7 }, CONFIG],
  [{ type: '' }, CONFIG],
  [{ type: 'absent' }, CONFIG],
  [{ type: 'constructor' }, CONFIG],
  [{ type: ['bridge'] }, CONFIG],
  [{ ipam: { type: 5 } }, CONFIG],
];

/** What else ADD needs, and DEL does not. */
const OPTIONS: readonly object[] = [
  { bridge: 'sixteen-bytes-xx' },
  { bridge: 'a/b' },
  { bridge: 'br%d' },
  { mtu: 'big' },
  { mtu: -1 },
  { mtu: 1400.5 },
  { vlan: 4095 },
  { isGateway: 'yes' },
  { hairpinMode: true, promiscMode: true },
  { dns: 'none' },
  { dns: { nameservers: '10.0.0.1' } },
  { runtimeConfig: [] },
  { runtimeConfig: { mac: '02:00:00:00:00' } },
  { prevResult: 'none' },
  { runtimeConfig: { ips: ['10.1.2.300'] } },
  { args: { cni: { ips: 'all' } } },
];

/** As ADD needs it of IPAM. */
const IPAMS: readonly object[] = [
  { type: 'absent' },
  { type: '../absent' },
  { ranges: undefined },
  { ranges: [] },
  { ranges: [[]] },
  { ranges: [{ subnet: '10.1.2.0/24' }] },
  { ranges: [[{ subnet: '10.1.2.0' }]] },
  { ranges: [[{ subnet: '10.1.2.0/33' }]] },
  { ranges: [[{ subnet: '10.1.2.1/24' }]] },
  { ranges: [[{ subnet: '10.1.2.0/31' }]] },
  { ranges: [[{ subnet: '10.1.2.0/24', rangeStart: '10.1.3.1' }]] },
  { ranges: [[{ subnet: '10.1.2.0/24', gateway: 'fd00::1' }]] },
  { ranges: [...RANGES, ...RANGES] },
  { routes: [{ dst: '10.0.0.0' }] },
  { routes: [{ gw: '10.1.2.1' }] },
];

/** For calls with a configuration that is right. */
const CALLS: readonly CniCall[] = [
  { variables: { CNI_COMMAND: 'add' } },
  { variables: { CNI_COMMAND: 'toString' } },
  { variables: { CNI_CONTAINERID: undefined } },
  { variables: { CNI_IFNAME: undefined } },
  { id: 'a/b' },
  { id: '..' },
  { id: 'c1\n' },
  { id: 'c'.repeat(256) },
  { ifname: 'sixteen-bytes-xx' },
  { ifname: 'eight-ää-ää-ää' },
  { ifname: '..' },
  { ifname: 'a/b' },
  { ifname: 'a:b' },
  { ifname: 'a b' },
  { ifname: 'eth%d' },
  { args: 'IP' },
  { args: 'IP=10.1.2.9=10.1.2.8' },
];

describeKernel.needs('nftables')('bad calls of netloom-cni', () => {
  expectNoLeaks(() => listLinks());

  let host: CniHost;
  let attached: Netns;
  let fresh: Netns;
  beforeEach(async () => {
    host = await CniHost.create();
    attached = await host.container('cni-c1');
    fresh = await host.container('cni-c2');
    // Otherwise addresses go on to change by themselves.
    for (const netns of [host.netns, attached, fresh])
      await setSysctl('net.ipv6.conf.default.disable_ipv6', 1, { netns });
    host.add(BRIDGE, { netns: attached });
    const states = () => [host.netns, attached].flatMap((netns) => seenLinks(netns).map(({ operstate }) => operstate));
    await vi.waitFor(() => expect(states()).toEqual(['UP', 'UP', 'UP']), { timeout: 5_000, interval: 20 });
  });
  afterEach(() => host.close());

  function state(): unknown {
    const { dataDir } = host;
    const files = readdirSync(dataDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const paths = files.map(({ parentPath, name }) => join(parentPath, name)).sort();
    return [
      [host.netns, attached, fresh].map((netns) => iproute(netns, 'ip address')),
      [host.netns, attached, fresh].map((netns) => iproute(netns, 'ip route show table all')),
      host.ruleset(),
      paths.map((path) => [path, readFileSync(path, 'utf8')]),
    ];
  }

  /** What a call with these is refused with. Those to attach are for a new container, all others for the one that is. */
  function refuse(command: string, config: object | string, call: CniCall, code: number): void {
    const own = command === 'ADD' ? { id: 'c2', netns: fresh } : { netns: attached };
    const text = JSON.stringify([command, config, call]);
    const { status, output } = host.call(command, config, { ...own, ...call });
    expect([status, output?.code], `${text}: ${output?.msg}`).toEqual([1, code]);
    expect(output, text).toMatchObject({
      cniVersion: expect.stringMatching(/^(0\.3\.1|1\.[01]\.0)$/),
      msg: expect.any(String),
    });
  }

  function refuseAll(command: string, cases: readonly (readonly [object | string, CniCall, number])[]): void {
    const before = state();
    for (const [config, call, code] of cases) refuse(command, config, call, code);
    expect(state()).toEqual(before);
  }

  for (const command of ['ADD', 'DEL']) {
    test(`${command}: texts that are no configuration`, () => {
      refuseAll(
        command,
        TEXTS.map(([text, code]) => [text, {}, code]),
      );
    });

    test(`${command}: configurations without what every command needs`, () => {
      refuseAll(
        command,
        IDENTITIES.map(([config, code]) => [{ ...BRIDGE, ...config }, {}, code]),
      );
    });

    test(`${command}: environments that make no sense`, () => {
      refuseAll(
        command,
        CALLS.map((call) => [BRIDGE, call, ENVIRONMENT]),
      );
    });
  }

  test('ADD: configurations that make no sense', () => {
    refuseAll('ADD', [
      ...OPTIONS.map((options) => [{ ...BRIDGE, ...options }, {}, CONFIG] as const),
      ...IPAMS.map((ipam) => [withIpam(ipam), {}, CONFIG] as const),
      [BRIDGE, { args: 'NOVEL=1' }, ENVIRONMENT],
      [BRIDGE, { args: 'MAC=02:00' }, CONFIG],
    ]);
  });

  test('CHECK without a result, and before there was CHECK', () => {
    refuseAll('CHECK', [
      [BRIDGE, {}, CONFIG],
      [{ ...BRIDGE, cniVersion: '0.3.1', prevResult: {} }, {}, INCOMPATIBLE],
      [{ ...BRIDGE, prevResult: { interfaces: 'none' } }, {}, CONFIG],
    ]);
  });

  test('GC that says not rightly who is attached, and before there was GC', () => {
    const valid = (list: unknown) => ({ ...BRIDGE, 'cni.dev/valid-attachments': list });
    refuseAll('GC', [
      [BRIDGE, {}, CONFIG],
      [valid('none'), {}, CONFIG],
      [valid(['c1']), {}, CONFIG],
      [valid([{}]), {}, CONFIG],
      [valid([{ containerID: 1, ifname: 'eth0' }]), {}, CONFIG],
      [valid([{ containerID: 'c1' }]), {}, CONFIG],
      [{ ...valid([]), cniVersion: '1.0.0' }, {}, INCOMPATIBLE],
    ]);
  });

  test('what is no namespace', () => {
    const file = join(host.dataDir, 'file');
    const pipe = join(host.dataDir, 'pipe');
    writeFileSync(file, '');
    spawnSync('mkfifo', [pipe]);
    const paths = [
      '/run/netns/absent',
      file,
      `${file}/below`,
      pipe,
      host.dataDir,
      '/dev/null',
      '/proc/self/ns/mnt',
      '',
    ];
    refuseAll('ADD', [
      ...paths.map((netns) => [BRIDGE, { netns }, ENVIRONMENT] as const),
      [BRIDGE, { variables: { CNI_NETNS: undefined } }, ENVIRONMENT],
      // What is done to a container must not be done to the machine.
      [BRIDGE, { netns: host.netns }, ENVIRONMENT],
    ]);
    refuseAll('DEL', [[BRIDGE, { netns: host.netns }, ENVIRONMENT]]);
    refuseAll(
      'DEL',
      [pipe, host.dataDir, '/dev/null'].map((netns) => [BRIDGE, { netns }, ENVIRONMENT]),
    );
  });

  test('DEL of a namespace that was unmounted, and whose file is there still', () => {
    const file = join(host.dataDir, 'file');
    writeFileSync(file, '');
    expect(host.call('DEL', BRIDGE, { netns: file })).toEqual({ status: 0, output: undefined });
    expect(seenLinks(attached).map(({ ifname }) => ifname)).not.toContain('eth0');
    expect(host.reserved('net')).toEqual([]);
  });

  test('a directory that is none', () => {
    const file = join(host.dataDir, 'file');
    writeFileSync(file, '');
    refuseAll('ADD', [[withIpam({ dataDir: file }), {}, IO]]);
  });

  test('no stdin at all', () => {
    refuseAll('ADD', [[BRIDGE, { wrap: ['sh', '-c', 'cat >/dev/null; exec "$@" <&-', 'sh'] }, DECODING]]);
    refuseAll('ADD', [[BRIDGE, { wrap: ['sh', '-c', 'cat >/dev/null; exec "$@" </dev/null', 'sh'] }, DECODING]]);
  });
});
