/**
 * IFLA_AF_SPEC: what an address family keeps per link, one nest per family. In messages of AF_BRIDGE the same
 * attribute holds VLANs instead.
 */
import { AF_INET, AF_INET6 } from '../../addressing/ip.js';
import { attributes } from '../../netlink/attributes.js';
import { bytes, ipv6, named, packed, s32, u8, u32 } from '../../netlink/codec.js';
import { struct } from '../../netlink/struct.js';

/** How IPv6 link-local addresses come about: enum in6_addr_gen_mode (linux/if_link.h). */
export const ADDRESS_GENERATION_MODES = { eui64: 0, none: 1, 'stable-privacy': 2, random: 3 } as const;
export type AddrGenMode = keyof typeof ADDRESS_GENERATION_MODES;

// Times in milliseconds but `tstamp`, which is in hundredths of a second since boot.
const inet6CacheInfo = struct(16, {
  maxReassembly: [0, u32],
  tstamp: [4, u32],
  reachableTime: [8, u32],
  retransTime: [12, u32],
});

const inetAttributes = attributes(() => ({
  // One value per devconf entry, in the order of linux/ip.h (IPV4_DEVCONF_FORWARDING is the first).
  conf: [1, 'IFLA_INET_CONF', packed(s32)],
}));

const inet6Attributes = attributes(() => ({
  flags: [1, 'IFLA_INET6_FLAGS', u32],
  conf: [2, 'IFLA_INET6_CONF', packed(s32)],
  stats: [3, 'IFLA_INET6_STATS', bytes],
  multicast: [4, 'IFLA_INET6_MCAST', bytes],
  cacheInfo: [5, 'IFLA_INET6_CACHEINFO', inet6CacheInfo],
  icmp6Stats: [6, 'IFLA_INET6_ICMP6STATS', bytes],
  token: [7, 'IFLA_INET6_TOKEN', ipv6],
  addrGenMode: [8, 'IFLA_INET6_ADDR_GEN_MODE', named(u8, ADDRESS_GENERATION_MODES)],
  raMtu: [9, 'IFLA_INET6_RA_MTU', u32],
}));

export const addressFamilies = attributes(() => ({
  inet: [AF_INET, 'AF_INET', inetAttributes],
  inet6: [AF_INET6, 'AF_INET6', inet6Attributes.called('')],
}));

/** For readers of links: of all this, only how link-local addresses come about. */
export const linkAddressFamilies = addressFamilies.only({ inet6: inet6Attributes.only({ addrGenMode: true }) });
