/** No bytes, whoever sent them, crash a decoder, hang it, or make it read past its end. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeEntry, wantedBy } from '../../lib/netfilter/conntrack/entry.js';
import { NFT } from '../../lib/netfilter/nftables/objects.js';
import { listElements } from '../../lib/netfilter/nftables/requests.js';
import { Batch } from '../../lib/netlink/batch.js';
import { ByteReader } from '../../lib/netlink/bytes.js';
import { readVerdict } from '../../lib/netlink/extack.js';
import { makeRequest, NLM_F_DUMP, type ReplyDecoder } from '../../lib/netlink/message.js';
import type { Netns } from '../../lib/netns/netns.js';
import { decodeAddress } from '../../lib/rtnetlink/address/address.js';
import { linkFamily } from '../../lib/rtnetlink/link/attributes.js';
import { decodeLink } from '../../lib/rtnetlink/link/link.js';
import { decodeFdbEntry } from '../../lib/rtnetlink/neighbor/fdb.js';
import { decodeNeighbor } from '../../lib/rtnetlink/neighbor/neighbor.js';
import { decodeNetnsId } from '../../lib/rtnetlink/netns-id/calls.js';
import { decodeRoute } from '../../lib/rtnetlink/route/route.js';
import { decodeRule } from '../../lib/rtnetlink/rule/rule.js';
import { decodeClass } from '../../lib/rtnetlink/tc/class.js';
import { decodeFilter } from '../../lib/rtnetlink/tc/filter.js';
import { decodeQdisc } from '../../lib/rtnetlink/tc/qdisc.js';
import { TABLES } from './tables.js';
import { bytesOf, vectors } from './vectors/captured.js';

const nowhere = {} as Netns;
const objects: readonly [string, ReplyDecoder<unknown>][] = [
  ['links', (input, start, end) => decodeLink(nowhere, input, start, end, true)],
  ['addresses', (input, start, end) => decodeAddress(nowhere, input, start, end)],
  ['routes', (input, start, end) => decodeRoute(nowhere, input, start, end)],
  ['ids of namespaces', (input, start, end) => decodeNetnsId(nowhere, input, start, end)],
  ['rules', (input, start, end) => decodeRule(nowhere, input, start, end)],
  ['neighbours', (input, start, end) => decodeNeighbor(nowhere, input, start, end)],
  ['tracked connections', (input, start, end) => decodeEntry(nowhere, wantedBy({}), input, start, end)],
  ['elements of a set', (input, start, end) => listElements('t', 's').decode?.(input, start, end, NFT.NEWSETELEM)],
  ['qdiscs', (input, start, end) => decodeQdisc(nowhere, input, start, end)],
  ['classes', (input, start, end) => decodeClass(nowhere, input, start, end)],
  ['filters', (input, start, end) => decodeFilter(nowhere, input, start, end)],
  ['forwarding entries', (input, start, end) => decodeFdbEntry(nowhere, input, start, end)],
];

/** Captured messages, with bytes changed, cut off, or added: what comes close to being right. */
const mutated = fc
  .tuple(
    fc.constantFrom(...vectors.map(({ hex }) => bytesOf(hex))),
    fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { maxLength: 6 }),
    fc.integer({ min: -40, max: 40 }),
  )
  .map(([original, changes, longer]) => {
    const bytes = new Uint8Array(Math.max(0, original.length + longer)).fill(0xff);
    bytes.set(original.subarray(0, bytes.length));
    for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
    return bytes;
  });
const anyBytes = fc.oneof(fc.uint8Array({ maxLength: 3 }), fc.uint8Array({ maxLength: 200 }), mutated);

/** The same bytes with others behind them, which nobody may look at. */
const withTail = (bytes: Uint8Array): Uint8Array => {
  const longer = new Uint8Array(bytes.length + 64).fill(0x55);
  longer.set(bytes);
  return longer;
};

describe('any bytes', () => {
  test.each(TABLES)('are read by the table of %s', (_what, table) => {
    fc.assert(
      fc.property(anyBytes, fc.nat(220), fc.nat(300), (bytes, offset, type) => {
        const value = table.decode(new ByteReader(bytes), 0, bytes.length);
        expect(table.decode(new ByteReader(withTail(bytes)), 0, bytes.length)).toEqual(value);
        table.path(new ByteReader(bytes), 0, bytes.length, offset);
        table.missing(new ByteReader(bytes), 0, bytes.length, type, offset);
        table.missing(new ByteReader(bytes), 0, bytes.length, type, undefined);
      }),
    );
  });

  test.each(objects)('are read as %s', (_what, decode) => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const start = Math.min(16, bytes.length);
        const value = decode(new ByteReader(bytes), start, bytes.length, 16);
        expect(decode(new ByteReader(withTail(bytes)), start, bytes.length, 16)).toEqual(value);
      }),
    );
  });

  test('are read as the end of a request', () => {
    fc.assert(
      fc.property(anyBytes, fc.constantFrom(0, 0x100, 0x200, 0x300), fc.boolean(), (given, flags, done) => {
        const bytes = new Uint8Array(Math.max(16, given.length));
        bytes.set(given);
        bytes[4] = done ? 3 : 2;
        bytes[5] = 0;
        bytes[6] = 0;
        bytes[7] = flags >> 8;
        const verdict = readVerdict(new ByteReader(bytes), 0, bytes.length);
        expect(verdict.errno).toBeTypeOf('number');
      }),
      { numRuns: 500 },
    );
  });

  test('are received by a batch', () => {
    fc.assert(
      fc.property(fc.array(anyBytes, { maxLength: 4 }), fc.nat(3), (datagrams, sequence) => {
        const batch = new Batch(0, 'lab');
        const decode: ReplyDecoder<unknown> = (input, start, end) => decodeLink(nowhere, input, start, end);
        const get = makeRequest(linkFamily, { type: 18, name: 'RTM_GETLINK', decode });
        const dump = makeRequest(linkFamily, { type: 18, name: 'RTM_GETLINK', flags: NLM_F_DUMP, decode });
        const set = makeRequest(linkFamily, { type: 16, name: 'RTM_NEWLINK', attributes: { name: 'eth0' } });
        batch.add([get, dump, set], { done: () => undefined });
        for (const bytes of datagrams) {
          if (bytes.length >= 16) bytes.set([sequence, 0, 0, 0], 8);
          batch.receive(new ByteReader(bytes), bytes.length);
        }
        expect(batch.open).toBeGreaterThanOrEqual(0);
        expect(batch.open).toBeLessThanOrEqual(3);
      }),
      { numRuns: 500 },
    );
  });
});

test.each([0x1000, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff])(
  'an error that claims to echo %d bytes says its errno all the same',
  (echoed) => {
    const bytes = new Uint8Array(40);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, 40, true);
    view.setUint16(4, 2, true);
    view.setUint16(6, 0x200, true);
    view.setInt32(16, -17, true);
    view.setUint32(20, echoed, true);
    expect(readVerdict(new ByteReader(bytes), 0, 40)).toEqual({ errno: -17 });
  },
);

test.each([0, 1, 2, 3])('an attribute of length %d ends the reading', (length) => {
  for (const [, table] of TABLES) {
    expect(table.decode(new ByteReader(Uint8Array.of(length, 0, 1, 0, 0, 0, 0, 0)), 0, 8)).toEqual({});
  }
});

test.each([0, 1, 15])('a message of length %d ends the reading', (length) => {
  const batch = new Batch(0, undefined);
  batch.add([makeRequest(linkFamily, { type: 16, name: 'RTM_NEWLINK' })], { done: () => undefined });
  const bytes = new Uint8Array(32);
  bytes[0] = length;
  batch.receive(new ByteReader(bytes), bytes.length);
  expect(batch.open).toBe(1);
});
