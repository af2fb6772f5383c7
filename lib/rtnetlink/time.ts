/** Times: milliseconds on this side, whole seconds on the kernel's. Pure. */
import { outOfRange, wrongType } from '../errors.js';
import { type Codec, mapped, u32 } from '../netlink/codec.js';

/** Whole seconds, rounded up, so that nothing ends before its time. */
export function secondsOf(milliseconds: unknown, field: string, most = 0xffffffff): number {
  if (typeof milliseconds !== 'number') throw wrongType(field, 'a number of milliseconds', milliseconds);
  const whole = Math.ceil(milliseconds / 1000);
  if (!(milliseconds >= 0 && whole <= most)) throw outOfRange(field, milliseconds, `0 to ${most * 1000} milliseconds`);
  return whole;
}

export const seconds: Codec<number> = mapped(u32, secondsOf, (whole) => whole * 1000);
