/** macvtap: a macvlan whose frames a program reads and writes through a device (drivers/net/macvtap.c). */
import { createOfKind, type SpecOf } from '../link/create.js';
import { defineKind } from '../link/kind.js';
import { type MacvlanOptions, macvlanLike } from './macvlan.js';

/** Options of a macvtap: those of a macvlan. */
export type MacvtapOptions = MacvlanOptions;

declare module '../link/kind.js' {
  interface LinkKinds {
    macvtap: MacvtapOptions;
  }
}

export const macvtap = defineKind({ kind: 'macvtap', ...macvlanLike });

/** What `createMacvtap` takes. */
export type MacvtapSpec = SpecOf<'macvtap'>;

/**
 * Makes a macvtap. `openMacvtap` opens its packet device.
 *
 * `ip link add link PARENT name NAME type macvtap mode bridge`
 */
export const createMacvtap = createOfKind('createMacvtap', 'macvtap');
