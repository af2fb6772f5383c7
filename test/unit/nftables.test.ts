/** netloom sends what nft sends for the same rules. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parsePrefix } from '../../lib/addressing/ip.js';
import * as m from '../../lib/netfilter/nat/matches.js';
import { masqueradeSection, portSection } from '../../lib/netfilter/nat/sections.js';
import type { Expression } from '../../lib/netfilter/nftables/expressions.js';
import {
  addElements,
  deleteChain,
  deleteElements,
  deleteMap,
  deleteTable,
  newChain,
  newMap,
  newTable,
  setRules,
} from '../../lib/netfilter/nftables/requests.js';
import { ByteReader } from '../../lib/netlink/bytes.js';
import type { Request } from '../../lib/netlink/message.js';
import { encode, hex } from './wire.ts';

const T = 'netloom';
const vectors = JSON.parse(readFileSync(new URL('../vectors/nftables.json', import.meta.url), 'utf8')) as {
  command: string;
  hex: string;
}[];

const map = (name: string): Request => {
  const spec = [...masqueradeSection.maps, ...portSection.maps].find((one) => one.name === name);
  if (spec === undefined) throw new Error(`there is no map ${name}`);
  return newMap(T, spec, 1);
};
const chain = (name: string): Request => {
  const spec = [...masqueradeSection.chains, ...portSection.chains].find((one) => one.name === name);
  return newChain(T, spec ?? { name, rules: [] });
};
const rule = (name: string, ...parts: (Expression | readonly Expression[])[]): Request => {
  const expressions = parts.flatMap((part) => (typeof part[0] === 'string' ? [part] : part)) as Expression[];
  return setRules(T, { name, rules: [expressions] })[1] as Request;
};
const OUTSIDE = 'outside-10.1.0.0/20';
const port = hex('06000000 1f900000');

/** The requests of netloom, in the order of the captured commands. */
const requests: Request[] = [
  newTable(T),
  map('masquerade4'),
  map('published6'),
  map('ports4'),
  map('address_ports6'),
  chain('from_here'),
  chain('guard_loopback'),
  chain('masquerading'),
  chain('publish'),
  chain(OUTSIDE),
  rule('from_here', m.toThisHost, m.verdict('jump', 'publish')),
  rule('publish', m.ofFamily(4), m.loadProtocol(0), m.loadDestinationPort(4), m.translateDestinationBy(4, 'ports4')),
  rule(
    'publish',
    m.ofFamily(6),
    m.loadAddress(6, 'destination'),
    m.loadProtocol(16),
    m.loadDestinationPort(20),
    m.translateDestinationBy(6, 'address_ports6'),
  ),
  rule(OUTSIDE, m.addressIn('destination', parsePrefix('10.1.0.0/20')), m.verdict('return')),
  rule(OUTSIDE, m.masquerade),
  rule('masquerading', m.destinationTranslated, m.verdictBy(6, 'destination', 'published6')),
  rule('masquerading', m.verdictBy(4, 'source', 'masquerade4')),
  rule('guard_loopback', m.notFromLoopback, m.addressIn('destination', parsePrefix('127.0.0.1')), m.verdict('drop')),
  ...addElements(T, 'masquerade4', [
    { key: { value: hex('0a010005') }, data: { verdict: { code: 'jump', chain: OUTSIDE } }, comment: 'one' },
  ]),
  ...addElements(T, 'ports4', [{ key: { value: port }, data: { value: hex('0a010005 00500000') }, comment: 'one' }]),
  setRules(T, { name: 'publish', rules: [] })[0] as Request,
  ...deleteElements(T, 'ports4', [{ key: { value: port }, comment: 'one' }]),
  deleteChain(T, 'publish'),
  deleteMap(T, 'ports4'),
  deleteTable(T),
];

/** A message as its table reads it, without what nft adds for itself. */
function read({ family }: Request, message: Uint8Array): unknown {
  const input = new ByteReader(message);
  const { unknown, ...values } = family.attributes.decode(input, 20, message.length) as Record<string, unknown>;
  return {
    type: input.view.getUint16(4, true),
    header: family.header.decode(input, 16, 20),
    values: withoutIds(values),
  };
}

// The numbers of a set within its transaction, and data of nft's own about it (NFTA_SET_USERDATA, policies, flags).
const withoutIds = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withoutIds);
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, one]) => name !== 'unknown' && name !== 'id' && !(name === 'dataLength' && one === 0))
      .map(([name, one]) => [name, withoutIds(one)]),
  );
};

test.each(vectors.map(({ command, hex: bytes }, i) => [command, bytes, requests[i]] as const))(
  '%s',
  (_command, bytes, request) => {
    if (request === undefined) throw new Error('nothing is sent');
    expect(read(request, encode(request))).toEqual(read(request, hex(bytes)));
  },
);
