/**
 * veth: a cable. What goes in at one end comes out at the other, whichever namespaces they are in
 * (linux/veth.h, drivers/net/veth.c).
 */

import type { Decoded } from '../../netlink/attributes.js';
import { attributes } from '../../netlink/attributes.js';
import { align4 } from '../../netlink/bytes.js';
import type { Codec } from '../../netlink/codec.js';
import { type CallOptions, call, type Operation } from '../../operation.js';
import { ifinfomsg, linkAttributes } from '../link/attributes.js';
import { makeLink, type NewLinkOptions, type SpecOf } from '../link/create.js';
import { defineKind } from '../link/kind.js';
import type { LinkOf } from '../link/link.js';

export interface VethOptions {
  /** The other end. In the same namespace as the first if it names none. */
  readonly peer: NewLinkOptions;
}

declare module '../link/kind.js' {
  interface LinkKinds {
    veth: VethOptions;
  }
}

interface Peer {
  readonly header: Partial<ReturnType<typeof ifinfomsg.decode>>;
  readonly attributes: Decoded<typeof linkAttributes.entries>;
}

// VETH_INFO_PEER is a link message of its own: ifinfomsg, then attributes.
const peer: Codec<Peer> = {
  minimum: ifinfomsg.size,
  nested: true,
  encode(out, { header, attributes }, field) {
    ifinfomsg.encode(out, header, field);
    linkAttributes.encode(out, attributes, field);
  },
  decode: (input, start, end) => ({
    header: ifinfomsg.decode(input, start, end),
    attributes: linkAttributes.decode(input, start + align4(ifinfomsg.size), end),
  }),
  path: (input, start, end, target) => linkAttributes.path(input, start + align4(ifinfomsg.size), end, target),
};

export const veth = defineKind({
  kind: 'veth',
  parent: 'none',
  peer: true,
  data: attributes(() => ({ peer: [1, 'VETH_INFO_PEER', peer] })),
});

/** What `createVeth` takes: one end, and the other as its `peer`. */
export type VethSpec = SpecOf<'veth'>;

/**
 * Makes a pair of links that are each other's cable, each end straight in its namespace, in one request.
 *
 * `ip link add NAME netns NS type veth peer name PEER netns NS2`
 *
 * @returns both ends, the first one first.
 * @throws NetlinkError EEXIST if either name is taken in its namespace.
 */
export const createVeth = call('createVeth', {}, function* (spec: VethSpec, _options: CallOptions = {}): Operation<
  [LinkOf<'veth'>, LinkOf<'veth'>]
> {
  return (yield* makeLink('veth', spec)) as [LinkOf<'veth'>, LinkOf<'veth'>];
});
