/** Addresses of links: `addAddress`, `replaceAddress`, `deleteAddress`, `listAddresses`. */
import { familyNumber } from '../../addressing/ip.js';
import { makeRequest, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE } from '../../netlink/message.js';
import { dump, request } from '../../netlink/request.js';
import { type NetnsOptions, netnsOf } from '../../netns/netns.js';
import { call, type Operation } from '../../operation.js';
import { type DeleteOptions, removal } from '../if-exists.js';
import { indexOf, type LinkRef, labelOf, netnsOfLink } from '../link/find.js';
import { RTM } from '../types.js';
import { type Address, type AddressSpec, addressRequest, decodeAddress, isListed, toSpec } from './address.js';
import { addressFamily } from './attributes.js';

type Change = (typeof RTM)['NEWADDR' | 'DELADDR'];

function* change(
  type: Change,
  flags: number,
  link: LinkRef,
  given: string | AddressSpec | Address,
  options: NetnsOptions,
): Operation<void> {
  const spec = toSpec(given);
  // A listed address may be meant for a link elsewhere: its own namespace counts where no other is named.
  const listedIn = isListed(given) && typeof link !== 'object' ? given.netns : undefined;
  const netns = netnsOfLink(link, options.netns ?? listedIn);
  const index = yield* indexOf(netns, link);
  yield* request(netns, addressRequest(type, flags, index, spec, labelOf(link)));
}

/**
 * Adds an address to a link.
 *
 * `ip address add 10.0.0.1/24 dev NAME`
 *
 * @throws NetlinkError EEXIST if the link has it already, ENODEV if there is no such link.
 */
export const addAddress = call(
  'addAddress',
  { netns: true },
  (link: LinkRef, address: string | AddressSpec | Address, options: NetnsOptions = {}): Operation<void> =>
    change(RTM.NEWADDR, NLM_F_CREATE | NLM_F_EXCL, link, address, options),
);

/**
 * Adds an address, or changes the one that is there: lifetimes, flags, metric.
 *
 * `ip address replace 10.0.0.1/24 dev NAME`
 *
 * @throws NetlinkError ENODEV if there is no such link.
 */
export const replaceAddress = call(
  'replaceAddress',
  { netns: true },
  (link: LinkRef, address: string | AddressSpec | Address, options: NetnsOptions = {}): Operation<void> =>
    change(RTM.NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, link, address, options),
);

/**
 * Removes an address from a link.
 *
 * `ip address delete 10.0.0.1/24 dev NAME`
 *
 * @throws NetlinkError EADDRNOTAVAIL if the link does not have it, ENXIO if it has no IPv6 at all, ENODEV if there is
 *   no such link; none of them with `ifExists`.
 */
export const deleteAddress = call(
  'deleteAddress',
  { netns: true, ifExists: true },
  (link: LinkRef, address: string | AddressSpec | Address, options: DeleteOptions = {}): Operation<void> =>
    // A link without IPv6 (its MTU is below 1280, say) has no address of it: inet6_addr_del() in net/ipv6/addrconf.c.
    removal(change(RTM.DELADDR, 0, link, address, options), options, 'ENXIO'),
);

export interface ListAddressesOptions extends NetnsOptions {
  /** Only those of this link. */
  readonly link?: LinkRef | undefined;
  readonly family?: 'inet' | 'inet6' | undefined;
}

/**
 * The addresses of a namespace. The kernel filters by link and family.
 *
 * `ip -family inet address show dev NAME`
 *
 * @throws NetlinkError ENODEV if there is no such link, DumpInterruptedError if the list kept changing while it was
 *   read.
 */
export const listAddresses = call(
  'listAddresses',
  { netns: true, link: true, family: true },
  function* (options: ListAddressesOptions = {}): Operation<Address[]> {
    const { link, family } = options;
    const netns = link === undefined ? netnsOf(options.netns) : netnsOfLink(link, options.netns);
    const wanted = family === undefined ? 0 : familyNumber(family);
    const index = link === undefined ? 0 : yield* indexOf(netns, link);
    return yield* dump(
      netns,
      makeRequest(addressFamily, {
        type: RTM.GETADDR,
        name: 'RTM_GETADDR',
        flags: NLM_F_DUMP,
        header: { index, family: wanted },
        decode: (input, start, end, type) =>
          type === RTM.NEWADDR ? decodeAddress(netns, input, start, end) : undefined,
      }),
    );
  },
);
