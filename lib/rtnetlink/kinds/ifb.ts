/**
 * ifb: an intermediate functional block, where the traffic that other links receive can be queued and shaped
 * (drivers/net/ifb.c).
 */
import { attributes } from '../../netlink/attributes.js';
import { createOfKind, type SpecOf } from '../link/create.js';
import { defineKind } from '../link/kind.js';

/** An ifb has no options of its own. */
export type IfbOptions = Readonly<Record<never, never>>;

declare module '../link/kind.js' {
  interface LinkKinds {
    ifb: IfbOptions;
  }
}

export const ifb = defineKind({
  kind: 'ifb',
  parent: 'none',
  data: attributes(() => ({})),
  // The driver lifts Ethernet's limits.
  mtu: { least: 0, most: 0x7fffffff },
});

/** What `createIfb` takes. */
export type IfbSpec = SpecOf<'ifb'>;

/**
 * Makes an ifb.
 *
 * `ip link add NAME type ifb`
 */
export const createIfb = createOfKind('createIfb', 'ifb');
