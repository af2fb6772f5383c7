/**
 * Codecs: how one attribute's payload becomes a value and back. Pure.
 *
 * A codec checks what it encodes, and says what is wrong by the name of the field that the value came from.
 * Decoding never throws and never reads outside its limits, whatever the bytes.
 */
import { formatIp, parseIp } from '../addressing/ip.js';
import { formatMac, parseMac } from '../addressing/mac.js';
import { invalidValue, outOfRange, wrongType } from '../errors.js';
import { type ByteReader, type ByteWriter, LITTLE_ENDIAN } from './bytes.js';

export interface Codec<T> {
  /** Payloads shorter than this cannot be decoded, and stay raw. */
  readonly minimum: number;
  /** Appends the payload of `value`. */
  encode(out: ByteWriter, value: T, field: string): void;
  decode(input: ByteReader, start: number, end: number): T;
  /** The payload is a list of attributes: NLA_F_NESTED is set. */
  readonly nested?: boolean;
  /** The attribute has no payload: it says true by its presence, and false by its absence. */
  readonly presence?: true;
  /** The attribute may stand several times; the value is an array of what each holds. */
  readonly repeated?: boolean;
  /** Kernel name, below this payload, of the attribute that contains the byte at `target`. */
  path?(input: ByteReader, start: number, end: number, target: number): string | undefined;
  /**
   * Kernel name of attribute `type`, which the kernel misses in the nest at `nest` (undefined: in this
   * payload itself).
   */
  missing?(input: ByteReader, start: number, end: number, type: number, nest: number | undefined): string | undefined;
}

/** The type of a codec's value. */
export type ValueOf<C> = C extends { decode(...args: never[]): infer T } ? T : never;

type Getter = (view: DataView, at: number) => number;
type Setter = (view: DataView, at: number, value: number) => void;

function integer(size: number, least: number, most: number, get: Getter, set: Setter): Codec<number> {
  return {
    minimum: size,
    encode(out, value, field) {
      checkInteger(value, least, most, field);
      const at = out.reserve(size);
      set(out.view, at, value);
    },
    decode: (input, start) => get(input.view, start),
  };
}

export function checkInteger(value: unknown, least: number, most: number, field: string): asserts value is number {
  if (typeof value !== 'number') throw wrongType(field, 'a number', value);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw outOfRange(field, value, `an integer, ${least} to ${most}`);
  }
}

const U16 = 0xffff;
const U32 = 0xffffffff;
const get16: Getter = (view, at) => view.getUint16(at, LITTLE_ENDIAN);
const set16: Setter = (view, at, value) => view.setUint16(at, value, LITTLE_ENDIAN);
const get32: Getter = (view, at) => view.getUint32(at, LITTLE_ENDIAN);
const set32: Setter = (view, at, value) => view.setUint32(at, value, LITTLE_ENDIAN);

export const u8 = integer(
  1,
  0,
  255,
  (view, at) => view.getUint8(at),
  (view, at, value) => view.setUint8(at, value),
);
export const s8 = integer(
  1,
  -128,
  127,
  (view, at) => view.getInt8(at),
  (view, at, value) => view.setInt8(at, value),
);
export const u16 = integer(2, 0, U16, get16, set16);
export const u32 = integer(4, 0, U32, get32, set32);
export const s32 = integer(
  4,
  -0x80000000,
  0x7fffffff,
  (view, at) => view.getInt32(at, LITTLE_ENDIAN),
  (view, at, value) => view.setInt32(at, value, LITTLE_ENDIAN),
);
/** Network byte order: ports, protocols. */
export const be16 = integer(
  2,
  0,
  U16,
  (view, at) => view.getUint16(at),
  (view, at, value) => view.setUint16(at, value),
);
export const be32 = integer(
  4,
  0,
  U32,
  (view, at) => view.getUint32(at),
  (view, at, value) => view.setUint32(at, value),
);

const integer64 = (littleEndian: boolean): Codec<bigint> => ({
  minimum: 8,
  encode(out, value, field) {
    if (typeof value !== 'bigint') throw wrongType(field, 'a bigint', value);
    if (value < 0n || value > 0xffffffffffffffffn) throw outOfRange(field, value, '0 to 2^64-1');
    const at = out.reserve(8);
    out.view.setBigUint64(at, value, littleEndian);
  },
  decode: (input, start) => input.view.getBigUint64(start, littleEndian),
});
export const u64 = integer64(LITTLE_ENDIAN);
/** Network byte order: the counters of netfilter. */
export const be64 = integer64(false);

/** A codec with narrower limits than its width. */
export function within(codec: Codec<number>, least: number, most: number): Codec<number> {
  return {
    ...codec,
    encode(out, value, field) {
      checkInteger(value, least, most, field);
      codec.encode(out, value, field);
    },
  };
}

/** The same bytes under another value: times in other units, addresses behind an object ... */
export function mapped<A, B>(
  codec: Codec<A>,
  toWire: (value: B, field: string) => A,
  fromWire: (value: A) => B,
): Codec<B> {
  return {
    ...codec,
    encode: (out, value, field) => codec.encode(out, toWire(value, field), field),
    decode: (input, start, end) => fromWire(codec.decode(input, start, end)),
  };
}

/** true and false as 1 and 0 in `codec`. */
export const booleanIn = (codec: Codec<number>): Codec<boolean> =>
  mapped(
    codec,
    (value: boolean, field) => {
      if (typeof value !== 'boolean') throw wrongType(field, 'true or false', value);
      return value ? 1 : 0;
    },
    (value) => value !== 0,
  );
export const bool8 = booleanIn(u8);
export const bool32 = booleanIn(u32);

/** Present or not, without a payload (NLA_FLAG). Only `true` is encoded. */
export const flag: Codec<boolean> = {
  minimum: 0,
  presence: true,
  encode(_out, value, field) {
    if (value !== true) throw wrongType(field, 'true, or absent', value);
  },
  decode: () => true,
};

/**
 * A number under a name. Numbers without a name (newer kernels) pass through as numbers, both ways. The type does
 * not say so: it would take the exhaustive `switch` over the names from users, for what only newer kernels know.
 */
export function named<const N extends Readonly<Record<string, number>>>(
  codec: Codec<number>,
  names: N,
): Codec<Extract<keyof N, string>> {
  type Name = Extract<keyof N, string>;
  let byNumber: ReadonlyMap<number, Name> | undefined;
  return mapped(
    codec,
    (value: Name, field) => {
      if (typeof value === 'number') return value;
      const number = Object.hasOwn(names, value) ? names[value] : undefined;
      if (number === undefined) throw invalidValue(field, value, `is none of ${Object.keys(names).join(', ')}`);
      return number;
    },
    (number) => {
      byNumber ??= namesByNumber<Name>(names);
      return (byNumber.get(number) ?? number) as Name;
    },
  );
}

// The first of several names of a number counts.
function namesByNumber<Name extends string>(names: Readonly<Record<string, number>>): ReadonlyMap<number, Name> {
  const byNumber = new Map<number, Name>();
  for (const [name, number] of Object.entries(names)) if (!byNumber.has(number)) byNumber.set(number, name as Name);
  return byNumber;
}

/** Text with a terminating NUL, of at most `limit` bytes (the NUL not counted). */
export function text(limit: number, source: string, { terminated = true } = {}): Codec<string> {
  return {
    minimum: 0,
    encode(out, value, field) {
      if (typeof value !== 'string') throw wrongType(field, 'a string', value);
      if (value.includes('\0')) throw invalidValue(field, value, 'must not contain NUL');
      const start = out.length;
      out.writeText(value);
      const size = out.length - start;
      if (size > limit) throw invalidValue(field, value, `is ${size} bytes; the kernel allows ${limit} (${source})`);
      if (terminated) out.reserve(1);
    },
    decode: (input, start, end) => input.text(start, end),
  };
}

export const bytes: Codec<Uint8Array> = {
  minimum: 0,
  encode(out, value, field) {
    if (!(value instanceof Uint8Array)) throw wrongType(field, 'a Uint8Array', value);
    out.writeBytes(value);
  },
  decode: (input, start, end) => input.copy(start, end),
};

/** A link-layer address; six bytes when encoded, any length when decoded. */
export const mac: Codec<string> = {
  minimum: 0,
  encode: (out, value, field) => out.writeBytes(parseMac(value, field)),
  decode: (input, start, end) => formatMac(input.bytes, start, end),
};

function ipOf(length: 4 | 16 | undefined): Codec<string> {
  return {
    minimum: length ?? 4,
    encode(out, value, field) {
      const address = parseIp(value, field);
      if (length !== undefined && address.length !== length) {
        throw invalidValue(field, value, `is no IPv${length === 4 ? 4 : 6} address`);
      }
      out.writeBytes(address);
    },
    // A length that is neither family's is shown as bytes, so that nothing is lost or misread.
    decode: (input, start, end) => {
      if (length !== undefined) return formatIp(input.bytes, start, start + length);
      return end - start === 4 || end - start === 16
        ? formatIp(input.bytes, start, end)
        : formatMac(input.bytes, start, end);
    },
  };
}
/** An address of either family, told apart by its length. */
export const ip = ipOf(undefined);
export const ipv4 = ipOf(4);
export const ipv6 = ipOf(16);

/** An attribute that may stand several times. */
export function repeated<T>(codec: Codec<T>): Codec<T[]> {
  const { path, missing } = codec;
  return {
    ...(codec as Codec<T[]>),
    repeated: true,
    // Of a table, which is a class, the spread has no methods.
    encode: (out, value, field) => (codec as Codec<unknown>).encode(out, value, field),
    decode: (input, start, end) => (codec as Codec<unknown>).decode(input, start, end) as T[],
    ...(path && { path: path.bind(codec) }),
    ...(missing && { missing: missing.bind(codec) }),
  };
}

/** Several values of one fixed width, one behind the other. */
export function packed<T>(codec: Codec<T>): Codec<T[]> {
  const size = codec.minimum;
  return {
    minimum: 0,
    encode(out, values, field) {
      for (const [i, value] of values.entries()) codec.encode(out, value, `${field}[${i}]`);
    },
    decode(input, start, end) {
      const values: T[] = [];
      for (let at = start; at + size <= end; at += size) values.push(codec.decode(input, at, at + size));
      return values;
    },
  };
}
