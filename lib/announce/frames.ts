/** The frames that tell neighbours where an address is: gratuitous ARP, unsolicited neighbour advertisement. Pure. */
import { ArpView } from '../packet/views/arp.js';
import { ETHER_TYPE, EthernetView } from '../packet/views/ethernet.js';
import { IcmpView } from '../packet/views/icmp.js';
import { Ipv6View } from '../packet/views/ipv6.js';

const ETHERNET_SIZE = 14;
const ARP_SIZE = 28;
const IPV6_SIZE = 40;
/** Type to flags 8, target 16, option 8. */
const ADVERTISEMENT_SIZE = 32;

const BROADCAST = 'ff:ff:ff:ff:ff:ff';
/** All nodes of the link (RFC 4291 2.7.1), and the MAC that stands for it (RFC 2464 7). */
const ALL_NODES = 'ff02::1';
const ALL_NODES_MAC = '33:33:00:00:00:01';

const REQUEST = 1;
const ICMPV6 = 58;
const NEIGHBOR_ADVERTISEMENT = 136;
/** Flags of a neighbour advertisement (RFC 4861 4.4). */
const ROUTER = 0x80;
const OVERRIDE = 0x20;
const TARGET_LINK_LAYER_ADDRESS = 2;

/**
 * An ARP announcement (RFC 5227 3) in the form of a request, as the kernel and `arping -U` send it: sender and target
 * are the address, the target's MAC is zero. Linux takes such a request for an entry that it has whatever its age.
 */
export function gratuitousArp(mac: Uint8Array, address: Uint8Array): Uint8Array {
  const frame = new Uint8Array(ETHERNET_SIZE + ARP_SIZE);
  const eth = ethernet(frame, BROADCAST, mac);
  const arp = new ArpView();
  arp.init(eth);
  arp.operation = REQUEST;
  arp.senderMac = mac;
  arp.senderAddress = address;
  arp.targetAddress = address;
  return frame;
}

/**
 * An unsolicited neighbour advertisement (RFC 4861 7.2.6), from the address itself to all nodes, that overrides what
 * they have. Whether it is from a router it has to say: who hears that his router is none gives up its routes.
 */
export function unsolicitedAdvertisement(mac: Uint8Array, address: Uint8Array, isRouter: boolean): Uint8Array {
  const frame = new Uint8Array(ETHERNET_SIZE + IPV6_SIZE + ADVERTISEMENT_SIZE);
  const eth = ethernet(frame, ALL_NODES_MAC, mac);
  eth.etherType = ETHER_TYPE.ipv6;
  frame[eth.payloadOffset] = 0x60;
  const ip = new Ipv6View();
  ip.in(eth);
  ip.payloadLength = ADVERTISEMENT_SIZE;
  ip.nextHeader = ICMPV6;
  // Others are not believed (RFC 4861 7.1.2): they may have come through a router.
  ip.hopLimit = 255;
  ip.sourceAddress = address;
  ip.destinationAddress = ALL_NODES;
  const icmp = new IcmpView();
  icmp.in(ip);
  icmp.type = NEIGHBOR_ADVERTISEMENT;
  frame[icmp.offset + 4] = OVERRIDE | (isRouter ? ROUTER : 0);
  frame.set(address, icmp.offset + 8);
  // The length is in units of 8 bytes.
  frame.set([TARGET_LINK_LAYER_ADDRESS, 1, ...mac], icmp.offset + 24);
  icmp.updateChecksum(ip);
  return frame;
}

function ethernet(frame: Uint8Array, destination: string, source: Uint8Array): EthernetView {
  const eth = new EthernetView();
  eth.at(frame);
  eth.destinationAddress = destination;
  eth.sourceAddress = source;
  return eth;
}
