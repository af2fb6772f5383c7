/** Every number of the library is the one in the kernel's headers. */
import { describe, expect, test } from 'vitest';
import { AttributeTable, type Entries } from '../../lib/netlink/attributes.js';
import { ByteReader, ByteWriter } from '../../lib/netlink/bytes.js';
import { type Codec, u32 } from '../../lib/netlink/codec.js';
import { extackAttributes } from '../../lib/netlink/extack.js';
import * as message from '../../lib/netlink/message.js';
import { ADDRESS_FLAGS } from '../../lib/rtnetlink/address/address.js';
import { addressAttributes } from '../../lib/rtnetlink/address/attributes.js';
import '../../lib/rtnetlink/kinds/index.js';
import { MACVLAN_MODES, macvlanAttributes } from '../../lib/rtnetlink/kinds/macvlan.js';
import { ADDRESS_GENERATION_MODES } from '../../lib/rtnetlink/link/af-spec.js';
import { linkAttributes, OPERATIONAL_STATES } from '../../lib/rtnetlink/link/attributes.js';
import { MULTICAST_ROUTER, PORT_STATES } from '../../lib/rtnetlink/link/bridge-port.js';
import { bridgeSpecAttributes } from '../../lib/rtnetlink/link/bridge-vlan.js';
import { linkInfo } from '../../lib/rtnetlink/link/info.js';
import { kindNamed, kindNames } from '../../lib/rtnetlink/link/kind.js';
import { LINK_FLAGS } from '../../lib/rtnetlink/link/link.js';
import { MANAGED, NTF, NUD, neighborAttributes } from '../../lib/rtnetlink/neighbor/attributes.js';
import { NOT_ASSIGNED, netnsIdAttributes } from '../../lib/rtnetlink/netns-id/attributes.js';
import { routeAttributes } from '../../lib/rtnetlink/route/attributes.js';
import { metricAttributes } from '../../lib/rtnetlink/route/metrics.js';
import * as names from '../../lib/rtnetlink/route/names.js';
import { ROUTE_FLAGS } from '../../lib/rtnetlink/route/spec.js';
import { INVERT, RULE_FLAGS, ruleAttributes, ruleFamily } from '../../lib/rtnetlink/rule/attributes.js';
import { scopeNumber } from '../../lib/rtnetlink/scope.js';
import { CONTROLS } from '../../lib/rtnetlink/tc/action-kind.js';
import { MIRRED_ACTIONS } from '../../lib/rtnetlink/tc/actions/mirred.js';
import { VLAN_ACTIONS } from '../../lib/rtnetlink/tc/actions/vlan.js';
import { FILTER_PROTOCOLS } from '../../lib/rtnetlink/tc/filter.js';
import * as handles from '../../lib/rtnetlink/tc/handle.js';
import { RTM } from '../../lib/rtnetlink/types.js';
import { NEWER } from './headers/newer.js';
import { constantsIn, missingHeaders } from './headers/uapi.js';
import { TC_TABLES } from './tables.js';

const HEADERS = [
  ...['netlink.h', 'rtnetlink.h', 'if.h', 'if_link.h', 'if_addr.h', 'if_bridge.h', 'if_ether.h', 'if_vlan.h'],
  ...['neighbour.h', 'veth.h', 'lwtunnel.h', 'icmpv6.h', 'fib_rules.h', 'in.h', 'in6.h', 'net_namespace.h'],
  ...['gen_stats.h', 'pkt_sched.h', 'pkt_cls.h', 'tc_act/tc_gact.h', 'tc_act/tc_mirred.h'],
  ...['tc_act/tc_vlan.h', 'tc_act/tc_skbedit.h'],
];
const missing = missingHeaders(HEADERS);
const c = missing.length > 0 ? new Map<string, number>() : constantsIn(HEADERS);

const inC = (name: string): number | undefined => c.get(name) ?? NEWER[name];

/** Library numbers against C's, by C's name: one look at all that differ. */
function expectNumbers(numbers: Iterable<readonly [name: string, number: number | undefined]>): void {
  const all = [...numbers];
  expect(all.length).toBeGreaterThan(0);
  expect(Object.fromEntries(all)).toEqual(Object.fromEntries(all.map(([name]) => [name, inC(name)])));
  expect(all.filter(([name]) => inC(name) === undefined)).toEqual([]);
}

function* numbersOf(table: AttributeTable<Entries>, seen = new Set<unknown>()): Generator<[string, number]> {
  seen.add(table);
  for (const [number, name, codec] of Object.values(table.entries)) {
    // AF_INET and AF_INET6 are libc's.
    if (!name.startsWith('AF_')) yield [name, number];
    if (codec instanceof AttributeTable && !seen.has(codec)) yield* numbersOf(codec, seen);
  }
}

/** The number that a word travels as. */
function numberOf(codec: unknown, word: unknown): number {
  const out = new ByteWriter();
  (codec as Codec<unknown>).encode(out, word, 'word');
  const bytes = new Uint8Array(4);
  bytes.set(out.bytes.subarray(0, out.length));
  return u32.decode(new ByteReader(bytes), 0, 4);
}

/** `{ 'lower-up': 'LOWER_UP' }` and the like: the word in capitals where nothing else is said. */
const prefixed = (
  prefix: string,
  numbers: Readonly<Record<string, number>>,
  inWordsOfC: Readonly<Record<string, string>> = {},
): [string, number][] =>
  Object.entries(numbers).map(([word, number]) => [
    prefix + (inWordsOfC[word] ?? word.toUpperCase().replaceAll('-', '_')),
    number,
  ]);

type Table = AttributeTable<Entries>;
const TABLES: readonly [string, Table][] = [
  ['a link', linkAttributes as unknown as Table],
  ['VLANs of a bridge', bridgeSpecAttributes as unknown as Table],
  ['an address', addressAttributes as unknown as Table],
  ['a route', routeAttributes as unknown as Table],
  ['the metrics of a route', metricAttributes as unknown as Table],
  ['a rule', ruleAttributes as unknown as Table],
  ['the id of a namespace', netnsIdAttributes as unknown as Table],
  ['a neighbour', neighborAttributes as unknown as Table],
  ['an extended ack', extackAttributes as unknown as Table],
  ...kindNames().map((kind): [string, Table] => [`a ${kind}`, kindNamed(kind)?.data as Table]),
  ...(TC_TABLES as [string, Table][]),
];

const HAS_NO_DATA = new Set(['dummy', 'ifb'].map((kind) => `a ${kind}`));

test.skipIf(missing.length > 0).each(TABLES.filter(([what]) => !HAS_NO_DATA.has(what)))(
  'the attributes of %s',
  (_what, table) => expectNumbers(numbersOf(table)),
);

describe.skipIf(missing.length > 0)('the constants of', () => {
  test('IFLA_LINKINFO', () => {
    const named = [1, 2, 3, 4, 5].map((number): [string, number] => {
      const attribute = Uint8Array.from([4, 0, number, 0]);
      return [linkInfo.path?.(new ByteReader(attribute), 0, 4, 0) ?? '', number];
    });
    expectNumbers(named);
  });

  test('netlink messages', () => {
    expectNumbers(Object.entries(RTM).map(([name, number]) => [`RTM_${name}`, number]));
    const constants = Object.entries(message).filter(([name]) => /^(NLM_F_|NLMSG_(NOOP|ERROR|DONE))/.test(name));
    expectNumbers(constants as [string, number][]);
    expect(message.NLMSG_HEADER).toBe(16);
  });

  test('links', () => {
    expectNumbers(
      prefixed('IFF_', LINK_FLAGS, {
        'point-to-point': 'POINTOPOINT',
        'no-trailers': 'NOTRAILERS',
        'no-arp': 'NOARP',
        promiscuous: 'PROMISC',
        'all-multicast': 'ALLMULTI',
        'port-select': 'PORTSEL',
        'auto-media': 'AUTOMEDIA',
      }),
    );
    expectNumbers(
      prefixed('IF_OPER_', OPERATIONAL_STATES, {
        'not-present': 'NOTPRESENT',
        'lower-layer-down': 'LOWERLAYERDOWN',
      }),
    );
    expectNumbers(prefixed('IN6_ADDR_GEN_MODE_', ADDRESS_GENERATION_MODES));
    const { linkMode, xdp } = linkAttributes.entries;
    expectNumbers(words('IF_LINK_MODE_', linkMode[2], ['default', 'dormant', 'testing']));
    expectNumbers(
      words('XDP_ATTACHED_', xdp[2].entries.attached[2], ['none', 'driver', 'generic', 'hardware', 'multi'], {
        driver: 'DRV',
        generic: 'SKB',
        hardware: 'HW',
      }),
    );
  });

  test('bridges and their ports', () => {
    expectNumbers(prefixed('BR_STATE_', PORT_STATES));
    expectNumbers(prefixed('MDB_RTR_TYPE_', MULTICAST_ROUTER, { 'temp-query': 'TEMP_QUERY', permanent: 'PERM' }));
    const bit = (option: string): number => {
      const { booleanOptions } = kindNamed('bridge')?.toData?.({ [option]: true }) ?? {};
      return Math.log2((booleanOptions as { mask: number }).mask);
    };
    expectNumbers([
      ['BR_BOOLOPT_NO_LL_LEARN', bit('noLinkLocalLearn')],
      ['BR_BOOLOPT_MCAST_VLAN_SNOOPING', bit('multicastVlanSnooping')],
      ['BR_BOOLOPT_MST_ENABLE', bit('mstEnabled')],
    ]);
    const protocol = kindNamed('bridge')?.data.entries['vlanProtocol']?.[2];
    expect([numberOf(protocol, '802.1q'), numberOf(protocol, '802.1ad')].map(swap16)).toEqual([
      inC('ETH_P_8021Q'),
      inC('ETH_P_8021AD'),
    ]);
  });

  test('macvlan', () => {
    const { sourceChange, flags } = macvlanAttributes.entries;
    expectNumbers(prefixed('MACVLAN_MODE_', MACVLAN_MODES));
    expectNumbers(words('MACVLAN_MACADDR_', sourceChange[2], ['add', 'delete', 'flush', 'set'], { delete: 'DEL' }));
    expectNumbers([
      ['MACVLAN_FLAG_NOPROMISC', numberOf(flags[2], ['nopromisc'])],
      ['MACVLAN_FLAG_NODST', numberOf(flags[2], ['nodst'])],
    ]);
  });

  test('ipvlan', () => {
    const { mode, isolation } = (kindNamed('ipvlan')?.data.entries ?? {}) as Entries;
    expectNumbers(words('IPVLAN_MODE_', mode?.[2], ['l2', 'l3', 'l3s']));
    expectNumbers(words('IPVLAN_F_', isolation?.[2], ['private', 'vepa']));
    expect(numberOf(isolation?.[2], 'bridge')).toBe(0);
  });

  test('vlan', () => {
    const bits = (option: string): number => {
      const { flags } = kindNamed('vlan')?.toData?.({ [option]: true }) ?? {};
      return (flags as { mask: number }).mask;
    };
    expectNumbers([
      ['VLAN_FLAG_REORDER_HDR', bits('reorderHeader')],
      ['VLAN_FLAG_GVRP', bits('gvrp')],
      ['VLAN_FLAG_LOOSE_BINDING', bits('looseBinding')],
      ['VLAN_FLAG_MVRP', bits('mvrp')],
      ['VLAN_FLAG_BRIDGE_BINDING', bits('bridgeBinding')],
    ]);
    const protocol = kindNamed('vlan')?.data.entries['protocol']?.[2];
    expect(swap16(numberOf(protocol, '802.1ad'))).toBe(inC('ETH_P_8021AD'));
  });

  test('vxlan', () => {
    const { df, flowLabelPolicy } = (kindNamed('vxlan')?.data.entries ?? {}) as Entries;
    expectNumbers(words('VXLAN_DF_', df?.[2], ['unset', 'set', 'inherit']));
    expectNumbers(words('VXLAN_LABEL_', flowLabelPolicy?.[2], ['fixed', 'inherit']));
  });

  test('addresses', () => {
    expectNumbers(
      prefixed('IFA_F_', ADDRESS_FLAGS, { home: 'HOMEADDRESS', mngtmpaddr: 'MANAGETEMPADDR', autojoin: 'MCAUTOJOIN' }),
    );
    const scopes = ['global', 'site', 'link', 'host', 'nowhere'] as const;
    const inWordsOfC = { global: 'UNIVERSE' };
    expectNumbers(prefixed('RT_SCOPE_', Object.fromEntries(scopes.map((s) => [s, scopeNumber(s)])), inWordsOfC));
  });

  test('neighbours', () => {
    expectNumbers(prefixed('NUD_', NUD));
    expectNumbers(prefixed('NTF_', NTF, { extern_learn: 'EXT_LEARNED' }));
    expectNumbers([['NTF_EXT_MANAGED', MANAGED]]);
  });

  test('ids of namespaces', () => expectNumbers([['NETNSA_NSID_NOT_ASSIGNED', NOT_ASSIGNED]]));

  test('rules', () => {
    expectNumbers([...prefixed('FIB_RULE_', RULE_FLAGS), ['FIB_RULE_INVERT', INVERT]]);
    const actions = ['lookup', 'goto', 'nop', 'blackhole', 'unreachable', 'prohibit'] as const;
    const actionNumber = (action: (typeof actions)[number]): number => {
      const out = new ByteWriter();
      ruleFamily.header.encode(out, { action }, '');
      return out.bytes[7] as number;
    };
    const all = Object.fromEntries(actions.map((action) => [action, actionNumber(action)]));
    expectNumbers(prefixed('FR_ACT_', all, { lookup: 'TO_TBL' }));
    const protocols = ['icmp', 'igmp', 'tcp', 'udp', 'dccp', 'gre', 'esp', 'ah', 'icmpv6', 'sctp'];
    expectNumbers(words('IPPROTO_', ruleAttributes.entries.ipProtocol[2], protocols));
  });

  test('routes', () => {
    const { cloned, ...nexthop } = ROUTE_FLAGS;
    expectNumbers([...prefixed('RTNH_F_', nexthop), ['RTM_F_CLONED', cloned]]);
    const types = ['unicast', 'local', 'broadcast', 'anycast', 'multicast', 'blackhole', 'unreachable'];
    expectNumbers(numbered('RTN_', names.routeTypes, [...types, 'prohibit', 'throw', 'nat']));
    const protocols = [
      'unspec',
      'redirect',
      'kernel',
      'boot',
      'static',
      'gated',
      'ra',
      'mrt',
      'zebra',
      'bird',
      'dnrouted',
    ];
    const daemons = [
      'xorp',
      'ntk',
      'dhcp',
      'mrouted',
      'keepalived',
      'babel',
      'openr',
      'bgp',
      'isis',
      'ospf',
      'rip',
      'eigrp',
    ];
    expectNumbers(numbered('RTPROT_', names.routeProtocols, [...protocols, ...daemons]));
    expectNumbers(numbered('RT_TABLE_', names.routeTables, ['default', 'main', 'local']));
    expectNumbers(numbered('ICMPV6_ROUTER_PREF_', names.routePreferences, ['medium', 'high', 'low']));
    const encapsulations = ['none', 'mpls', 'ip', 'ila', 'ip6', 'seg6', 'bpf', 'rpl', 'ioam6', 'xfrm'];
    expectNumbers([
      ...numbered('LWTUNNEL_ENCAP_', names.encapsulations, encapsulations),
      ['LWTUNNEL_ENCAP_SEG6_LOCAL', names.encapsulations.number('seg6local', '')],
    ]);
    const features = ['ecn', 'sack', 'timestamp', 'allfrag', 'tcp_usec_ts'];
    expectNumbers(
      features.map((f) => [`RTAX_FEATURE_${f.toUpperCase()}`, numberOf(metricAttributes.entries.features[2], [f])]),
    );
    const lock = (metric: string): number => Math.log2(numberOf(metricAttributes.entries.lock[2], [metric]));
    const metrics = ['mtu', 'window', 'rtt', 'rttvar', 'ssthresh', 'cwnd', 'advmss', 'reordering', 'hoplimit'];
    expectNumbers([
      ...metrics.map((metric): [string, number] => [`RTAX_${metric.toUpperCase()}`, lock(metric)]),
      ['RTAX_RTO_MIN', lock('rtoMin')],
      ['RTAX_CC_ALGO', lock('congctl')],
    ]);
  });
});

describe.skipIf(missing.length > 0)('the constants of traffic control', () => {
  test('places', () => {
    const numbers = Object.entries(handles).filter(([name]) => /^TC_H_/.test(name));
    expectNumbers(numbers as [string, number][]);
    expect(handles.TC_H_INGRESS).toBe(inC('TC_H_CLSACT'));
  });

  test('actions', () => {
    const words = { continue: 'UNSPEC', pass: 'OK', drop: 'SHOT' };
    expectNumbers(prefixed('TC_ACT_', CONTROLS, words));
    expectNumbers(prefixed('TCA_VLAN_ACT_', VLAN_ACTIONS));
    const { egress, ingress } = MIRRED_ACTIONS;
    expectNumbers([
      ...prefixed('TCA_EGRESS_', egress, { redirect: 'REDIR' }),
      ...prefixed('TCA_INGRESS_', ingress, { redirect: 'REDIR' }),
    ]);
  });

  test('protocols', () => {
    expectNumbers(prefixed('ETH_P_', FILTER_PROTOCOLS, { '802.1q': '8021Q', '802.1ad': '8021AD' }));
  });
});

const swap16 = (number: number): number => ((number & 255) << 8) | (number >> 8);

const words = (
  prefix: string,
  codec: unknown,
  list: readonly string[],
  inWordsOfC: Readonly<Record<string, string>> = {},
): [string, number][] =>
  prefixed(prefix, Object.fromEntries(list.map((word) => [word, numberOf(codec, word)])), inWordsOfC);

const numbered = (
  prefix: string,
  of: { number(value: never, field: string): number },
  list: readonly string[],
): [string, number][] => prefixed(prefix, Object.fromEntries(list.map((word) => [word, of.number(word as never, '')])));

if (missing.length > 0) {
  test('headers that are not installed', (context) => {
    context.skip(`not checked, for want of ${missing.join(', ')}`);
  });
}

test.skipIf(missing.length > 0)('what is listed as newer is not in doubt', () => {
  for (const [name, number] of Object.entries(NEWER)) expect([name, c.get(name) ?? number]).toEqual([name, number]);
});
