/** netloom reads in the kernel's answers what the capture says stands there, name by name and value by value. */
import { expect, test } from 'vitest';
import { formatMac } from '../../../lib/addressing/mac.js';
import { AttributeTable, type Entries } from '../../../lib/netlink/attributes.js';
import { ByteReader, ByteWriter } from '../../../lib/netlink/bytes.js';
import type { Codec } from '../../../lib/netlink/codec.js';
import type { Struct } from '../../../lib/netlink/struct.js';
import { addressFamily } from '../../../lib/rtnetlink/address/attributes.js';
import '../../../lib/rtnetlink/kinds/index.js';
import { linkFamily } from '../../../lib/rtnetlink/link/attributes.js';
import { bridgePortAttributes } from '../../../lib/rtnetlink/link/bridge-port.js';
import { kindNamed } from '../../../lib/rtnetlink/link/kind.js';
import { neighborFamily } from '../../../lib/rtnetlink/neighbor/attributes.js';
import { netnsIdFamily } from '../../../lib/rtnetlink/netns-id/attributes.js';
import { routeFamily } from '../../../lib/rtnetlink/route/attributes.js';
import { bytesOf, hexOf, vectors } from './captured.js';
import { NOT_COVERED } from './coverage.js';
import { bytesFrom, type Line, numberFrom, parseMeaning } from './meaning.js';

type Table = AttributeTable<Entries>;
type Values = Readonly<Record<string, unknown>>;

const FAMILIES = {
  16: linkFamily,
  20: addressFamily,
  24: routeFamily,
  28: neighborFamily,
  88: netnsIdFamily,
} as unknown as Record<number, { header: Struct<Record<string, number>>; attributes: Table }>;

/** The fields of the structs in front of the attributes, as C calls them. */
const C_NAMES: Readonly<Record<string, string>> = {
  prefixlen: 'prefixLength',
  ifindex: 'index',
  dst_len: 'destinationLength',
  src_len: 'sourceLength',
};

/** Attributes in network byte order (__be16 and __be32 in linux/if_link.h and linux/neighbour.h). */
const NETWORK_ORDER = /^(IFLA_VXLAN_(PORT|LABEL)|IFLA_(BR_)?VLAN_PROTOCOL|NDA_PORT)$/;
/** Attributes in seconds, and in hundredths of a second; netloom says milliseconds. */
const SECONDS = /^IFLA_VXLAN_AGEING$/;
const TICKS = /^IFLA_BR(PORT)?_(FORWARD_DELAY|HELLO_TIME|MAX_AGE|AGEING_TIME|\w+_TIMER|\w+_INTVL)$/;
const BRIDGE_ID = /_(ROOT|BRIDGE)_ID$/;
/** Values that are shown as MAC or IP addresses, or as text. */
const ADDRESS = /^(?!hex:)[\da-f]*[:.]/;
const TEXT = /^(?!hex:)("|[\da-f]*[:.])/;
/** Attributes that exist, and of which netloom keeps the bytes. */
const RAW = new Set(['type#27']);

const replies = vectors.filter(
  ({ name, compare }) => compare === 'decode' && !name.endsWith('/nlmsgerr') && !NOT_COVERED.has(name),
);

test.each(replies)('$name', ({ hex, meaning }) => {
  const told = parseMeaning(meaning);
  const family = FAMILIES[told.type];
  if (family === undefined) throw new Error(`no table for messages of type ${told.type}`);
  const input = new ByteReader(bytesOf(hex));
  const attributes = 16 + ((family.header.size + 3) & ~3);
  expectHeader(family.header.decode(input, 16, attributes), told.header);
  const values = family.attributes.decode(input, attributes, input.bytes.length);
  expect(values.unknown).toBeUndefined();
  expectValues(family.attributes, values, told.lines);
});

function expectHeader(header: Values, told: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(told)) {
    const word = name.replace(/^[a-z]+_/, '');
    expect([name, header[C_NAMES[word] ?? word]]).toEqual([name, value]);
  }
  expect(Object.keys(header)).toHaveLength(Object.keys(told).length);
}

/** All that the lines say, and nothing else. */
function expectValues(table: Table, values: Values, lines: readonly Line[]): void {
  const fields = lines.map((line) => expectValue(table, values, line));
  expect(
    Object.keys(values)
      .filter((field) => field !== 'unknown')
      .sort(),
  ).toEqual([...new Set(fields)].sort());
}

function expectValue(table: Table, values: Values, line: Line): string {
  const [field, [, name, codec]] = Object.entries(table.entries).find(([, [number]]) => number === line.number) ?? [
    `no attribute ${line.name}`,
    [0, '', undefined],
  ];
  if (!RAW.has(line.name)) expect(name).toBe(line.name);
  const value = values[field];
  if (line.below.length > 0) expectNest(line, codec as Codec<unknown>, value as Values);
  else expect([name, shown(line, codec as Codec<unknown>, value)]).toEqual([name, wanted(line, value)]);
  return field;
}

function expectNest(line: Line, codec: Codec<unknown>, value: Values): void {
  if (codec instanceof AttributeTable) {
    expectValues(codec, value, line.below);
    return;
  }
  expect(line.name).toBe('IFLA_LINKINFO');
  const nests: Record<string, [string, Table]> = {
    IFLA_INFO_DATA: ['data', kindNamed(String(value['kind']))?.data as Table],
    IFLA_INFO_SLAVE_DATA: ['slaveData', bridgePortAttributes as unknown as Table],
  };
  for (const { name, value: text, below } of line.below) {
    const [field, table] = nests[name] ?? [];
    if (field !== undefined) expectValues(table as Table, value[field] as Values, below);
    else expect(text).toBe(`"${name === 'IFLA_INFO_KIND' ? value['kind'] : value['slaveKind']}"`);
  }
}

/** What the line says, in the type of the value that was decoded. */
function wanted(line: Line, value: unknown): unknown {
  if (typeof value === 'string' && ADDRESS.test(line.value ?? '')) return line.value;
  const bytes = bytesFrom(line);
  const number = numberFrom(NETWORK_ORDER.test(line.name) ? bytes.slice().reverse() : bytes);
  if (typeof value === 'boolean') return line.length === 0 || number !== 0n;
  if (typeof value === 'number' && line.value?.startsWith('-')) return Number(line.value);
  if (typeof value === 'number')
    return Number(number) * (TICKS.test(line.name) ? 10 : SECONDS.test(line.name) ? 1000 : 1);
  if (typeof value === 'bigint') return number;
  if (typeof value !== 'string') return hexOf(bytes);
  const quoted = /^"(.*)"/.exec(line.value ?? '')?.[1];
  if (quoted !== undefined) return quoted;
  return BRIDGE_ID.test(line.name) ? `${hexOf(bytes.subarray(0, 2))}.${formatMac(bytes, 2)}` : hexOf(bytes);
}

/** The value, or the bytes that it stands for where it is a word, a list or a struct. */
function shown(line: Line, codec: Codec<unknown>, value: unknown): unknown {
  const asItIs =
    typeof value === 'string' ? TEXT.test(line.value ?? '') || BRIDGE_ID.test(line.name) : typeof value !== 'object';
  if (asItIs) return value;
  const out = new ByteWriter();
  codec.encode(out, value, line.name);
  return hexOf(out.bytes.subarray(0, out.length));
}

test('the answers that are named as not read have no table', () => {
  const named = vectors.filter(({ name, compare }) => compare === 'decode' && NOT_COVERED.has(name));
  expect(named.filter(({ meaning }) => FAMILIES[parseMeaning(meaning).type] !== undefined)).toEqual([]);
});
