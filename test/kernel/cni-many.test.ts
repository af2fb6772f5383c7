/** A node that starts many pods at once: a process for each, none of which knows of the others. */
import { listLinks, type Netns, ping } from 'netloom';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CniHost } from './cni.ts';
import { expectNoLeaks } from './leaks.ts';
import { LONG } from './length.ts';
import { describeKernel } from './privilege.ts';
import { SLOWNESS } from './slowness.ts';
import { seenAddresses, seenLinks, seenNames } from './witness.ts';

const COUNT = LONG ? 200 : 40;
const LIMIT = (LONG ? 300_000 : 60_000) * SLOWNESS;

/** No more addresses than needed, the gateway among them: one that is lost, or given twice, leaves somebody without. */
const CONFIG = {
  type: 'bridge',
  bridge: 'br0',
  isDefaultGateway: true,
  ipMasq: true,
  ipam: { type: 'host-local', ranges: [[{ subnet: '10.1.0.0/16', rangeEnd: `10.1.0.${COUNT + 1}` }]] },
};

describeKernel.needs('nftables')('many cni calls at once', () => {
  expectNoLeaks(() => listLinks());

  let host: CniHost;
  let containers: [id: string, netns: Netns][];
  beforeEach(async () => {
    host = await CniHost.create();
    containers = [];
    for (let i = 0; i < COUNT; i++) containers.push([`c${i}`, await host.container(`cni-c${i}`)]);
  });
  afterEach(() => host.close());

  const callAll = (command: string) =>
    Promise.all(containers.map(([id, netns]) => host.callAsync(command, CONFIG, { id, netns })));

  test(`${COUNT} ADDs, each with an address of its own, and as many DELs`, { timeout: LIMIT }, async () => {
    const results = await callAll('ADD');
    expect(results.filter(({ status }) => status !== 0)).toEqual([]);
    const given = results.map(({ output }) => output?.ips?.[0]?.address);
    const all = Array.from({ length: COUNT }, (_, i) => `10.1.0.${i + 2}/16`);
    expect(given.toSorted()).toEqual(all.toSorted());
    for (const [i, [, netns]] of containers.entries()) expect(seenAddresses(netns, 'eth0')).toEqual([given[i]]);
    const ports = seenLinks(host.netns).filter(({ master }) => master === 'br0');
    expect(ports.map(({ operstate }) => operstate)).toEqual(Array(COUNT).fill('UP'));
    const pings = await Promise.all(containers.map(([, netns]) => ping('10.1.0.1', { netns, count: 1 })));
    expect(pings.filter(({ received }) => received !== 1)).toEqual([]);

    const ended = await callAll('DEL');
    expect(ended.filter(({ status }) => status !== 0)).toEqual([]);
    expect(seenNames(host.netns)).toEqual(['br0']);
    expect(containers.flatMap(([, netns]) => seenNames(netns))).toEqual([]);
    expect(host.reserved('net')).toEqual([]);
    expect(host.ruleset()).toBe('');
  });
});
