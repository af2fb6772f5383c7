import { deleteNetns, listLinks, type Netns } from 'netloom';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CniHost, type CniOutput } from './cni.ts';
import { iproute, witness } from './ip.ts';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel, testNeeds } from './privilege.ts';
import { expectRate, throughput } from './throughput.ts';
import { seen, seenNames } from './witness.ts';

const BRIDGE = { type: 'bridge', bridge: 'br0', isGateway: true, ipam: { type: 'host-local', subnet: '10.1.2.0/24' } };
/** Bits per second, and bits. */
const LIMITS = { ingressRate: 20e6, ingressBurst: 256e3, egressRate: 30e6, egressBurst: 384e3 };
/** `bwp` and the start of the SHA-512 of "netc1". */
const IFB = 'bwp623e1c388032';
const THEIRS = '/usr/lib/cni/bandwidth';

describeKernel('cni bandwidth', () => {
  expectNoLeaks(() => listLinks());

  let host: CniHost;
  let netns: Netns;
  let prevResult: CniOutput;
  let veth: string;
  beforeEach(async () => {
    host = await CniHost.create();
    netns = await host.container('cni-c1');
    prevResult = host.add(BRIDGE, { netns });
    veth = prevResult.interfaces?.[1]?.name as string;
  });
  afterEach(() => host.close());

  const config = (more: object) => ({ type: 'bandwidth', prevResult, ...more });
  /** What `tc` shows of the qdiscs that were put there. */
  const qdiscs = () =>
    witness(host.netns, 'tc qdisc show')
      .filter(({ handle }) => handle !== '0:')
      .map(({ kind, dev, options }) => {
        const { rate, burst } = options as { rate?: number; burst?: number };
        return kind === 'tbf' ? [dev, kind, rate, burst] : [dev, kind];
      });
  const limited = () => [
    [veth, 'tbf', 2_500_000, 32_000],
    [veth, 'ingress'],
    [IFB, 'tbf', 3_750_000, 48_000],
  ];
  const untouched = () => {
    expect(qdiscs()).toEqual([]);
    expect(seenNames(host.netns).toSorted()).toEqual(['br0', veth].toSorted());
  };

  test('ADD limits both ways, CHECK finds it so, DEL takes it away, and may come again', () => {
    const wanted = config(LIMITS);
    const result = host.add(wanted, { netns });
    expect(result).toEqual({
      ...prevResult,
      interfaces: [...(prevResult.interfaces ?? []), { name: IFB, mac: seen(host.netns, IFB).address }],
    });
    expect(qdiscs()).toEqual(limited());
    expect(host.call('CHECK', { ...wanted, prevResult: result }, { netns })).toEqual({ status: 0, output: undefined });
    expect(host.call('DEL', { ...wanted, prevResult: result }, { netns })).toEqual({ status: 0, output: undefined });
    untouched();
    expect(host.call('DEL', wanted, { netns })).toEqual({ status: 0, output: undefined });
    expect(host.call('CHECK', wanted, { netns }).output).toMatchObject({
      code: 102,
      msg: 'ingress is unlimited, not 20000000 bits per second, bursts of 32000 bytes',
    });
  });

  test('what the container receives and sends is as fast as was said', async () => {
    host.add(config(LIMITS), { netns });
    await expectRate(20e6, () => throughput(host.netns, netns, '10.1.2.2'));
    await expectRate(30e6, () => throughput(netns, host.netns, '10.1.2.1'));
  });

  test('the runtime says it where the network does not', () => {
    host.add(config({ runtimeConfig: { bandwidth: { ingressRate: 20e6, ingressBurst: 256e3 } } }), { netns });
    expect(qdiscs()).toEqual([[veth, 'tbf', 2_500_000, 32_000]]);
    const { egressRate, egressBurst } = LIMITS;
    const both = config({ egressRate, egressBurst, runtimeConfig: { bandwidth: { ingressRate: 1, ingressBurst: 1 } } });
    host.call('DEL', both, { netns });
    host.add(both, { netns });
    expect(qdiscs()).toEqual(limited().slice(1));
  });

  test('nothing said limits nothing', () => {
    for (const more of [{}, { ingressRate: 0 }, { runtimeConfig: { bandwidth: {} } }]) {
      expect(host.add(config(more), { netns })).toEqual(prevResult);
      expect(host.call('CHECK', config(more), { netns }).status).toBe(0);
    }
    untouched();
  });

  test.each([
    [{ ingressRate: 1e6 }, 7, 'if ingressRate is set, ingressBurst must also be set'],
    [{ egressBurst: 1e6 }, 7, 'if egressBurst is set, egressRate must also be set'],
    [{ egressRate: 4, egressBurst: 1e6 }, 7, 'egress.rate 4 is out of range'],
    [{ egressRate: 1e6, egressBurst: 7 }, 7, 'egress.burst 0 is out of range'],
    [{ ...LIMITS, egressBurst: 8000 }, 7, 'egress.burst 1000 is out of range (for frames of 1514 bytes'],
    [{ ingressRate: 1e6, ingressBurst: 2 ** 36 }, 7, 'ingressBurst 68719476736 is out of range'],
    [{ ...LIMITS, unshapedSubnets: ['10.0.0.0/8'] }, 2, 'unshapedSubnets'],
    [{ runtimeConfig: { bandwidth: { ...LIMITS, shapedSubnets: ['10.0.0.0/8'] } } }, 2, 'bandwidth.shapedSubnets'],
    [{ ...LIMITS, prevResult: undefined }, 7, 'must be called as chained plugin'],
    [{ ...LIMITS, prevResult: { ips: [] } }, 7, 'prevResult has no interface veth'],
  ])('%j is refused', (more, code, msg) => {
    expect(host.call('ADD', config(more), { netns }).output).toMatchObject({ code, msg: expect.stringContaining(msg) });
    untouched();
  });

  test('a link that has the name of the ifb is left alone, and nothing is limited', () => {
    iproute(host.netns, `ip link add ${IFB} type veth peer name other`);
    expect(host.call('ADD', config(LIMITS), { netns }).output).toMatchObject({ code: 100 });
    expect(qdiscs()).toEqual([]);
    expect(host.call('DEL', config(LIMITS), { netns }).status).toBe(0);
    expect(seenNames(host.netns)).toContain(IFB);
  });

  test('the ifb that another container left is taken over', () => {
    host.add(config(LIMITS), { netns });
    host.call('DEL', BRIDGE, { netns });
    expect(seenNames(host.netns).toSorted()).toEqual(['br0', IFB]);
    prevResult = host.add(BRIDGE, { netns });
    host.add(config(LIMITS), { netns });
    expect(qdiscs()).toEqual(limited());
  });

  test('a second link of the container in the network is refused, and leaves the first as it is', () => {
    host.add(config(LIMITS), { netns });
    const first = prevResult;
    const second = { netns, ifname: 'eth1' };
    prevResult = host.add(BRIDGE, second);
    expect(host.call('ADD', config(LIMITS), second).output).toMatchObject({
      code: 100,
      msg: expect.stringContaining('EEXIST'),
    });
    expect(qdiscs()).toEqual(limited());
    expect(host.call('DEL', config(LIMITS), second).status).toBe(0);
    expect(host.call('DEL', config(LIMITS), { ifname: 'eth1' }).status).toBe(0);
    expect(host.call('DEL', BRIDGE, second).status).toBe(0);
    expect(host.call('DEL', config(LIMITS), second).status).toBe(0);
    expect(qdiscs()).toEqual(limited());
    expect(host.call('CHECK', { ...config(LIMITS), prevResult: first }, { netns }).status).toBe(0);
  });

  test('DEL removes the ifb where the pair is still there, and the namespace is not known', () => {
    host.add(config(LIMITS), { netns });
    expect(host.call('DEL', config(LIMITS)).status).toBe(0);
    expect(seenNames(host.netns)).not.toContain(IFB);
  });

  test('DEL removes the ifb without the namespace, a result, or the pair', async () => {
    host.add(config(LIMITS), { netns });
    host.call('DEL', BRIDGE, { netns });
    await deleteNetns(netns);
    expect(host.call('DEL', { type: 'bandwidth', ...LIMITS, egressRate: 'bad' })).toEqual({
      status: 0,
      output: undefined,
    });
    expect(seenNames(host.netns)).toEqual(['br0']);
  });

  test('GC removes the ifb whose pair is gone, and no other', () => {
    const gc = { cniVersion: '1.1.0', type: 'bandwidth', 'cni.dev/valid-attachments': [] };
    host.add(config(LIMITS), { netns });
    iproute(host.netns, 'ip link add bwp0123456789ab type ifb');
    expect(host.call('GC', gc).status).toBe(0);
    expect(seenNames(host.netns)).toContain(IFB);
    host.call('DEL', BRIDGE, { netns });
    expect(host.call('GC', gc).status).toBe(0);
    expect(seenNames(host.netns).toSorted()).toEqual(['br0', 'bwp0123456789ab']);
  });

  test('STATUS tells what ADD could not do', () => {
    expect(host.call('STATUS', { cniVersion: '1.1.0', type: 'bandwidth', ...LIMITS }).status).toBe(0);
    expect(host.call('STATUS', { cniVersion: '1.1.0', type: 'bandwidth', egressRate: 1 }).output?.code).toBe(7);
  });

  testNeeds('reference plugins')('the reference plugin checks and undoes what netloom did, and netloom that', () => {
    const theirs = { netns, program: THEIRS, path: '/' };
    const wanted = config(LIMITS);
    host.add(wanted, { netns });
    expect(host.call('CHECK', wanted, theirs)).toEqual({ status: 0, output: undefined });
    expect(host.call('DEL', wanted, theirs)).toEqual({ status: 0, output: undefined });
    expect(seenNames(host.netns)).not.toContain(IFB);
    host.call('DEL', wanted, { netns });
    untouched();
    expect(host.call('ADD', wanted, theirs).status).toBe(0);
    expect(qdiscs().toSorted()).toEqual(limited().toSorted());
    expect(host.call('CHECK', wanted, { netns })).toEqual({ status: 0, output: undefined });
    expect(host.call('DEL', wanted, { netns })).toEqual({ status: 0, output: undefined });
    untouched();
  });
});
