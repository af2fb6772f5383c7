/** vlan: gives a packet a VLAN tag, changes it, or takes it off (TCA_VLAN_*, linux/tc_act/tc_vlan.h; net/sched/act_vlan.c). */
import { invalidValue, wrongType } from '../../../errors.js';
import { attributes, type Decoded } from '../../../netlink/attributes.js';
import { be16, bytes, named, s32, u8, u16, within } from '../../../netlink/codec.js';
import { struct } from '../../../netlink/struct.js';
import { fieldsOf } from '../../fields.js';
import { VLAN_PROTOCOLS } from '../../link/vlan-protocols.js';
import {
  CONTROLS,
  type Control,
  controlNumber,
  controlText,
  defineAction,
  generic,
  genericOf,
} from '../action-kind.js';
import { flat } from '../attributes.js';

/** TCA_VLAN_ACT_*. */
export const VLAN_ACTIONS = { pop: 1, push: 2, modify: 3 } as const;

/** struct tc_vlan; `v_action` in C. */
export const vlanParameters = struct(24, { ...generic, vAction: [20, s32] });

export const vlanActionAttributes = attributes(() => ({
  times: [1, 'TCA_VLAN_TM', bytes],
  parameters: [2, 'TCA_VLAN_PARMS', vlanParameters],
  // VLAN_VID_MASK itself is reserved.
  vlanId: [3, 'TCA_VLAN_PUSH_VLAN_ID', within(u16, 0, 4094)],
  protocol: [4, 'TCA_VLAN_PUSH_VLAN_PROTOCOL', named(be16, VLAN_PROTOCOLS)],
  vlanPriority: [6, 'TCA_VLAN_PUSH_VLAN_PRIORITY', within(u8, 0, 7)],
}));
type Data = Decoded<typeof vlanActionAttributes.entries>;

interface Tag {
  /** 0 to 4094. */
  readonly vlanId: number;
  /** 0 to 7; 0 of a new tag, and as it was of a changed one, if absent. */
  readonly vlanPriority?: number | undefined;
  /** `802.1q` if absent. */
  readonly protocol?: keyof typeof VLAN_PROTOCOLS | undefined;
}

/** `push` puts a tag in front of those that are there, `modify` changes the first one, `pop` takes it off. */
export type VlanActionOptions = (
  | ({ readonly action: 'push' | 'modify' } & Tag)
  | ({ readonly action: 'pop' } & { readonly [K in keyof Tag]?: undefined })
) & {
  /** What then; `pipe` if absent. */
  readonly control?: Control | undefined;
};

declare module '../action-kind.js' {
  interface ActionKinds {
    vlan: VlanActionOptions;
  }
}

export const vlan = defineAction({
  kind: 'vlan',
  fields: fieldsOf<keyof Tag | 'action' | 'control'>({
    action: true,
    vlanId: true,
    vlanPriority: true,
    protocol: true,
    control: true,
  }),
  options: flat(vlanActionAttributes),
  toData({ action, control, ...tag }): Data {
    if (typeof action !== 'string' || !Object.hasOwn(VLAN_ACTIONS, action))
      throw invalidValue('action', action, `is none of ${Object.keys(VLAN_ACTIONS).join(', ')}`);
    const [field] = Object.keys(tag);
    if (action === 'pop' && field !== undefined) throw invalidValue(field, tag[field], 'goes with push, modify only');
    if (action !== 'pop' && tag['vlanId'] === undefined) throw wrongType('vlanId', 'a number', undefined);
    const then = control === undefined ? CONTROLS.pipe : controlNumber(control, 'control');
    return {
      parameters: { ...genericOf(then), vAction: VLAN_ACTIONS[action as keyof typeof VLAN_ACTIONS] },
      ...(tag as Partial<Tag>),
    };
  },
  fromData({ parameters, vlanId, vlanPriority, protocol }: Data) {
    const { vAction, action: then = 0 } = parameters ?? {};
    const action = Object.entries(VLAN_ACTIONS).find(([, number]) => number === vAction)?.[0];
    const told = { action, vlanId, vlanPriority, protocol, control: controlText(then) };
    return Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined));
  },
});
