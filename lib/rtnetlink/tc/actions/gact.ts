/** gact: decides what becomes of a packet (TCA_GACT_*, linux/tc_act/tc_gact.h). */
import { attributes } from '../../../netlink/attributes.js';
import { bytes } from '../../../netlink/codec.js';
import { struct } from '../../../netlink/struct.js';
import { fieldsOf } from '../../fields.js';
import { type Control, controlNumber, controlText, defineAction, generic, genericOf } from '../action-kind.js';
import { flat } from '../attributes.js';

/** struct tc_gact. */
export const gactParameters = struct(20, generic);

export const gactAttributes = attributes(() => ({
  times: [1, 'TCA_GACT_TM', bytes],
  parameters: [2, 'TCA_GACT_PARMS', gactParameters],
  probability: [3, 'TCA_GACT_PROB', bytes],
}));
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
  toData: ({ control }): Data => ({ parameters: genericOf(controlNumber(control, 'control')) }),
  fromData({ parameters }: Data) {
    const then = controlText(parameters?.action ?? 0);
    return then === undefined ? {} : { control: then };
  },
});
