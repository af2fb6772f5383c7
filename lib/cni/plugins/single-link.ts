/**
 * What plugins have in common that give a container one link and nothing else: made by ADD, with the addresses that IPAM
 * gives, and taken away by DEL.
 */
import { deleteLink, getLink, type Link, type Netns, setLink } from '../../sync.js';
import { enableAnnouncements } from '../container/announce.js';
import { addAddresses, addRoutes } from '../container/configure.js';
import {
  containerInterface,
  expectAddresses,
  expectLink,
  expectRoutes,
  findLink,
  prevResultOf,
} from '../container/expected.js';
import { findContainer, openContainer } from '../container/netns.js';
import { isAnothers } from '../container/owner.js';
import { told } from '../container/told.js';
import { allocateAddresses, ipamOf } from '../ipam/ipam.js';
import type { Invocation, Plugin } from '../protocol/plugin.js';
import { EMPTY_RESULT, type Result, saysDns } from '../protocol/result.js';
import { type Undo, withRollback } from '../rollback.js';

/** What is each plugin's own. */
export interface SingleLink<Options> {
  /** Reads the configuration; throws for what is wrong in it. DEL and GC do without. */
  read(call: Invocation): Options;
  /** The addresses that the link is to have; those of IPAM where this is absent. */
  addresses?(call: Invocation, undo: Undo): Result;
  /** Makes the link, which is not up yet. */
  make(call: Invocation, options: Options, netns: Netns, undo: Undo): Link;
  /** Takes the link away, as far as it is there. */
  remove(call: Invocation, netns: Netns): void;
  /** What CHECK finds the link to be; any kind where this is absent. */
  readonly kind?: string;
  /** What CHECK looks at besides the link's MAC, its addresses and routes. */
  expect?(call: Invocation, options: Options, link: Link): void;
  /** Throws where ADD could not succeed. */
  status?(options: Options): void;
}

export function singleLink<Options>(own: SingleLink<Options>): Plugin {
  return {
    add(call) {
      const options = own.read(call);
      const netns = openContainer(call);
      return withRollback((undo) => {
        const given = (own.addresses ?? addressesOfIpam)(call, undo);
        const result = { ...given, ips: given.ips.map((ip) => ({ ...ip, interface: 0 })) };
        const link = own.make(call, options, netns, undo);
        configure(netns, link, result);
        const { dns } = call.config;
        return {
          ...result,
          interfaces: [told(getLink(link), call.netns)],
          dns: saysDns(dns) ? dns : result.dns,
        };
      });
    },

    del(call) {
      const netns = findContainer(call);
      if (netns !== undefined) own.remove(call, netns);
      // Afterwards: nobody else may be given the address while it is in use.
      ipamOf(call)?.del(call);
    },

    check(call) {
      const options = own.read(call);
      const netns = openContainer(call);
      ipamOf(call)?.check(call);
      const result = prevResultOf(call);
      const link = expectLink(containerInterface(call), own.kind, netns);
      own.expect?.(call, options, link);
      expectAddresses(link, result);
      expectRoutes(netns, result);
    },

    gc(call) {
      // The links are in the containers' namespaces, and go with them.
      ipamOf(call)?.gc?.(call);
    },

    status(call) {
      own.status?.(own.read(call));
      ipamOf(call)?.status?.(call);
    },
  };
}

/** The addresses that IPAM gives; none where the configuration has no IPAM. */
function addressesOfIpam(call: Invocation, undo: Undo): Result {
  const ipam = ipamOf(call);
  return ipam === undefined ? EMPTY_RESULT : allocateAddresses(ipam, call, undo);
}

function configure(netns: Netns, link: Link, result: Result): void {
  if (result.ips.length === 0) {
    setLink(link, { up: true });
    return;
  }
  enableAnnouncements(netns, link.name);
  addAddresses(netns, link, result.ips);
  addRoutes(link, result);
}

/**
 * Deletes a link of that name and kind. One of another kind, or that says that it is another attachment's, is somebody
 * else's: it was there before an ADD that failed for it.
 */
export function deleteOfKind(call: Invocation, kind: string, netns: Netns, name = call.ifname): void {
  const link = findLink(name, netns);
  if (link?.kind === kind && !isAnothers(link.alias, call)) deleteLink(link, { ifExists: true });
}
