/** gact: decides what becomes of a packet (TCA_GACT_*, linux/tc_act/tc_gact.h). */
import { attributes } from '../../../netlink/attributes.js';
import { bytes, s32, u32 } from '../../../netlink/codec.js';
import { struct } from '../../../netlink/struct.js';
import { fieldsOf } from '../../fields.js';
import { type Control, controlNumber, controlText, defineAction } from '../action-kind.js';
import { flat } from '../attributes.js';

/** struct tc_gact. */
export const gactParameters = struct(20, {
  index: [0, u32],
  capab: [4, u32],
  action: [8, s32],
  refcnt: [12, s32],
  bindcnt: [16, s32],
});

export const gactAttributes = attributes({
  times: [1, 'TCA_GACT_TM', bytes],
  parameters: [2, 'TCA_GACT_PARMS', gactParameters],
  probability: [3, 'TCA_GACT_PROB', bytes],
});
type Data = ReturnType<typeof gactAttributes.decode>;

export interface GactOptions {
  /** What becomes of the packet. */
  readonly control: Control;
}

declare module '../action-kind.js' {
  interface ActionKinds {
    gact: GactOptions;
  }
}

export const gact = defineAction({
  kind: 'gact',
  fields: fieldsOf<keyof GactOptions>({ control: true }),
  options: flat(gactAttributes),
  toData: ({ control }): Data => ({
    parameters: { index: 0, capab: 0, action: controlNumber(control, 'control'), refcnt: 0, bindcnt: 0 },
  }),
  fromData({ parameters }: Data) {
    const then = controlText(parameters?.action ?? 0);
    return then === undefined ? {} : { control: then };
  },
});
