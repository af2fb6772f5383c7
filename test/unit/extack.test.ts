import { describe, expect, test } from 'vitest';
import type { NetlinkError } from '../../lib/errors.js';
import { ByteReader } from '../../lib/netlink/bytes.js';
import { readVerdict } from '../../lib/netlink/extack.js';
import {
  ACK_TLVS,
  attribute,
  bytesOf,
  CAPPED,
  Conversation,
  DONE,
  list,
  message,
  refusal,
  set,
  textAttribute,
  u32Attribute,
} from './answers.js';

const MSG = 1;
const OFFS = 2;
const POLICY = 4;
const MISS_TYPE = 5;
const MISS_NEST = 6;

const asked = set({ name: 'a', size: 5, nest: { host: '192.0.2.1', port: 80 } });
const sent = bytesOf(asked);
// Behind 16 bytes of nlmsghdr and 4 of the struct: X_NAME at 20, X_SIZE at 28, X_NEST at 36, X_HOST in it at 40.
const error = (errno: number, ...tlvs: number[][]): NetlinkError => {
  const { settled } = new Conversation(1, [asked]).hear(refusal(1, errno, sent, tlvs.flat()));
  return settled[0]?.[0]?.error as NetlinkError;
};

test('without attributes an error has its errno alone', () => {
  const { settled } = new Conversation(1, [asked]).hear(refusal(1, -22, sent, [], 0));
  expect(settled[0]?.[0]?.error).toMatchObject({ code: 'EINVAL', syscall: 'X_SET', link: 'thing', netns: 'lab' });
  expect(settled[0]?.[0]?.error).not.toHaveProperty('kernelMessage');
  expect(settled[0]?.[0]?.error).not.toHaveProperty('attribute');
});

describe('the attribute that the kernel points at', () => {
  test.each([
    [20, 'X_NAME'],
    [28, 'X_SIZE'],
    [36, 'X_NEST'],
    [40, 'X_NEST.X_HOST'],
    [44, 'X_NEST.X_HOST'],
    [48, 'X_NEST.X_PORT'],
  ])('at offset %d is %s', (offset, name) => {
    expect(error(-34, u32Attribute(OFFS, offset)).attribute).toBe(name);
  });

  test.each([0, 16, 56, 1000, 0xffffffff])('is none at offset %d', (offset) => {
    expect(error(-34, u32Attribute(OFFS, offset))).not.toHaveProperty('attribute');
  });

  test('is found in the request that it is about, though others travel with it', () => {
    const talk = new Conversation(1, [set(), set({ size: 1 }), asked]).hear(
      refusal(3, -34, sent, u32Attribute(OFFS, 28)),
      refusal(2, -34, bytesOf(set({ size: 1 }), 2), u32Attribute(OFFS, 20)),
      refusal(1, -34, bytesOf(set()), u32Attribute(OFFS, 20)),
    );
    const attributes = talk.settled[0]?.map((reply) => (reply.error as NetlinkError).attribute);
    expect(attributes).toEqual([undefined, 'X_SIZE', 'X_SIZE']);
  });
});

describe('an attribute that the kernel misses', () => {
  test('is named', () => {
    expect(error(-22, u32Attribute(MISS_TYPE, 2))).toMatchObject({
      attribute: 'X_SIZE',
      kernelMessage: 'a required attribute is missing',
    });
  });
  test('is named with the nest that lacks it', () => {
    expect(error(-22, u32Attribute(MISS_TYPE, 2), u32Attribute(MISS_NEST, 36)).attribute).toBe('X_NEST.X_PORT');
  });
  test('is a number where the table has no name', () => {
    expect(error(-22, u32Attribute(MISS_TYPE, 99)).attribute).toBe('attribute 99');
  });
  test('keeps the words of the kernel where it has some', () => {
    expect(error(-22, textAttribute(MSG, 'need a size'), u32Attribute(MISS_TYPE, 2)).kernelMessage).toBe('need a size');
  });
});

describe('the limits that the kernel tells', () => {
  const u64 = (number: number, value: bigint): number[] =>
    attribute(number, [...new Uint8Array(BigUint64Array.of(BigInt.asUintN(64, value)).buffer)]);
  const limited = (...policy: number[][]) =>
    error(-34, textAttribute(MSG, 'out of range'), attribute(POLICY, policy.flat()));

  test.each<[string, number[][]]>([
    ['out of range; allowed: 1 to 4094', [u64(4, 1n), u64(5, 4094n)]],
    ['out of range; allowed: 0 to 9', [u64(5, 9n)]],
    ['out of range; allowed: -2 to 3', [u64(2, -2n), u64(3, 3n)]],
    ['out of range; allowed: at most 15 bytes', [u32Attribute(7, 15)]],
    ['out of range; needed: at least 4 bytes', [u32Attribute(6, 4)]],
    ['out of range', [u32Attribute(1, 1)]],
  ])('%s', (text, policy) => expect(limited(...policy).kernelMessage).toBe(text));
});

describe('where the attributes stand', () => {
  const read = (bytes: number[]) => readVerdict(new ByteReader(Uint8Array.from(bytes)), 0, bytes.length);
  const said = textAttribute(MSG, 'no');

  test('behind the request, where it is echoed', () => {
    expect(read(refusal(1, -22, sent, said))).toMatchObject({ errno: -22, message: 'no' });
  });
  test('behind its header alone, where the ack is capped', () => {
    expect(read(refusal(1, -22, sent, said, ACK_TLVS | CAPPED))).toMatchObject({ errno: -22, message: 'no' });
  });
  test('behind the errno of NLMSG_DONE', () => {
    expect(read(message(1, DONE, ACK_TLVS, [0xfe, 0xff, 0xff, 0xff, ...said]))).toMatchObject({
      errno: -2,
      message: 'no',
    });
  });
  test('nowhere, where the flag does not say so', () => {
    expect(read(refusal(1, -22, sent, said, 0))).toEqual({ errno: -22 });
  });
  test('nowhere, where the message is cut short', () => {
    expect(read(message(1, 2, ACK_TLVS, []))).toEqual({ errno: 0 });
    expect(read(message(1, 2, ACK_TLVS, [0xea, 0xff, 0xff, 0xff]))).toMatchObject({ errno: -22 });
  });
});

test('what a list was refused for is told as well', () => {
  const bytes = message(1, DONE, ACK_TLVS, [0xfe, 0xff, 0xff, 0xff, ...textAttribute(MSG, 'FIB table does not exist')]);
  expect(new Conversation(1, [list()]).hear(bytes).settled[0]?.[0]?.error).toMatchObject({
    code: 'ENOENT',
    kernelMessage: 'FIB table does not exist',
  });
});
