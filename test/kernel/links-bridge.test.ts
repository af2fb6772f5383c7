import {
  type BridgeOptions,
  createBridge,
  createNetns,
  createVeth,
  deleteLink,
  getLink,
  type Link,
  listLinks,
  type Netns,
  setLink,
} from 'netloom';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { type Failure, ip, seen, seenNames } from './witness.ts';

/** Every option that a bridge of any kernel takes, with what `ip -j -d link` then shows. Times there are 1/100 s. */
const OPTIONS: readonly [BridgeOptions, Record<string, unknown>][] = [
  [{ forwardDelay: 4_000 }, { forward_delay: 400 }],
  [{ helloTime: 1_500 }, { hello_time: 150 }],
  [{ maxAge: 10_000 }, { max_age: 1_000 }],
  [{ ageingTime: 30_000 }, { ageing_time: 3_000 }],
  [{ ageingTime: 0 }, { ageing_time: 0 }],
  [{ stp: true }, { stp_state: 1 }],
  [{ priority: 4096 }, { priority: 4096 }],
  [{ groupForwardMask: 8 }, { group_fwd_mask: '0x8' }],
  [{ groupAddress: '01:80:c2:00:00:0e' }, { group_addr: '01:80:c2:00:00:0e' }],
  [{ multicastRouter: 'permanent' }, { mcast_router: 2 }],
  [{ multicastSnooping: false }, { mcast_snooping: 0 }],
  [{ multicastQueryUseIfaddr: true }, { mcast_query_use_ifaddr: 1 }],
  [{ multicastQuerier: true }, { mcast_querier: 1 }],
  [{ multicastHashMax: 512 }, { mcast_hash_max: 512 }],
  [{ multicastLastMemberCount: 3 }, { mcast_last_member_cnt: 3 }],
  [{ multicastStartupQueryCount: 4 }, { mcast_startup_query_cnt: 4 }],
  [{ multicastLastMemberInterval: 2_000 }, { mcast_last_member_intvl: 200 }],
  [{ multicastMembershipInterval: 100_000 }, { mcast_membership_intvl: 10_000 }],
  [{ multicastQuerierInterval: 200_000 }, { mcast_querier_intvl: 20_000 }],
  [{ multicastQueryInterval: 60_000 }, { mcast_query_intvl: 6_000 }],
  [{ multicastQueryResponseInterval: 5_000 }, { mcast_query_response_intvl: 500 }],
  [{ multicastStartupQueryInterval: 15_000 }, { mcast_startup_query_intvl: 1_500 }],
  [{ multicastStats: true }, { mcast_stats_enabled: 1 }],
  [{ multicastIgmpVersion: 3 }, { mcast_igmp_version: 3 }],
  [{ multicastMldVersion: 2 }, { mcast_mld_version: 2 }],
  [{ noLinkLocalLearn: true }, { no_linklocal_learn: 1 }],
];

/** Options of parts that a kernel may be built without, or of newer kernels. */
const OPTIONAL: readonly [BridgeOptions, Record<string, unknown>][] = [
  [{ vlanFiltering: true }, { vlan_filtering: 1 }],
  [{ vlanProtocol: '802.1ad' }, { vlan_protocol: '802.1ad' }],
  [{ vlanDefaultPvid: 7 }, { vlan_default_pvid: 7 }],
  [{ vlanStats: true }, { vlan_stats_enabled: 1 }],
  [{ netfilterIptables: true }, { nf_call_iptables: 1 }],
  [{ netfilterIp6tables: true }, { nf_call_ip6tables: 1 }],
  [{ netfilterArptables: true }, { nf_call_arptables: 1 }],
];

describeKernel('bridges', () => {
  expectNoLeaks(() => listLinks());

  let netns: Netns;
  beforeEach(async () => {
    netns = await createNetns();
  });
  afterEach(() => netns.close());

  const dataOf = (name: string): Record<string, unknown> => seen(netns, name).linkinfo?.info_data ?? {};

  describe('createBridge', () => {
    test.each(OPTIONS)('%o', async (options, shown) => {
      const link = await createBridge({ name: 'br0', netns, ...options });
      expect(link.data).toMatchObject(options);
      expect(dataOf('br0')).toMatchObject(shown);
    });

    test.each(OPTIONAL)('%o, or what a kernel without it says', async (options, shown) => {
      const made = await createBridge({ name: 'br0', netns, ...options }).catch((error: Failure) => error);
      if (made instanceof Error) {
        expect(made).toMatchObject({ name: 'NetlinkError', code: 'EOPNOTSUPP', syscall: 'RTM_NEWLINK', link: 'br0' });
        expect(made.message).toMatch(/^createBridge: EOPNOTSUPP: operation not supported, RTM_NEWLINK 'br0'/);
        expect(seenNames(netns)).toEqual([]);
      } else if (Object.keys(options).some((option) => option in made.data)) {
        expect(made.data).toMatchObject(options);
        expect(dataOf('br0')).toMatchObject(shown);
      } else {
        // A kernel may pass over what it was built without: then nobody shows it.
        for (const field in shown) expect(dataOf('br0')).not.toHaveProperty(field);
      }
    });

    test('takes all of them at once, and reads them back as they were given', async () => {
      // The last of two that contradict each other counts.
      const all: BridgeOptions = Object.assign({}, ...OPTIONS.map(([options]) => options), { stp: true });
      const link = await createBridge({ name: 'br0', netns, up: true, ...all });
      expect(link.data).toMatchObject(all);
      expect(dataOf('br0')).toMatchObject(Object.assign({}, ...OPTIONS.map(([, shown]) => shown)));
      expect(seen(netns, 'br0').flags).toContain('UP');
    });

    test('leaves what is not said to the kernel', async () => {
      ip(netns, 'link add name theirs type bridge');
      await createBridge({ name: 'ours', netns });
      const stable = ({ bridge_id: _b, root_id: _r, gc_timer: _g, ...data }: Record<string, unknown>) => data;
      expect(stable(dataOf('ours'))).toEqual(stable(dataOf('theirs')));
    });

    test('tells what the kernel computes', async () => {
      const { data } = await createBridge({ name: 'br0', netns, mac: '02:00:00:00:00:01', priority: 0x1000 });
      expect(data).toMatchObject({ bridgeId: '1000.02:00:00:00:00:01', rootId: '1000.02:00:00:00:00:01', rootPort: 0 });
    });

    test('an option that it does not have is refused by name', async () => {
      const making = createBridge({ name: 'br0', netns, vlanFilter: true } as never);
      await expect(making).rejects.toMatchObject({
        code: 'ERR_INVALID_ARG_VALUE',
        message: 'createBridge: vlanFilter true is no option of a bridge (vlanFiltering is)',
      });
      expect(seenNames(netns)).toEqual([]);
    });

    test('a value out of range is refused in the words of the kernel, or here', async () => {
      await expect(createBridge({ name: 'br0', netns, priority: 70_000 })).rejects.toMatchObject({
        name: 'RangeError',
        code: 'ERR_OUT_OF_RANGE',
        message: expect.stringMatching(/^createBridge: priority 70000 is out of range/),
      });
      await expect(createBridge({ name: 'br0', netns, stp: 1 as never })).rejects.toMatchObject({
        code: 'ERR_INVALID_ARG_TYPE',
        message: 'createBridge: stp must be true or false; received 1',
      });
      await expect(createBridge({ name: 'br0', netns, forwardDelay: -1 })).rejects.toMatchObject({
        code: 'ERR_OUT_OF_RANGE',
      });
      expect(seenNames(netns)).toEqual([]);
    });
  });

  describe('setLink of a bridge', () => {
    test.each(OPTIONS)('%o', async (options, shown) => {
      const bridge = await createBridge({ name: 'br0', netns });
      const changed = await setLink(bridge, { kind: 'bridge', ...options });
      expect(changed.data).toMatchObject(options);
      expect(dataOf('br0')).toMatchObject(shown);
    });

    test('without `kind`, an option of the kind is refused rather than passed over', async () => {
      const bridge = await createBridge({ name: 'br0', netns });
      await expect(setLink(bridge, { stp: true } as never)).rejects.toMatchObject({
        code: 'ERR_INVALID_ARG_VALUE',
        message: expect.stringMatching(/^setLink: stp true is no option of every link; name its `kind`$/),
      });
      expect(dataOf('br0')).toMatchObject({ stp_state: 0 });
    });
  });

  describe('ports', () => {
    let bridge: Link;
    let port: Link;
    beforeEach(async () => {
      bridge = await createBridge({ name: 'br0', netns, up: true, addrGenMode: 'none' });
      [port] = await createVeth({ name: 'port', netns, master: 'br0', peer: { name: 'far' } });
    });

    const portOf = (name: string): Record<string, unknown> | undefined => seen(netns, name).linkinfo?.info_slave_data;

    test('come about by master: a name, an index or a snapshot', async () => {
      for (const [i, master] of ['br0', bridge.index, bridge].entries()) {
        await createVeth({ name: `p${i}`, netns, master, peer: { name: `q${i}` } });
        expect(seen(netns, `p${i}`).master).toBe('br0');
      }
      expect((await listLinks({ netns, master: bridge })).map(({ name }) => name)).toEqual(['port', 'p0', 'p1', 'p2']);
    });

    test.each([
      [{ cost: 17 }, { cost: 17 }],
      [{ priority: 5 }, { priority: 5 }],
      [{ hairpin: true }, { hairpin: true }],
      [{ guard: true }, { guard: true }],
      [{ rootBlock: true }, { root_block: true }],
      [{ fastLeave: true }, { fastleave: true }],
      [{ learning: false }, { learning: false }],
      [{ flood: false }, { flood: false }],
      [{ proxyArp: true }, { proxy_arp: true }],
      [{ proxyArpWifi: true }, { proxy_arp_wifi: true }],
      [{ multicastRouter: 'permanent' }, { multicast_router: 2 }],
      [{ multicastFlood: false }, { mcast_flood: false }],
      [{ multicastToUnicast: true }, { mcast_to_unicast: true }],
      [{ broadcastFlood: false }, { bcast_flood: false }],
      [{ groupForwardMask: 8 }, { group_fwd_mask: '0x8' }],
      [{ neighborSuppress: true }, { neigh_suppress: true }],
      [{ vlanTunnel: true }, { vlan_tunnel: true }],
      [{ isolated: true }, { isolated: true }],
      [{ locked: true }, { locked: true }],
    ] as const)('setLink({ bridgePort: %o })', async (bridgePort, shown) => {
      const changed = await setLink(port, { bridgePort });
      expect(changed.bridgePort).toMatchObject(bridgePort);
      expect(portOf('port')).toMatchObject(shown);
    });

    test.each([
      ['disabled', 'disabled'],
      ['listening', 'listening'],
      ['learning', 'learning'],
      ['forwarding', 'forwarding'],
    ] as const)('the state %s of a port that is up', async (state, shown) => {
      await setLink('far', { up: true }, { netns });
      await setLink(port, { up: true });
      // The kernel makes a port forward once it notices the carrier.
      await expect.poll(() => portOf('port')).toMatchObject({ state: 'forwarding' });
      const changed = await setLink(port, { bridgePort: { state } });
      expect(changed.bridgePort?.state).toBe(state);
      expect(portOf('port')).toMatchObject({ state: shown });
    });

    test('a master and the options of the port go in one call', async () => {
      const [late] = await createVeth({ name: 'late', netns, peer: { name: 'later' } });
      const changed = await setLink(late, { master: 'br0', bridgePort: { isolated: true, cost: 4 } });
      expect(changed).toMatchObject({ master: bridge.index, bridgePort: { isolated: true, cost: 4 } });
      expect(portOf('late')).toMatchObject({ isolated: true, cost: 4 });
    });

    test('a backup port is another port, by index', async () => {
      const [second] = await createVeth({ name: 'second', netns, master: 'br0', peer: { name: 'far2' } });
      const changed = await setLink(port, { bridgePort: { backupPort: second.index } });
      expect(changed.bridgePort?.backupPort).toBe(second.index);
      expect(portOf('port')).toMatchObject({ backup_port: 'second' });
    });

    test('options of a port on a link that is none are refused', async () => {
      await expect(setLink('far', { bridgePort: { hairpin: true } }, { netns })).rejects.toMatchObject({
        name: 'NetlinkError',
        link: 'far',
      });
    });

    test('master null takes a link out of its bridge', async () => {
      const changed = await setLink(port, { master: null });
      expect(changed.master).toBeUndefined();
      expect(changed.bridgePort).toBeUndefined();
      expect(seen(netns, 'port').master).toBeUndefined();
    });

    test('are told apart by list filters, and freed when the bridge goes', async () => {
      expect((await listLinks({ netns, master: 'br0' })).map(({ name }) => name)).toEqual(['port']);
      await deleteLink(bridge);
      expect((await getLink(port)).master).toBeUndefined();
    });
  });
});
