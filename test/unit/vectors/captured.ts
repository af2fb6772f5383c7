/** The captured messages, and netlink bytes as a tree that can be compared. Knows nothing of the library. */
import { readFileSync } from 'node:fs';

export interface Vector {
  readonly name: string;
  readonly command: string;
  readonly compare: 'attrs' | 'decode';
  readonly hex: string;
  readonly meaning: string;
}

export const vectors = JSON.parse(
  readFileSync(new URL('../../vectors/iproute2.json', import.meta.url), 'utf8'),
) as Vector[];

export function vectorNamed(name: string): Vector {
  const found = vectors.find((vector) => vector.name === name);
  if (found === undefined) throw new Error(`there is no vector ${name}`);
  return found;
}

export const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Sizes of the structs behind nlmsghdr, by message type divided by 4 (linux/rtnetlink.h). */
const HEADERS: Readonly<Record<number, number>> = {
  4: 16,
  5: 8,
  6: 12,
  7: 12,
  8: 12,
  9: 20,
  10: 20,
  11: 20,
  22: 4,
  27: 16,
};

/** A nest: attribute number to the values it stands with, in an order of their own. Or bytes, as hex. */
export type Tree = string | { readonly header?: string; readonly attributes: Readonly<Record<string, Tree[]>> };

export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly header: string;
  readonly attributes: Readonly<Record<string, Tree[]>>;
}

const le16 = (bytes: Uint8Array, at: number): number => (bytes[at] as number) | ((bytes[at + 1] as number) << 8);

/** Which attributes of which are nests: the numbers of linux/if_link.h and linux/rtnetlink.h, written down by hand. */
interface Shape {
  readonly [number: number]: Shape;
  /** Bytes before the first attribute. */
  readonly header?: number;
}
const LINK: Shape = { 12: {}, 18: { 2: {}, 5: {} }, 26: { 2: {}, 10: {} }, 52: {} };
/** In messages of AF_BRIDGE, IFLA_AF_SPEC holds VLANs. */
const BRIDGE: Shape = { ...LINK, 26: {} };
const AF_BRIDGE = 7;
const PEER: Shape = { ...LINK, header: 16 };
const SHAPES: Readonly<Record<number, Shape>> = { 27: LINK, 6: { 8: {}, 22: {} } };
/** The same of TCA_OPTIONS, by the kind of qdisc, class or filter (linux/pkt_sched.h, linux/pkt_cls.h). */
const ACTIONS: Shape = { 1: { 2: {} } };
const OPTIONS: Readonly<Record<string, Shape>> = {
  tbf: {},
  htb: {},
  fq_codel: {},
  fq: {},
  prio: { header: 20 },
  netem: { header: 24 },
  u32: { 7: ACTIONS },
  matchall: { 2: ACTIONS },
  flower: { 3: ACTIONS },
};

export function parseMessage(bytes: Uint8Array): Message {
  const type = le16(bytes, 4);
  const size = HEADERS[type >> 2] as number;
  const link = bytes[16] === AF_BRIDGE ? BRIDGE : LINK;
  const shapes: Readonly<Record<number, Shape>> = { ...SHAPES, 4: link };
  const shape =
    size === TCMSG
      ? optionsOf(bytes)
      : kindOf(bytes, size) === 'veth'
        ? { ...LINK, 18: { 2: { 1: PEER } } }
        : shapes[type >> 2];
  return {
    type,
    flags: le16(bytes, 6),
    header: hexOf(bytes.subarray(16, 16 + size)),
    attributes: parseAttributes(bytes.subarray(16 + size), shape ?? {}),
  };
}

function parseAttributes(bytes: Uint8Array, shape: Shape): Record<string, Tree[]> {
  const found: Record<string, Tree[]> = {};
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = le16(bytes, at);
    if (length < 4 || at + length > bytes.length) throw new Error(`broken attribute at ${at} of ${hexOf(bytes)}`);
    const number = le16(bytes, at + 2) & 0x3fff;
    const payload = bytes.subarray(at + 4, at + length);
    const below = shape[number];
    (found[number] ??= []).push(below === undefined ? hexOf(payload) : parseNest(payload, below));
    at += (length + 3) & ~3;
  }
  return found;
}

function parseNest(payload: Uint8Array, shape: Shape): Tree {
  const { header = 0 } = shape;
  const attributes = parseAttributes(payload.subarray(header), shape);
  return header === 0 ? { attributes } : { header: hexOf(payload.subarray(0, header)), attributes };
}

/** sizeof(struct tcmsg). */
const TCMSG = 20;

function optionsOf(bytes: Uint8Array): Shape {
  const [kind = ''] = parseAttributes(bytes.subarray(16 + TCMSG), {})['1'] ?? [];
  const options = OPTIONS[Buffer.from(String(kind), 'hex').toString().replace('\0', '')];
  return options === undefined ? {} : { 2: options };
}

function kindOf(bytes: Uint8Array, header: number): string {
  const info = parseAttributes(bytes.subarray(16 + header), { 18: {} })['18']?.[0];
  const kind = typeof info === 'object' ? info.attributes['1']?.[0] : undefined;
  return typeof kind === 'string' ? Buffer.from(kind, 'hex').toString().replace('\0', '') : '';
}
