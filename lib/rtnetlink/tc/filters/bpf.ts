/** bpf: a program of the kernel's that the caller has loaded (TCA_BPF_*, linux/pkt_cls.h; net/sched/cls_bpf.c). */

import { wrongType } from '../../../errors.js';
import { attributes, type Decoded } from '../../../netlink/attributes.js';
import { bytes, checkInteger, text, u16, u32 } from '../../../netlink/codec.js';
import { fieldsOf } from '../../fields.js';
import type { Action, ActionTold } from '../action-kind.js';
import { actionList } from '../actions.js';
import { flat } from '../attributes.js';
import { defineFilter } from '../filter-kind.js';
import { classHandle, type Handle, handleText } from '../handle.js';

/** TCA_BPF_FLAG_ACT_DIRECT. */
const DIRECT = 1;

export const bpfAttributes = attributes(() => ({
  actions: [1, 'TCA_BPF_ACT', actionList],
  police: [2, 'TCA_BPF_POLICE', bytes],
  classId: [3, 'TCA_BPF_CLASSID', u32],
  operationCount: [4, 'TCA_BPF_OPS_LEN', u16],
  operations: [5, 'TCA_BPF_OPS', bytes],
  fd: [6, 'TCA_BPF_FD', u32],
  name: [7, 'TCA_BPF_NAME', text(256, 'CLS_BPF_NAME_LEN')],
  flags: [8, 'TCA_BPF_FLAGS', u32],
  generalFlags: [9, 'TCA_BPF_FLAGS_GEN', u32],
  tag: [10, 'TCA_BPF_TAG', bytes],
  programId: [11, 'TCA_BPF_ID', u32],
}));
type Data = Decoded<typeof bpfAttributes.entries>;

export interface BpfOptions {
  /** Descriptor of a loaded program of type BPF_PROG_TYPE_SCHED_CLS or _SCHED_ACT. */
  readonly fd: number;
  /** What listings call it. */
  readonly name?: string | undefined;
  /** What the program returns is what becomes of the packet (`tc` says direct-action). */
  readonly directAction?: boolean | undefined;
  readonly classId?: Handle | undefined;
  readonly actions?: readonly Action[] | undefined;
}

/** What the kernel tells of a bpf filter. */
export interface BpfTold {
  /** Id of the program, as `bpftool prog` shows it. */
  readonly programId?: number;
  readonly name?: string;
  readonly directAction: boolean;
  readonly classId?: Handle;
  readonly actions?: readonly ActionTold[];
}

declare module '../filter-kind.js' {
  interface FilterKinds {
    bpf: { options: BpfOptions; told: BpfTold };
  }
}

export const bpf = defineFilter({
  kind: 'bpf',
  fields: fieldsOf<keyof BpfOptions>({ fd: true, name: true, directAction: true, classId: true, actions: true }),
  options: flat(bpfAttributes),
  toData({ fd, name, directAction, classId, actions }): Data {
    checkInteger(fd, 0, 0x7fffffff, 'fd');
    if (directAction !== undefined && typeof directAction !== 'boolean')
      throw wrongType('directAction', 'true or false', directAction);
    return {
      fd,
      name: (name ?? 'netloom') as string,
      ...(directAction === true && { flags: DIRECT }),
      ...(classId !== undefined && { classId: classHandle(classId, 'classId') }),
      actions: actions as readonly ActionTold[] | undefined,
    };
  },
  fromData: ({ programId, name, flags = 0, classId, actions }: Data) => ({
    ...(programId !== undefined && { programId }),
    ...(name !== undefined && { name }),
    directAction: (flags & DIRECT) !== 0,
    ...(classId !== undefined && { classId: handleText(classId) }),
    ...(actions !== undefined && { actions }),
  }),
});
