/** Ethernet II frames, with an IEEE 802.1Q tag or without. */
import { AddressedView } from './addressed.js';

/** ETH_P_* in linux/if_ether.h. */
export const ETHER_TYPE = { ipv4: 0x0800, arp: 0x0806, vlan: 0x8100, ipv6: 0x86dd } as const;

/**
 * An Ethernet frame, from its destination on, as a TAP or MACVTAP gives it. What fills up short frames belongs to
 * the payload: only the payload itself knows better.
 *
 *     destination 6 | source 6 | [0x8100 2 | priority and VLAN 2] | type 2 | payload
 */
export class EthernetView extends AddressedView {
  constructor() {
    super(6, 0, 6);
  }

  protected override measure(length: number): boolean {
    if (length < 14) return false;
    const header = this.u16(12) === ETHER_TYPE.vlan ? 18 : 14;
    return length >= header && this.extent(header, length);
  }

  /** What the payload is: 0x0800 IPv4, 0x0806 ARP, 0x86dd IPv6. In a tagged frame, what follows the tag. */
  get etherType(): number {
    return this.u16(this.payloadOffset - this.offset - 2);
  }

  set etherType(etherType: number) {
    this.setU16(this.payloadOffset - this.offset - 2, etherType);
  }

  /** The VLAN of an 802.1Q tag, 0 in one that gives a priority alone; undefined in a frame without a tag. */
  get vlanId(): number | undefined {
    return this.payloadOffset - this.offset === 18 ? this.u16(14) & 0xfff : undefined;
  }
}
