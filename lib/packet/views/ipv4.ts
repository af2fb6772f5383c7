/** IPv4 headers (RFC 791). */
import { AddressedView } from './addressed.js';
import { internetChecksum } from './checksum.js';
import { ETHER_TYPE, type EthernetView } from './ethernet.js';

const MORE_FRAGMENTS = 0x2000;
const FRAGMENT_OFFSET = 0x1fff;

/**
 * An IPv4 packet. Its header must be there with all its options; of the payload, there may be less than
 * `totalLength` says, as in a packet that an ICMP error quotes.
 *
 *     version, IHL 1 | TOS 1 | total length 2 | identification 2 | flags, fragment offset 2
 *     TTL 1 | protocol 1 | checksum 2 | source 4 | destination 4 | options | payload
 */
export class Ipv4View extends AddressedView {
  constructor() {
    super(12, 16, 4);
  }

  protected override measure(length: number): boolean {
    if (length < 20) return false;
    const first = this.u8(0);
    const header = (first & 15) * 4;
    if (first >> 4 !== 4 || header < 20 || header > length) return false;
    return this.extent(header, Math.max(header, Math.min(length, this.totalLength)));
  }

  /** Aims at what a frame carries. False where that is no IPv4. */
  in(eth: EthernetView): boolean {
    return this.within(eth, eth.etherType === ETHER_TYPE.ipv4);
  }

  /** Bytes of the header, its options included: 20 to 60. */
  get headerLength(): number {
    return this.payloadOffset - this.offset;
  }

  /** Bytes of header and payload. */
  get totalLength(): number {
    return this.u16(2);
  }

  set totalLength(totalLength: number) {
    this.setU16(2, totalLength);
    this.remeasure();
  }

  /** Whether this is a part of a packet, which only all of them together give. */
  get isFragment(): boolean {
    return (this.u16(6) & (MORE_FRAGMENTS | FRAGMENT_OFFSET)) !== 0;
  }

  /** Where in the whole payload this one belongs, in bytes. */
  get fragmentOffset(): number {
    return (this.u16(6) & FRAGMENT_OFFSET) * 8;
  }

  get moreFragments(): boolean {
    return (this.u16(6) & MORE_FRAGMENTS) !== 0;
  }

  get ttl(): number {
    return this.u8(8);
  }

  set ttl(ttl: number) {
    this.setU8(8, ttl);
  }

  /** What the payload is, by its number in /etc/protocols: 1 ICMP, 6 TCP, 17 UDP. */
  get protocol(): number {
    return this.u8(9);
  }

  set protocol(protocol: number) {
    this.setU8(9, protocol);
  }

  get checksum(): number {
    return this.u16(10);
  }

  /** Makes the checksum right, which covers the header. */
  updateChecksum(): void {
    this.setU16(10, 0);
    this.setU16(10, internetChecksum(this.bytes, this.offset, this.payloadOffset));
  }
}
