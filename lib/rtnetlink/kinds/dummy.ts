/** dummy: a link that drops what is sent, for addresses that must be somewhere (drivers/net/dummy.c). */
import { attributes } from '../../netlink/attributes.js';
import { createOfKind, type SpecOf } from '../link/create.js';
import { defineKind } from '../link/kind.js';

/** A dummy has no options of its own. */
export type DummyOptions = Readonly<Record<never, never>>;

declare module '../link/kind.js' {
  interface LinkKinds {
    dummy: DummyOptions;
  }
}

export const dummy = defineKind({
  kind: 'dummy',
  parent: 'none',
  data: attributes(() => ({})),
  // The driver lifts Ethernet's limits.
  mtu: { least: 0, most: 0x7fffffff },
});

/** What `createDummy` takes. */
export type DummySpec = SpecOf<'dummy'>;

/**
 * Makes a dummy link.
 *
 * `ip link add NAME type dummy`
 */
export const createDummy = createOfKind('createDummy', 'dummy');
