/** ICMP messages (RFC 792) and those of ICMPv6 (RFC 4443), with the fields of an echo. */
import { internetChecksum } from './checksum.js';
import type { Ipv4View } from './ipv4.js';
import { Ipv6View } from './ipv6.js';
import { View } from './view.js';

const SIZE = 8;
const ICMP = 1;
const ICMPV6 = 58;

/**
 * An ICMP or ICMPv6 message. `identifier` and `sequence` are those of an echo; other types have something else there.
 *
 *     type 1 | code 1 | checksum 2 | identifier 2 | sequence 2 | payload
 */
export class IcmpView extends View {
  protected override measure(length: number): boolean {
    return length >= SIZE && this.extent(SIZE, length);
  }

  /**
   * Aims at what a packet carries. False where that is not the ICMP of its version, or a fragment, which has no
   * whole message.
   */
  in(ip: Ipv4View | Ipv6View): boolean {
    return this.within(ip, ip.protocol === (ip instanceof Ipv6View ? ICMPV6 : ICMP) && !ip.isFragment);
  }

  /** An echo request is 8, its reply 0; in ICMPv6, 128 and 129. */
  get type(): number {
    return this.u8(0);
  }

  set type(type: number) {
    this.setU8(0, type);
  }

  get code(): number {
    return this.u8(1);
  }

  set code(code: number) {
    this.setU8(1, code);
  }

  get checksum(): number {
    return this.u16(2);
  }

  get identifier(): number {
    return this.u16(4);
  }

  set identifier(identifier: number) {
    this.setU16(4, identifier);
  }

  get sequence(): number {
    return this.u16(6);
  }

  set sequence(sequence: number) {
    this.setU16(6, sequence);
  }

  /** Makes the checksum right, which covers the message, and in ICMPv6 the addresses of the packet around it. */
  updateChecksum(ip: Ipv4View | Ipv6View): void {
    this.setU16(2, 0);
    const sum = ip instanceof Ipv6View ? ip.addressSum() + ICMPV6 + this.payloadEnd - this.offset : 0;
    this.setU16(2, internetChecksum(this.bytes, this.offset, this.payloadEnd, sum));
  }
}
