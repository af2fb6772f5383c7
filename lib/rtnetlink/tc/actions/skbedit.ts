/**
 * skbedit: changes what the kernel notes of a packet beside its bytes (TCA_SKBEDIT_*, linux/tc_act/tc_skbedit.h;
 * net/sched/act_skbedit.c).
 */
import { invalidValue, wrongType } from '../../../errors.js';
import { attributes, type Decoded } from '../../../netlink/attributes.js';
import { bytes, named, u16, u32 } from '../../../netlink/codec.js';
import { struct } from '../../../netlink/struct.js';
import { fieldsOf } from '../../fields.js';
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

/** PACKET_* (linux/if_packet.h): whom the kernel takes a packet to be for. */
export const PACKET_TYPES = { host: 0, broadcast: 1, multicast: 2, otherhost: 3 } as const;

/** struct tc_skbedit. */
export const skbeditParameters = struct(20, generic);

export const skbeditAttributes = attributes(() => ({
  times: [1, 'TCA_SKBEDIT_TM', bytes],
  parameters: [2, 'TCA_SKBEDIT_PARMS', skbeditParameters],
  priority: [3, 'TCA_SKBEDIT_PRIORITY', u32],
  queueMapping: [4, 'TCA_SKBEDIT_QUEUE_MAPPING', u16],
  mark: [5, 'TCA_SKBEDIT_MARK', u32],
  packetType: [7, 'TCA_SKBEDIT_PTYPE', named(u16, PACKET_TYPES)],
  markMask: [8, 'TCA_SKBEDIT_MASK', u32],
  flags: [9, 'TCA_SKBEDIT_FLAGS', bytes],
  queueMappingMax: [10, 'TCA_SKBEDIT_QUEUE_MAPPING_MAX', u16],
}));
type Data = Decoded<typeof skbeditAttributes.entries>;

/** One of these at least, besides `control`. */
export interface SkbeditOptions {
  /** The mark, which rules (`fwmark`) and netfilter look at. */
  readonly mark?: number | undefined;
  /** The bits of the mark that are changed; all if absent. */
  readonly markMask?: number | undefined;
  /** Queue of the link that sends it. */
  readonly queueMapping?: number | undefined;
  /** By which qdiscs choose a class: 0x10020 is class `1:20`. */
  readonly priority?: number | undefined;
  readonly packetType?: keyof typeof PACKET_TYPES | undefined;
  /** What then; `pipe` if absent. */
  readonly control?: Control | undefined;
}

declare module '../action-kind.js' {
  interface ActionKinds {
    skbedit: SkbeditOptions;
  }
}

export const skbedit = defineAction({
  kind: 'skbedit',
  fields: fieldsOf<keyof SkbeditOptions>({
    mark: true,
    markMask: true,
    queueMapping: true,
    priority: true,
    packetType: true,
    control: true,
  }),
  options: flat(skbeditAttributes),
  toData({ control, ...edits }): Data {
    if (edits['markMask'] !== undefined && edits['mark'] === undefined)
      throw invalidValue('markMask', edits['markMask'], 'goes with `mark` only');
    if (Object.keys(edits).length === 0)
      throw wrongType('mark', 'a number, where no queueMapping, priority or packetType is changed', undefined);
    const then = control === undefined ? CONTROLS.pipe : controlNumber(control, 'control');
    return { parameters: genericOf(then), ...(edits as Omit<SkbeditOptions, 'control'>) };
  },
  fromData({ parameters, mark, markMask, queueMapping, priority, packetType }: Data) {
    const control = controlText(parameters?.action ?? 0);
    const told = { mark, markMask, queueMapping, priority, packetType, control };
    return Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined));
  },
});
