/**
 * Netlink messages: the 16-byte nlmsghdr, what stands behind it, and requests as data. Pure.
 */
import type { ErrorContext } from '../errors.js';
import type { AttributeTable, Decoded, Entries } from './attributes.js';
import { align4, type ByteReader, type ByteWriter, LITTLE_ENDIAN } from './bytes.js';
import type { Struct } from './struct.js';

export const NLMSG_HEADER = 16;

/** Message types below 16 belong to netlink itself (linux/netlink.h). */
export const NLMSG_NOOP = 1;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

export const NLM_F_REQUEST = 0x1;
export const NLM_F_MULTI = 0x2;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;
/** NLM_F_ROOT | NLM_F_MATCH. */
export const NLM_F_DUMP = 0x300;
/** In acks: the request is not echoed, and attributes follow. */
export const NLM_F_CAPPED = 0x100;
export const NLM_F_ACK_TLVS = 0x200;

/** Which sockets hear a message (linux/netlink.h). */
export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

/** What stands behind nlmsghdr in one family of messages: a struct, then attributes. */
export interface Family<H, S extends Entries> {
  /** NETLINK_ROUTE if absent. */
  readonly protocol?: number;
  readonly header: Struct<H>;
  readonly attributes: AttributeTable<S>;
}

export const family = <H, S extends Entries>(
  header: Struct<H>,
  table: AttributeTable<S>,
  protocol?: number,
): Family<H, S> => ({ header, attributes: table, ...(protocol !== undefined && { protocol }) });

/** Decodes what stands behind nlmsghdr; undefined passes the message over. */
export type ReplyDecoder<R> = (input: ByteReader, start: number, end: number, type: number) => R | undefined;

/** One request. It is encoded when it is sent, straight into the buffer that goes to the kernel. */
export interface Request<R = never> {
  readonly type: number;
  /** `RTM_NEWLINK`: what errors call it. */
  readonly name: string;
  /** NLM_F_REQUEST is added, and NLM_F_ACK where there is no `decode`. */
  readonly flags: number;
  encode(out: ByteWriter): void;
  /** What each message of the answer becomes. Without it the answer is the ack alone. */
  readonly decode?: ReplyDecoder<R>;
  /** Part of a transaction that the kernel answers only where it refuses it. */
  readonly silent?: boolean;
  /** For the names in errors: walks the bytes behind nlmsghdr. */
  readonly family: Family<unknown, Entries>;
  readonly context?: ErrorContext | undefined;
}

/** A request whose payload is `header` and `attributes` of `family`. */
export function makeRequest<H, S extends Entries, R = never>(
  of: Family<H, S>,
  request: {
    type: number;
    name: string;
    flags?: number;
    header?: Partial<H>;
    attributes?: Decoded<S>;
    decode?: ReplyDecoder<R>;
    silent?: boolean;
    context?: ErrorContext | undefined;
  },
): Request<R> {
  const { type, name, flags = 0, header = {}, attributes, decode, silent, context } = request;
  return {
    type,
    name,
    flags,
    family: of as Family<unknown, Entries>,
    context,
    ...(decode && { decode }),
    ...(silent && { silent }),
    encode(out) {
      of.header.encode(out, header, 'header');
      out.pad();
      if (attributes) of.attributes.encode(out, attributes, '');
    },
  };
}

export const isDump = (request: Request<unknown>): boolean =>
  (request.flags & NLM_F_DUMP) === NLM_F_DUMP && request.decode !== undefined;

/** A question that the kernel answers with one message, or with an error: it needs no ack besides. */
export const isGet = (request: Request<unknown>): boolean => request.decode !== undefined && !isDump(request);

/** Appends one whole message. On bad input it throws, and leaves `out` as it was. */
export function writeMessage(out: ByteWriter, request: Request<unknown>, sequence: number): void {
  const start = out.reserve(NLMSG_HEADER);
  try {
    request.encode(out);
  } catch (error) {
    out.rewind(start);
    throw error;
  }
  const { view } = out;
  view.setUint32(start, out.length - start, LITTLE_ENDIAN);
  view.setUint16(start + 4, request.type, LITTLE_ENDIAN);
  // What is decoded ends with its answer (a dump with NLMSG_DONE); what is not, with its ack.
  const acked = request.decode === undefined && request.silent !== true;
  const flags = request.flags | NLM_F_REQUEST | (acked ? NLM_F_ACK : 0);
  view.setUint16(start + 6, flags, LITTLE_ENDIAN);
  view.setUint32(start + 8, sequence, LITTLE_ENDIAN);
}

/** Where the attributes of a message start, behind nlmsghdr and the family's struct. */
export const attributesStart = (family: Family<unknown, Entries>, payload: number): number =>
  payload + align4(family.header.size);
