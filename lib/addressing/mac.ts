/** Link-layer (MAC) addresses as text: `02:00:00:00:00:01`. Pure. */
import { invalidValue, wrongType } from '../errors.js';

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

const ETHERNET = /^[0-9a-f]{2}([:-])[0-9a-f]{2}(?:\1[0-9a-f]{2}){4}$/i;

/** The six bytes of an Ethernet address, written with `:` or `-`. */
export function parseMac(text: unknown, field = 'mac'): Uint8Array {
  if (typeof text !== 'string') throw wrongType(field, 'a MAC address as a string', text);
  if (!ETHERNET.test(text)) throw invalidValue(field, text, "is no MAC address (six bytes, like '02:00:00:00:00:01')");
  const bytes = new Uint8Array(6);
  for (let i = 0; i < 6; i++) bytes[i] = Number.parseInt(text.slice(i * 3, i * 3 + 2), 16);
  return bytes;
}

/** Text of a link-layer address of any length: Ethernet's six bytes, InfiniBand's twenty. */
export function formatMac(bytes: Uint8Array, start = 0, end = bytes.length): string {
  if (start >= end) return '';
  let text = HEX[bytes[start] as number] as string;
  for (let i = start + 1; i < end; i++) text += `:${HEX[bytes[i] as number]}`;
  return text;
}
