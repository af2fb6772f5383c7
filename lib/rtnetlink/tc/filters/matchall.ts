/** matchall: every packet (TCA_MATCHALL_*, linux/pkt_cls.h; net/sched/cls_matchall.c). */
import { attributes, type Decoded } from '../../../netlink/attributes.js';
import { bytes, u32 } from '../../../netlink/codec.js';
import { fieldsOf } from '../../fields.js';
import type { Action, ActionTold } from '../action-kind.js';
import { actionList } from '../actions.js';
import { flat } from '../attributes.js';
import { defineFilter } from '../filter-kind.js';
import { classHandle, type Handle, handleText } from '../handle.js';

export const matchallAttributes = attributes(() => ({
  classId: [1, 'TCA_MATCHALL_CLASSID', u32],
  actions: [2, 'TCA_MATCHALL_ACT', actionList],
  flags: [3, 'TCA_MATCHALL_FLAGS', u32],
  counters: [4, 'TCA_MATCHALL_PCNT', bytes],
}));
type Data = Decoded<typeof matchallAttributes.entries>;

export interface MatchallOptions {
  /** The class that the packets go to. */
  readonly classId?: Handle | undefined;
  readonly actions?: readonly Action[] | undefined;
}

/** What the kernel tells of a matchall filter. */
export interface MatchallTold {
  readonly classId?: Handle;
  readonly actions?: readonly ActionTold[];
}

declare module '../filter-kind.js' {
  interface FilterKinds {
    matchall: { options: MatchallOptions; told: MatchallTold };
  }
}

export const matchall = defineFilter({
  kind: 'matchall',
  fields: fieldsOf<keyof MatchallOptions>({ classId: true, actions: true }),
  options: flat(matchallAttributes),
  toData: ({ classId, actions }): Data => ({
    ...(classId !== undefined && { classId: classHandle(classId, 'classId') }),
    actions: actions as readonly ActionTold[] | undefined,
  }),
  fromData: ({ classId, actions }: Data) => ({
    ...(classId !== undefined && { classId: handleText(classId) }),
    ...(actions !== undefined && { actions }),
  }),
});
