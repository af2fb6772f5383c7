/** Flag words: a list of names on this side, the bits of a number on the kernel's. */
import { invalidValue, wrongType } from '../errors.js';

type Bits = Readonly<Record<string, number>>;

const NONE: readonly never[] = Object.freeze([]);

/** The bits of a list of names. */
export function flagBits(flags: readonly string[], bits: Bits, field = 'flags'): number {
  if (!Array.isArray(flags)) throw wrongType(field, 'an array of names', flags);
  let sum = 0;
  for (const flag of flags) {
    const bit = Object.hasOwn(bits, flag) ? bits[flag] : undefined;
    if (bit === undefined) throw invalidValue(field, flag, `is none of ${Object.keys(bits).join(', ')}`);
    sum |= bit;
  }
  return sum >>> 0;
}

/** The names of bits; bits without a name are left out. */
export function flagNames<const B extends Bits>(sum: number, bits: B): readonly Extract<keyof B, string>[] {
  if (sum === 0) return NONE;
  return Object.keys(bits).filter((flag) => (sum & (bits[flag] as number)) !== 0) as Extract<keyof B, string>[];
}

/** Splits options into those that are bits of a number, with a mask of those that were said, and the others. */
export function maskedBits(options: Readonly<Record<string, unknown>>, bits: Bits) {
  const others: Record<string, unknown> = {};
  let value = 0;
  let mask = 0;
  for (const [option, wanted] of Object.entries(options)) {
    const bit = Object.hasOwn(bits, option) ? bits[option] : undefined;
    if (bit === undefined) {
      others[option] = wanted;
    } else if (wanted !== undefined) {
      if (typeof wanted !== 'boolean') throw wrongType(option, 'true or false', wanted);
      mask |= bit;
      if (wanted) value |= bit;
    }
  }
  return { value, mask, others };
}

/** The same, back: the options that the mask has. */
export const booleansIn = (value: number, mask: number, bits: Bits): Record<string, boolean> =>
  Object.fromEntries(flagNames(mask, bits).map((option) => [option, (value & (bits[option] as number)) !== 0]));
