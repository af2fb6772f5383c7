/** host-local: addresses from ranges, kept on the disk of this machine. */
import { readFileSync } from 'node:fs';
import { formatIp, isIpText, isSameIp, parseIp } from '../../../addressing/ip.js';
import type { AttachmentId } from '../../protocol/config.js';
import { CniError } from '../../protocol/error.js';
import type { Plugin } from '../../protocol/plugin.js';
import { EMPTY_RESULT, type IpConfig } from '../../protocol/result.js';
import { type Undo, withRollback } from '../../rollback.js';
import { readDataDir, readHostLocal } from './config.js';
import { candidates, type Range, type RangeSet, rangeWith, setText } from './ranges.js';
import { parseResolvConf } from './resolv-conf.js';
import { isOwner, reservedWithoutLock, type Store, withStore } from './store.js';

export const hostLocal: Plugin = {
  add(call) {
    const { dataDir, ranges, routes, resolvConf, requested } = readHostLocal(call);
    const dns = resolvConf === undefined ? {} : parseResolvConf(readFileSync(resolvConf, 'utf8'));
    const left = new Map(requested);
    const ips = withStore(dataDir, call.config.name, (store) =>
      withRollback((undo) => {
        const own = store.of(call);
        const given = ranges.map((set, i) => {
          refuseSecond(set, own, call);
          return allocate({ store, set, index: i, id: call, undo }, takeRequested(left, set));
        });
        if (left.size > 0)
          throw new CniError(
            'addresses',
            `failed to allocate all requested IPs: ${[...left.keys()].join(' ')} is in no range`,
          );
        return given;
      }),
    );
    return { ...EMPTY_RESULT, ips, routes, dns };
  },

  del(call) {
    withStore(readDataDir(call), call.config.name, (store) => store.release((owner) => isOwner(owner, call)));
  },

  check(call) {
    const { dataDir } = readHostLocal(call);
    const found = withStore(dataDir, call.config.name, (store) => store.of(call));
    if (found.length === 0)
      throw new CniError(
        'changed',
        `host-local: failed to find an address of container ${call.containerId}, ${call.ifname}`,
      );
  },

  gc(call) {
    const valid = call.config.validAttachments ?? [];
    withStore(readDataDir(call), call.config.name, (store) =>
      store.release((owner) => !valid.some((attachment) => isOwner(owner, attachment))),
    );
  },

  status(call) {
    const { dataDir, ranges } = readHostLocal(call);
    const taken = lookAt(dataDir, call.config.name);
    for (const set of ranges) {
      if (!hasFree(set, taken))
        throw new CniError('unavailable', `no IP addresses available in range set: ${setText(set)}`);
    }
  },
};

function lookAt(dataDir: string, network: string): Set<string> {
  try {
    return reservedWithoutLock(dataDir, network);
  } catch (error) {
    throw new CniError('unavailable', `host-local: no address can be reserved: ${(error as Error).message}`);
  }
}

function hasFree(set: RangeSet, taken: ReadonlySet<string>): boolean {
  for (const [address] of candidates(set, undefined)) if (!taken.has(formatIp(address))) return true;
  return false;
}

/** The first address that is wanted and in a set. Which set it is for only the sets can tell. */
function takeRequested(left: Map<string, Uint8Array>, set: RangeSet): Uint8Array | undefined {
  for (const [text, address] of left) {
    if (rangeWith(set, address) === undefined) continue;
    left.delete(text);
    return address;
  }
  return undefined;
}

function refuseSecond(set: RangeSet, own: readonly string[], { containerId, ifname }: AttachmentId): void {
  const address = own.find((one) => rangeWith(set, parseIp(one)) !== undefined);
  if (address === undefined) return;
  throw new CniError(
    'addresses',
    `${address} has been allocated to ${containerId} ${ifname}, duplicate allocation is not allowed`,
  );
}

interface Allocation {
  readonly store: Store;
  readonly set: RangeSet;
  /** Place of the set among all of the network. */
  readonly index: number;
  readonly id: AttachmentId;
  readonly undo: Undo;
}

function allocate(allocation: Allocation, requested: Uint8Array | undefined): IpConfig {
  const { store, set, index } = allocation;
  if (requested !== undefined) return allocateRequested(allocation, requested);
  const taken = store.reserved();
  const last = store.last(index);
  for (const [bytes, range] of candidates(set, last !== undefined && isIpText(last) ? parseIp(last) : undefined)) {
    if (!taken.has(formatIp(bytes)) && reserve(allocation, bytes)) return ipConfig(bytes, range);
  }
  throw new CniError('addresses', `no IP addresses available in range set ${index}: ${setText(set)}`);
}

function allocateRequested(allocation: Allocation, bytes: Uint8Array): IpConfig {
  const { set } = allocation;
  const range = rangeWith(set, bytes) as Range;
  const address = formatIp(bytes);
  if (isSameIp(bytes, range.gateway)) throw new CniError('addresses', `requested ip ${address} is subnet's gateway`);
  if (!reserve(allocation, bytes))
    throw new CniError('addresses', `requested IP address ${address} is not available in range set ${setText(set)}`);
  return ipConfig(bytes, range);
}

function reserve({ store, index, id, undo }: Allocation, bytes: Uint8Array): boolean {
  const address = formatIp(bytes);
  if (!store.reserve(address, id, index)) return false;
  undo(() => store.free(address));
  return true;
}

const ipConfig = (bytes: Uint8Array, { length, gateway }: Range): IpConfig => ({
  address: `${formatIp(bytes)}/${length}`,
  gateway: formatIp(gateway),
});
