/**
 * The table of traffic control: tcmsg and the TCA_* attributes (linux/rtnetlink.h), which the messages of qdiscs,
 * classes and filters share. What TCA_OPTIONS holds, the kind decides.
 */
import { type AttributeTable, attributes, attributesIn, type Entries } from '../../netlink/attributes.js';
import type { ByteReader } from '../../netlink/bytes.js';
import { bytes, type Codec, s32, text, u8, u32 } from '../../netlink/codec.js';
import { type Family, family } from '../../netlink/message.js';
import { struct } from '../../netlink/struct.js';
import { tcStatsAttributes } from './stats.js';

export const tcmsg = struct(20, {
  family: [0, u8],
  ifindex: [4, s32],
  handle: [8, u32],
  parent: [12, u32],
  info: [16, u32],
});

const KIND = 1;
const HEADER = 4;
/** IFNAMSIZ, which TCA_KIND shares (rtm_tca_policy in net/sched/sch_api.c). */
export const kindText = text(15, 'IFNAMSIZ');

const outline = {
  kind: [KIND, 'TCA_KIND', kindText],
  // TCA_STATS has the same counters in 32 bits, which wrap.
  stats32: [3, 'TCA_STATS', bytes],
  xstats: [4, 'TCA_XSTATS', bytes],
  rate: [5, 'TCA_RATE', bytes],
  fcnt: [6, 'TCA_FCNT', bytes],
  stats: [7, 'TCA_STATS2', tcStatsAttributes],
  sizeTable: [8, 'TCA_STAB', bytes],
  dumpInvisible: [10, 'TCA_DUMP_INVISIBLE', bytes],
  chain: [11, 'TCA_CHAIN', u32],
  offloaded: [12, 'TCA_HW_OFFLOAD', u8],
  ingressBlock: [13, 'TCA_INGRESS_BLOCK', u32],
  egressBlock: [14, 'TCA_EGRESS_BLOCK', u32],
  dumpFlags: [15, 'TCA_DUMP_FLAGS', bytes],
  warning: [16, 'TCA_EXT_WARN_MSG', text(0xffff, 'NLA_STRING')],
} as const;

/** The table where TCA_OPTIONS holds what `options` says; raw bytes of what has no table. */
const tableOf = <T>(options: Codec<T>) => attributes(() => ({ ...outline, options: [2, 'TCA_OPTIONS', options] }));

export type TcTable<T = unknown> = ReturnType<typeof tableOf<T>>;
export type TcAttributes = ReturnType<TcTable['decode']>;
export type TcHeader = ReturnType<typeof tcmsg.decode>;
export type TcFamily = Family<TcHeader, TcTable['entries']>;

export const tcAttributes: TcTable = tableOf(bytes as Codec<unknown>);
export const tcFamily: TcFamily = family(tcmsg, tcAttributes);

/** A table in which errors name the options of users, who say them beside what is of every kind. */
export const flat = <S extends Entries>(table: AttributeTable<S>): AttributeTable<S> => table.called('');

const families = new Map<Codec<unknown>, TcFamily>();

/** The family of the messages whose TCA_OPTIONS `options` reads and writes. Made once for each kind. */
export function familyOf(options: Codec<unknown> | undefined): TcFamily {
  if (options === undefined) return tcFamily;
  let found = families.get(options);
  if (found === undefined) {
    found = family(tcmsg, tableOf(options));
    families.set(options, found);
  }
  return found;
}

/** The kind that a message names. */
export function kindIn(input: ByteReader, start: number, end: number): string | undefined {
  for (const { type, at, to } of attributesIn(input, start, end)) {
    if (type === KIND) return input.text(at + HEADER, to);
  }
  return undefined;
}
