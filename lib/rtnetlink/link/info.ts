/**
 * IFLA_LINKINFO: the kind of a link, and a nest whose table the kind decides. The same for the kind of its
 * master, with what the master keeps of it.
 */
import { attributes, attributesIn, type Decoded, type Entries } from '../../netlink/attributes.js';
import type { ByteReader } from '../../netlink/bytes.js';
import { bytes, type Codec, text } from '../../netlink/codec.js';
import { bridgePortAttributes } from './bridge-port.js';
import { type KindDefinition, kindNamed } from './kind.js';

const KIND = 1;
const DATA = 2;
const SLAVE_KIND = 4;
const SLAVE_DATA = 5;

// The kernel compares kinds with their length, so that they travel without a NUL, as iproute2 sends them.
const kindName = text(31, 'MODULE_NAME_LEN', { terminated: false });

const outline = attributes(() => ({
  kind: [KIND, 'IFLA_INFO_KIND', kindName],
  data: [DATA, 'IFLA_INFO_DATA', bytes],
  xstats: [3, 'IFLA_INFO_XSTATS', bytes],
  slaveKind: [SLAVE_KIND, 'IFLA_INFO_SLAVE_KIND', kindName],
  slaveData: [SLAVE_DATA, 'IFLA_INFO_SLAVE_DATA', bytes],
}));

type Table = Codec<Record<string, unknown>>;

export interface LinkInfo {
  kind?: string | undefined;
  data?: Record<string, unknown> | undefined;
  slaveKind?: string | undefined;
  slaveData?: Record<string, unknown> | undefined;
  xstats?: Uint8Array | undefined;
}

/**
 * The full table for one message: the nests typed by the kinds that the message names. Users say a kind's
 * options beside the link's own (`createVxlan({ name, vni })`), so errors name them so.
 */
function tableFor(definition: KindDefinition | undefined, isPort: boolean) {
  return attributes(() => ({
    ...outline.entries,
    data: [DATA, 'IFLA_INFO_DATA', (definition?.data.called('') as Table | undefined) ?? bytes],
    slaveData: [
      SLAVE_DATA,
      'IFLA_INFO_SLAVE_DATA',
      isPort ? (bridgePortAttributes.called('bridgePort') as Table) : bytes,
    ],
  }));
}

type FullTable = ReturnType<typeof tableFor>;

// A table is a hundred objects: made once for each combination of known kinds. Names from the outside must not
// fill the maps.
const tables = new Map<KindDefinition | undefined, FullTable>();
const tablesOfPorts = new Map<KindDefinition | undefined, FullTable>();

function cachedTable(kind: string | undefined, slaveKind: string | undefined): FullTable {
  const definition = kind === undefined ? undefined : kindNamed(kind);
  const isPort = slaveKind === 'bridge';
  const cache = isPort ? tablesOfPorts : tables;
  let table = cache.get(definition);
  if (table === undefined) {
    table = tableFor(definition, isPort);
    cache.set(definition, table);
  }
  return table;
}

function tableIn(input: ByteReader, start: number, end: number): FullTable {
  let kind: string | undefined;
  let slaveKind: string | undefined;
  for (const { type, at, to } of attributesIn(input, start, end)) {
    if (type === KIND) kind = input.text(at + 4, to);
    else if (type === SLAVE_KIND) slaveKind = input.text(at + 4, to);
  }
  return cachedTable(kind, slaveKind);
}

export const linkInfo: Codec<LinkInfo> = {
  minimum: 0,
  nested: true,
  encode: (out, value) => cachedTable(value.kind, value.slaveKind).encode(out, value as Decoded<Entries>, ''),
  decode: (input, start, end) => tableIn(input, start, end).decode(input, start, end) as LinkInfo,
  path: (input, start, end, target) => tableIn(input, start, end).path(input, start, end, target),
  missing: (input, start, end, type, nest) => tableIn(input, start, end).missing(input, start, end, type, nest),
};
