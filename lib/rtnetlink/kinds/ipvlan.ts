/**
 * ipvlan: a link with IP addresses of its own that shares its parent's MAC address (IFLA_IPVLAN_*,
 * linux/if_link.h; drivers/net/ipvlan).
 */
import { attributes } from '../../netlink/attributes.js';
import { named, u16 } from '../../netlink/codec.js';
import { createOfKind, type SpecOf } from '../link/create.js';
import type { LinkRef } from '../link/find.js';
import { defineKind } from '../link/kind.js';

/** Where packets between the parent and the links on it are told apart. */
const MODES = { l2: 0, l3: 1, l3s: 2 } as const;
/** IFLA_IPVLAN_FLAGS: who else of those on the same parent can be reached. */
const ISOLATION = { bridge: 0, private: 1, vepa: 2 } as const;

export type IpvlanMode = keyof typeof MODES;
export type IpvlanIsolation = keyof typeof ISOLATION;

export interface IpvlanOptions {
  /** The link that it stands on. All on one parent must have the same mode. */
  readonly parent: LinkRef;
  /** l3 if absent. */
  readonly mode?: IpvlanMode | undefined;
  /** `bridge` if absent: links on one parent reach each other. */
  readonly isolation?: IpvlanIsolation | undefined;
}

declare module '../link/kind.js' {
  interface LinkKinds {
    ipvlan: IpvlanOptions;
  }
}

export const ipvlan = defineKind({
  kind: 'ipvlan',
  parent: 'required',
  data: attributes(() => ({
    mode: [1, 'IFLA_IPVLAN_MODE', named(u16, MODES)],
    isolation: [2, 'IFLA_IPVLAN_FLAGS', named(u16, ISOLATION)],
  })),
});

/** What `createIpvlan` takes. */
export type IpvlanSpec = SpecOf<'ipvlan'>;

/**
 * Makes an ipvlan.
 *
 * `ip link add link PARENT name NAME type ipvlan mode l2 bridge`
 *
 * @throws NetlinkError EBUSY if the parent is taken (by a macvlan, a bridge ...).
 */
export const createIpvlan = createOfKind('createIpvlan', 'ipvlan');
