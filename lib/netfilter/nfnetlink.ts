/**
 * What the subsystems of netfilter have in common: the header of their messages, their numbers, and transactions
 * (linux/netfilter/nfnetlink.h).
 */
import { attributes } from '../netlink/attributes.js';
import type { Reply } from '../netlink/batch.js';
import { be16, be32, u8 } from '../netlink/codec.js';
import { family, makeRequest, NETLINK_NETFILTER, type Request } from '../netlink/message.js';
import { transaction } from '../netlink/request.js';
import { struct } from '../netlink/struct.js';
import type { Netns } from '../netns/netns.js';
import { type Operation, perform } from '../operation.js';

/** struct nfgenmsg, behind nlmsghdr in every message. */
export const nfgenmsg = struct(4, { family: [0, u8], version: [1, u8], resource: [2, be16] });

/** NFNL_SUBSYS_*: the upper byte of a message's type. */
export const SUBSYSTEM = { CTNETLINK: 1, NFTABLES: 10 } as const;

export const messageType = (subsystem: number, message: number): number => (subsystem << 8) | message;

const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;

export const batchAttributes = attributes(() => ({ generation: [1, 'NFNL_BATCH_GENID', be32] }));
const batchFamily = family(nfgenmsg, batchAttributes, NETLINK_NETFILTER);

/** What a transaction ends with whose ruleset is of another generation by now. libuv has no name for it. */
export const ERESTART = -85;

export interface TransactOptions {
  /** Only if nothing has changed the ruleset since it was of this generation. */
  readonly generation?: number | undefined;
  /** Takes the changes back, where the call is aborted while the kernel makes them. */
  readonly undo?: (() => Operation<void>) | undefined;
}

/**
 * Changes that the kernel makes all of or none.
 *
 * @throws NetlinkError of the first change that was refused; errno {@link ERESTART} where the generation is another.
 */
export function* transact(
  netns: Netns,
  changes: readonly Request<unknown>[],
  { generation, undo }: TransactOptions = {},
): Operation<void> {
  const header = { resource: SUBSYSTEM.NFTABLES };
  const begin = makeRequest(batchFamily, {
    type: NFNL_MSG_BATCH_BEGIN,
    name: 'NFNL_MSG_BATCH_BEGIN',
    header,
    attributes: { generation },
    silent: true,
  });
  const end = makeRequest(batchFamily, { type: NFNL_MSG_BATCH_END, name: 'NFNL_MSG_BATCH_END', header, silent: true });
  // The kernel says of each change why it refuses it; that it took all of them, the ack of the last one says.
  const last = changes.length - 1;
  const silent = changes.map((change, i) => (i < last ? { ...change, silent: true } : change));
  const undoIfMade = undo && ((made: Reply[]) => (made.some(({ error }) => error) ? nothing() : undo()));
  const replies = yield* perform(transaction(netns, [begin, ...silent, end], undoIfMade));
  for (const { error } of replies) if (error) throw error;
}

function* nothing(): Operation<void> {}
