/** Every struct of the library lies in memory as the C compiler lays it out. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { AttributeTable, Entries } from '../../../lib/netlink/attributes.js';
import { ByteWriter } from '../../../lib/netlink/bytes.js';
import type { Struct } from '../../../lib/netlink/struct.js';
import { addressCacheInfo, ifaddrmsg } from '../../../lib/rtnetlink/address/attributes.js';
import '../../../lib/rtnetlink/kinds/index.js';
import { addressFamilies } from '../../../lib/rtnetlink/link/af-spec.js';
import { ifinfomsg } from '../../../lib/rtnetlink/link/attributes.js';
import { kindNamed } from '../../../lib/rtnetlink/link/kind.js';
import { linkStatistics } from '../../../lib/rtnetlink/link/stats.js';
import { ndmsg, neighborCacheInfo } from '../../../lib/rtnetlink/neighbor/attributes.js';
import { RTMSG, routeCacheInfo, rtmsg } from '../../../lib/rtnetlink/route/attributes.js';
import { fibRuleHeader } from '../../../lib/rtnetlink/rule/attributes.js';
import { gactParameters } from '../../../lib/rtnetlink/tc/actions/gact.js';
import { mirredParameters } from '../../../lib/rtnetlink/tc/actions/mirred.js';
import { policeParameters } from '../../../lib/rtnetlink/tc/actions/police.js';
import { skbeditParameters } from '../../../lib/rtnetlink/tc/actions/skbedit.js';
import { vlanParameters } from '../../../lib/rtnetlink/tc/actions/vlan.js';
import { tcmsg } from '../../../lib/rtnetlink/tc/attributes.js';
import { u32Key, u32Selector } from '../../../lib/rtnetlink/tc/filters/u32.js';
import { htbGlobal, htbParameters } from '../../../lib/rtnetlink/tc/qdiscs/htb.js';
import { netemParameters, netemRate } from '../../../lib/rtnetlink/tc/qdiscs/netem.js';
import { tbfParameters } from '../../../lib/rtnetlink/tc/qdiscs/tbf.js';
import { rateSpec } from '../../../lib/rtnetlink/tc/rate.js';
import { tcStatsAttributes } from '../../../lib/rtnetlink/tc/stats.js';
import { missingHeaders } from './uapi.js';

const HEADERS = [
  ...['rtnetlink.h', 'if_link.h', 'if_addr.h', 'neighbour.h', 'if_vlan.h', 'if_bridge.h', 'fib_rules.h'],
  ...['gen_stats.h', 'pkt_sched.h', 'pkt_cls.h', 'tc_act/tc_gact.h', 'tc_act/tc_mirred.h'],
  ...['tc_act/tc_vlan.h', 'tc_act/tc_skbedit.h'],
];
const missing = [
  ...missingHeaders(HEADERS),
  ...(spawnSync('cc', ['--version']).status === 0 ? [] : ['a C compiler (Debian: gcc)']),
];

type AnyStruct = Struct<Record<string, unknown>>;
const dataOf = (kind: string): Entries => kindNamed(kind)?.data.entries as Entries;
const nested = (entries: Entries, field: string): AnyStruct => entries[field]?.[2] as unknown as AnyStruct;
const inet6 = addressFamilies.entries.inet6[2].entries as unknown as Entries;
const qos = nested(dataOf('vlan'), 'egressQos') as unknown as AttributeTable<Entries>;

/** A struct, its name in C, and its fields by their names in C; two prefixes spare most of the latter. */
const STRUCTS: readonly [name: string, of: unknown, fields: (field: string) => string, size?: number][] = [
  ['ifinfomsg', ifinfomsg, (field) => `ifi_${field}`],
  ['ifaddrmsg', ifaddrmsg, (field) => `ifa_${field.replace('prefixLength', 'prefixlen')}`],
  [
    'ifa_cacheinfo',
    addressCacheInfo,
    fieldsOf({ preferred: 'ifa_prefered', valid: 'ifa_valid', created: 'cstamp', updated: 'tstamp' }),
  ],
  [
    'rtmsg',
    rtmsg,
    (field) => `rtm_${field.replace('destinationLength', 'dst_len').replace('sourceLength', 'src_len')}`,
  ],
  [
    'rta_cacheinfo',
    routeCacheInfo,
    fieldsOf({
      references: 'rta_clntref',
      lastUse: 'rta_lastuse',
      expires: 'rta_expires',
      error: 'rta_error',
      used: 'rta_used',
    }),
  ],
  ['fib_rule_hdr', fibRuleHeader, fieldsOf({ destinationLength: 'dst_len', sourceLength: 'src_len' })],
  ['ndmsg', ndmsg, (field) => `ndm_${field.replace('index', 'ifindex')}`],
  ['nda_cacheinfo', neighborCacheInfo, (field) => `ndm_${field.replace('references', 'refcnt')}`],
  ['rtnl_link_stats64', linkStatistics, snakeCase],
  [
    'ifla_cacheinfo',
    nested(inet6, 'cacheInfo'),
    fieldsOf({
      maxReassembly: 'max_reasm_len',
      tstamp: 'tstamp',
      reachableTime: 'reachable_time',
      retransTime: 'retrans_time',
    }),
  ],
  ['ifla_vlan_flags', nested(dataOf('vlan'), 'flags'), snakeCase],
  ['ifla_vlan_qos_mapping', nested(qos.entries, 'egressQos'), snakeCase],
  ['ifla_vxlan_port_range', nested(dataOf('vxlan'), 'portRange'), snakeCase],
  ['tcmsg', tcmsg, (field) => `tcm_${field}`],
  ['tc_ratespec', rateSpec, snakeCaseBut('linkLayer', 'linklayer')],
  ['tc_tbf_qopt', tbfParameters, snakeCaseBut('peakRate', 'peakrate')],
  ['tc_htb_opt', htbParameters, snakeCase],
  [
    'tc_htb_glob',
    htbGlobal,
    fieldsOf({ rateToQuantum: 'rate2quantum', defaultClass: 'defcls', directPackets: 'direct_pkts' }),
  ],
  ['tc_netem_qopt', netemParameters, snakeCase],
  ['tc_netem_rate', netemRate, snakeCase],
  ['tc_u32_key', u32Key, fieldsOf({ value: 'val', offset: 'off', offsetMask: 'offmask' })],
  ['tc_u32_sel', u32Selector, snakeCase],
  ['tc_gact', gactParameters, snakeCase],
  ['tc_mirred', mirredParameters, snakeCase],
  ['tc_vlan', vlanParameters, snakeCase],
  ['tc_skbedit', skbeditParameters, snakeCase],
  ['tc_police', policeParameters, snakeCaseBut('peakRate', 'peakrate')],
  ['gnet_stats_queue', tcStatsAttributes.entries.queue[2], snakeCase],
  ['br_boolopt_multi', nested(dataOf('bridge'), 'booleanOptions'), fieldsOf({ value: 'optval', mask: 'optmask' })],
];

function fieldsOf(names: Readonly<Record<string, string>>): (field: string) => string {
  return (field) => names[field] ?? field;
}

function snakeCase(field: string): string {
  return field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function snakeCaseBut(field: string, inC: string): (field: string) => string {
  return (name) => (name === field ? inC : snakeCase(name));
}

type Layout = Readonly<Record<string, string>>;

/** Where each field's bytes are: found by writing nothing but ones into it. */
function layoutOf(of: AnyStruct, inC: (field: string) => string): Layout {
  const fields = Object.keys(of.decode(READER, 0, 0));
  const found: Record<string, string> = { size: String(bytesFor(of, {}).length) };
  for (const field of fields) {
    const bytes = onesIn(of, field);
    const at = bytes.indexOf(255);
    found[inC(field)] = `${at}+${bytes.filter((byte) => byte === 255).length}`;
  }
  return found;
}

const READER = { bytes: new Uint8Array(0), view: new DataView(new ArrayBuffer(0)) } as never;

// The last but one are 2^32-1 ticks of 64 ns in milliseconds, and the whole of a probability.
const ONES = [-1, 2 ** 32 - 1, (2 ** 32 - 1) / 15625, 2 ** 16 - 1, 255, 2n ** 64n - 1n, 1];

function onesIn(of: AnyStruct, field: string): Uint8Array {
  const zero = of.decode(READER, 0, 0)[field];
  const value = typeof zero === 'object' && zero !== null ? {} : undefined;
  for (const inner of Object.keys(value === undefined ? {} : (zero as object)))
    Object.assign(value as object, { [inner]: fitting((ones) => ({ [field]: { [inner]: ones } }), of)[0] });
  return value === undefined ? fitting((ones) => ({ [field]: ones }), of)[1] : bytesFor(of, { [field]: value });
}

/** The ones that fit, and what they come to. */
function fitting(make: (ones: unknown) => Record<string, unknown>, of: AnyStruct): [unknown, Uint8Array] {
  for (const ones of ONES) {
    try {
      return [ones, bytesFor(of, make(ones))];
    } catch {
      // Of another width.
    }
  }
  throw new Error(`no value fits ${JSON.stringify(make(0))}`);
}

function bytesFor(of: AnyStruct, value: Record<string, unknown>): Uint8Array {
  const out = new ByteWriter();
  of.encode(out, value, 'struct');
  return out.bytes.slice(0, out.length);
}

/** The same, from the compiler. */
function layoutsInC(wanted: readonly (readonly [name: string, fields: readonly string[]])[]): Record<string, Layout> {
  const lines = wanted.flatMap(([name, fields]) => [
    `printf("${name} size %zu\\n", sizeof(struct ${name}));`,
    ...fields.map(
      (field) =>
        `printf("${name} ${field} %zu+%zu\\n", offsetof(struct ${name}, ${field}), sizeof(((struct ${name} *)0)->${field}));`,
    ),
  ]);
  const source = `#include <stddef.h>\n#include <stdio.h>\n${HEADERS.map((name) => `#include <linux/${name}>`).join('\n')}
int main(void) { ${lines.join('\n')} return 0; }`;
  const directory = mkdtempSync(join(tmpdir(), 'netloom-structs-'));
  try {
    const program = join(directory, 'structs');
    const compiled = spawnSync('cc', ['-x', 'c', '-', '-o', program], { input: source, encoding: 'utf8' });
    expect(compiled.stderr).toBe('');
    const found: Record<string, Record<string, string>> = {};
    for (const line of spawnSync(program, { encoding: 'utf8' }).stdout.trim().split('\n')) {
      const [name = '', field = '', where = ''] = line.split(' ');
      (found[name] ??= {})[field] = where;
    }
    return found;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test.skipIf(missing.length > 0)('structs are laid out as in C', () => {
  const here = STRUCTS.map(([name, of, inC]) => [name, layoutOf(of as AnyStruct, inC)] as const);
  const there = layoutsInC(
    here.map(([name, layout]) => [name, Object.keys(layout).filter((field) => field !== 'size')]),
  );
  expect(Object.fromEntries(here)).toEqual(there);
});

test('the quick way through rtmsg agrees with its struct', () => {
  const layout = layoutOf(rtmsg as unknown as AnyStruct, (field) => field);
  for (const [field, at] of Object.entries(RTMSG)) {
    expect([field, layout[field]?.split('+')[0]]).toEqual([field, String(at)]);
  }
});

if (missing.length > 0) {
  test('the C side of structs', (context) => {
    context.skip(`not checked, for want of ${missing.join(', ')}`);
  });
}
