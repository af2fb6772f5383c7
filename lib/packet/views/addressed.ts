/** Headers that say where they come from and where they go to. */
import { nameCall, outOfRange } from '../../errors.js';
import { wordSum } from './checksum.js';
import { type AddressSize, View } from './view.js';

/**
 * A header with a source and a destination address. As text they are made anew each time; what compares, copies and
 * swaps bytes makes nothing.
 */
export abstract class AddressedView extends View {
  private readonly sourceAt: number;
  private readonly destinationAt: number;
  private readonly size: AddressSize;

  /** Where in the header the addresses are, and how many bytes each has. */
  protected constructor(source: number, destination: number, size: AddressSize) {
    super();
    this.sourceAt = source;
    this.destinationAt = destination;
    this.size = size;
  }

  /** As text. May be set to text or bytes; a checksum that covers it becomes wrong. */
  get sourceAddress(): string {
    return this.addressText(this.sourceAt, this.size);
  }

  set sourceAddress(address: string | Uint8Array) {
    this.setAddress(this.sourceAt, this.size, address, 'sourceAddress');
  }

  /** As text. May be set to text or bytes; a checksum that covers it becomes wrong. */
  get destinationAddress(): string {
    return this.addressText(this.destinationAt, this.size);
  }

  set destinationAddress(address: string | Uint8Array) {
    this.setAddress(this.destinationAt, this.size, address, 'destinationAddress');
  }

  /** Whether these bytes are the source address. */
  isFrom(address: Uint8Array): boolean {
    return this.isAddress(this.sourceAt, this.size, address);
  }

  /** Whether these bytes are the destination address. */
  isTo(address: Uint8Array): boolean {
    return this.isAddress(this.destinationAt, this.size, address);
  }

  /** Writes the bytes of the source address to `target[start ...]`. */
  copySourceTo(target: Uint8Array, start = 0): void {
    this.#copy(this.sourceAt, target, start, 'copySourceTo');
  }

  /** Writes the bytes of the destination address to `target[start ...]`. */
  copyDestinationTo(target: Uint8Array, start = 0): void {
    this.#copy(this.destinationAt, target, start, 'copyDestinationTo');
  }

  /** Sends it back, in place. The sum stays the same, so every checksum that was right stays so. */
  swapAddresses(): void {
    this.swap(this.sourceAt, this.destinationAt, this.size);
  }

  /** @internal The part that both addresses have in the sum of a pseudo-header (RFC 768, RFC 8200 section 8.1). */
  addressSum(): number {
    const { bytes, offset } = this;
    const source = wordSum(bytes, offset + this.sourceAt, offset + this.sourceAt + this.size);
    return wordSum(bytes, offset + this.destinationAt, offset + this.destinationAt + this.size, source);
  }

  #copy(at: number, target: Uint8Array, start: number, call: string): void {
    if (start >>> 0 !== start || start + this.size > target.length)
      throw nameCall(outOfRange('start', start, `${this.size} bytes from there must fit into ${target.length}`), call);
    for (let i = 0; i < this.size; i++) target[start + i] = this.u8(at + i);
  }
}
