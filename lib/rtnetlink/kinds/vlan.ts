/** vlan: the frames of another link that carry one VLAN tag (IFLA_VLAN_*, linux/if_link.h; net/8021q). */
import { invalidValue } from '../../errors.js';
import { attributes } from '../../netlink/attributes.js';
import { be16, named, repeated, u16, u32, within } from '../../netlink/codec.js';
import { struct } from '../../netlink/struct.js';
import { booleansIn, maskedBits } from '../flags.js';
import { createOfKind, type SpecOf } from '../link/create.js';
import type { LinkRef } from '../link/find.js';
import { defineKind } from '../link/kind.js';
import { VLAN_PROTOCOLS } from '../link/vlan-protocols.js';

/** VLAN_FLAG_* (linux/if_vlan.h). */
const FLAGS = { reorderHeader: 0x1, gvrp: 0x2, looseBinding: 0x4, mvrp: 0x8, bridgeBinding: 0x10 } as const;

const mappings = [1, 'IFLA_VLAN_QOS_MAPPING', repeated(struct(8, { from: [0, u32], to: [4, u32] }))] as const;

const vlanAttributes = attributes(() => ({
  id: [1, 'IFLA_VLAN_ID', within(u16, 0, 4094)],
  flags: [2, 'IFLA_VLAN_FLAGS', struct(8, { flags: [0, u32], mask: [4, u32] })],
  egressQos: [3, 'IFLA_VLAN_EGRESS_QOS', attributes(() => ({ egressQos: mappings })).called('')],
  ingressQos: [4, 'IFLA_VLAN_INGRESS_QOS', attributes(() => ({ ingressQos: mappings })).called('')],
  protocol: [5, 'IFLA_VLAN_PROTOCOL', named(be16, VLAN_PROTOCOLS)],
}));

/** One line of a table between packet priorities and the tag's priority bits. */
export interface QosMapping {
  readonly from: number;
  readonly to: number;
}

export interface VlanOptions {
  /** The link whose tagged frames these are. */
  readonly parent: LinkRef;
  /** 0 to 4094. */
  readonly id: number;
  /** `802.1q` if absent. */
  readonly protocol?: keyof typeof VLAN_PROTOCOLS | undefined;
  readonly reorderHeader?: boolean | undefined;
  readonly gvrp?: boolean | undefined;
  readonly mvrp?: boolean | undefined;
  /** Keeps its own state when the parent goes down. */
  readonly looseBinding?: boolean | undefined;
  /** Follows the ports of its VLAN in the bridge that it stands on. */
  readonly bridgeBinding?: boolean | undefined;
  readonly egressQos?: readonly QosMapping[] | undefined;
  readonly ingressQos?: readonly QosMapping[] | undefined;
}

declare module '../link/kind.js' {
  interface LinkKinds {
    vlan: VlanOptions;
  }
}

export const vlan = defineKind({
  kind: 'vlan',
  module: '8021q',
  parent: 'required',
  // No limit of its own: the parent's counts.
  mtu: { least: 0, most: 65535 },
  data: vlanAttributes,
  words: Object.keys(FLAGS),
  check({ id }) {
    if (id === undefined) throw invalidValue('id', id, 'is no VLAN id (0 to 4094)');
  },
  toData({ egressQos, ingressQos, ...options }) {
    const { value, mask, others } = maskedBits(options, FLAGS);
    return {
      ...others,
      ...(mask !== 0 && { flags: { flags: value, mask } }),
      ...(egressQos !== undefined && { egressQos: { egressQos } }),
      ...(ingressQos !== undefined && { ingressQos: { ingressQos } }),
    };
  },
  fromData({ flags, egressQos, ingressQos, ...data }) {
    const bits = (flags as { flags: number } | undefined)?.flags ?? 0;
    return {
      ...data,
      ...booleansIn(bits, ~0, FLAGS),
      ...(egressQos !== undefined && { egressQos: [], ...egressQos }),
      ...(ingressQos !== undefined && { ingressQos: [], ...ingressQos }),
    };
  },
});

/** What `createVlan` takes. */
export type VlanSpec = SpecOf<'vlan'>;

/**
 * Makes a VLAN link on another one.
 *
 * `ip link add link PARENT name NAME type vlan id 100`
 *
 * @throws NetlinkError EEXIST if the parent has that VLAN already.
 */
export const createVlan = createOfKind('createVlan', 'vlan');
