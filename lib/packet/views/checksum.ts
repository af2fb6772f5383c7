/** The Internet checksum (RFC 1071), for what is small enough to be summed in JavaScript. Pure. */

/** The sum of the 16-bit words of `bytes[start, end)`, added to `sum`. An odd last byte is the high half of a word. */
export function wordSum(bytes: Uint8Array, start: number, end: number, sum = 0): number {
  let total = sum;
  for (let at = start; at + 1 < end; at += 2) total += ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  if ((end - start) & 1) total += (bytes[end - 1] as number) << 8;
  return total;
}

/**
 * The Internet checksum of `bytes[start, end)`. 0 for a message that holds its own.
 *
 * @param sum of words that count as well: a pseudo-header's.
 */
export function internetChecksum(bytes: Uint8Array, start = 0, end = bytes.length, sum = 0): number {
  let total = wordSum(bytes, start, end, sum);
  // A message of 64 KiB stays far below 2^53, so the carries can wait until here.
  while (total > 0xffff) total = (total % 0x10000) + Math.floor(total / 0x10000);
  return ~total & 0xffff;
}
