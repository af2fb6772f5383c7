/**
 * What the views of headers have in common. A view is a place in somebody's bytes: it is aimed again and again,
 * owns no memory, and makes none but where it gives text or a slice. Where a header ends and its payload begins
 * is measured once, while it is aimed, against the bytes that are there; whatever a header claims, no view reads or
 * writes outside of them.
 */
import { formatIp, parseIp } from '../../addressing/ip.js';
import { formatMac, parseMac } from '../../addressing/mac.js';
import { invalidValue, nameCall, wrongType } from '../../errors.js';

const NOWHERE = new Uint8Array(0);

/** What addresses are called, by their size. */
const ADDRESSES = { 4: 'an IPv4 address', 6: 'a MAC address', 16: 'an IPv6 address' } as const;
export type AddressSize = keyof typeof ADDRESSES;

/**
 * A header in a frame or packet. Made once, then aimed at one after the other:
 *
 *     const eth = new EthernetView();
 *     if (eth.at(slab.bytes, i * slab.stride, slab.lengths[i])) ...
 *
 * Where `at` or `in` has given false, and before they were called, a view is aimed at nothing: its numbers are 0,
 * its texts empty, and what is set is lost. Numbers that are set are cut to the width of their field, as DataView
 * does it. When others have changed the bytes since, aim again.
 */
export abstract class View {
  // Not `#array`: once more than four classes have passed through a method, V8 looks each private name up anew (in
  // Node.js 20, 100 ns for a header instead of 5).
  private array: Uint8Array = NOWHERE;
  private start = 0;
  private end = 0;
  private bodyStart = 0;
  private bodyEnd = 0;

  /**
   * Aims at `bytes[offset, offset + length)`. False where no such header is there: too few bytes, or what they say
   * is something else.
   */
  at(bytes: Uint8Array, offset = 0, length?: number): boolean {
    if (bytes !== this.array && !(bytes instanceof Uint8Array))
      throw nameCall(wrongType('bytes', 'a Uint8Array', bytes), 'at');
    const size = length ?? bytes.length - offset;
    // Also false for NaN, fractions and what is negative.
    if (offset >>> 0 !== offset || size >>> 0 !== size || offset + size > bytes.length) return this.leave();
    return this.aim(bytes, offset, offset + size);
  }

  /** All the bytes, of which the view is a part. */
  get bytes(): Uint8Array {
    return this.array;
  }

  /** Where the header begins in `bytes`. */
  get offset(): number {
    return this.start;
  }

  /** Where the header ends in `bytes`, and its payload begins. */
  get payloadOffset(): number {
    return this.bodyStart;
  }

  /** Where the payload ends in `bytes`: where the header says it does, or where the bytes end before that. */
  get payloadEnd(): number {
    return this.bodyEnd;
  }

  /** The payload: the same memory, as an array of its own. */
  get payload(): Uint8Array {
    return this.array.subarray(this.bodyStart, this.bodyEnd);
  }

  /** Reads the header in the `length` bytes there are, and tells its {@link extent}. False where there is none. */
  protected abstract measure(length: number): boolean;

  /** Where the payload begins and ends, from the start of the header. */
  protected extent(start: number, end: number): true {
    this.bodyStart = this.start + start;
    this.bodyEnd = this.start + end;
    return true;
  }

  /** After a field was set that decides about the payload. */
  protected remeasure(): void {
    if (!this.measure(this.end - this.start)) this.leave();
  }

  /** Aims at the payload of `outer`, if that is what it `carries`. */
  protected within(outer: View, carries: boolean): boolean {
    return carries ? this.aim(outer.array, outer.bodyStart, outer.bodyEnd) : this.leave();
  }

  private aim(bytes: Uint8Array, start: number, end: number): boolean {
    this.array = bytes;
    this.start = start;
    this.end = end;
    return this.measure(end - start) || this.leave();
  }

  protected leave(): false {
    this.array = NOWHERE;
    this.start = this.end = this.bodyStart = this.bodyEnd = 0;
    return false;
  }

  // Offsets are from the start of the header, and within what `measure` has seen. Out of the range of NOWHERE, reading
  // gives undefined, and writing does nothing.

  protected u8(at: number): number {
    return (this.array[this.start + at] as number) | 0;
  }

  protected u16(at: number): number {
    const start = this.start + at;
    return ((this.array[start] as number) << 8) | (this.array[start + 1] as number);
  }

  protected setU8(at: number, value: number): void {
    this.array[this.start + at] = value;
  }

  protected setU16(at: number, value: number): void {
    const start = this.start + at;
    this.array[start] = value >> 8;
    this.array[start + 1] = value;
  }

  /** Empty where the view is aimed at nothing. */
  protected addressText(at: number, size: AddressSize): string {
    if (this.array === NOWHERE) return '';
    const start = this.start + at;
    return (size === 6 ? formatMac : formatIp)(this.array, start, start + size);
  }

  /** An error names `field`. */
  protected setAddress(at: number, size: AddressSize, address: string | Uint8Array, field: string): void {
    const bytes = addressBytes(address, size, field);
    for (let i = 0; i < size; i++) this.setU8(at + i, bytes[i] as number);
  }

  protected isAddress(at: number, size: AddressSize, address: Uint8Array): boolean {
    if (address.length !== size || this.array === NOWHERE) return false;
    for (let i = 0; i < size; i++) if (this.u8(at + i) !== address[i]) return false;
    return true;
  }

  protected swap(one: number, other: number, size: number): void {
    for (let i = 0; i < size; i++) {
      const byte = this.u8(one + i);
      this.setU8(one + i, this.u8(other + i));
      this.setU8(other + i, byte);
    }
  }
}

function addressBytes(address: string | Uint8Array, size: AddressSize, field: string): Uint8Array {
  const what = ADDRESSES[size];
  if (address instanceof Uint8Array) {
    if (address.length !== size) throw invalidValue(field, address, `are not ${what}, which has ${size}`);
    return address;
  }
  if (typeof address !== 'string') throw wrongType(field, `${what}, as a string or bytes`, address);
  const bytes = (size === 6 ? parseMac : parseIp)(address, field);
  if (bytes.length !== size) throw invalidValue(field, address, `is not ${what}`);
  return bytes;
}
