/**
 * What is said of a link once it exists: addresses, a master, and whatever the kernel does not take in the
 * request that makes it. One exchange for all of it.
 */
import { inField, wrongType } from '../../errors.js';
import { ByteWriter } from '../../netlink/bytes.js';
import {
  makeRequest,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_EXCL,
  type Request,
  writeMessage,
} from '../../netlink/message.js';
import { exchange, valuesOf } from '../../netlink/request.js';
import type { Netns } from '../../netns/netns.js';
import { type Operation, perform } from '../../operation.js';
import { type AddressSpec, addressRequest } from '../address/address.js';
import { RTM } from '../types.js';
import { linkFamily } from './attributes.js';
import type { BridgePortOptions } from './bridge-port.js';
import { getLinkRequest } from './find.js';
import type { Link } from './link.js';
import { commonAttributes, flagsOf, type LinkOptions, lateAttributes } from './options.js';

/** linux/socket.h: link messages that bridges answer themselves. */
const AF_BRIDGE = 7;

type LinkAttributes = ReturnType<typeof commonAttributes>;

export interface Remaining {
  readonly addresses?: readonly (string | AddressSpec)[] | undefined;
  readonly altNames?: readonly string[] | undefined;
  /** Options that change the link itself. */
  readonly changes?: LinkOptions | undefined;
  readonly master?: number | undefined;
}

/** Does what remains, and reads the link as it then is. */
export function* finishLink(netns: Netns, index: number, name: string, remaining: Remaining): Operation<Link> {
  const requests = remainingRequests(index, name, remaining);
  const replies = yield* perform(exchange(netns, [...requests, getLinkRequest(netns, index)]));
  for (const reply of replies) valuesOf(reply);
  return valuesOf(replies.at(-1))[0] as Link;
}

function remainingRequests(index: number, name: string, remaining: Remaining): Request<unknown>[] {
  const { addresses = [], altNames = [], changes = {}, master } = remaining;
  const requests: Request<unknown>[] = [];
  // In this order: a port's options need its master, and addresses shall come before the link is up, so that
  // IPv6 starts duplicate address detection for all of them at once.
  const { up, bridgePort, ...others } = changes;
  if (master !== undefined) requests.push(changeLinkRequest(index, name, {}, { master }));
  if (hasValue(others)) requests.push(changeLinkRequest(index, name, others));
  if (bridgePort !== undefined) requests.push(bridgePortRequest(index, name, bridgePort));
  if (altNames.length > 0) requests.push(altNamesRequest(RTM.NEWLINKPROP, index, name, altNames));
  for (const address of addresses) {
    requests.push(addressRequest(RTM.NEWADDR, NLM_F_CREATE | NLM_F_EXCL, index, address, name));
  }
  if (up !== undefined) requests.push(changeLinkRequest(index, name, { up }));
  return requests;
}

/**
 * Encodes what is to follow without sending it, so that what cannot be said is refused before anything is made.
 */
export function checkRemaining(name: string, { addresses, altNames, ...rest }: Remaining): void {
  const scratch = new ByteWriter(1024);
  const check = (requests: readonly Request<unknown>[]): void => {
    for (const one of requests) writeMessage(scratch, one, 0);
  };
  if (altNames !== undefined && !Array.isArray(altNames)) throw wrongType('altNames', 'an array of names', altNames);
  if (addresses !== undefined && !Array.isArray(addresses)) throw wrongType('addresses', 'an array', addresses);
  check(remainingRequests(1, name, { ...rest, altNames }));
  for (const [i, address] of (addresses ?? []).entries()) {
    try {
      check(remainingRequests(1, name, { addresses: [address] }));
    } catch (error) {
      throw inField(error, `addresses[${i}]`);
    }
  }
}

export const hasValue = (options: object): boolean => Object.values(options).some((value) => value !== undefined);

/**
 * Changes a link that exists. RTM_NEWLINK rather than RTM_SETLINK, which passes over IFLA_LINKINFO without
 * a word.
 */
export function changeLinkRequest(
  index: number,
  name: string | number,
  options: LinkOptions,
  attributes: LinkAttributes = {},
): Request {
  return makeRequest(linkFamily, {
    type: RTM.NEWLINK,
    name: 'RTM_NEWLINK',
    header: { index, ...flagsOf(options) },
    attributes: { ...commonAttributes(options), ...lateAttributes(options), ...attributes },
    context: { link: name },
  });
}

/**
 * Changes what a bridge keeps of its port. By the bridge's own message: the kernel tells everybody of a link
 * that changes by RTM_NEWLINK, upon which the bridge makes a port that was just disabled forward again.
 */
export const bridgePortRequest = (index: number, name: string | number, bridgePort: BridgePortOptions): Request =>
  makeRequest(linkFamily, {
    type: RTM.SETLINK,
    name: 'RTM_SETLINK',
    header: { family: AF_BRIDGE, index },
    attributes: { bridgePort },
    context: { link: name },
  });

export const altNamesRequest = (
  type: typeof RTM.NEWLINKPROP | typeof RTM.DELLINKPROP,
  index: number,
  name: string | number,
  altNames: readonly string[],
): Request =>
  makeRequest(linkFamily, {
    type,
    name: type === RTM.NEWLINKPROP ? 'RTM_NEWLINKPROP' : 'RTM_DELLINKPROP',
    flags: type === RTM.NEWLINKPROP ? NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND : 0,
    header: { index },
    attributes: { properties: { altNames: [...altNames] } },
    context: { link: name },
  });
