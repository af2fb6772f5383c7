/** Units that bridges and their ports speak: times in USER_HZ, identifiers of priority and MAC. */
import { formatMac } from '../../addressing/mac.js';
import { outOfRange, wrongType } from '../../errors.js';
import { type Codec, mapped, u32, u64 } from '../../netlink/codec.js';

// USER_HZ, the unit of clock_t that the kernel shows to programs, is 100 on every architecture that Node runs on.
const MILLISECONDS_PER_TICK = 10;

function toTicks(milliseconds: number, field: string): number {
  if (typeof milliseconds !== 'number') throw wrongType(field, 'a number of milliseconds', milliseconds);
  if (!(milliseconds >= 0) || !Number.isFinite(milliseconds))
    throw outOfRange(field, milliseconds, '0 or more milliseconds');
  return Math.round(milliseconds / MILLISECONDS_PER_TICK);
}

/** Milliseconds, as hundredths of a second in 32 bits. */
export const clockTime = mapped(u32, toTicks, (ticks) => ticks * MILLISECONDS_PER_TICK);

/** Milliseconds, as hundredths of a second in 64 bits. */
export const clockTime64 = mapped(
  u64,
  (milliseconds: number, field) => BigInt(toTicks(milliseconds, field)),
  (ticks) => Number(ticks) * MILLISECONDS_PER_TICK,
);

/** struct ifla_bridge_id as text, `8000.02:00:00:00:00:01`: the priority in hex, then the MAC. The kernel's to tell. */
export const bridgeId: Codec<string> = {
  minimum: 8,
  encode(_out, value, field) {
    throw wrongType(field, 'absent (the kernel computes it)', value);
  },
  decode: ({ bytes }, start) =>
    `${(((bytes[start] as number) << 8) | (bytes[start + 1] as number)).toString(16).padStart(4, '0')}.${formatMac(bytes, start + 2, start + 8)}`,
};
