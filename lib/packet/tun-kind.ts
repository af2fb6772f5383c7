/**
 * tun: what the kernel tells of TUN and TAP devices (IFLA_TUN_*, linux/if_link.h; tun_fill_info() in
 * drivers/net/tun.c, since Linux 4.19). Such links are made by /dev/net/tun, and refused by RTM_NEWLINK, so this
 * kind is not among those of createLink.
 */
import { attributes } from '../netlink/attributes.js';
import { bool8, named, u8, u32 } from '../netlink/codec.js';
import { defineKind } from '../rtnetlink/link/kind.js';

export const tun = defineKind({
  kind: 'tun',
  madeBy: 'createTun and createTap',
  parent: 'none',
  data: attributes(() => ({
    owner: [1, 'IFLA_TUN_OWNER', u32],
    ownerGroup: [2, 'IFLA_TUN_GROUP', u32],
    mode: [3, 'IFLA_TUN_TYPE', named(u8, { tun: 1, tap: 2 })],
    packetInformation: [4, 'IFLA_TUN_PI', bool8],
    vnetHeader: [5, 'IFLA_TUN_VNET_HDR', bool8],
    persist: [6, 'IFLA_TUN_PERSIST', bool8],
    multiQueue: [7, 'IFLA_TUN_MULTI_QUEUE', bool8],
    queues: [8, 'IFLA_TUN_NUM_QUEUES', u32],
    disabledQueues: [9, 'IFLA_TUN_NUM_DISABLED_QUEUES', u32],
  })),
});
