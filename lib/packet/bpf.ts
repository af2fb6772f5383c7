/** Classic BPF programs (linux/filter.h), which decide about frames: their type, checks and bytes. Pure. */
import { invalidValue, outOfRange, wrongType } from '../errors.js';
import { LITTLE_ENDIAN } from '../netlink/bytes.js';
import { checkInteger } from '../netlink/codec.js';

/** One instruction of a classic BPF program (struct sock_filter, linux/filter.h), as `tcpdump -ddd` prints it. */
export interface BpfInstruction {
  readonly code: number;
  /** Instructions to skip where the comparison holds, and where it does not. */
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** Codes of linux/bpf_common.h and linux/filter.h. */
const LD = { W_ABS: 0x20, H_ABS: 0x28, B_ABS: 0x30, IMM: 0x00, MEM: 0x60 };
const [LDX_MEM, LDX_MSH, ST, STX, JA] = [0x61, 0xb1, 0x02, 0x03, 0x05];
const RET = [0x06, 0x16];
const DIVIDE_BY_K = [0x34, 0x94];
const SHIFT_BY_K = [0x64, 0x74];

/** All that the kernel knows (`chk_code_allowed` in net/core/filter.c). */
const CODES: ReadonlySet<number> = new Set([
  ...[LD.W_ABS, LD.H_ABS, LD.B_ABS, 0x40, 0x48, 0x50, 0x80, LD.IMM, LD.MEM],
  ...[0x81, LDX_MSH, 0x01, LDX_MEM, ST, STX],
  // Arithmetic, each with k and with X: + - * / | & << >> % ^, and the negative.
  ...[0x04, 0x0c, 0x14, 0x1c, 0x24, 0x2c, 0x34, 0x3c, 0x44, 0x4c, 0x54, 0x5c, 0x64, 0x6c, 0x74, 0x7c, 0x94, 0x9c],
  ...[0xa4, 0xac, 0x84],
  // Jumps: always, and where A == > >= & the operand.
  ...[JA, 0x15, 0x1d, 0x25, 0x2d, 0x35, 0x3d, 0x45, 0x4d],
  ...RET,
  ...[0x07, 0x87],
]);

/** BPF_MAXINSNS, BPF_MEMWORDS, and SKF_LL_OFF: where offsets begin that do not lead into the frame. */
const MOST_INSTRUCTIONS = 4096;
const MEMORY_WORDS = 16;
const SPECIAL_OFFSETS = 0xffe00000;

/** struct sock_filter. */
const SIZE = 8;

/** A program as the kernel's `struct sock_filter[]`. What its instructions mean is for the kernel to check. */
export function encodeProgram(program: readonly BpfInstruction[], field: string): Uint8Array {
  if (!Array.isArray(program)) throw wrongType(field, 'an array of { code, jt, jf, k }', program);
  const { length } = program;
  if (length < 1 || length > MOST_INSTRUCTIONS)
    throw outOfRange(`${field}.length`, length, `1 to ${MOST_INSTRUCTIONS} instructions`);
  const view = new DataView(new ArrayBuffer(length * SIZE));
  program.forEach((instruction: unknown, i) => void encodeInstruction(view, i * SIZE, instruction, `${field}[${i}]`));
  return new Uint8Array(view.buffer);
}

function encodeInstruction(view: DataView, at: number, instruction: unknown, field: string): void {
  if (typeof instruction !== 'object' || instruction === null)
    throw wrongType(field, 'an instruction { code, jt, jf, k }', instruction);
  for (const [name, value] of Object.entries(instruction))
    if (!['code', 'jt', 'jf', 'k'].includes(name))
      throw invalidValue(`${field}.${name}`, value, 'is no part of an instruction (code, jt, jf, k are)');
  const { code, jt, jf, k } = instruction as BpfInstruction;
  checkInteger(code, 0, 0xffff, `${field}.code`);
  checkInteger(jt, 0, 0xff, `${field}.jt`);
  checkInteger(jf, 0, 0xff, `${field}.jf`);
  checkInteger(k, 0, 0xffffffff, `${field}.k`);
  view.setUint16(at, code, LITTLE_ENDIAN);
  view.setUint8(at + 2, jt);
  view.setUint8(at + 3, jf);
  view.setUint32(at + 4, k, LITTLE_ENDIAN);
}

/**
 * The same for a program that runs here, not in the kernel: refuses what the kernel would (`bpf_check_classic` in
 * net/core/filter.c).
 */
export function bpfBytes(program: readonly BpfInstruction[], field = 'filter'): Uint8Array {
  const bytes = encodeProgram(program, field);
  const { length } = program;
  program.forEach((instruction, at) => void checkMeaning(instruction, length - at - 1, `${field}[${at}]`));
  const { code } = program[length - 1] as BpfInstruction;
  if (!RET.includes(code))
    throw invalidValue(`${field}[${length - 1}].code`, code, 'must be BPF_RET, since it is the last');
  return bytes;
}

/** `behind`: how many instructions follow. */
function checkMeaning({ code, jt, jf, k }: BpfInstruction, behind: number, field: string): void {
  if (!CODES.has(code)) throw invalidValue(`${field}.code`, code, 'is no instruction of classic BPF');
  if (code === JA && k >= behind) throw outOfRange(`${field}.k`, k, jumpsWithin(behind));
  if ((code & 0x07) === JA && code !== JA) {
    for (const [name, skipped] of [['jt', jt] as const, ['jf', jf] as const])
      if (skipped >= behind) throw outOfRange(`${field}.${name}`, skipped, jumpsWithin(behind));
  }
  if (DIVIDE_BY_K.includes(code) && k === 0) throw invalidValue(`${field}.k`, k, 'divides by zero');
  if (SHIFT_BY_K.includes(code) && k > 31) throw outOfRange(`${field}.k`, k, 'shifts by 0 to 31 bits');
  if ([LD.MEM, LDX_MEM, ST, STX].includes(code) && k >= MEMORY_WORDS)
    throw outOfRange(`${field}.k`, k, `words 0 to ${MEMORY_WORDS - 1} of the scratch memory`);
  if ([LD.W_ABS, LD.H_ABS, LD.B_ABS, LDX_MSH].includes(code) && k >= SPECIAL_OFFSETS)
    throw invalidValue(
      `${field}.k`,
      k,
      'is an offset of the kernel’s own (SKF_AD_OFF, ...): here are the bytes of the frame only',
    );
}

const jumpsWithin = (behind: number): string =>
  behind === 0 ? 'there is no instruction behind it' : `0 to ${behind - 1}: the program ends there`;
