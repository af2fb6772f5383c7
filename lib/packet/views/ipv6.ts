/** IPv6 headers (RFC 8200), and the extension headers behind them. */
import { AddressedView } from './addressed.js';
import { ETHER_TYPE, type EthernetView } from './ethernet.js';

const SIZE = 40;

/** Extension headers, in netinet/in.h: those that say how long they are, and go on. */
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const DESTINATION_OPTIONS = 60;
const MOBILITY = 135;

/** Nobody sends as many; who does means to keep a reader busy. */
const MOST_EXTENSIONS = 8;

/** Bytes of an extension header, of which `length` is the second byte; 0 for what is none. */
function extensionSize(type: number, length: number): number {
  switch (type) {
    case HOP_BY_HOP:
    case ROUTING:
    case DESTINATION_OPTIONS:
    case MOBILITY:
      return (length + 1) * 8;
    case FRAGMENT:
      return 8;
    case AUTHENTICATION:
      // RFC 4302: in words of 4 bytes, less 2.
      return (length + 2) * 4;
    default:
      return 0;
  }
}

/**
 * An IPv6 packet. `protocol` and the payload are what comes behind the extension headers, of which there may be 8;
 * where one of them is cut short, or there is one more, that is the payload. Of the payload, there may be less than
 * `payloadLength` says. Jumbograms (RFC 2675) are not understood: their payload is empty.
 *
 *     version, class, flow label 4 | payload length 2 | next header 1 | hop limit 1
 *     source 16 | destination 16 | extension headers | payload
 */
export class Ipv6View extends AddressedView {
  private upper = 0;
  private fragment = false;

  constructor() {
    super(8, 24, 16);
  }

  protected override measure(length: number): boolean {
    if (length < SIZE || this.u8(0) >> 4 !== 6) return false;
    const end = Math.min(length, SIZE + this.payloadLength);
    let at = SIZE;
    let protocol = this.nextHeader;
    let isFragment = false;
    for (let count = 0; count < MOST_EXTENSIONS && at + 8 <= end; count++) {
      const size = extensionSize(protocol, this.u8(at + 1));
      if (size === 0 || at + size > end) break;
      // Offset 0 and nothing to come: a fragment that is a whole packet (RFC 6946). What follows any but the first is
      // no header.
      const fragment = protocol === FRAGMENT ? this.u16(at + 2) & 0xfff9 : 0;
      isFragment ||= fragment !== 0;
      protocol = this.u8(at);
      at += size;
      if (fragment > 1) break;
    }
    this.upper = protocol;
    this.fragment = isFragment;
    return this.extent(at, end);
  }

  protected override leave(): false {
    this.upper = 0;
    this.fragment = false;
    return super.leave();
  }

  /** Aims at what a frame carries. False where that is no IPv6. */
  in(eth: EthernetView): boolean {
    return this.within(eth, eth.etherType === ETHER_TYPE.ipv6);
  }

  /** Bytes behind the fixed header: extension headers and payload. */
  get payloadLength(): number {
    return this.u16(4);
  }

  set payloadLength(payloadLength: number) {
    this.setU16(4, payloadLength);
    this.remeasure();
  }

  /** What comes behind the fixed header: an extension header, or the payload. */
  get nextHeader(): number {
    return this.u8(6);
  }

  set nextHeader(nextHeader: number) {
    this.setU8(6, nextHeader);
    this.remeasure();
  }

  /** What the payload is, by its number in /etc/protocols: 6 TCP, 17 UDP, 58 ICMPv6. */
  get protocol(): number {
    return this.upper;
  }

  /** Whether this is a part of a packet, which only all of them together give. */
  get isFragment(): boolean {
    return this.fragment;
  }

  get hopLimit(): number {
    return this.u8(7);
  }

  set hopLimit(hopLimit: number) {
    this.setU8(7, hopLimit);
  }
}
