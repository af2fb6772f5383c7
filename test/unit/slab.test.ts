import { expect, test } from 'vitest';
import { FrameSlab } from '../../lib/packet/slab.js';

test('a slab has room for each frame, and for one byte more', () => {
  const slab = new FrameSlab({ slots: 3, frameSize: 100 });
  expect([slab.slots, slab.frameSize, slab.stride]).toEqual([3, 100, 104]);
  expect(slab.bytes.length).toBe(3 * 104);
  expect([...slab.lengths]).toEqual([0, 0, 0]);
  expect(new FrameSlab().slots).toBe(64);
  expect(new FrameSlab({ frameSize: 103 }).stride).toBe(104);
  expect(new FrameSlab({ frameSize: 104 }).stride).toBe(112);
});

test('set copies a frame in, frame gives a view of it', () => {
  const slab = new FrameSlab({ slots: 2, frameSize: 4 });
  slab.set(1, Uint8Array.of(1, 2, 3));
  expect([...slab.frame(1)]).toEqual([1, 2, 3]);
  slab.bytes[slab.stride] = 9;
  expect([...slab.frame(1)]).toEqual([9, 2, 3]);
  expect(slab.frame(0).length).toBe(0);
});

test('a length that lies does not lead out of its slot', () => {
  const slab = new FrameSlab({ slots: 2, frameSize: 4 });
  slab.lengths[0] = 1000;
  expect(slab.frame(0).length).toBe(4);
});

test('memory may be the caller’s, shared or not', () => {
  const buffer = new SharedArrayBuffer(FrameSlab.bytesFor(4, 60));
  const slab = new FrameSlab({ slots: 4, frameSize: 60, buffer });
  slab.set(0, Uint8Array.of(7));
  expect(new Uint32Array(buffer)[0]).toBe(1);
  expect(slab.bytes.buffer).toBe(buffer);
});

test.each<[options: object, code: string, message: RegExp]>([
  [{ slots: 0 }, 'ERR_OUT_OF_RANGE', /^FrameSlab: slots 0 is out of range \(1 to 1024\)/],
  [{ slots: 1025 }, 'ERR_OUT_OF_RANGE', /1 to 1024/],
  [{ slots: '4' }, 'ERR_INVALID_ARG_TYPE', /slots must be a number/],
  [{ frameSize: 1.5 }, 'ERR_OUT_OF_RANGE', /frameSize 1.5/],
  [{ buffer: new ArrayBuffer(10) }, 'ERR_OUT_OF_RANGE', /buffer.byteLength 10 is out of range \(at least/],
  [{ buffer: new Uint8Array(1 << 20) }, 'ERR_INVALID_ARG_TYPE', /an ArrayBuffer or a SharedArrayBuffer/],
  [
    { slotz: 4 },
    'ERR_INVALID_ARG_VALUE',
    /^FrameSlab: options.slotz 4 is no option here \(slots, frameSize, buffer are\)/,
  ],
  [null as unknown as object, 'ERR_INVALID_ARG_TYPE', /options must be an object/],
])('%j is refused', (options, code, message) => {
  expect(() => new FrameSlab(options)).toThrow(
    expect.objectContaining({ code, message: expect.stringMatching(message) }),
  );
});

test('slots that are not there, and frames that are too long, are refused', () => {
  const slab = new FrameSlab({ slots: 2, frameSize: 4 });
  for (const slot of [-1, 2, 0.5, Number.NaN])
    expect(() => slab.frame(slot)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
  expect(() => slab.set(0, new Uint8Array(5))).toThrow(/set: frame.length 5 is out of range \(a slot holds 4 bytes\)/);
  expect(() => slab.set(0, 'text' as unknown as Uint8Array)).toThrow(/must be a Uint8Array/);
});
