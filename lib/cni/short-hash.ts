/**
 * A hash of 64 bits for names that must be the same each time and different from each other: FNV-1a (Fowler, Noll, Vo),
 * its bits spread by MurmurHash3's fmix64 (Appleby). Not node:crypto, which takes 3 ms to load. Pure.
 */

const OFFSET = 0xcbf29ce484222325n;
const PRIME = 0x100000001b3n;
const SPREAD = [0xff51afd7ed558ccdn, 0xc4ceb9fe1a85ec53n] as const;

/** The last `digits` hexadecimal digits, 16 at most. */
export function shortHash(text: string, digits: number): string {
  let hash = OFFSET;
  for (const byte of Buffer.from(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * PRIME);
  // The last bytes have reached few bits yet: of ids that differ there alone, the names would hardly differ.
  for (const factor of SPREAD) hash = BigInt.asUintN(64, (hash ^ (hash >> 33n)) * factor);
  hash ^= hash >> 33n;
  return hash.toString(16).padStart(16, '0').slice(-digits);
}
