/** Replays what the fuzzer of native code starts from, and has found, through the addon; fuzz/offload.cc says what an input is. */
import { readdirSync, readFileSync } from 'node:fs';
import { checksum, completeChecksum, FrameSlab, groCoalesce, gsoSplit, parseVnetHeader } from 'netloom';
import { expect, test } from 'vitest';
import { naiveChecksum, naiveSum } from './offload-packets.js';
import { putRight, readPacket, textOf } from './offload-reading.js';

const corpus = new URL('../../fuzz/corpus/offload/', import.meta.url);
const inputs = readdirSync(corpus);

interface Input {
  readonly call: 'split' | 'complete' | 'coalesce' | 'checksum';
  readonly layer: 2 | 3;
  readonly headerSize: 10 | 12;
  readonly putRight: boolean;
  readonly slots: number;
  readonly frameSize: number;
  readonly rest: Uint8Array;
}

function read(name: string): Input {
  const bytes = new Uint8Array(readFileSync(new URL(name, corpus)));
  const [what, slots, low, high] = bytes as unknown as [number, number, number, number];
  const frameSize = low + high * 256 + 1;
  return {
    call: (['split', 'complete', 'coalesce', 'checksum'] as const)[what & 3] as Input['call'],
    layer: what & 4 ? 3 : 2,
    headerSize: what & 8 ? 12 : 10,
    putRight: (what & 16) !== 0,
    slots: Math.min((slots % 64) + 1, Math.floor(131072 / frameSize)),
    frameSize,
    rest: bytes.subarray(4),
  };
}

const REFUSALS: readonly unknown[] = ['ERR_INVALID_ARG_VALUE', 'ERR_OUT_OF_RANGE'];

const framesOf = (slab: FrameSlab, count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => slab.frame(i).slice());

const replay: Readonly<Record<Input['call'], (input: Input) => string>> = {
  split({ rest, slots, frameSize, ...options }) {
    const out = new FrameSlab({ slots, frameSize });
    const { layer, headerSize } = options;
    const frames = framesOf(out, gsoSplit(rest, out, { layer, headerSize }));
    for (const frame of frames) {
      const packet = readPacket(frame, layer);
      if (packet) expect(packet.rightChecksums).toBe(true);
    }
    return `${frames.length} packets`;
  },
  complete({ rest, headerSize }) {
    const packet = rest.slice();
    completeChecksum(packet, { headerSize });
    const { needsChecksum, checksumStart, checksumOffset } = parseVnetHeader(rest, 0, headerSize);
    if (!needsChecksum) return 'as it was';
    const expected = naiveChecksum(rest.subarray(headerSize + checksumStart)) || 0xffff;
    expect(Buffer.from(packet).readUInt16BE(headerSize + checksumStart + checksumOffset)).toBe(expected);
    return 'completed';
  },
  coalesce({ rest, slots, frameSize, layer, headerSize, putRight: right }) {
    const frames: Uint8Array[] = [];
    for (let at = 0; at + 2 <= rest.length && frames.length < 64; ) {
      const size = (rest[at] as number) + (rest[at + 1] as number) * 256;
      const frame = rest.slice(at + 2, at + 2 + size);
      frames.push(right ? putRight(frame, layer) : frame);
      at += 2 + frame.length;
    }
    const longest = Math.max(1, ...frames.map((frame) => frame.length));
    const input = new FrameSlab({ slots: Math.max(1, frames.length), frameSize: longest });
    for (const [i, frame] of frames.entries()) input.set(i, frame);
    const out = new FrameSlab({ slots, frameSize });
    const merged = framesOf(out, groCoalesce(input, frames.length, out, { layer, headerSize }));
    const parts = new FrameSlab({ frameSize: longest });
    const after = merged.flatMap((packet) =>
      packet.length === headerSize
        ? [new Uint8Array(0)]
        : framesOf(parts, gsoSplit(packet, parts, { layer, headerSize })),
    );
    const texts = (all: readonly Uint8Array[]): string[] => all.map((frame) => textOf(frame, layer)).sort();
    expect(texts(after)).toEqual(texts(frames));
    return `${frames.length} packets in ${merged.length}`;
  },
  checksum({ rest }) {
    expect(checksum(rest)).toBe(0xffff - naiveSum(rest));
    return 'right';
  },
};

test.each(inputs)('the input %s comes out right', (name) => {
  const input = read(name);
  try {
    replay[input.call](input);
  } catch (error) {
    if (!REFUSALS.includes((error as { code?: unknown }).code)) throw error;
  }
});

/** Of the seeds, whose names say what they are, it is known what comes out. */
test.each([
  ['split-tcp4-ip', '4 packets'],
  ['split-udp6-qinq', '4 packets'],
  ['split-options', '30 packets'],
  ['split-extensions', '4 packets'],
  ['split-tcp6-alone', '1 packets'],
  ['complete-udp4', 'completed'],
  ['coalesce-tcp6-vlan', '4 packets in 1'],
  ['coalesce-udp4-two-flows', '8 packets in 2'],
  ['coalesce-df', '3 packets in 1'],
  ['coalesce-single-bytes', '63 packets in 1'],
  ['checksum-odd', 'right'],
])('the seed %s gives %s', (name, outcome) => {
  const input = read(name);
  expect(replay[input.call](input)).toBe(outcome);
});
