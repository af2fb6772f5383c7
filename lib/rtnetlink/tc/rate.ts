/**
 * Rates, bursts and times, as traffic control counts them. Pure.
 *
 * Rates are bytes per second. Bursts travel as the time that they take at their rate, in ticks of 64 ns
 * (PSCHED_SHIFT in include/net/pkt_sched.h; the first two numbers of /proc/net/psched, which no kernel has changed
 * since 2.6.31).
 */
import { outOfRange, wrongType } from '../../errors.js';
import { type Codec, mapped, u8, u16, u32 } from '../../netlink/codec.js';
import { type Struct, struct } from '../../netlink/struct.js';

export const TICKS_PER_MICROSECOND = 1000 / 64;
const MICROSECONDS = 1_000_000;
const U32 = 0xffffffff;

/** A struct as a field of another one: as long as it is in C. */
export const inside = <T>(of: Struct<T>): Codec<T> => ({ ...of, minimum: of.size });

/** struct tc_ratespec. */
export const rateSpec = struct(12, {
  cellLog: [0, u8],
  linkLayer: [1, u8],
  overhead: [2, u16],
  cellAlign: [4, u16],
  mpu: [6, u16],
  rate: [8, u32],
});
export type RateSpec = ReturnType<typeof rateSpec.decode>;

/** TC_LINKLAYER_ETHERNET: the kernel computes from the rate itself, and looks at no rate table. */
const ETHERNET = 1;

/** Bytes per second, from the bits per second of users. */
export function bytesPerSecond(rate: unknown, field: string): number {
  if (typeof rate !== 'number') throw wrongType(field, 'a number of bits per second', rate);
  if (!(rate >= 8 && rate <= Number.MAX_SAFE_INTEGER)) {
    throw outOfRange(field, rate, `8 to ${Number.MAX_SAFE_INTEGER} bits per second`);
  }
  return Math.floor(rate / 8);
}

/** Checks a number of bytes. */
export function checkBytes(size: unknown, field: string, least = 1): asserts size is number {
  if (typeof size !== 'number') throw wrongType(field, 'a number of bytes', size);
  if (!Number.isInteger(size) || size < least || size > U32) throw outOfRange(field, size, `${least} to ${U32} bytes`);
}

/** Checks a time. */
export function checkMilliseconds(time: unknown, field: string): asserts time is number {
  if (typeof time !== 'number') throw wrongType(field, 'a number of milliseconds', time);
  if (!(time >= 0 && time <= U32)) throw outOfRange(field, time, `0 to ${U32} milliseconds`);
}

/**
 * What a rate comes to in a tc_ratespec, and where it needs 64 bits, in the attribute beside it. The cells are those
 * of the rate table that `tc` sends along and the kernel passes over.
 */
export function rateFields(bytes: number, mtu = 0): { spec: RateSpec; wide: bigint | undefined } {
  let cellLog = 0;
  while ((mtu || 2047) >> cellLog > 255) cellLog++;
  return {
    spec: { cellLog, linkLayer: ETHERNET, overhead: 0, cellAlign: 0xffff, mpu: 0, rate: Math.min(bytes, U32) },
    wide: bytes > U32 ? BigInt(bytes) : undefined,
  };
}

/** Bits per second. */
export const bitsOf = (spec: Partial<RateSpec> | undefined, wide: bigint | undefined): number =>
  Number(wide ?? spec?.rate ?? 0) * 8;

/** Ticks that so many bytes take, no fewer. */
export const ticksOf = (bytes: number, rate: number): number =>
  Math.min(Math.ceil(((bytes * MICROSECONDS) / rate) * TICKS_PER_MICROSECOND), U32);

/** Bytes that so many ticks take: the least that come to as many. */
export const bytesOfTicks = (ticks: number, rate: number): number =>
  // Less the rounding of floating point.
  Math.ceil((ticks / TICKS_PER_MICROSECOND / MICROSECONDS) * rate - 1e-6);

/** Milliseconds on this side, ticks on the kernel's. */
export const tickTime: Codec<number> = mapped(
  u32,
  (time: number, field) => {
    checkMilliseconds(time, field);
    const ticks = Math.round(time * 1000 * TICKS_PER_MICROSECOND);
    if (ticks > U32)
      throw outOfRange(field, time, `0 to ${Math.floor(U32 / TICKS_PER_MICROSECOND / 1000)} milliseconds`);
    return ticks;
  },
  (ticks) => Math.round(ticks / TICKS_PER_MICROSECOND) / 1000,
);

/** Milliseconds on this side, microseconds on the kernel's. */
export const microseconds: Codec<number> = mapped(
  u32,
  (time: number, field) => {
    checkMilliseconds(time, field);
    const whole = Math.round(time * 1000);
    if (whole > U32) throw outOfRange(field, time, `0 to ${Math.floor(U32 / 1000)} milliseconds`);
    return whole;
  },
  (whole) => whole / 1000,
);

/** Bits per second on this side, bytes per second in 32 bits on the kernel's; Infinity, and all ones, for "no limit". */
export const rate32: Codec<number> = mapped(
  u32,
  (rate: number, field) => {
    if (rate === Number.POSITIVE_INFINITY) return U32;
    if (typeof rate === 'number' && !(rate >= 8 && rate < U32 * 8))
      throw outOfRange(field, rate, `8 to ${U32 * 8 - 1} bits per second, or Infinity for no limit`);
    return bytesPerSecond(rate, field);
  },
  (bytes) => (bytes === U32 ? Number.POSITIVE_INFINITY : bytes * 8),
);

/** A probability of 0 to 1 on this side, of 0 to 2^32-1 on the kernel's. */
export const probability: Codec<number> = mapped(
  u32,
  (value: number, field) => {
    if (typeof value !== 'number') throw wrongType(field, 'a probability (0 to 1)', value);
    if (!(value >= 0 && value <= 1)) throw outOfRange(field, value, '0 to 1');
    return Math.round(value * U32);
  },
  // Six digits: what was said comes back as it was said.
  (value) => Math.round((value / U32) * 1e6) / 1e6,
);

/** TC_RTAB_SIZE: 256 numbers. */
const TABLE_CELLS = 256;

/** A rate table: the ticks that packets take, by their size in cells. */
export function rateTable(rate: number, cellLog: number): Uint8Array {
  const table = new Uint32Array(TABLE_CELLS);
  for (let i = 0; i < TABLE_CELLS; i++) {
    const time = Math.floor(MICROSECONDS * (((i + 1) << cellLog) / rate));
    table[i] = Math.min(Math.floor(time * TICKS_PER_MICROSECOND), U32);
  }
  return new Uint8Array(table.buffer);
}
