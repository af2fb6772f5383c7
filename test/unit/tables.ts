/** Every attribute table of the library, and arbitrary values for each, made from what its codecs can hold. */
import fc from 'fast-check';
import { conntrackAttributes } from '../../lib/netfilter/conntrack/attributes.js';
import { batchAttributes } from '../../lib/netfilter/nfnetlink.js';
import { expressionTables } from '../../lib/netfilter/nftables/expressions.js';
import {
  chainFamily,
  elementFamily,
  generationFamily,
  ruleFamily,
  setFamily,
  tableFamily,
} from '../../lib/netfilter/nftables/objects.js';
import { AttributeTable, type Entries } from '../../lib/netlink/attributes.js';
import { ByteReader, ByteWriter } from '../../lib/netlink/bytes.js';
import type { Codec } from '../../lib/netlink/codec.js';
import { extackAttributes } from '../../lib/netlink/extack.js';
import { addressAttributes } from '../../lib/rtnetlink/address/attributes.js';
import '../../lib/rtnetlink/kinds/index.js';
import { linkAttributes } from '../../lib/rtnetlink/link/attributes.js';
import { bridgePortAttributes } from '../../lib/rtnetlink/link/bridge-port.js';
import { linkInfo } from '../../lib/rtnetlink/link/info.js';
import { kindNamed, kindNames } from '../../lib/rtnetlink/link/kind.js';
import { neighborAttributes } from '../../lib/rtnetlink/neighbor/attributes.js';
import { netnsIdAttributes } from '../../lib/rtnetlink/netns-id/attributes.js';
import { nexthopAttributes, routeAttributes } from '../../lib/rtnetlink/route/attributes.js';
import { metricAttributes } from '../../lib/rtnetlink/route/metrics.js';
import { ruleAttributes } from '../../lib/rtnetlink/rule/attributes.js';
import { actionNames } from '../../lib/rtnetlink/tc/action-kind.js';
import { actionTable } from '../../lib/rtnetlink/tc/actions.js';
import { tcAttributes } from '../../lib/rtnetlink/tc/attributes.js';
import '../../lib/rtnetlink/tc/filter.js';
import { filterNamed, filterNames } from '../../lib/rtnetlink/tc/filter-kind.js';
import '../../lib/rtnetlink/tc/qdisc.js';
import { qdiscNamed, qdiscNames } from '../../lib/rtnetlink/tc/qdisc-kind.js';
import { netemAttributes } from '../../lib/rtnetlink/tc/qdiscs/netem.js';

export type Table = AttributeTable<Entries>;
type AnyCodec = Codec<unknown>;

const RTNETLINK_TABLES: readonly (readonly [what: string, table: Table])[] = [
  ['a link', linkAttributes as unknown as Table],
  ['a bridge port', bridgePortAttributes as unknown as Table],
  ['an address', addressAttributes as unknown as Table],
  ['a route', routeAttributes as unknown as Table],
  ['a nexthop', nexthopAttributes as unknown as Table],
  ['the metrics of a route', metricAttributes as unknown as Table],
  ['a rule', ruleAttributes as unknown as Table],
  ['the id of a namespace', netnsIdAttributes as unknown as Table],
  ['a neighbour', neighborAttributes as unknown as Table],
  ['an extended ack', extackAttributes as unknown as Table],
  ['a tracked connection', conntrackAttributes as unknown as Table],
  ['a transaction of nf_tables', batchAttributes as unknown as Table],
  ['a table of nf_tables', tableFamily.attributes as unknown as Table],
  ['a chain', chainFamily.attributes as unknown as Table],
  ['a rule of a chain', ruleFamily.attributes as unknown as Table],
  ['a set', setFamily.attributes as unknown as Table],
  ['the elements of a set', elementFamily.attributes as unknown as Table],
  ['a generation', generationFamily.attributes as unknown as Table],
  ...Object.entries(expressionTables).map(
    ([name, table]) => [`a ${name} expression`, table as unknown as Table] as const,
  ),
  ...kindNames().map((kind) => [`a ${kind}`, kindNamed(kind)?.data as Table] as const),
];

/** Those of traffic control: what TCA_OPTIONS holds, where it is no struct, and what actions have. */
export const TC_TABLES: readonly (readonly [what: string, table: Table])[] = [
  ['traffic control', tcAttributes as unknown as Table],
  ...qdiscNames().map((kind) => [`a ${kind} qdisc`, qdiscNamed(kind)?.options] as const),
  ['a netem qdisc', netemAttributes as unknown as Table],
  ...filterNames().map((kind) => [`a ${kind} filter`, filterNamed(kind)?.options] as const),
  ...actionNames().map((kind) => [`a ${kind} action`, actionTable(kind)] as const),
].filter((entry): entry is [string, Table] => entry[1] instanceof AttributeTable);

export const TABLES: readonly (readonly [what: string, table: Table])[] = [...RTNETLINK_TABLES, ...TC_TABLES];

export function encoded(codec: AnyCodec, value: unknown, field = 'value'): Uint8Array {
  const out = new ByteWriter();
  codec.encode(out, value, field);
  return out.bytes.slice(0, out.length);
}

export const decoded = (codec: AnyCodec, bytes: Uint8Array): unknown =>
  codec.decode(new ByteReader(bytes), 0, bytes.length);

/** Identifiers that only the kernel computes: their codec refuses to write. */
export const writable = (name: string): boolean => !/_(ROOT|BRIDGE)_ID$/.test(name);

/** Values that a codec takes and gives. */
export function valuesOf(codec: AnyCodec): fc.Arbitrary<unknown> {
  if (codec.repeated === true) {
    return fc.array(valuesOf({ ...codec, repeated: false }), { minLength: 1, maxLength: 3 });
  }
  if (codec instanceof AttributeTable) return attributesOf(codec);
  if ((codec as unknown) === linkInfo) return INFO;
  return payloads(codec.minimum)
    .map((bytes) => decoded(codec, bytes))
    .filter((value) => takes(codec, value));
}

/** Some of a table's attributes, with values. */
export function attributesOf(table: Table): fc.Arbitrary<Record<string, unknown>> {
  const fields = Object.keys(table.entries).filter((field) => writable(table.entries[field]?.[1] as string));
  return fc
    .subarray(fields, { maxLength: Math.min(6, fields.length) })
    .chain((some) =>
      fc.record(Object.fromEntries(some.map((field) => [field, valuesOf(table.entries[field]?.[2] as AnyCodec)]))),
    );
}

const INFO: fc.Arbitrary<unknown> = fc.constantFrom(...kindNames()).chain((kind) =>
  fc.record(
    {
      kind: fc.constant(kind),
      data: attributesOf(kindNamed(kind)?.data as Table),
      slaveKind: fc.constant('bridge'),
      slaveData: attributesOf(bridgePortAttributes as unknown as Table),
    },
    { requiredKeys: ['kind', 'slaveKind'] },
  ),
);

/** Bytes as the kernel might send them: the lengths of numbers and addresses, text, and others. */
function payloads(minimum: number): fc.Arbitrary<Uint8Array> {
  const sized = fc
    .constantFrom(minimum, 4, 6, 16, minimum + 5)
    .map((length) => Math.max(length, minimum))
    .chain((length) => fc.uint8Array({ minLength: length, maxLength: length }));
  const small = fc.tuple(fc.nat(255), fc.boolean()).map(([number, first]) => {
    const bytes = new Uint8Array(minimum);
    if (minimum > 0) bytes[first ? 0 : minimum - 1] = number;
    return bytes;
  });
  const text = fc
    .string({ maxLength: 12, unit: 'grapheme' })
    .map((word) => new TextEncoder().encode(word))
    .filter((bytes) => bytes.length >= minimum);
  return fc.oneof(sized, small, text);
}

function takes(codec: AnyCodec, value: unknown): boolean {
  try {
    encoded(codec, value);
    return true;
  } catch (error) {
    if ('code' in (error as Error)) return false;
    throw error;
  }
}
