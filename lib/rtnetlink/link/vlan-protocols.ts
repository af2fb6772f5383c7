/** EtherTypes of the two kinds of VLAN tag (linux/if_ether.h). */
export const VLAN_PROTOCOLS = { '802.1q': 0x8100, '802.1ad': 0x88a8 } as const;
