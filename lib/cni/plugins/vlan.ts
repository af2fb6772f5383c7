/** vlan: a container's link has the frames of one VLAN of a link of the host. */
import { createVlan, isKind } from '../../sync.js';
import { allocateAddresses, requireIpam } from '../ipam/ipam.js';
import { CniError } from '../protocol/error.js';
import { onParent } from './on-parent/on-parent.js';
import { type ParentConfig, readParent } from './on-parent/parent.js';

const LAST_VLAN = 4094;

interface VlanConfig extends ParentConfig {
  readonly id: number;
}

export const vlan = onParent<VlanConfig>({
  kind: 'vlan',

  read({ config: { fields } }) {
    const parent = readParent(fields);
    if (parent.master === undefined) throw new CniError('config', 'master is missing: the link whose VLAN it is');
    const id = fields.integer('vlanId', 0, LAST_VLAN);
    if (id === undefined) throw new CniError('config', `vlanId is missing (0 to ${LAST_VLAN})`);
    return { ...parent, id };
  },

  addresses: (call, undo) => allocateAddresses(requireIpam(call), call, undo),

  create: (place, { id }) => createVlan({ ...place, id }),

  expect({ id, mtu }, link) {
    const found = isKind(link, 'vlan') ? link.data.id : undefined;
    if (found !== id) throw new CniError('changed', `interface ${link.name}: VLAN is ${found}, not ${id}`);
    if (mtu !== undefined && link.mtu !== mtu)
      throw new CniError('changed', `interface ${link.name}: MTU is ${link.mtu}, not ${mtu}`);
  },
});
