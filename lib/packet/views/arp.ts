/** ARP (RFC 826) between Ethernet and IPv4 addresses. */
import { ETHER_TYPE, type EthernetView } from './ethernet.js';
import { View } from './view.js';

const SIZE = 28;
const ETHERNET = 1;

/**
 * An ARP message. Of other hardware than Ethernet, and other protocols than IPv4, there is none in sight.
 *
 *     hardware 2 | protocol 2 | sizes 1 1 | operation 2 | sender MAC 6 | IP 4 | target MAC 6 | IP 4
 */
export class ArpView extends View {
  protected override measure(length: number): boolean {
    if (length < SIZE || this.u16(0) !== ETHERNET || this.u16(2) !== ETHER_TYPE.ipv4) return false;
    return this.u8(4) === 6 && this.u8(5) === 4 && this.extent(SIZE, length);
  }

  /** Aims at what a frame carries. False where that is no ARP. */
  in(eth: EthernetView): boolean {
    return this.within(eth, eth.etherType === ETHER_TYPE.arp);
  }

  /**
   * Begins a message in a frame: sets its type, and what is the same in all of them. False where the frame has no
   * room for one.
   */
  init(eth: EthernetView): boolean {
    if (eth.payloadEnd - eth.payloadOffset < SIZE) return this.leave();
    eth.etherType = ETHER_TYPE.arp;
    const { bytes, payloadOffset: start } = eth;
    bytes.fill(0, start, start + SIZE);
    bytes[start + 1] = ETHERNET;
    bytes[start + 2] = ETHER_TYPE.ipv4 >> 8;
    bytes[start + 4] = 6;
    bytes[start + 5] = 4;
    return this.in(eth);
  }

  /** 1: a request. 2: a reply. */
  get operation(): number {
    return this.u16(6);
  }

  set operation(operation: number) {
    this.setU16(6, operation);
  }

  /** As text. May be set to text or bytes. */
  get senderMac(): string {
    return this.addressText(8, 6);
  }

  set senderMac(mac: string | Uint8Array) {
    this.setAddress(8, 6, mac, 'senderMac');
  }

  /** As text. May be set to text or bytes. */
  get senderAddress(): string {
    return this.addressText(14, 4);
  }

  set senderAddress(address: string | Uint8Array) {
    this.setAddress(14, 4, address, 'senderAddress');
  }

  /** As text; in a request it means nothing. May be set to text or bytes. */
  get targetMac(): string {
    return this.addressText(18, 6);
  }

  set targetMac(mac: string | Uint8Array) {
    this.setAddress(18, 6, mac, 'targetMac');
  }

  /** As text: in a request, the address that is asked for. May be set to text or bytes. */
  get targetAddress(): string {
    return this.addressText(24, 4);
  }

  set targetAddress(address: string | Uint8Array) {
    this.setAddress(24, 4, address, 'targetAddress');
  }

  /** Whether these bytes are the target address: `targetAddress` without making text. */
  isFor(address: Uint8Array): boolean {
    return this.isAddress(24, 4, address);
  }

  /** Makes a request its own reply, in place: the address that was asked for is at `mac`, and who asked is told. */
  toReply(mac: string | Uint8Array): void {
    // What a request has there means nothing.
    this.setAddress(18, 6, mac, 'mac');
    this.swap(8, 18, 10);
    this.operation = 2;
  }
}
