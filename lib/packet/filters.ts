/** Programs that look at the frames of a TUN or TAP: which queue gets one, and whether the reader gets it at all. */
import { invalidValue, outOfRange, wrongType } from '../errors.js';
import type { TunCommand } from '../native/binding.js';
import { LITTLE_ENDIAN } from '../netlink/bytes.js';
import { checkInteger } from '../netlink/codec.js';
import { type CallOptions, call, type Operation } from '../operation.js';
import { applyFilter, checkDriver, checkTap, control, type DeviceControl } from './controls.js';
import { addHint } from './open.js';

/** One instruction of a classic BPF program (struct sock_filter, linux/filter.h), as `tcpdump -ddd` prints it. */
export interface BpfInstruction {
  readonly code: number;
  /** Instructions to skip where the comparison holds, and where it does not. */
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** BPF_MAXINSNS (linux/bpf_common.h). */
const MOST_INSTRUCTIONS = 4096;
const BYTES = 8;
/** Takes the program away. */
const NO_PROGRAM = -1;

export const setSteering = call(
  'setSteering',
  {},
  (device: DeviceControl, programFd: number | null, _options: CallOptions = {}): Operation<void> =>
    setProgram(device, 'TUNSETSTEERINGEBPF', programFd),
);

export const setFilter = call(
  'setFilter',
  {},
  (device: DeviceControl, programFd: number | null, _options: CallOptions = {}): Operation<void> =>
    setProgram(device, 'TUNSETFILTEREBPF', programFd),
);

function* setProgram(device: DeviceControl, command: TunCommand, programFd: number | null): Operation<void> {
  if (programFd !== null) checkInteger(programFd, 0, 0x7fffffff, 'programFd');
  checkDriver(device, 'programs', 'tun');
  try {
    yield* control(device, command, programFd ?? NO_PROGRAM);
  } catch (error) {
    if (error instanceof Error && 'syscall' in error && error.syscall === command)
      addHint(error, 'programFd must be a loaded eBPF program of type BPF_PROG_TYPE_SOCKET_FILTER');
    throw error;
  }
}

export const attachFilter = call(
  'attachFilter',
  {},
  function* (
    device: DeviceControl,
    instructions: readonly BpfInstruction[] | null,
    _options: CallOptions = {},
  ): Operation<void> {
    const program = instructions === null ? undefined : encodeProgram(instructions);
    checkDriver(device, 'filter', 'tun');
    checkTap(device, 'instructions', instructions);
    if (program === undefined) yield* control(device, 'TUNDETACHFILTER', 0);
    else yield* applyFilter(device, true, program);
  },
);

/** The program as the kernel takes it. What its instructions mean, the kernel checks. */
export function encodeProgram(instructions: readonly BpfInstruction[], field = 'instructions'): Uint8Array {
  if (!Array.isArray(instructions)) throw wrongType(field, 'an array or null', instructions);
  if (instructions.length < 1 || instructions.length > MOST_INSTRUCTIONS)
    throw outOfRange(`${field}.length`, instructions.length, `1 to ${MOST_INSTRUCTIONS}`);
  const view = new DataView(new ArrayBuffer(instructions.length * BYTES));
  instructions.forEach((instruction: unknown, i) => void encodeInstruction(view, i, instruction, field));
  return new Uint8Array(view.buffer);
}

function encodeInstruction(view: DataView, i: number, instruction: unknown, program: string): void {
  const field = `${program}[${i}]`;
  if (typeof instruction !== 'object' || instruction === null) throw wrongType(field, 'an object', instruction);
  for (const [name, value] of Object.entries(instruction))
    if (!['code', 'jt', 'jf', 'k'].includes(name))
      throw invalidValue(`${field}.${name}`, value, 'is no part of an instruction (code, jt, jf, k are)');
  const { code, jt, jf, k } = instruction as BpfInstruction;
  checkInteger(code, 0, 0xffff, `${field}.code`);
  checkInteger(jt, 0, 0xff, `${field}.jt`);
  checkInteger(jf, 0, 0xff, `${field}.jf`);
  checkInteger(k, 0, 0xffffffff, `${field}.k`);
  view.setUint16(i * BYTES, code, LITTLE_ENDIAN);
  view.setUint8(i * BYTES + 2, jt);
  view.setUint8(i * BYTES + 3, jf);
  view.setUint32(i * BYTES + 4, k, LITTLE_ENDIAN);
}
