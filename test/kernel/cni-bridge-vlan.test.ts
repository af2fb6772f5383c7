import { createBridge, deleteLink, listLinks, type Netns } from 'netloom';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CniHost } from './cni.ts';
import { witness } from './ip.ts';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { seenAddresses, seenNames } from './witness.ts';

interface SeenVlans {
  readonly ifname: string;
  readonly vlans: { readonly vlan: number; readonly vlanEnd?: number; readonly flags?: string[] }[];
}

describeKernel('cni bridge with VLANs', () => {
  expectNoLeaks(() => listLinks());

  let host: CniHost;
  let container: Netns;
  beforeEach(async () => {
    host = await CniHost.create();
    container = await host.container('cni-c1');
  });
  afterEach(() => host.close());

  /** VLANs of a port, by `bridge -j vlan`; undefined where the kernel has no VLAN filtering. */
  async function add(config: object): Promise<SeenVlans['vlans'] | undefined> {
    const call = {
      type: 'bridge',
      bridge: 'br0',
      isGateway: true,
      ipam: { type: 'host-local', subnet: '10.1.2.0/24' },
      ...config,
    };
    if (!(await filters(host.netns))) {
      // Then it is refused as a whole.
      expect(host.call('ADD', call, { netns: container }).output).toMatchObject({
        code: 100,
        msg: expect.stringContaining('EOPNOTSUPP'),
      });
      expect([...seenNames(host.netns), ...seenNames(container), ...host.reserved('net')]).toEqual([]);
      return undefined;
    }
    const { interfaces } = host.add(call, { netns: container });
    const all = witness(host.netns, 'bridge vlan show') as unknown as SeenVlans[];
    return all.find(({ ifname }) => ifname === interfaces?.[1]?.name)?.vlans;
  }

  test('vlan: the container is in it, and so is the gateway', async () => {
    const vlans = await add({ vlan: 10, preserveDefaultVlan: false });
    if (vlans === undefined) return;
    expect(vlans).toEqual([{ vlan: 10, flags: ['PVID', 'Egress Untagged'] }]);
    expect(seenNames(host.netns)).toContain('br0.10');
    expect(seenAddresses(host.netns, 'br0.10')).toEqual(['10.1.2.1/24']);
    expect(seenAddresses(host.netns, 'br0')).toEqual([]);
  });

  test('vlanTrunk: the container tags itself, and keeps the default VLAN', async () => {
    const vlans = await add({ vlanTrunk: [{ id: 42 }, { minID: 100, maxID: 103 }] });
    if (vlans === undefined) return;
    expect(vlans).toEqual([{ vlan: 1, flags: ['PVID', 'Egress Untagged'] }, { vlan: 42 }, { vlan: 100, vlanEnd: 103 }]);
  });
});

async function filters(netns: Netns): Promise<boolean> {
  try {
    await deleteLink(await createBridge({ name: 'probe', netns, vlanFiltering: true }));
    return true;
  } catch {
    return false;
  }
}
