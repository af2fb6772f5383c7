/** UDP headers (RFC 768). */
import { internetChecksum } from './checksum.js';
import type { Ipv4View } from './ipv4.js';
import type { Ipv6View } from './ipv6.js';
import { View } from './view.js';

const SIZE = 8;
const UDP = 17;

/**
 * A UDP datagram.
 *
 *     source port 2 | destination port 2 | length 2 | checksum 2 | payload
 */
export class UdpView extends View {
  protected override measure(length: number): boolean {
    return length >= SIZE && this.extent(SIZE, Math.max(SIZE, Math.min(length, this.length)));
  }

  /** Aims at what a packet carries. False where that is no UDP, or a fragment, which has no whole datagram. */
  in(ip: Ipv4View | Ipv6View): boolean {
    return this.within(ip, ip.protocol === UDP && !ip.isFragment);
  }

  get sourcePort(): number {
    return this.u16(0);
  }

  set sourcePort(port: number) {
    this.setU16(0, port);
  }

  get destinationPort(): number {
    return this.u16(2);
  }

  set destinationPort(port: number) {
    this.setU16(2, port);
  }

  /** Sends it back, in place. The sum stays the same, so a checksum that was right stays so. */
  swapPorts(): void {
    const port = this.sourcePort;
    this.sourcePort = this.destinationPort;
    this.destinationPort = port;
  }

  /** Bytes of header and payload. */
  get length(): number {
    return this.u16(4);
  }

  set length(length: number) {
    this.setU16(4, length);
    this.remeasure();
  }

  /** 0: the sender has made none, which only IPv4 allows. */
  get checksum(): number {
    return this.u16(6);
  }

  /** Makes the checksum right, which covers header, payload, and the addresses of the packet around it. */
  updateChecksum(ip: Ipv4View | Ipv6View): void {
    this.setU16(6, 0);
    const sum = ip.addressSum() + UDP + this.payloadEnd - this.offset;
    // 0 would say that there is none; both are the same number in one's complement.
    this.setU16(6, internetChecksum(this.bytes, this.offset, this.payloadEnd, sum) || 0xffff);
  }
}
