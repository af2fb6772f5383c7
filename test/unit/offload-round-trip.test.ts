import fc from 'fast-check';
import { FrameSlab, groCoalesce, gsoSplit, type VnetHeaderSize } from 'netloom';
import { expect, test } from 'vitest';
import { ACK, build, CWR, ECE, ethernet, FIN, type Packet, PSH, payload, segments } from './offload-packets.js';
import { type ReadPacket, readPacket, textOf } from './offload-reading.js';

const flags = fc.constantFrom(ACK, ACK | PSH, ACK | ECE, ACK | CWR, ACK | FIN, ACK | CWR | PSH);

/** Several sendings of one flow, each in segments of one size, one behind the other in sequence. */
const flow = (version: 4 | 6, protocol: 'tcp' | 'udp') =>
  fc
    .record({
      sourcePort: fc.integer({ min: 1, max: 3 }),
      ttl: fc.constantFrom(63, 64),
      fragment: fc.constantFrom(0, 0x4000),
      id: fc.integer({ min: 0, max: 65535 }),
      sequence: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      sendings: fc.array(
        fc.record({ size: fc.integer({ min: 1, max: 300 }), parts: fc.integer({ min: 0, max: 2000 }), flags }),
        { minLength: 1, maxLength: 4 },
      ),
    })
    .map(({ sendings, ...common }) => {
      let { id, sequence } = common;
      return sendings.flatMap((sending) => {
        const length = Math.min(sending.parts, sending.size * 8);
        const whole: Packet = {
          ...common,
          ...{ version, protocol, id, sequence, flags: sending.flags },
          payload: payload(length, sequence),
        };
        const all = segments(whole, sending.size);
        id = (id + all.length) % 65536;
        sequence = (sequence + length) % 2 ** 32;
        return all;
      });
    });

/** Several flows in one line, each in its own order, but for a packet here and there that is put somewhere else. */
const traffic = fc
  .record({
    flows: fc.array(
      fc
        .tuple(fc.constantFrom(4, 6), fc.constantFrom('tcp', 'udp'))
        .chain(([version, protocol]) => flow(version, protocol)),
      { minLength: 1, maxLength: 4 },
    ),
    turns: fc.array(fc.nat(3), { maxLength: 100 }),
    displaced: fc.option(fc.tuple(fc.nat(60), fc.nat(60))),
  })
  .map(({ flows, turns, displaced }) => {
    const left = flows.map((packets) => [...packets]);
    const line: Packet[] = [];
    for (const turn of turns) line.push(...(left[turn % left.length] as Packet[]).splice(0, 1));
    line.push(...left.flat());
    if (displaced) line.splice(displaced[1], 0, ...line.splice(displaced[0], 1));
    return line.slice(0, 200);
  });

function throughBoth(frames: readonly Uint8Array[], layer: 2 | 3, headerSize: VnetHeaderSize) {
  const input = new FrameSlab({ slots: 256, frameSize: 600 });
  for (const [i, frame] of frames.entries()) input.set(i, frame);
  const merged = new FrameSlab({ slots: 256, frameSize: 8000 });
  const count = groCoalesce(input, frames.length, merged, { layer, headerSize });
  const out = new FrameSlab({ slots: 64, frameSize: 600 });
  const result: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const size = gsoSplit(merged.frame(i), out, { layer, headerSize });
    for (let j = 0; j < size; j++) result.push(out.frame(j).slice());
  }
  return { result, count };
}

test('splitting what was merged gives the same packets, in the same order in each flow', () => {
  let mergedAny = 0;
  fc.assert(
    fc.property(traffic, fc.constantFrom(2, 3), fc.constantFrom<VnetHeaderSize>(10, 12), (line, layer, headerSize) => {
      const frames = line.map((packet) =>
        build(layer === 2 ? { ...packet, ethernet: ethernet(packet.version) } : packet),
      );
      const { result, count } = throughBoth(frames, layer, headerSize);
      if (count < frames.length) mergedAny++;
      expect(result).toHaveLength(frames.length);
      const textsByFlow = (frames: readonly Uint8Array[]): Map<string, string[]> => {
        const texts = new Map<string, string[]>();
        for (const frame of frames) {
          const { version, protocol, sourcePort } = readPacket(frame, layer) as ReadPacket;
          const key = `${version} ${protocol} ${sourcePort}`;
          texts.set(key, [...(texts.get(key) ?? []), textOf(frame, layer)]);
        }
        return texts;
      };
      const got = textsByFlow(result);
      for (const [key, texts] of textsByFlow(frames)) expect(got.get(key), key).toEqual(texts);
    }),
    { numRuns: 100 },
  );
  expect(mergedAny).toBeGreaterThan(30);
});

test('any bytes are split or refused, and merged or passed on', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 120 }), { maxLength: 6 }),
      fc.constantFrom(2, 3),
      (frames, layer) => {
        const input = new FrameSlab({ slots: 8, frameSize: 120 });
        for (const [i, frame] of frames.entries()) input.set(i, frame);
        const out = new FrameSlab({ slots: 8, frameSize: 1000 });
        const count = groCoalesce(input, frames.length, out, { layer });
        for (let i = 0; i < count; i++) expect(out.lengths[i]).toBeGreaterThanOrEqual(10);
        for (const frame of frames) {
          try {
            expect(gsoSplit(frame, out, { layer })).toBeGreaterThan(0);
          } catch (error) {
            expect(['ERR_INVALID_ARG_VALUE', 'ERR_OUT_OF_RANGE']).toContain((error as { code?: string }).code);
          }
        }
      },
    ),
    { numRuns: 500 },
  );
});
