/** The kernel's own BPF as the witness of ours: programs of all sorts on frames of all sizes. */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { native } from '../../lib/native/load.js';
import { type BpfInstruction, bpfBytes } from '../../lib/packet/bpf.js';
import { describeKernel } from './privilege.ts';

/**
 * Reads lines "PROGRAM FRAME" (hexadecimal) and says for each how many bytes of the frame a socket filter lets
 * through: -1 for none, "refused" where the kernel does not take the program.
 */
const WITNESS = `import ctypes, socket, struct, sys
SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27
for line in sys.stdin:
    program, frame = (bytes.fromhex(word) for word in line.split(','))
    code = ctypes.create_string_buffer(program)
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM); b.setblocking(False)
    try:
        b.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack('HL', len(program) // 8, ctypes.addressof(code)))
    except OSError: print('refused'); continue
    try: a.send(frame)
    except OSError: pass
    try: print(len(b.recv(2000)))
    except BlockingIOError: print(-1)
    a.close(); b.close()`;

const CODES = [
  ...[0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x80, 0x00, 0x60, 0x81, 0xb1, 0x01, 0x61, 0x02, 0x03, 0x04, 0x0c, 0x14, 0x1c],
  ...[0x24, 0x2c, 0x34, 0x3c, 0x44, 0x4c, 0x54, 0x5c, 0x64, 0x6c, 0x74, 0x7c, 0x94, 0x9c, 0xa4, 0xac, 0x84, 0x07, 0x87],
  ...[0x05, 0x15, 0x1d, 0x25, 0x2d, 0x35, 0x3d, 0x45, 0x4d],
];

/** Numbers that are the same in each run. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function randomProgram(random: (below: number) => number): BpfInstruction[] {
  const length = 3 + random(12);
  // The kernel refuses reads of scratch memory that nothing was written to.
  const program = Array.from({ length: 2 }, (_, k) => ({ code: 0x02 + k, jt: 0, jf: 0, k }));
  for (let left = length; left > 0; left--) {
    const code = CODES[random(CODES.length)] as number;
    const offset = random(4) > 0;
    let k = offset ? random(70) : ([1, 2, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe][random(6)] as number);
    if ([0x60, 0x61, 0x02, 0x03].includes(code)) k %= 2;
    if (code === 0x05) k = random(left);
    if (code === 0x64 || code === 0x74) k %= 32;
    if ((code === 0x34 || code === 0x94) && k === 0) k = 3;
    if ([0x20, 0x28, 0x30, 0xb1].includes(code)) k %= 0x10000;
    // Loads by X: near the ends of the frame, for otherwise they would lead out of it nearly always.
    if ([0x40, 0x48, 0x50].includes(code)) k = random(2) === 0 ? random(20) : 0xffffffff - random(3);
    program.push({ code, jt: random(left), jf: random(left), k });
  }
  program.push({ code: random(4) > 0 ? 0x16 : 0x06, jt: 0, jf: 0, k: random(50) });
  return program;
}

describeKernel('BPF in user space', () => {
  test('does to a frame what the kernel does', () => {
    const random = randomFrom(7);
    const cases = Array.from({ length: 4000 }, () => ({
      program: bpfBytes(randomProgram(random)),
      frame: Uint8Array.from({ length: 1 + random(64) }, () => random(2) * random(256)),
    }));
    const lines = cases.map(({ program, frame }) =>
      [program, frame].map((bytes) => Buffer.from(bytes).toString('hex')),
    );
    const { stdout, stderr } = spawnSync('python3', ['-c', WITNESS], { input: lines.join('\n'), encoding: 'utf8' });
    expect(stderr).toBe('');
    const said = stdout.trim().split('\n');
    const own = cases.map(({ program, frame }) => {
      const passed = native.runBpf(program, frame);
      return String(passed === 0 ? -1 : Math.min(passed, frame.length));
    });
    const differences = said.flatMap((line, i) =>
      line === own[i] ? [] : [{ kernel: line, own: own[i], case: lines[i] }],
    );
    expect(differences).toEqual([]);
    expect(said).toHaveLength(4000);
    // Programs that always do the same would prove nothing.
    expect(said.filter((line) => line !== '-1').length).toBeGreaterThan(1000);
    expect(said.filter((line) => line === '-1').length).toBeGreaterThan(1000);
    expect(new Set(said).size).toBeGreaterThan(30);
  });
});
