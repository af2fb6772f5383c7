/** mirred: passes a packet, or a copy of it, to another link (TCA_MIRRED_*, linux/tc_act/tc_mirred.h). */
import { invalidValue } from '../../../errors.js';
import { attributes } from '../../../netlink/attributes.js';
import { bytes, s32, u32 } from '../../../netlink/codec.js';
import { struct } from '../../../netlink/struct.js';
import { fieldsOf } from '../../fields.js';
import type { LinkRef } from '../../link/find.js';
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

/** struct tc_mirred. */
export const mirredParameters = struct(28, {
  ...generic,
  eaction: [20, s32],
  ifindex: [24, u32],
});

export const mirredAttributes = attributes(() => ({
  times: [1, 'TCA_MIRRED_TM', bytes],
  parameters: [2, 'TCA_MIRRED_PARMS', mirredParameters],
}));
type Data = ReturnType<typeof mirredAttributes.decode>;

/** TCA_EGRESS_REDIR ...: where to, and whether the packet itself or a copy. */
export const MIRRED_ACTIONS = {
  egress: { redirect: 1, mirror: 2 },
  ingress: { redirect: 3, mirror: 4 },
} as const;

export interface MirredOptions {
  /** The packet itself, or a copy of it. */
  readonly action: 'redirect' | 'mirror';
  /** The link that it goes to, in the same namespace. */
  readonly to: LinkRef;
  /** As if that link were to send it (`egress`, if absent), or had received it. */
  readonly direction?: 'egress' | 'ingress' | undefined;
  /** What then; `stolen` after a redirect, `pipe` after a copy, if absent. */
  readonly control?: Control | undefined;
}

declare module '../action-kind.js' {
  interface ActionKinds {
    mirred: MirredOptions;
  }
}

export const mirred = defineAction({
  kind: 'mirred',
  fields: fieldsOf<keyof MirredOptions>({ action: true, to: true, direction: true, control: true }),
  options: flat(mirredAttributes),
  link: 'to',
  toData({ action, to, direction = 'egress', control }): Data {
    if (direction !== 'egress' && direction !== 'ingress')
      throw invalidValue('direction', direction, 'is none of egress, ingress');
    if (action !== 'redirect' && action !== 'mirror')
      throw invalidValue('action', action, 'is none of redirect, mirror');
    const then = action === 'redirect' ? CONTROLS.stolen : CONTROLS.pipe;
    return {
      parameters: {
        ...genericOf(control === undefined ? then : controlNumber(control, 'control')),
        eaction: MIRRED_ACTIONS[direction][action],
        ifindex: to as number,
      },
    };
  },
  fromData({ parameters }: Data) {
    const { eaction = 0, ifindex = 0, action = 0 } = parameters ?? {};
    const direction = eaction >= MIRRED_ACTIONS.ingress.redirect ? 'ingress' : 'egress';
    const told = { action: eaction % 2 === 1 ? 'redirect' : 'mirror', to: ifindex, direction };
    const then = controlText(action);
    return then === undefined ? told : { ...told, control: then };
  },
});
