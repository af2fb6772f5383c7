/** Addresses of links: `addAddress`, `replaceAddress`, `deleteAddress`, `listAddresses`. */
import { AF_INET, AF_INET6 } from '../../addressing/ip.js';
import { makeRequest, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE } from '../../netlink/message.js';
import { dump, request } from '../../netlink/request.js';
import { netnsOf } from '../../netns/netns.js';
import { call, type Operation } from '../../operation.js';
import { indexOf, type LinkRef, type NetnsOptions, netnsOfLink } from '../link/find.js';
import { RTM } from '../types.js';
import { type Address, type AddressSpec, addressRequest, decodeAddress } from './address.js';
import { addressFamily } from './attributes.js';

type Change = (typeof RTM)['NEWADDR' | 'DELADDR'];

function* change(
  type: Change,
  flags: number,
  link: LinkRef,
  address: string | AddressSpec,
  options: NetnsOptions,
): Operation<void> {
  const netns = netnsOfLink(link, options.netns);
  const index = yield* indexOf(netns, link);
  yield* request(netns, addressRequest(type, flags, index, address, typeof link === 'object' ? link.name : link));
}

/**
 * Adds an address to a link.
 *
 * `ip address add 10.0.0.1/24 dev NAME`
 *
 * @throws NetlinkError EEXIST if the link has it already.
 */
export const addAddress = call(
  'addAddress',
  { netns: true },
  (link: LinkRef, address: string | AddressSpec, options: NetnsOptions = {}): Operation<void> =>
    change(RTM.NEWADDR, NLM_F_CREATE | NLM_F_EXCL, link, address, options),
);

/**
 * Adds an address, or changes the one that is there: lifetimes, flags, metric.
 *
 * `ip address replace 10.0.0.1/24 dev NAME`
 */
export const replaceAddress = call(
  'replaceAddress',
  { netns: true },
  (link: LinkRef, address: string | AddressSpec, options: NetnsOptions = {}): Operation<void> =>
    change(RTM.NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, link, address, options),
);

/**
 * Removes an address from a link.
 *
 * `ip address delete 10.0.0.1/24 dev NAME`
 *
 * @throws NetlinkError EADDRNOTAVAIL if the link does not have it.
 */
export const deleteAddress = call(
  'deleteAddress',
  { netns: true },
  (link: LinkRef, address: string | AddressSpec, options: NetnsOptions = {}): Operation<void> =>
    change(RTM.DELADDR, 0, link, address, options),
);

export interface ListAddressesOptions extends NetnsOptions {
  /** Only those of this link. */
  readonly link?: LinkRef | undefined;
  readonly family?: 'inet' | 'inet6' | undefined;
}

/**
 * The addresses of a namespace.
 *
 * `ip address show dev NAME`
 */
export const listAddresses = call(
  'listAddresses',
  { netns: true, link: true, family: true },
  function* (options: ListAddressesOptions = {}): Operation<Address[]> {
    const { link, family } = options;
    const netns = link === undefined ? netnsOf(options.netns) : netnsOfLink(link, options.netns);
    const index = link === undefined ? 0 : yield* indexOf(netns, link);
    return yield* dump(
      netns,
      makeRequest(addressFamily, {
        type: RTM.GETADDR,
        name: 'RTM_GETADDR',
        flags: NLM_F_DUMP,
        header: { index, family: family === undefined ? 0 : family === 'inet' ? AF_INET : AF_INET6 },
        decode: (input, start, end, type) => {
          if (type !== RTM.NEWADDR) return undefined;
          const address = decodeAddress(netns, input, start, end);
          // Kernels without strict checking do not filter by link.
          return index === 0 || address.link === index ? address : undefined;
        },
      }),
    );
  },
);
