/**
 * A plugin that is killed, as by a runtime that lost patience: whatever it had done by then, DEL takes it away, and the
 * next ADD works.
 *
 * strace(1) kills it as it enters one call out of those by which a plugin changes something: requests to the kernel, files
 * of host-local, parameters, the answer. A killed call is not made any more, so that killing at each of them is to stop in
 * each state that there is between two: `npm run test:long` does, and `npm test` at some of them.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { listLinks, type Netns, ping } from 'netloom';
import { expect, test, vi } from 'vitest';
import { CniHost } from './cni.ts';
import { iproute } from './ip.ts';
import { expectNoLeaks } from './leaks.ts';
import { LONG } from './length.ts';
import { describeKernel } from './privilege.ts';
import { SLOWNESS } from './slowness.ts';
import { seenNames } from './witness.ts';

const BRIDGE = {
  type: 'bridge',
  bridge: 'br0',
  isDefaultGateway: true,
  ipMasq: true,
  ipam: { type: 'host-local', ranges: [[{ subnet: '10.1.2.0/24' }], [{ subnet: 'fd00:1::/64' }]] },
};
const PTP = {
  type: 'ptp',
  ipMasq: true,
  ipam: { type: 'host-local', ranges: [[{ subnet: '10.1.2.0/24' }]], routes: [{ dst: '0.0.0.0/0' }] },
};

/** Plugins that make one link, or take one of the host. */
const SINGLE = { ipam: PTP.ipam, name: 'net' };
const MACVLAN = { type: 'macvlan', master: 'up0', ...SINGLE };
const HOST_DEVICE = { type: 'host-device', device: 'up0', ...SINGLE };
const TAP = { type: 'tap', ...SINGLE };

const LIMIT = 300_000 * SLOWNESS;

/** Calls that change something. Those with a question mark are not on every architecture. */
const CHANGING = [
  ...['sendmsg', 'sendto', 'openat', 'write', 'pwrite64', 'flock', 'linkat', 'renameat', 'unlinkat', 'mkdirat'],
  ...['?link', '?rename', '?unlink', '?mkdir'],
].join(',');

/** A host with one container, a cable, and nothing done yet. Where no plugin makes the gateway, the cable's end is that. */
async function withHost<T>(config: object, use: (host: CniHost, container: Netns) => T | Promise<T>): Promise<T> {
  const host = await CniHost.create();
  try {
    await host.cable('up0');
    if ('master' in config || 'device' in config) iproute(host.netns, 'ip address add 10.1.2.1/24 dev far');
    return await use(host, await host.container('cni-c1'));
  } finally {
    await host.close();
  }
}

/** A system call of the plugin: the how-manieth of its name it is. */
interface Call {
  readonly name: string;
  readonly ordinal: number;
}

/** The changing calls that a command makes, without those of Node's own start. */
function callsOf(command: string, config: object, host: CniHost, netns: Netns): Call[] {
  const log = join(host.dataDir, 'strace');
  const wrap = ['strace', '-o', log, '-s', '256', '-e', `trace=${CHANGING}`];
  expect(host.call(command, config, { netns, wrap }).status).toBe(0);
  const lines = readFileSync(log, 'utf8').split('\n');
  const isOwn = (line: string) => line.includes(host.dataDir) || /^(send|flock|write\(1,)|"\/proc\/sys\/net/.test(line);
  const counts = new Map<string, number>();
  return lines.flatMap((line, i) => {
    const name = /^\w+(?=\()/.exec(line)?.[0] ?? '';
    const ordinal = (counts.get(name) ?? 0) + 1;
    counts.set(name, ordinal);
    // What a file is written to has no name in the call; it was opened just before.
    const own = isOwn(line) || (/^p?write/.test(line) && isOwn(lines[i - 1] ?? ''));
    return own ? [{ name, ordinal }] : [];
  });
}

/** Kills the plugin as it enters a call. */
function kill(command: string, config: object, { name, ordinal }: Call, host: CniHost, netns: Netns): void {
  const wrap = ['strace', '-o', '/dev/null', '-e', `trace=${name}`];
  wrap.push('-e', `inject=${name}:signal=KILL:when=${ordinal}`);
  const { status } = host.call(command, config, { netns, wrap });
  // Of these Node makes some of its own, not always the same number: then it may have come to its end.
  // And one that waits for a port or an address asks for it as often as that takes.
  if (status === 0 && ['openat', 'write', 'sendmsg'].includes(name)) return;
  expect(status, `${name} ${ordinal}`).toBeNull();
}

function expectNothing(host: CniHost, container: Netns): void {
  expect(seenNames(container)).toEqual([]);
  // The bridge is all containers'; the cable was there before.
  const names = seenNames(host.netns).filter((name) => name !== 'br0');
  expect(names.toSorted()).toEqual(['far', 'up0']);
  expect(host.ruleset()).toBe('');
  expect(host.reserved('net')).toEqual([]);
}

async function answers(netns: Netns): Promise<void> {
  expect((await ping('10.1.2.1', { netns, count: 1, timeout: 200 })).received).toBe(1);
}

/** DEL, and a whole life after it. */
async function expectRecovery(config: object, host: CniHost, netns: Netns): Promise<void> {
  const del = () => expect(host.call('DEL', config, { netns })).toEqual({ status: 0, output: undefined });
  del();
  expectNothing(host, netns);
  host.add(config, { netns });
  // Nobody is at the other end of a TAP. One of a cable that was down may take a second before it sends.
  if (config !== TAP) await vi.waitFor(() => answers(netns), { timeout: 10_000 * SLOWNESS, interval: 10 });
  del();
  expectNothing(host, netns);
  const files = readdirSync(join(host.dataDir, 'net')).filter((name) => !name.startsWith('last_reserved_ip.'));
  expect(files).toEqual(['lock']);
}

describeKernel.needs('strace', 'nftables')('cni plugins that are killed', () => {
  expectNoLeaks(() => listLinks());

  for (const [name, config, step] of [
    ['bridge', BRIDGE, { ADD: 1, DEL: 3 }],
    ['ptp', PTP, { ADD: 5, DEL: 5 }],
    ['macvlan', MACVLAN, { ADD: 3, DEL: 3 }],
    ['host-device', HOST_DEVICE, { ADD: 3, DEL: 3 }],
    ['tap', TAP, { ADD: 3, DEL: 3 }],
  ] as const) {
    const some = (calls: Call[], command: 'ADD' | 'DEL') => calls.filter((_, i) => LONG || i % step[command] === 0);

    test(`${name}: ADD`, { timeout: LIMIT }, async () => {
      const calls = await withHost(config, (host, netns) => callsOf('ADD', config, host, netns));
      // Otherwise the trace is not understood.
      expect(calls.length).toBeGreaterThan(10);
      for (const at of some(calls, 'ADD')) {
        await withHost(config, async (host, netns) => {
          kill('ADD', config, at, host, netns);
          await expectRecovery(config, host, netns);
        });
      }
    });

    test(`${name}: DEL`, { timeout: LIMIT }, async () => {
      const calls = await withHost(config, (host, netns) => {
        host.add(config, { netns });
        return callsOf('DEL', config, host, netns);
      });
      expect(calls.length).toBeGreaterThan(4);
      for (const at of some(calls, 'DEL')) {
        await withHost(config, async (host, netns) => {
          host.add(config, { netns });
          kill('DEL', config, at, host, netns);
          await expectRecovery(config, host, netns);
        });
      }
    });
  }
});
