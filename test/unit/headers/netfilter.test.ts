/** Every number of netfilter is the one in the kernel's headers. */
import { describe, expect, test } from 'vitest';
import {
  CT,
  conntrackAttributes,
  PROTOCOLS,
  SCTP_STATES,
  STATUS_FLAGS,
  TCP_STATES,
} from '../../../lib/netfilter/conntrack/attributes.js';
import { batchAttributes, SUBSYSTEM } from '../../../lib/netfilter/nfnetlink.js';
import * as expressions from '../../../lib/netfilter/nftables/expressions.js';
import * as objects from '../../../lib/netfilter/nftables/objects.js';
import { AttributeTable, type Entries } from '../../../lib/netlink/attributes.js';
import { NETLINK_NETFILTER, NETLINK_ROUTE } from '../../../lib/netlink/message.js';
import { constantsIn, missingHeaders } from './uapi.js';

const HEADERS = [
  ...['netlink.h', 'netfilter.h', 'in.h', 'in6.h', 'rtnetlink.h'],
  ...['nfnetlink.h', 'nf_tables.h', 'nfnetlink_conntrack.h', 'nf_conntrack_common.h'].map(
    (name) => `netfilter/${name}`,
  ),
  ...['nf_conntrack_tcp.h', 'nf_conntrack_sctp.h'].map((name) => `netfilter/${name}`),
];
const missing = missingHeaders(HEADERS);
const c = missing.length > 0 ? new Map<string, number>() : constantsIn(HEADERS);

function expectNumbers(numbers: readonly (readonly [name: string, number: number])[]): void {
  expect(numbers.length).toBeGreaterThan(0);
  expect(Object.fromEntries(numbers)).toEqual(Object.fromEntries(numbers.map(([name]) => [name, c.get(name)])));
}

type Table = AttributeTable<Entries>;
function numbersOf(table: Table): [string, number][] {
  return Object.values(table.entries).flatMap(([number, name, codec]) => [
    [name, number] as [string, number],
    ...(codec instanceof AttributeTable ? numbersOf(codec) : []),
  ]);
}

const prefixed = (
  prefix: string,
  numbers: Readonly<Record<string, number>>,
  inC: Readonly<Record<string, string>> = {},
) =>
  Object.entries(numbers).map(
    ([word, number]) => [prefix + (inC[word] ?? word.toUpperCase().replaceAll('-', '_')), number] as const,
  );

const TABLES: readonly (readonly [what: string, table: unknown])[] = [
  ['a transaction', batchAttributes],
  ['a table', objects.tableFamily.attributes],
  ['a chain', objects.chainFamily.attributes],
  ['a rule', objects.ruleFamily.attributes],
  ['a set', objects.setFamily.attributes],
  ['the elements of a set', objects.elementFamily.attributes],
  ['an element', objects.elementAttributes],
  ['a generation', objects.generationFamily.attributes],
  ['a tracked connection', conntrackAttributes],
  ...Object.entries(expressions.expressionTables).filter(([name]) => name !== 'masq'),
];

test.skipIf(missing.length > 0).each(TABLES)('the attributes of %s', (_what, table) => {
  expectNumbers(numbersOf(table as Table));
});

describe.skipIf(missing.length > 0)('the constants of', () => {
  test('messages', () => {
    expectNumbers([
      ['NETLINK_ROUTE', NETLINK_ROUTE],
      ['NETLINK_NETFILTER', NETLINK_NETFILTER],
      ...prefixed('NFNL_SUBSYS_', SUBSYSTEM),
    ]);
    const message = (type: number) => type & 0xff;
    expectNumbers(Object.entries(objects.NFT).map(([name, type]) => [`NFT_MSG_${name}`, message(type)]));
    expectNumbers(Object.entries(CT).map(([name, type]) => [`IPCTNL_MSG_CT_${name}`, message(type)]));
    expect(new Set(Object.values(objects.NFT).map((type) => type >> 8))).toEqual(new Set([SUBSYSTEM.NFTABLES]));
    expect(new Set(Object.values(CT).map((type) => type >> 8))).toEqual(new Set([SUBSYSTEM.CTNETLINK]));
  });

  test('nf_tables', () => {
    const { drop, accept, ...verdicts } = expressions.VERDICTS;
    expectNumbers([
      ...prefixed('NF_', { drop, accept }),
      ...prefixed('NFT_', verdicts).map(([name, code]) => [name, code | 0] as const),
      ...prefixed('NF_INET_', objects.HOOKS, {
        prerouting: 'PRE_ROUTING',
        output: 'LOCAL_OUT',
        postrouting: 'POST_ROUTING',
      }),
      ['NFPROTO_INET', objects.NFPROTO_INET],
      ['NFT_SET_MAP', objects.SET_IS_MAP],
      ['NFT_DATA_VERDICT', objects.DATA_TYPES.verdict],
    ]);
    expectNumbers([
      ...prefixed('NFT_META_', expressions.META_KEYS),
      ...prefixed('NFT_PAYLOAD_', expressions.PAYLOAD_BASES, {
        network: 'NETWORK_HEADER',
        transport: 'TRANSPORT_HEADER',
      }),
      ...prefixed('NFT_CMP_', expressions.COMPARISONS, { equal: 'EQ', different: 'NEQ' }),
      ...prefixed('NFT_CT_', expressions.CT_KEYS),
      ...prefixed('NFT_FIB_RESULT_', expressions.FIB_RESULTS, { addressType: 'ADDRTYPE' }),
      ...prefixed('NFT_NAT_', expressions.NAT_TYPES, { source: 'SNAT', destination: 'DNAT' }),
      ['NFTA_FIB_F_DADDR', expressions.FIB_FLAGS.destination],
    ]);
    expectNumbers([
      ['NFT_REG_VERDICT', expressions.VERDICT_REGISTER],
      ['NFT_REG_1', expressions.register(0)],
      ['NFT_REG_2', expressions.register(16)],
      ['NFT_REG32_01', expressions.register(4)],
      ['NFT_REG32_05', expressions.register(20)],
    ]);
  });

  test('connection tracking', () => {
    expectNumbers([
      ...prefixed('TCP_CONNTRACK_', TCP_STATES),
      ...prefixed('SCTP_CONNTRACK_', SCTP_STATES),
      ...prefixed('IPS_', STATUS_FLAGS),
      ...prefixed('IPPROTO_', PROTOCOLS),
    ]);
  });
});

if (missing.length > 0) {
  test('headers that are not installed', (context) => {
    context.skip(`not checked, for want of ${missing.join(', ')}`);
  });
}
