import { expect, test } from 'vitest';
import { native } from '../../lib/native/load.js';
import { type BpfInstruction, bpfBytes, encodeProgram } from '../../lib/packet/bpf.js';

type Row = readonly [code: number, jt: number, jf: number, k: number];

const program = (...rows: Row[]): BpfInstruction[] => rows.map(([code, jt, jf, k]) => ({ code, jt, jf, k }));
const run = (rows: Row[], frame: Uint8Array): number => native.runBpf(bpfBytes(program(...rows)), frame);

const FRAME = Uint8Array.from({ length: 64 }, (_, i) => i + 0x80);
const RET_A: Row = [0x16, 0, 0, 0];
const RET_0: Row = [0x06, 0, 0, 0];
const PASS: Row = [0x06, 0, 0, 1];
const ldi = (k: number): Row => [0x00, 0, 0, k];
const ldxi = (k: number): Row => [0x01, 0, 0, k];

test.each<[string, Row[], number]>([
  ['a word, in network order', [[0x20, 0, 0, 1], RET_A], 0x81828384],
  ['half a word', [[0x28, 0, 0, 62], RET_A], 0xbebf],
  ['a byte', [[0x30, 0, 0, 63], RET_A], 0xbf],
  ['a byte behind X', [ldxi(10), [0x50, 0, 0, 4], RET_A], 0x8e],
  ['a byte before X', [ldxi(10), [0x50, 0, 0, 0xffffffff], RET_A], 0x89],
  ['the length of an IPv4 header', [[0xb1, 0, 0, 5], [0x87, 0, 0, 0], RET_A], 20],
  ['the length of the frame', [[0x80, 0, 0, 0], RET_A], 64],
  ['scratch memory', [ldi(7), [0x02, 0, 0, 15], ldi(9), [0x60, 0, 0, 15], RET_A], 7],
  ['scratch memory through X', [ldxi(7), [0x03, 0, 0, 0], [0x60, 0, 0, 0], RET_A], 7],
  ['add, which wraps', [ldi(0xffffffff), [0x04, 0, 0, 2], RET_A], 1],
  ['subtract, which wraps', [ldi(1), [0x14, 0, 0, 2], RET_A], 0xffffffff],
  ['multiply', [ldi(6), ldxi(7), [0x2c, 0, 0, 0], RET_A], 42],
  ['divide without a sign', [ldi(0xfffffffe), [0x34, 0, 0, 2], RET_A], 0x7fffffff],
  ['remainder', [ldi(17), ldxi(5), [0x9c, 0, 0, 0], RET_A], 2],
  ['or, and, xor', [ldi(0b1100), [0x44, 0, 0, 0b10], [0x54, 0, 0, 0b0110], [0xa4, 0, 0, 0b1], RET_A], 0b0111],
  ['shifts', [ldi(3), [0x64, 0, 0, 31], [0x74, 0, 0, 30], RET_A], 2],
  ['a shift by X takes its low five bits', [ldi(1), ldxi(33), [0x6c, 0, 0, 0], RET_A], 2],
  ['the negative', [ldi(1), [0x84, 0, 0, 0], RET_A], 0xffffffff],
  ['a jump over something', [[0x05, 0, 0, 1], RET_0, PASS], 1],
  ['a comparison without a sign', [ldi(0x80000000), [0x25, 0, 1, 1], PASS, RET_0], 1],
  ['a test of bits', [ldi(6), [0x45, 1, 0, 9], PASS, RET_0], 1],
])('%s', (_what, rows, expected) => {
  expect(run(rows, FRAME)).toBe(expected);
});

test.each<[string, Row[]]>([
  ['a byte beyond the end', [[0x30, 0, 0, 64], PASS]],
  ['a word that begins within and ends beyond', [[0x20, 0, 0, 61], PASS]],
  ['a load from beyond the end by X', [ldxi(64), [0x50, 0, 0, 0], PASS]],
  ['a load from before the beginning', [ldxi(1), [0x50, 0, 0, 0xfffffffe], PASS]],
  ['a division by X that is 0', [ldi(1), [0x3c, 0, 0, 0], PASS]],
  ['a remainder by X that is 0', [ldi(1), [0x9c, 0, 0, 0], PASS]],
])('%s drops the frame', (_what, rows) => {
  expect(run(rows, FRAME)).toBe(0);
});

test('scratch memory begins as zeros for each frame', () => {
  const rows: Row[] = [[0x60, 0, 0, 3], [0x02, 0, 0, 4], [0x04, 0, 0, 1], [0x02, 0, 0, 3], [0x60, 0, 0, 4], RET_A];
  expect([run(rows, FRAME), run(rows, FRAME)]).toEqual([0, 0]);
});

test('bytes that are no program neither crash nor run for ever', () => {
  let seed = 1;
  const random = (): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return seed >>> 8;
  };
  for (let i = 0; i < 20_000; i++) {
    const bytes = Uint8Array.from({ length: 8 * (random() % 12) }, () => random());
    expect(native.runBpf(bytes, FRAME.subarray(0, random() % 65))).toBeTypeOf('number');
  }
  expect(native.runBpf(new Uint8Array(), FRAME)).toBe(0);
});

test('the bytes are struct sock_filter after struct sock_filter', () => {
  const rows = program([0x28, 0, 0, 12], [0x15, 0, 1, 0x88850000], [0x06, 0, 0, 0xffffffff], RET_0);
  expect(Buffer.from(bpfBytes(rows)).toString('hex')).toBe(
    '280000000c000000' + '1500000100008588' + '06000000ffffffff' + '0600000000000000',
  );
  expect(bpfBytes(Array(4096).fill(rows[3])).length).toBe(32768);
});

test('a program for the kernel may use what only the kernel knows', () => {
  const rows = program([0x28, 0, 0, 0xfffff000], [0x15, 9, 9, 0]);
  expect(Buffer.from(encodeProgram(rows, 'instructions')).toString('hex')).toBe(
    '2800000000f0ffff' + '1500090900000000',
  );
});

test.each<[string, unknown, string]>([
  ['no list', 'arp', 'filter must be an array of { code, jt, jf, k }; received "arp"'],
  [
    'one that is too long',
    Array(4097).fill({ code: 6, jt: 0, jf: 0, k: 0 }),
    'filter.length 4097 is out of range (1 to 4096 instructions)',
  ],
  ['an empty one', [], 'filter.length 0 is out of range (1 to 4096 instructions)'],
  ['no instruction', [null], 'filter[0] must be an instruction { code, jt, jf, k }; received null'],
  ['a missing field', [{ code: 6, jt: 0, jf: 0 }], 'filter[0].k must be a number; received undefined'],
  ['a field that is too large', program([0x06, 256, 0, 0]), 'filter[0].jt 256 is out of range (an integer, 0 to 255)'],
  [
    'a code that is too large',
    program([65536, 0, 0, 0]),
    'filter[0].code 65536 is out of range (an integer, 0 to 65535)',
  ],
  [
    'a field that is none',
    [{ code: 6, jt: 0, jf: 0, k: 0, op: 1 }],
    'filter[0].op 1 is no part of an instruction (code, jt, jf, k are)',
  ],
  ['a negative field', program([0x06, 0, 0, -1]), 'filter[0].k -1 is out of range (an integer, 0 to 4294967295)'],
  ['an unknown code', program([0xff, 0, 0, 0], PASS), 'filter[0].code 255 is no instruction of classic BPF'],
  ['no return at the end', program(ldi(1)), 'filter[0].code 0 must be BPF_RET, since it is the last'],
  [
    'a jump beyond the end',
    program([0x05, 0, 0, 1], PASS),
    'filter[0].k 1 is out of range (0 to 0: the program ends there)',
  ],
  [
    'a condition that leads beyond',
    program([0x15, 0, 1, 0], PASS),
    'filter[0].jf 1 is out of range (0 to 0: the program ends there)',
  ],
  [
    'a condition at the end',
    program([0x15, 0, 0, 0]),
    'filter[0].jt 0 is out of range (there is no instruction behind it)',
  ],
  ['a division by zero', program([0x34, 0, 0, 0], PASS), 'filter[0].k 0 divides by zero'],
  ['a remainder by zero', program([0x94, 0, 0, 0], PASS), 'filter[0].k 0 divides by zero'],
  [
    'a shift out of the word',
    program([0x64, 0, 0, 32], PASS),
    'filter[0].k 32 is out of range (shifts by 0 to 31 bits)',
  ],
  [
    'a word beyond the memory',
    program([0x60, 0, 0, 16], PASS),
    'filter[0].k 16 is out of range (words 0 to 15 of the scratch memory)',
  ],
  [
    'what only the kernel knows',
    program([0x28, 0, 0, 0xfffff000], PASS),
    'filter[0].k 4294963200 is an offset of the kernel’s own (SKF_AD_OFF, ...): here are the bytes of the frame only',
  ],
])('%s is refused', (_what, filter, message) => {
  expect(() => bpfBytes(filter as BpfInstruction[])).toThrow(message);
});
