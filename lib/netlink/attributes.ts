/**
 * Attribute tables. One table per netlink object gives its TypeScript type, its encoder, its decoder, and the
 * names of the attributes that errors point at. Pure.
 *
 *     const addressAttributes = attributes(() => ({
 *       local: [2, 'IFA_LOCAL', ip],
 *       label: [3, 'IFA_LABEL', text(15, 'IFNAMSIZ')],
 *     }));
 *
 * A value is a plain object with the fields present that the message has. `undefined` leaves an attribute
 * out. What a table does not know is kept as raw bytes in `unknown`, and written back from there.
 */
import { inField, invalidValue } from '../errors.js';
import { namesThere } from '../known-names.js';
import { align4, type ByteReader, type ByteWriter, LITTLE_ENDIAN } from './bytes.js';
import { bytes, type Codec, type ValueOf } from './codec.js';

/** NLA_F_NESTED, NLA_F_NET_BYTEORDER and NLA_TYPE_MASK (linux/netlink.h). */
const NESTED = 0x8000;
const TYPE_MASK = 0x3fff;
const HEADER = 4;
const LONGEST = 0xffff;

/** An attribute that its table does not know, or could not decode. */
export interface UnknownAttribute {
  readonly type: number;
  readonly data: Uint8Array;
}

export type Entry<T = unknown> = readonly [number: number, name: string, codec: Codec<T>];
export type Entries = Readonly<Record<string, Entry>>;

type AttributesOf<S> = {
  -readonly [K in keyof S]?: S[K] extends readonly [number, string, infer C] ? ValueOf<C> | undefined : never;
};
export type Decoded<S> = AttributesOf<S> & { unknown?: UnknownAttribute[] | undefined };

/** The type of the values of a table. */
export type AttributeValues<Table> = Table extends AttributeTable<infer S> ? AttributesOf<S> : never;

/** Marks what a reader does not want; see `only`. */
const PASSED_OVER: Codec<never> = {
  minimum: 0,
  encode() {
    throw new Error('a table for reading does not write');
  },
  decode() {
    throw new Error('passed over');
  },
};

type Picked<S, W> = {
  readonly [K in keyof S & keyof W]: W[K] extends Codec<unknown>
    ? Entry<ValueOf<W[K]>>
    : W[K] extends true
      ? S[K]
      : never;
};

interface Slot {
  readonly field: string;
  readonly number: number;
  readonly name: string;
  readonly codec: Codec<unknown>;
}

/** The entries of a table in the two orders in which they are looked for. */
interface Slots {
  readonly byField: ReadonlyMap<string, Slot>;
  readonly byNumber: readonly (Slot | undefined)[];
}

function slotsOf(entries: Entries): Slots {
  const byField = new Map<string, Slot>();
  const byNumber: (Slot | undefined)[] = [];
  for (const [field, [number, name, codec]] of Object.entries(entries)) {
    const slot: Slot = { field, number, name, codec };
    byField.set(field, slot);
    while (byNumber.length <= number) byNumber.push(undefined);
    byNumber[number] = slot;
  }
  return { byField, byNumber };
}

/** Made up when it is first used: of all tables, a program that has started for one request uses few. */
export class AttributeTable<S extends Entries> implements Codec<Decoded<S>> {
  readonly minimum = 0;
  readonly nested = true;
  readonly #make: () => S;
  readonly #label: string | undefined;
  #entries: S | undefined;
  #slots: Slots | undefined;

  constructor(make: () => S, label?: string) {
    this.#make = make;
    this.#label = label;
  }

  get entries(): S {
    this.#entries ??= this.#make();
    return this.#entries;
  }

  get #used(): Slots {
    this.#slots ??= slotsOf(this.entries);
    return this.#slots;
  }

  has(field: string): boolean {
    return this.#used.byField.has(field);
  }

  /** The names of its fields. */
  keys(): Iterable<string> {
    return this.#used.byField.keys();
  }

  /**
   * The same table under another name in errors, for what is flat to users and nested to the kernel: with '',
   * its fields are named without it.
   */
  called(label: string): AttributeTable<S> {
    return new AttributeTable(() => this.entries, label);
  }

  /**
   * The same table for readers who want a few fields: the others are passed over, not even kept raw. A field
   * is wanted as it is (`true`), or by another codec (a nest of which little is wanted).
   */
  only<W extends { readonly [K in keyof S]?: true | Codec<unknown> }>(wanted: W): AttributeTable<Picked<S, W>> {
    return new AttributeTable(() => {
      const entries: Record<string, Entry> = {};
      for (const [field, [number, name, codec]] of Object.entries(this.entries)) {
        const want = wanted[field];
        entries[field] = [number, name, want === true ? codec : (want ?? PASSED_OVER)];
      }
      return entries as Picked<S, W>;
    });
  }

  encode(out: ByteWriter, value: Decoded<S>, field: string): void {
    const { byField } = this.#used;
    try {
      for (const name in value) {
        const given: unknown = value[name];
        if (given === undefined) continue;
        const slot = byField.get(name);
        if (slot) encodeSlot(out, slot, given);
        else if (name === 'unknown') encodeUnknown(out, given as UnknownAttribute[]);
        else throw invalidValue(name, given, `is no option here${namesThere(name, byField.keys())}`);
      }
    } catch (error) {
      const around = this.#label ?? field;
      throw around === '' ? error : inField(error, around);
    }
  }

  decode(input: ByteReader, start: number, end: number): Decoded<S> {
    const value: Record<string, unknown> = {};
    this.decodeInto(value, input, start, end);
    return value as Decoded<S>;
  }

  /** Adds what the bytes hold to `value`. Ends, as the kernel does, at the first length that cannot be. */
  decodeInto(value: Record<string, unknown>, input: ByteReader, start: number, end: number): void {
    const { view } = input;
    const { byNumber } = this.#used;
    for (let at = start; at + HEADER <= end; ) {
      const length = view.getUint16(at, LITTLE_ENDIAN);
      if (length < HEADER || at + length > end) return;
      const type = view.getUint16(at + 2, LITTLE_ENDIAN) & TYPE_MASK;
      const slot = byNumber[type];
      if (slot?.codec === PASSED_OVER) {
        at += align4(length);
        continue;
      }
      if (slot === undefined || length - HEADER < slot.codec.minimum) {
        const unknown = (value['unknown'] ??= []) as UnknownAttribute[];
        unknown.push({ type, data: input.copy(at + HEADER, at + length) });
      } else if (slot.codec.repeated === true) {
        const list = (value[slot.field] ??= []) as unknown[];
        list.push(slot.codec.decode(input, at + HEADER, at + length));
      } else {
        value[slot.field] = slot.codec.decode(input, at + HEADER, at + length);
      }
      at += align4(length);
    }
  }

  path(input: ByteReader, start: number, end: number, target: number): string | undefined {
    for (const { type, at, to } of attributesIn(input, start, end)) {
      if (target < at || target >= Math.max(to, at + HEADER)) continue;
      const slot = this.#used.byNumber[type];
      if (slot === undefined) return `attribute ${type}`;
      const below = target >= at + HEADER ? slot.codec.path?.(input, at + HEADER, to, target) : undefined;
      return below === undefined ? slot.name : `${slot.name}.${below}`;
    }
    return undefined;
  }

  missing(input: ByteReader, start: number, end: number, type: number, nest: number | undefined): string | undefined {
    if (nest === undefined) return this.#used.byNumber[type & TYPE_MASK]?.name ?? `attribute ${type & TYPE_MASK}`;
    for (const { type: outer, at, to } of attributesIn(input, start, end)) {
      if (nest < at || nest >= to) continue;
      const slot = this.#used.byNumber[outer];
      const below = slot?.codec.missing?.(input, at + HEADER, to, type, nest === at ? undefined : nest);
      return below === undefined ? undefined : `${slot?.name}.${below}`;
    }
    return undefined;
  }
}

export const attributes = <const S extends Entries>(make: () => S): AttributeTable<S> => new AttributeTable(make);

/** The attributes at `start`, without knowledge of their meaning. */
export function* attributesIn(
  input: ByteReader,
  start: number,
  end: number,
): Generator<{ type: number; at: number; to: number }> {
  for (let at = start; at + HEADER <= end; ) {
    const length = input.view.getUint16(at, LITTLE_ENDIAN);
    if (length < HEADER || at + length > end) return;
    yield { type: input.view.getUint16(at + 2, LITTLE_ENDIAN) & TYPE_MASK, at, to: at + length };
    at += align4(length);
  }
}

function encodeSlot(out: ByteWriter, { number, field, codec }: Slot, value: unknown): void {
  const type = codec.nested === true ? number | NESTED : number;
  if (codec.repeated !== true) {
    writeAttribute(out, type, codec, value, field);
    return;
  }
  if (!Array.isArray(value)) throw invalidValue(field, value, 'must be an array');
  for (const [i, item] of value.entries()) writeAttribute(out, type, codec, item, `${field}[${i}]`);
}

/** One attribute: its header, its payload by `codec`, its padding. */
export function writeAttribute<T>(out: ByteWriter, type: number, codec: Codec<T>, value: T, field: string): void {
  if (codec.presence === true && value === false) return;
  const at = out.reserve(HEADER);
  codec.encode(out, value, field);
  const length = out.length - at;
  if (length > LONGEST) throw invalidValue(field, value, `takes ${length} bytes; an attribute holds ${LONGEST}`);
  out.view.setUint16(at, length, LITTLE_ENDIAN);
  out.view.setUint16(at + 2, type, LITTLE_ENDIAN);
  out.pad();
}

function encodeUnknown(out: ByteWriter, list: readonly UnknownAttribute[]): void {
  for (const [i, { type, data }] of list.entries()) writeAttribute(out, type, bytes, data, `unknown[${i}]`);
}
