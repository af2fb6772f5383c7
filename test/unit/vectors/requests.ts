/**
 * What a user of netloom writes for each captured command, and where netloom says the same in other bytes on
 * purpose.
 */
import '../../../lib/rtnetlink/kinds/index.js';
import { makeRequest, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../../../lib/netlink/message.js';
import type { Netns } from '../../../lib/netns/netns.js';
import { addAddress, deleteAddress, listAddresses, replaceAddress } from '../../../lib/rtnetlink/address/calls.js';
import {
  createBridge,
  createDummy,
  createIpvlan,
  createMacvlan,
  createVeth,
  createVxlan,
} from '../../../lib/rtnetlink/kinds/index.js';
import { linkFamily } from '../../../lib/rtnetlink/link/attributes.js';
import { addBridgeVlan } from '../../../lib/rtnetlink/link/bridge-vlan.js';
import { deleteLink } from '../../../lib/rtnetlink/link/delete.js';
import { getLink, listLinks } from '../../../lib/rtnetlink/link/find.js';
import { changeLinkRequest } from '../../../lib/rtnetlink/link/finish.js';
import { setLink } from '../../../lib/rtnetlink/link/set.js';
import { addNeighbor, deleteNeighbor, getNeighbor, replaceNeighbor } from '../../../lib/rtnetlink/neighbor/calls.js';
import { addFdbEntry } from '../../../lib/rtnetlink/neighbor/fdb-calls.js';
import { getNetnsId } from '../../../lib/rtnetlink/netns-id/calls.js';
import { addRoute, deleteRoute } from '../../../lib/rtnetlink/route/calls.js';
import { listRoutes } from '../../../lib/rtnetlink/route/find.js';
import { routeRequest } from '../../../lib/rtnetlink/route/spec.js';
import { addRule } from '../../../lib/rtnetlink/rule/calls.js';
import { RTM } from '../../../lib/rtnetlink/types.js';
import type { Message, Tree } from './captured.js';

/** Where iproute2 says what it need not say, or says it in another way. */
export const HABITS = {
  'asks for links as AF_PACKET': {
    reason: 'iproute2 puts AF_PACKET into ifi_family of dumps; the kernel reads it only for AF_BRIDGE and AF_INET6',
    apply: (message: Message): Message => ({ ...message, header: message.header.replace(/^11/, '00') }),
  },
  'asks for virtual functions': {
    reason: 'iproute2 sets RTEXT_FILTER_VF in IFLA_EXT_MASK; netloom does not show virtual functions',
    apply: (message: Message): Message => ({
      ...message,
      attributes: { ...message.attributes, 29: message.attributes['29']?.map(withoutFirstBit) ?? [] },
    }),
  },
} as const;
export type Habit = keyof typeof HABITS;

/** RTEXT_FILTER_VF is the lowest bit of a number whose lowest byte comes first. */
const withoutFirstBit = (hex: Tree): Tree =>
  `${(Number.parseInt(String(hex).slice(0, 2), 16) & ~1).toString(16).padStart(2, '0')}${String(hex).slice(2)}`;

export interface Said {
  /** Calls public functions, synchronously, on a namespace that records. */
  readonly call: (netns: Netns, other: Netns) => unknown;
  readonly habits?: readonly Habit[];
}

const send = (netns: Netns, request: Parameters<Netns['sockets']['exchange']>[0][number]): unknown =>
  netns.sockets.exchange([request]);
const LISTS: readonly Habit[] = ['asks for links as AF_PACKET', 'asks for virtual functions'];
const parent = (netns: Netns, name: string) => getLink.sync(name, { netns });

export const REQUESTS: Readonly<Record<string, Said>> = {
  'addr-add-v4': { call: (netns) => addAddress.sync(3, '10.1.0.1/24', { netns }) },
  'addr-add-v4-brd': {
    call: (netns) => addAddress.sync(3, { address: '10.2.0.1/24', broadcast: true }, { netns }),
  },
  'addr-add-v4-lifetimes': {
    call: (netns) =>
      addAddress.sync(3, { address: '10.6.0.1/24', validLifetime: 3_600_000, preferredLifetime: 1_800_000 }, { netns }),
  },
  'addr-add-v4-noprefixroute': {
    call: (netns) => addAddress.sync(3, { address: '10.7.0.1/24', flags: ['noprefixroute'] }, { netns }),
  },
  'addr-add-v6': { call: (netns) => addAddress.sync(3, '2001:db8:1::1/64', { netns }) },
  'addr-del-v4': { call: (netns) => deleteAddress.sync(3, '10.7.0.1/24', { netns }) },
  'addr-dump-dev': { call: (netns) => listAddresses.sync({ link: 3, netns }) },
  'addr-replace-v4': {
    call: (netns) =>
      replaceAddress.sync(3, { address: '10.1.0.1/24', validLifetime: 100_000, preferredLifetime: 50_000 }, { netns }),
  },
  'brvlan-add-self': { call: (netns) => addBridgeVlan.sync(8, { vid: 10, self: true }, { netns }) },
  'err-vlan-range': { call: (netns) => addBridgeVlan.sync(3, { vid: 10 }, { netns }) },
  'err-addr-exists': { call: (netns) => addAddress.sync(3, '10.2.0.1/24', { netns }) },

  'link-add-bridge-8021ad': {
    call: (netns) =>
      createBridge.sync({ name: 'br2', netns, vlanProtocol: '802.1ad', priority: 4096, groupForwardMask: 8 }),
  },
  'link-add-bridge-vlan-filtering': {
    call: (netns) =>
      createBridge.sync({
        name: 'br3',
        netns,
        vlanFiltering: true,
        stp: false,
        forwardDelay: 0,
        vlanDefaultPvid: 0,
        multicastSnooping: false,
        ageingTime: 300_000,
      }),
  },
  'link-add-dummy': { call: (netns) => createDummy.sync({ name: 'dm0', netns }) },
  'link-add-ipvlan-l2': {
    call: (netns) => createIpvlan.sync({ name: 'iv0', parent: parent(netns, 'd2'), mode: 'l2', isolation: 'bridge' }),
  },
  'link-add-macvlan-bridge': {
    call: (netns) => createMacvlan.sync({ name: 'mv0', parent: parent(netns, 'd0'), mode: 'bridge' }),
  },
  'link-add-macvlan-passthru-nopromisc': {
    call: (netns) =>
      createMacvlan.sync({ name: 'mv3', parent: parent(netns, 'd1'), mode: 'passthru', flags: ['nopromisc'] }),
  },
  'link-add-macvlan-source': {
    call: (netns) => createMacvlan.sync({ name: 'mv2', parent: parent(netns, 'd0'), mode: 'source' }),
  },
  'link-add-veth-peer': { call: (netns) => createVeth.sync({ name: 'v0', netns, peer: { name: 'v1' } }) },
  'link-add-veth-peer-netns': {
    call: (netns, other) => createVeth.sync({ name: 'v4', netns, peer: { name: 'eth0', netns: other } }),
  },
  'link-add-vxlan': {
    call: (netns) =>
      createVxlan.sync({
        name: 'vx0',
        netns,
        vni: 42,
        port: 4789,
        local: '192.0.2.1',
        remote: '192.0.2.2',
        ttl: 64,
        learning: false,
      }),
  },
  'link-add-vxlan-v6': {
    call: (netns) =>
      createVxlan.sync({
        name: 'vx3',
        netns,
        vni: 44,
        port: 8472,
        local: '2001:db8::1',
        remote: '2001:db8::2',
        learning: true,
        udp6ZeroChecksumTx: true,
        udp6ZeroChecksumRx: true,
      }),
  },
  // There is no such kind to create: tun devices are made through /dev/net/tun, and the kernel says so.
  'err-tun-rtnl': {
    call: (netns) =>
      send(
        netns,
        makeRequest(linkFamily, {
          type: RTM.NEWLINK,
          name: 'RTM_NEWLINK',
          flags: NLM_F_CREATE | NLM_F_EXCL,
          attributes: { name: 'tunx', info: { kind: 'tun' } },
        }),
      ),
  },

  'link-altname-add': {
    call: (netns) => setLink.sync(3, { altNames: ['a-very-long-alternative-interface-name'] }, { netns }),
  },
  'link-del': { call: (netns) => deleteLink.sync(27, { netns }) },
  'link-macvlan-source-macaddr-add': {
    call: (netns) =>
      send(
        netns,
        changeLinkRequest(
          20,
          'mv2',
          {},
          { info: { kind: 'macvlan', data: { sourceChange: 'add', sourceMac: '02:11:22:33:44:55' } } },
        ),
      ),
  },
  'link-set-addrgenmode': { call: (netns) => setLink.sync(3, { addrGenMode: 'none' }, { netns }) },
  'link-set-down': { call: (netns) => setLink.sync(5, { up: false }, { netns }) },
  'link-set-group': { call: (netns) => setLink.sync(3, { group: 5 }, { netns }) },
  'link-set-mac': { call: (netns) => setLink.sync(3, { mac: '02:aa:bb:cc:dd:ee' }, { netns }) },
  'link-set-master': { call: (netns) => setLink.sync(11, { master: 8 }, { netns }) },
  'link-set-master2': { call: (netns) => setLink.sync('v0', { master: 'br1' }, { netns }) },
  'link-set-name': { call: (netns) => setLink.sync(7, { name: 'd2r' }, { netns }) },
  'link-set-up': { call: (netns) => setLink.sync(3, { up: true }, { netns }) },
  'err-mtu': { call: (netns) => setLink.sync(11, { mtu: 70000 }, { netns }) },
  'brlink-set-neigh-suppress': {
    call: (netns) => setLink.sync(11, { bridgePort: { neighborSuppress: true } }, { netns }),
  },

  'link-dump-kind': { call: (netns) => getLink.sync(8, { netns }), habits: ['asks for virtual functions'] },
  'link-dump-master': { call: (netns) => listLinks.sync({ master: 8, stats: true, netns }), habits: LISTS },
  'link-get-by-index': { call: (netns) => getLink.sync('lo', { stats: true, netns }), habits: LISTS },
  'link-get-by-name': { call: (netns) => getLink.sync(2, { netns }), habits: ['asks for virtual functions'] },
  'link-show-all': { call: (netns) => listLinks.sync({ stats: true, netns }), habits: LISTS },

  'route-add-default-metric': {
    call: (netns) => addRoute.sync({ to: 'default', via: '10.1.0.254', link: 3, metric: 500 }, { netns }),
  },
  'route-add-multipath': {
    call: (netns) =>
      addRoute.sync(
        {
          to: '172.16.8.0/24',
          nexthops: [
            { via: '10.1.0.253', link: 3, weight: 1 },
            { via: '10.1.0.252', link: 3, weight: 5 },
          ],
        },
        { netns },
      ),
  },
  'route-add-nhid': { call: (netns) => addRoute.sync({ to: '172.16.11.0/24', nexthopId: 20 }, { netns }) },
  'route-add-prohibit': { call: (netns) => addRoute.sync({ to: '172.16.7.0/24', type: 'prohibit' }, { netns }) },
  'route-add-unreachable': {
    call: (netns) => addRoute.sync({ to: '172.16.6.0/24', type: 'unreachable', metric: 4278198272 }, { netns }),
  },
  'route-add-v6': {
    call: (netns) => addRoute.sync({ to: '2001:db8:100::/48', via: '2001:db8:1::ff', link: 3 }, { netns }),
  },
  'route-add-v6-multipath': {
    call: (netns) =>
      addRoute.sync(
        {
          to: '2001:db8:101::/48',
          nexthops: [
            { via: '2001:db8:1::fe', link: 3 },
            { via: '2001:db8:1::fd', link: 3 },
          ],
        },
        { netns },
      ),
  },
  'route-add-via': { call: (netns) => addRoute.sync({ to: '172.16.1.0/24', via: '10.1.0.254' }, { netns }) },
  // `ip route change` replaces and does not create; netloom has replaceRoute only, which does both.
  'route-change': {
    call: (netns) =>
      send(netns, routeRequest(RTM.NEWROUTE, NLM_F_REPLACE, { to: '172.16.1.0/24', via: '10.1.0.250' }, undefined)),
  },
  'route-del': { call: (netns) => deleteRoute.sync({ to: '172.16.5.0/24' }, { netns }) },
  'err-route-del': { call: (netns) => deleteRoute.sync({ to: '198.18.0.0/15' }, { netns }) },
  'route-dump-dev-proto': {
    call: (netns) => listRoutes.sync({ family: 'inet', link: 3, protocol: 'static', netns }),
  },
  'route-encap-seg6': {
    call: (netns) =>
      addRoute.sync({ to: '2001:db8:103::/48', link: 3, encap: { type: 'seg6', data: SEG6 } }, { netns }),
  },

  'rule-add-from-table': {
    call: (netns) => addRule.sync({ from: '10.1.0.0/24', table: 1000, priority: 100 }, { netns }),
  },
  'rule-add-iif-oif': {
    call: (netns) => addRule.sync({ iif: 'd0', oif: 'lo', table: 'main', priority: 102 }, { netns }),
  },
  'rule-add-ipproto-ports': {
    call: (netns) =>
      addRule.sync(
        { ipProtocol: 'tcp', sourcePort: 80, destinationPort: [1000, 2000], table: 1000, priority: 103 },
        { netns },
      ),
  },
  'rule-add-not-suppress': {
    call: (netns) =>
      addRule.sync({ invert: true, fwmark: 5, table: 'main', suppressPrefixLength: 0, priority: 105 }, { netns }),
  },
  'rule-add-v6-tos': {
    call: (netns) => addRule.sync({ from: '2001:db8::/32', tos: 0x10, table: 1000, priority: 109 }, { netns }),
  },

  'netns-list-id': { call: (netns, other) => getNetnsId.sync(other, { netns }) },

  'neigh-add-v6-router': {
    call: (netns) =>
      addNeighbor.sync(
        { address: '2001:db8:1::77', mac: '02:00:00:00:00:79', link: 3, state: 'stale', flags: ['router'] },
        { netns },
      ),
  },
  'neigh-del': { call: (netns) => deleteNeighbor.sync({ address: '10.1.0.77', link: 3 }, { netns }) },
  'neigh-get': { call: (netns) => getNeighbor.sync({ address: '10.1.0.77', link: 3 }, { netns }) },
  'neigh-replace-reachable': {
    call: (netns) =>
      replaceNeighbor.sync({ address: '10.1.0.78', mac: '02:00:00:00:00:78', link: 3, state: 'reachable' }, { netns }),
  },
  'fdb-add-vxlan-dst-vni-port': {
    call: (netns) =>
      addFdbEntry.sync({ mac: '02:00:00:00:01:02', link: 23, dst: '192.0.2.51', port: 4790, vni: 77 }, { netns }),
  },
};

/** SEG6_IPTUNNEL_SRH: struct seg6_iptunnel_encap (mode encap), then a routing header with two segments. */
const SEG6 = Uint8Array.from(
  Buffer.from(
    '30000100010000000004040101000000' + '20010db8000f0000000000000000000220010db8000f00000000000000000001',
    'hex',
  ),
);
