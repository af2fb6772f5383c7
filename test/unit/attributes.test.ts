import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { attributes } from '../../lib/netlink/attributes.js';
import { ByteReader, ByteWriter } from '../../lib/netlink/bytes.js';
import { flag, ipv4, mac, repeated, text, u8, u16, u32 } from '../../lib/netlink/codec.js';
import { attributesOf, decoded, encoded, TABLES, writable } from './tables.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));

const inner = attributes(() => ({ port: [1, 'IN_PORT', u16], host: [2, 'IN_HOST', ipv4] }));
const table = attributes(() => ({
  size: [1, 'T_SIZE', u32],
  small: [2, 'T_SMALL', u8],
  name: [3, 'T_NAME', text(7, 'SIZE')],
  quick: [4, 'T_QUICK', flag],
  nest: [5, 'T_NEST', inner],
  macs: [6, 'T_MAC', repeated(mac)],
}));

describe('encoding', () => {
  test('an attribute is its length, its number, its payload and zeros up to four bytes', () => {
    expect(hex(encoded(table as never, { small: 7 }))).toBe('0500 0200 07 000000'.replaceAll(' ', ''));
  });

  test('text ends with a NUL that counts', () => {
    expect(hex(encoded(table as never, { name: 'eth0' }))).toBe(hex(bytes('0900 0300 65746830 00 000000')));
  });

  test('a nest carries NLA_F_NESTED', () => {
    expect(hex(encoded(table as never, { nest: { port: 1 } }))).toBe(hex(bytes('0c00 0580 0600 0100 0100 0000')));
  });

  test('undefined leaves an attribute out, 0 and an empty text do not', () => {
    expect(hex(encoded(table as never, { size: undefined, small: 0, name: '' }))).toBe(
      hex(bytes('0500 0200 00 000000 0500 0300 00 000000')),
    );
  });

  test('a flag is there for true and absent for false', () => {
    expect(hex(encoded(table as never, { quick: true }))).toBe('04000400');
    expect(hex(encoded(table as never, { quick: false }))).toBe('');
  });

  test('a repeated attribute stands once for each value', () => {
    const macs = ['02:00:00:00:00:01', '02:00:00:00:00:02'];
    expect(hex(encoded(table as never, { macs }))).toBe(
      hex(bytes('0a00 0600 020000000001 0000 0a00 0600 020000000002 0000')),
    );
  });

  test('padding is zero also where the buffer held something before', () => {
    const out = new ByteWriter(64);
    out.writeBytes(new Uint8Array(64).fill(0xff));
    out.rewind(0);
    table.encode(out, { small: 1, name: 'a' }, '');
    expect(hex(out.bytes.subarray(0, out.length))).toBe(hex(bytes('0500 0200 01 000000 0600 0300 6100 0000')));
  });

  test('a field that the table does not have is refused by its name', () => {
    expect(() => encoded(table as never, { colour: 1 }, '')).toThrow('colour 1 is no option here');
  });

  test('what is wrong in a nest is named with the nest', () => {
    expect(() => encoded(table as never, { nest: { port: 70000 } }, '')).toThrow(
      'nest.port 70000 is out of range (an integer, 0 to 65535)',
    );
    expect(() => encoded(table as never, { macs: ['02:00:00:00:00:01', 'x'] }, '')).toThrow(
      'macs[1] "x" is no MAC address',
    );
  });

  test('a single value in place of a list is refused', () => {
    expect(() => encoded(table as never, { macs: '02:00:00:00:00:01' }, '')).toThrow(
      'macs "02:00:00:00:00:01" must be an array',
    );
  });

  test('a nest longer than a length can say is refused', () => {
    const many = Array.from({ length: 6000 }, () => '02:00:00:00:00:01');
    const outer = attributes(() => ({ all: [1, 'ALL', table] }));
    expect(() => encoded(outer as never, { all: { macs: many } }, '')).toThrow('an attribute holds 65535');
  });

  test('raw bytes longer than a length can say are refused', () => {
    const data = new Uint8Array(0x10000);
    expect(() => encoded(table as never, { unknown: [{ type: 99, data }] }, '')).toThrow('an attribute holds 65535');
  });
});

describe('decoding', () => {
  test('what the table does not know stays as raw bytes', () => {
    expect(decoded(table as never, bytes('0600 6300 abcd 0000 0500 0200 07 000000'))).toEqual({
      unknown: [{ type: 99, data: bytes('abcd') }],
      small: 7,
    });
  });

  test('a payload that is too short for its codec stays raw', () => {
    expect(decoded(table as never, bytes('0600 0100 abcd 0000'))).toEqual({
      unknown: [{ type: 1, data: bytes('abcd') }],
    });
  });

  test('a payload that is longer than its codec wants is read as far as it is known', () => {
    expect(decoded(table as never, bytes('0c00 0100 01000000 ffffffff'))).toEqual({ size: 1 });
  });

  test('NLA_F_NESTED and NLA_F_NET_BYTEORDER are no part of the number', () => {
    expect(decoded(table as never, bytes('0500 02c0 07 000000'))).toEqual({ small: 7 });
  });

  test('reading ends at the first length that cannot be', () => {
    for (const broken of ['0000 0200 07000000', '0300 0200 07000000', 'ff00 0200 07000000', '0400', '']) {
      expect(decoded(table as never, bytes(`0500 0200 07 000000 ${broken}`))).toEqual({ small: 7 });
    }
  });

  test('a nest whose inner length lies reaches no further than itself', () => {
    const lying = bytes('0c00 0500 4000 0100 0100 0000 0500 0200 07 000000');
    expect(decoded(table as never, lying)).toEqual({ nest: {}, small: 7 });
  });

  test('what only() leaves out is passed over, and not kept raw', () => {
    const some = table.only({ small: true, nest: inner.only({ port: true }) });
    const all = { size: 1, small: 2, name: 'x', nest: { port: 3, host: '192.0.2.1' } };
    expect(decoded(some as never, encoded(table as never, all))).toEqual({ small: 2, nest: { port: 3 } });
  });
});

describe('the name of the attribute at an offset', () => {
  const message = encoded(table as never, { size: 1, nest: { port: 1, host: '192.0.2.1' } });
  const at = (offset: number) => table.path(new ByteReader(message), 0, message.length, offset);

  test('is that of the attribute whose header or payload is there', () => {
    expect([at(0), at(4), at(8)]).toEqual(['T_SIZE', 'T_SIZE', 'T_NEST']);
  });
  test('goes down into nests', () => {
    expect([at(12), at(20)]).toEqual(['T_NEST.IN_PORT', 'T_NEST.IN_HOST']);
  });
  test('is none past the end', () => {
    expect(at(message.length)).toBeUndefined();
  });
  test('is a number where the table has no name', () => {
    const unknown = bytes('0600 6300 abcd 0000');
    expect(table.path(new ByteReader(unknown), 0, 8, 0)).toBe('attribute 99');
  });
});

describe('the name of an attribute that is missing', () => {
  const message = encoded(table as never, { size: 1, nest: { port: 1 } });
  const missing = (type: number, nest?: number) =>
    table.missing(new ByteReader(message), 0, message.length, type, nest);

  test('at the top', () => expect(missing(3)).toBe('T_NAME'));
  test('in a nest', () => expect(missing(2, 8)).toBe('T_NEST.IN_HOST'));
  test('that the table does not know', () => expect(missing(77)).toBe('attribute 77'));
  test('in a nest that is not there', () => expect(missing(2, 200)).toBeUndefined());
});

describe('every table', () => {
  test.each(TABLES)('of %s gives back what was put in', (_what, table) => {
    fc.assert(
      fc.property(attributesOf(table), (value) => {
        expect(decoded(table, encoded(table, value))).toEqual(value);
      }),
      { numRuns: 60 },
    );
  });

  test.each(TABLES)('of %s keeps what it does not know', (_what, table) => {
    const stranger = fc.record({ type: fc.integer({ min: 500, max: 0x3fff }), data: fc.uint8Array({ maxLength: 30 }) });
    fc.assert(
      fc.property(attributesOf(table), fc.array(stranger, { minLength: 1, maxLength: 3 }), (known, unknown) => {
        expect(decoded(table, encoded(table, { ...known, unknown }))).toEqual({ ...known, unknown });
      }),
      { numRuns: 30 },
    );
  });

  test.each(TABLES)('of %s has one field for each number and each name', (_what, table) => {
    const entries = Object.values(table.entries);
    expect(new Set(entries.map(([number]) => number)).size).toBe(entries.length);
    expect(new Set(entries.map(([, name]) => name)).size).toBe(entries.length);
    expect(entries.some(([, name]) => writable(name)) || entries.length === 0).toBe(true);
  });
});
