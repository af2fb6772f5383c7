import { expect, test } from 'vitest';
import { ByteWriter } from '../../lib/netlink/bytes.js';
import { isDump, isGet, writeMessage } from '../../lib/netlink/message.js';
import { bytesOf, get, list, set } from './answers.js';

const le = (bytes: number[], at: number, size: number): number =>
  bytes.slice(at, at + size).reduceRight((sum, byte) => sum * 256 + byte, 0);

test('a message says its length, type, flags and number', () => {
  const bytes = bytesOf(set({ size: 5 }), 77);
  expect([le(bytes, 0, 4), le(bytes, 4, 2), le(bytes, 8, 4), le(bytes, 12, 4)]).toEqual([28, 100, 77, 0]);
  expect(bytes.slice(16)).toEqual([0, 0, 0, 0, 8, 0, 2, 0, 5, 0, 0, 0]);
});

test.each([
  ['a change asks for an ack', set(), 0x5],
  ['a get asks for none: its answer is its end', get(1), 0x1],
  ['a list asks for none: NLMSG_DONE is its end', list(), 0x301],
])('%s', (_what, request, flags) => expect(le(bytesOf(request), 6, 2)).toBe(flags));

test('gets and lists are told apart', () => {
  expect([isGet(set()), isGet(get(1)), isGet(list())]).toEqual([false, true, false]);
  expect([isDump(set()), isDump(get(1)), isDump(list())]).toEqual([false, false, true]);
});

test('a message that cannot be encoded leaves the buffer as it was', () => {
  const out = new ByteWriter();
  writeMessage(out, set({ size: 1 }), 1);
  const before = out.bytes.slice();
  const { length } = out;
  expect(() => writeMessage(out, set({ name: 'far too long' }), 2)).toThrow('name "far too long" is 12 bytes');
  expect(out.length).toBe(length);
  expect(out.bytes).toEqual(before);
});
