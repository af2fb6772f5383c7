/**
 * u32: matches 32-bit words of a packet, from its network header on (TCA_U32_*, linux/pkt_cls.h;
 * net/sched/cls_u32.c, tc-u32(8)). A filter without keys matches every packet.
 */
import { AF_INET, isNetworkAddress, maskOf, parsePrefix } from '../../../addressing/ip.js';
import { invalidValue, outOfRange, wrongType } from '../../../errors.js';
import { attributes, type Decoded } from '../../../netlink/attributes.js';
import { align4 } from '../../../netlink/bytes.js';
import { be16, be32, bytes, type Codec, checkInteger, s32, u8, u16, u32 } from '../../../netlink/codec.js';
import { struct } from '../../../netlink/struct.js';
import { fieldsOf } from '../../fields.js';
import type { Action, ActionTold } from '../action-kind.js';
import { actionList } from '../actions.js';
import { flat } from '../attributes.js';
import { defineFilter } from '../filter-kind.js';
import { classHandle, type Handle, handleText } from '../handle.js';

/** struct tc_u32_key. */
export const u32Key = struct(16, { mask: [0, be32], value: [4, be32], offset: [8, s32], offsetMask: [12, s32] });
/** struct tc_u32_sel, without the keys behind it. */
export const u32Selector = struct(16, {
  flags: [0, u8],
  offshift: [1, u8],
  nkeys: [2, u8],
  offmask: [4, be16],
  off: [6, u16],
  offoff: [8, u16],
  hoff: [10, u16],
  hmask: [12, be32],
});

/** One word of a packet, which must be `value` where `mask` has ones. */
export interface U32Key {
  /** Bytes from the network header; a multiple of 4. */
  readonly offset: number;
  readonly value: number;
  readonly mask: number;
}

/** TC_U32_TERMINAL: a packet that matches is not looked at by others. */
const TERMINAL = 1;
const MOST_KEYS = 128;

const selector: Codec<readonly U32Key[]> = {
  minimum: u32Selector.size,
  encode(out, keys, field) {
    u32Selector.encode(out, { flags: TERMINAL, nkeys: keys.length }, field);
    for (const [i, key] of keys.entries()) u32Key.encode(out, key, `${field}[${i}]`);
  },
  decode(input, start, end) {
    const keys: U32Key[] = [];
    for (let at = start + align4(u32Selector.size); at + u32Key.size <= end; at += u32Key.size) {
      const { offset, value, mask } = u32Key.decode(input, at, at + u32Key.size);
      keys.push({ offset, value, mask });
    }
    return keys;
  },
};

export const u32Attributes = attributes(() => ({
  classId: [1, 'TCA_U32_CLASSID', u32],
  hash: [2, 'TCA_U32_HASH', u32],
  nextTable: [3, 'TCA_U32_LINK', u32],
  divisor: [4, 'TCA_U32_DIVISOR', u32],
  keys: [5, 'TCA_U32_SEL', selector],
  police: [6, 'TCA_U32_POLICE', bytes],
  actions: [7, 'TCA_U32_ACT', actionList],
  inputLink: [8, 'TCA_U32_INDEV', bytes],
  counters: [9, 'TCA_U32_PCNT', bytes],
  mark: [10, 'TCA_U32_MARK', bytes],
  flags: [11, 'TCA_U32_FLAGS', u32],
}));
type Data = Decoded<typeof u32Attributes.entries>;

export interface U32Options {
  /** Source address: `10.0.0.0/8`, `2001:db8::/32`. The filter's `protocol` then is that of the address. */
  readonly source?: string | undefined;
  /** Destination address, in the same way. */
  readonly destination?: string | undefined;
  /** Words that must match besides. Without any, and without addresses, every packet matches. */
  readonly keys?: readonly U32Key[] | undefined;
  /** The class that matching packets go to. */
  readonly classId?: Handle | undefined;
  readonly actions?: readonly Action[] | undefined;
}

/** What the kernel tells of a u32 filter: addresses as the keys that they came to. */
export interface U32Told {
  readonly keys: readonly U32Key[];
  readonly classId?: Handle;
  readonly actions?: readonly ActionTold[];
}

declare module '../filter-kind.js' {
  interface FilterKinds {
    u32: { options: U32Options; told: U32Told };
  }
}

/** Where addresses stand in IPv4 and IPv6 headers. */
const OFFSETS = { source: { 4: 12, 16: 8 }, destination: { 4: 16, 16: 24 } } as const;

function keysOfPrefix(text: unknown, field: 'source' | 'destination'): U32Key[] {
  const prefix = parsePrefix(text, field);
  if (!isNetworkAddress(prefix)) throw invalidValue(field, text, 'has bits behind its prefix length');
  const { bytes: address, length } = prefix;
  const first = OFFSETS[field][address.length as 4 | 16];
  const mask = maskOf(length, address.length);
  const word = (of: Uint8Array, at: number): number => new DataView(of.buffer, of.byteOffset).getUint32(at);
  const keys: U32Key[] = [];
  for (let at = 0; at * 8 < length; at += 4)
    keys.push({ offset: first + at, value: word(address, at), mask: word(mask, at) });
  return keys;
}

/** The protocol whose headers have the addresses. */
function protocolOf({ source, destination }: Readonly<Record<string, unknown>>): 'ip' | 'ipv6' | undefined {
  const families = [source, destination].flatMap((text, i) =>
    text === undefined ? [] : [parsePrefix(text, i === 0 ? 'source' : 'destination').family],
  );
  if (families.length === 2 && families[0] !== families[1])
    throw invalidValue('destination', destination, 'is of another family than `source`');
  return families.length === 0 ? undefined : families[0] === AF_INET ? 'ip' : 'ipv6';
}

function checkKeys(keys: unknown): readonly U32Key[] {
  if (!Array.isArray(keys)) throw wrongType('keys', 'an array', keys);
  for (const [i, key] of (keys as U32Key[]).entries()) {
    if (typeof key !== 'object' || key === null)
      throw wrongType(`keys[${i}]`, 'an object { offset, value, mask }', key);
    const { offset, value, mask } = key;
    checkInteger(offset, -0x8000, 0x7fff, `keys[${i}].offset`);
    if (offset % 4 !== 0) throw invalidValue(`keys[${i}].offset`, offset, 'is no multiple of 4');
    checkInteger(value, 0, 0xffffffff, `keys[${i}].value`);
    checkInteger(mask, 0, 0xffffffff, `keys[${i}].mask`);
    if ((value & ~mask) !== 0) throw invalidValue(`keys[${i}].value`, value, 'has bits that its mask has not');
  }
  return keys as U32Key[];
}

export const EVERYTHING: readonly U32Key[] = [{ offset: 0, value: 0, mask: 0 }];

function toData({ source, destination, keys = [], classId, actions }: Readonly<Record<string, unknown>>): Data {
  const all = [
    ...(source === undefined ? [] : keysOfPrefix(source, 'source')),
    ...(destination === undefined ? [] : keysOfPrefix(destination, 'destination')),
    ...checkKeys(keys),
  ];
  if (all.length > MOST_KEYS) throw outOfRange('keys.length', all.length, `up to ${MOST_KEYS}`);
  return {
    ...(classId !== undefined && { classId: classHandle(classId, 'classId') }),
    actions: actions as readonly ActionTold[] | undefined,
    keys: all.length === 0 ? EVERYTHING : all,
  };
}

export const u32Filter = defineFilter({
  kind: 'u32',
  fields: fieldsOf<keyof U32Options>({ source: true, destination: true, keys: true, classId: true, actions: true }),
  options: flat(u32Attributes),
  toData,
  protocolOf,
  fromData: ({ keys, classId, actions, divisor }: Data) => ({
    keys: (keys ?? []).filter(({ mask }) => mask !== 0),
    ...(classId !== undefined && { classId: handleText(classId) }),
    ...(actions !== undefined && { actions }),
    ...(divisor !== undefined && { divisor }),
  }),
});
