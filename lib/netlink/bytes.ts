/**
 * Growable output and bounded input over bytes, in the machine's byte order where netlink uses it.
 * Pure: no system call, nothing shared.
 */
import { endianness } from 'node:os';

/** Netlink speaks the machine's byte order; DataView wants to be told. */
export const LITTLE_ENDIAN = endianness() === 'LE';

/** Rounds up to the 4 bytes on which netlink messages and attributes start (NLMSG_ALIGN, NLA_ALIGN). */
export const align4 = (length: number): number => (length + 3) & ~3;

const encoder = new TextEncoder();
// A name may start with U+FEFF; it is no byte order mark.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** An output buffer that grows. Bytes past `length` are zero, so that padding never leaks old content. */
export class ByteWriter {
  bytes: Uint8Array<ArrayBuffer>;
  view: DataView<ArrayBuffer>;
  length = 0;

  constructor(capacity = 4096) {
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Makes room for `size` zeroed bytes, and returns where they start. */
  reserve(size: number): number {
    const start = this.length;
    const end = start + size;
    if (end > this.bytes.length) this.#grow(end);
    this.length = end;
    return start;
  }

  /** Pads to the next multiple of 4. */
  pad(): void {
    const missing = -this.length & 3;
    if (missing !== 0) this.reserve(missing);
  }

  /** Forgets everything from `length` on. */
  rewind(length: number): void {
    this.bytes.fill(0, length, this.length);
    this.length = length;
  }

  writeBytes(data: Uint8Array): void {
    const start = this.reserve(data.length);
    this.bytes.set(data, start);
  }

  /** UTF-8, without a terminator. */
  writeText(text: string): void {
    const room = text.length * 3;
    const start = this.reserve(room);
    let ascii = true;
    for (let i = 0; i < text.length; i++) {
      const c = text.charCodeAt(i);
      if (c > 127) {
        ascii = false;
        break;
      }
      this.bytes[start + i] = c;
    }
    const written = ascii ? text.length : encoder.encodeInto(text, this.bytes.subarray(start, start + room)).written;
    this.rewind(start + written);
  }

  #grow(end: number): void {
    const bytes = new Uint8Array(Math.max(end, this.bytes.length * 2));
    bytes.set(this.bytes.subarray(0, this.length));
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }
}

/** A window on received bytes. Offsets are absolute; whoever reads keeps within the limits it was given. */
export class ByteReader {
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** A copy, so that it outlives the receive buffer. */
  copy(start: number, end: number): Uint8Array {
    return this.bytes.slice(start, end);
  }

  /** Text up to the first NUL. */
  text(start: number, end: number): string {
    const bytes = this.bytes;
    let text = '';
    for (let i = start; i < end; i++) {
      const c = bytes[i] as number;
      if (c === 0) return text;
      if (c > 127) return this.#utf8(start, end);
      text += String.fromCharCode(c);
    }
    return text;
  }

  #utf8(start: number, end: number): string {
    const nul = this.bytes.indexOf(0, start);
    return decoder.decode(this.bytes.subarray(start, nul >= 0 && nul < end ? nul : end));
  }
}
