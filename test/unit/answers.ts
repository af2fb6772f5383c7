/** Datagrams as the kernel sends them, and a small family of messages to ask with. */
import { attributes } from '../../lib/netlink/attributes.js';
import { Batch, type Reply } from '../../lib/netlink/batch.js';
import { ByteReader, ByteWriter } from '../../lib/netlink/bytes.js';
import { ipv4, text, u32 } from '../../lib/netlink/codec.js';
import { family, makeRequest, NLM_F_DUMP, type Request } from '../../lib/netlink/message.js';
import { struct } from '../../lib/netlink/struct.js';

const header = struct(4, { index: [0, u32] });
const table = attributes(() => ({
  name: [1, 'X_NAME', text(7, 'SIZE')],
  size: [2, 'X_SIZE', u32],
  nest: [3, 'X_NEST', attributes(() => ({ host: [1, 'X_HOST', ipv4], port: [2, 'X_PORT', u32] }))],
}));
export const things = family(header, table);

export const ACK = 2;
export const DONE = 3;
export const MULTI = 0x2;
export const DUMP_INTR = 0x10;
export const CAPPED = 0x100;
export const ACK_TLVS = 0x200;

type Values = Parameters<typeof table.encode>[1];

/** Sets one, gets one, lists all. */
export const set = (values: Values = {}, name = 'X_SET'): Request =>
  makeRequest(things, { type: 100, name, attributes: values, context: { link: 'thing' } });
export const get = (index: number): Request<number> =>
  makeRequest(things, {
    type: 101,
    name: 'X_GET',
    header: { index },
    decode: (input, start) => input.view.getUint32(start, true),
  });
export const list = (): Request<number> =>
  makeRequest(things, {
    type: 101,
    name: 'X_GET',
    flags: NLM_F_DUMP,
    decode: (input, start) => input.view.getUint32(start, true),
  });

const le = (...numbers: [value: number, size: number][]): number[] =>
  numbers.flatMap(([value, size]) => Array.from({ length: size }, (_, i) => (value >>> (8 * i)) & 255));

/** One message: nlmsghdr, then the payload, padded. */
export function message(sequence: number, type: number, flags: number, payload: readonly number[] = []): number[] {
  const length = 16 + payload.length;
  const padding = new Array<number>(-length & 3).fill(0);
  return [...le([length, 4], [type, 2], [flags, 2], [sequence, 4], [0, 4]), ...payload, ...padding];
}

export const ack = (sequence: number, errno = 0): number[] =>
  message(sequence, ACK, CAPPED, [...le([errno, 4]), ...message(sequence, 100, 5)]);
export const thing = (sequence: number, index: number, flags = 0): number[] =>
  message(sequence, 102, flags, le([index, 4]));
export const done = (sequence: number, flags = MULTI, errno = 0): number[] =>
  message(sequence, DONE, flags, le([errno, 4]));

/** A refusal with extended ack attributes, which stand behind the request that it echoes. */
export function refusal(
  sequence: number,
  errno: number,
  echoed: readonly number[],
  tlvs: readonly number[],
  flags = ACK_TLVS,
): number[] {
  const echo = (flags & CAPPED) !== 0 ? echoed.slice(0, 16) : echoed;
  return message(sequence, ACK, flags, [...le([errno, 4]), ...echo, ...tlvs]);
}

export const attribute = (number: number, payload: readonly number[]): number[] => [
  ...le([4 + payload.length, 2], [number, 2]),
  ...payload,
  ...new Array<number>(-payload.length & 3).fill(0),
];
export const u32Attribute = (number: number, value: number): number[] => attribute(number, le([value, 4]));
export const textAttribute = (number: number, value: string): number[] =>
  attribute(number, [...Buffer.from(`${value}\0`)]);

/** The bytes that a request is sent as. */
export function bytesOf(request: Request<unknown>, sequence = 1): number[] {
  const batch = new Batch(sequence, undefined, new ByteWriter());
  batch.add([request], { done: () => undefined });
  return [...batch.out.bytes.subarray(0, batch.out.length)];
}

export class Conversation {
  readonly batch: Batch;
  readonly settled: Reply[][] = [];

  constructor(first = 1, ...exchanges: readonly Request<unknown>[][]) {
    this.batch = new Batch(first, 'lab');
    for (const requests of exchanges) this.batch.add(requests, { done: (replies) => this.settled.push(replies) });
  }

  hear(...messages: readonly number[][]): this {
    const bytes = Uint8Array.from(messages.flat());
    this.batch.receive(new ByteReader(bytes), bytes.length);
    return this;
  }

  /** The values of the first exchange's replies, or the codes of their errors. */
  get results(): unknown[] {
    return (this.settled[0] ?? []).map(({ values, error }) => (error as { code?: string } | undefined)?.code ?? values);
  }
}
