/** Connection tracking: `listConntrack`, `deleteConntrack`. */
import { AF_INET, AF_INET6 } from '../../addressing/ip.js';
import { NetlinkError, wrongType } from '../../errors.js';
import { makeRequest, NLM_F_DUMP, type Request } from '../../netlink/message.js';
import { dump, exchange } from '../../netlink/request.js';
import { type Netns, type NetnsOptions, netnsOf } from '../../netns/netns.js';
import { call, type Operation, perform } from '../../operation.js';
import { checkOptionNames } from '../../option-names.js';
import { netnsTold } from '../../rtnetlink/netns-told.js';
import { CT, conntrackFamily } from './attributes.js';
import { type ConntrackEntry, type ConntrackFilter, decodeEntry, identityOf, type Wanted, wantedBy } from './entry.js';

export interface ListConntrackOptions extends ConntrackFilter, NetnsOptions {}

/** The dump of the connections that are wanted. Pure. */
export const listConntrackRequest = (netns: Netns, wanted: Wanted): Request<ConntrackEntry> =>
  makeRequest(conntrackFamily, {
    type: CT.GET,
    name: 'IPCTNL_MSG_CT_GET',
    flags: NLM_F_DUMP,
    header: { family: wanted.family },
    decode: (input, start, end, type) => (type === CT.NEW ? decodeEntry(netns, wanted, input, start, end) : undefined),
  });

/** The request that makes the kernel forget a connection: that one, and none that has its addresses and ports by now. */
function deleteRequest(entry: ConntrackEntry): Request {
  const { original, id, zone } = identityOf(entry);
  const family = entry.family === 'inet6' ? AF_INET6 : AF_INET;
  return makeRequest(conntrackFamily, {
    type: CT.DELETE,
    name: 'IPCTNL_MSG_CT_DELETE',
    header: { family },
    attributes: { original, id, zone },
  });
}

const NAMES = { address: true, protocol: true, port: true, family: true, netns: true } as const;

/**
 * The connections that a namespace tracks; all of them unless said otherwise. It tracks where something asks for it, as
 * NAT does.
 *
 * `conntrack -L -p tcp --orig-port-dst 8080`
 *
 * @throws NetlinkError EINVAL if the kernel has no nf_conntrack_netlink, EPERM without CAP_NET_ADMIN.
 */
export const listConntrack = call('listConntrack', NAMES, function* (options: ListConntrackOptions = {}): Operation<
  ConntrackEntry[]
> {
  const netns = netnsOf(options.netns);
  return yield* dump(netns, listConntrackRequest(netns, wantedBy(options)));
});

/** Which connections {@link deleteConntrack} forgets: with an `address`, a `port`, or both. */
export type ConntrackSelection = ConntrackFilter & { readonly netns?: Netns | undefined } & (
    | { readonly address: string }
    | { readonly port: number }
  );

/**
 * Makes the kernel forget connections, so that their next packets are judged anew: those of an address that is another
 * container's by now, or those of a UDP port from before it was published. Gives how many there were.
 *
 * `conntrack -D --src 10.1.0.5`, and `--dst`, `--reply-src`, `--reply-dst`
 *
 * @throws NetlinkError EINVAL if the kernel has no nf_conntrack_netlink, EPERM without CAP_NET_ADMIN.
 */
export const deleteConntrack = call(
  'deleteConntrack',
  { netns: true },
  function* (selection: ConntrackSelection, options: NetnsOptions = {}): Operation<number> {
    checkOptionNames(selection, NAMES);
    if (selection.address === undefined && selection.port === undefined) {
      throw wrongType('address', 'an IP address, or port a number', undefined);
    }
    const netns = netnsOf(netnsTold(selection.netns, options.netns));
    return yield* forget(netns, yield* dump(netns, listConntrackRequest(netns, wantedBy(selection))));
  },
);

/** Forgets connections; gives how many of them were still there. */
export function* forget(netns: Netns, entries: readonly ConntrackEntry[]): Operation<number> {
  if (entries.length === 0) return 0;
  const replies = yield* perform(exchange(netns, entries.map(deleteRequest)));
  let count = 0;
  for (const { error } of replies) {
    if (error === undefined) count++;
    else if (!(error instanceof NetlinkError) || error.code !== 'ENOENT') throw error;
  }
  return count;
}
