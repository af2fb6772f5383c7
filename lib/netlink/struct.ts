/**
 * Fixed C structures: the headers behind nlmsghdr, and attributes that hold a struct. Pure.
 *
 * Kernels differ in length: what a short one lacks reads as zero, what a long one adds is passed over.
 */
import { ByteReader, type ByteWriter } from './bytes.js';
import type { Codec, ValueOf } from './codec.js';

// `unknown` stands for any value type: codecs are covariant here, since their methods are.
type Fields = Readonly<Record<string, readonly [offset: number, codec: Codec<unknown>]>>;
type StructOf<F> = { -readonly [K in keyof F]: F[K] extends readonly [number, infer C] ? ValueOf<C> : never };

export interface Struct<T> extends Codec<T> {
  readonly size: number;
  encode(out: ByteWriter, value: Partial<T>, field: string): void;
  /** Every field; those past the end of the bytes are zero. */
  decode(input: ByteReader, start: number, end: number): T;
}

/**
 * `struct(16, { family: [0, u8], index: [4, s32] })`, fields by rising offset. What no field covers, and
 * what a value leaves out, is zero.
 */
export function struct<const F extends Fields>(size: number, fields: F): Struct<StructOf<F>> {
  type T = StructOf<F>;
  const names = Object.keys(fields);
  const offsets = Object.values(fields).map(([offset]) => offset);
  const codecs = Object.values(fields).map(([, codec]) => codec);

  function decodeFields(input: ByteReader, start: number): T {
    const value: Record<string, unknown> = {};
    for (let i = 0; i < names.length; i++) {
      const codec = codecs[i] as Codec<unknown>;
      const at = start + (offsets[i] as number);
      value[names[i] as string] = codec.decode(input, at, at + codec.minimum);
    }
    return value as T;
  }

  return {
    size,
    minimum: 0,
    encode(out, value, field) {
      const start = out.length;
      for (let i = 0; i < names.length; i++) {
        const name = names[i] as string;
        const given: unknown = value[name as keyof T];
        if (given === undefined) continue;
        const gap = start + (offsets[i] as number) - out.length;
        if (gap > 0) out.reserve(gap);
        (codecs[i] as Codec<unknown>).encode(out, given, `${field}.${name}`);
      }
      out.reserve(start + size - out.length);
    },
    decode(input, start, end) {
      if (end - start >= size) return decodeFields(input, start);
      const whole = new Uint8Array(size);
      whole.set(input.bytes.subarray(start, end));
      return decodeFields(new ByteReader(whole), 0);
    },
  };
}
