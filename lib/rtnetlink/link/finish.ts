/**
 * What is said of a link once it exists: addresses, a master, and whatever the kernel does not take in the
 * request that makes it. One exchange for all of it.
 */
import { inField, wrongType } from '../../errors.js';
import { ByteWriter, LITTLE_ENDIAN } from '../../netlink/bytes.js';
import { makeRequest, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, type Request } from '../../netlink/message.js';
import { exchange, valuesOf } from '../../netlink/request.js';
import type { Netns } from '../../netns/netns.js';
import { type Operation, perform } from '../../operation.js';
import { type AddressSpec, addressRequest } from '../address/address.js';
import { AF_BRIDGE, RTM } from '../types.js';
import { linkFamily } from './attributes.js';
import type { BridgePortOptions } from './bridge-port.js';
import { getLinkRequest } from './find.js';
import type { Link } from './link.js';
import { commonAttributes, flagsOf, type LinkOptions, lateAttributes } from './options.js';

type LinkAttributes = ReturnType<typeof commonAttributes>;

export interface Remaining {
  readonly addresses?: readonly (string | AddressSpec)[] | undefined;
  readonly altNames?: readonly string[] | undefined;
  /** Options that change the link itself. */
  readonly changes?: LinkOptions | undefined;
  readonly master?: number | undefined;
}

/** Does what remains, and reads the link as it then is. */
export const finishLink = (netns: Netns, index: number, name: string, remaining: Remaining): Operation<Link> =>
  sendAndRead(
    netns,
    index,
    prepare(name, remaining).map((one) => one(index)),
  );

/** Sends what is to be said of a link, and reads the link as it then is. The first refusal is thrown. */
export function* sendAndRead(netns: Netns, index: number, requests: readonly Request<unknown>[]): Operation<Link> {
  const replies = yield* perform(exchange(netns, [...requests, getLinkRequest(netns, index)]));
  for (const reply of replies) valuesOf(reply);
  return valuesOf(replies.at(-1))[0] as Link;
}

/** A request that is encoded already, but for the link that it is about. */
export type Prepared = (index: number) => Request<unknown>;

/** Encodes what is to follow, so that what cannot be said is refused before anything is made. */
export function prepare(name: string, remaining: Remaining): Prepared[] {
  const { addresses, altNames, changes = NO_CHANGES, master } = remaining;
  if (altNames !== undefined && !Array.isArray(altNames)) throw wrongType('altNames', 'an array of names', altNames);
  if (addresses !== undefined && !Array.isArray(addresses)) throw wrongType('addresses', 'an array', addresses);
  const prepared: Prepared[] = [];
  // In this order: a port's options need its master, and addresses shall come before the link is up, so that
  // IPv6 starts duplicate address detection for all of them at once.
  const { up, bridgePort, ...others } = changes;
  if (master !== undefined) prepared.push(encoded(changeLinkRequest(ANY, name, NO_CHANGES, { master })));
  if (hasValue(others)) prepared.push(encoded(changeLinkRequest(ANY, name, others)));
  if (bridgePort !== undefined) prepared.push(encoded(bridgePortRequest(ANY, name, bridgePort)));
  if (altNames?.length) prepared.push(encoded(altNamesRequest(RTM.NEWLINKPROP, ANY, name, altNames)));
  for (let i = 0; addresses !== undefined && i < addresses.length; i++) {
    try {
      const address = addresses[i] as string | AddressSpec;
      prepared.push(encoded(addressRequest(RTM.NEWADDR, NLM_F_CREATE | NLM_F_EXCL, ANY, address, name)));
    } catch (error) {
      throw inField(error, `addresses[${i}]`);
    }
  }
  if (up !== undefined) prepared.push(encoded(changeLinkRequest(ANY, name, { up })));
  return prepared;
}

const NO_CHANGES: LinkOptions = {};
/** Stands for the index until it is known. */
const ANY = 1;
/** Where ifinfomsg and ifaddrmsg have it. */
const INDEX_OFFSET = 4;

const scratch = new ByteWriter(1024);

function encoded(request: Request<unknown>): Prepared {
  scratch.rewind(0);
  request.encode(scratch);
  const bytes = scratch.bytes.slice(0, scratch.length);
  return (index) => ({
    ...request,
    encode(out) {
      const start = out.length;
      out.writeBytes(bytes);
      out.view.setInt32(start + INDEX_OFFSET, index, LITTLE_ENDIAN);
    },
  });
}

export function hasValue(options: Readonly<Record<string, unknown>>): boolean {
  for (const option in options) if (options[option] !== undefined) return true;
  return false;
}

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
