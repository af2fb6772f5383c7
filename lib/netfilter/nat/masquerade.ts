/** Masquerade: `addMasquerade`, `deleteMasquerade`, `listMasquerades`. */
import { formatIp, parseIp } from '../../addressing/ip.js';
import { invalidValue, wrongType } from '../../errors.js';
import { type Netns, type NetnsOptions, netnsOf } from '../../netns/netns.js';
import { type CallOptions, call, type Operation } from '../../operation.js';
import { checkOptionNames } from '../../option-names.js';
import { netnsTold } from '../../rtnetlink/netns-told.js';
import { addEntries, alreadyThere, type Conflict, type Entry, readEntries, removeEntries } from './entries.js';
import { checkOwner } from './owner.js';
import { networkOf, ordered, prefixChainName, prefixesOf } from './prefix-chain.js';
import { masqueradeMap, masqueradeSection, OUTSIDE } from './sections.js';

/** What {@link addMasquerade} masquerades, and for whom. */
export interface MasqueradeSpec {
  /** An id of your own, by which it is deleted; `nft list ruleset` shows it as comment. At most 127 bytes. */
  readonly owner: string;
  /** The addresses that packets come from: `['10.1.0.5', 'fd00::5']`. */
  readonly sources: readonly string[];
  /** Prefixes of either family. Packets to there keep their source; those of multicast always do. */
  readonly except?: readonly string[] | undefined;
  readonly netns?: Netns | undefined;
}

/** Whose masquerades, or port mappings, a call is about. */
export interface OwnerSelection {
  readonly owner: string;
  readonly netns?: Netns | undefined;
}

/** One address that is masqueraded: plain data. */
export interface Masquerade {
  readonly netns: Netns;
  readonly owner: string;
  readonly source: string;
  /** Prefixes of both families. */
  readonly except: readonly string[];
}

const SPEC = { owner: true, sources: true, except: true, netns: true };
const MAPS = [masqueradeMap(4), masqueradeMap(6)];
const isOf = (entry: Entry): boolean => MAPS.includes(entry.map);

/**
 * Gives packets from `sources` the address of the link that they leave by, unless they go to one of `except`. Added again
 * by its owner, a source has the exceptions that were said last. The namespace must forward (`net.ipv4.ip_forward`,
 * `net.ipv6.conf.all.forwarding`), and what others filter, as `FORWARD` policies do, is theirs.
 *
 * `nft add rule ... ip saddr 10.1.0.5 ip daddr != 10.1.0.0/16 masquerade`, as the CNI plugins' `ipMasq` does, in the
 * table `inet netloom`.
 *
 * @throws NetlinkError EEXIST if a source is another owner's: then none is masqueraded; EOPNOTSUPP if the kernel has no
 *   nf_tables, EPERM without CAP_NET_ADMIN.
 */
export const addMasquerade = call(
  'addMasquerade',
  { netns: true },
  function* (spec: MasqueradeSpec, options: NetnsOptions = {}): Operation<void> {
    yield* add(spec, options, refuseAnothers);
  },
);

/**
 * For the ADD of CNI: the same, but a source that is another owner's becomes this one's. IPAM gives an address to one
 * container at a time, so that it is what was left of one that is gone.
 */
export const takeOverMasquerade = call(
  'takeOverMasquerade',
  { netns: true },
  function* (spec: MasqueradeSpec, options: NetnsOptions = {}): Operation<void> {
    yield* add(spec, options, () => () => undefined);
  },
);

function* add(spec: MasqueradeSpec, options: NetnsOptions, conflict: (netns: Netns) => Conflict): Operation<void> {
  checkOptionNames(spec, SPEC);
  const { owner, sources, except = [] } = spec;
  checkOwner(owner);
  if (!Array.isArray(sources)) throw wrongType('sources', 'an array of addresses', sources);
  if (sources.length === 0) throw invalidValue('sources', sources, 'must not be empty');
  if (!Array.isArray(except)) throw wrongType('except', 'an array of prefixes', except);
  const keys = sources.map((source, i) => parseIp(source, `sources[${i}]`));
  const prefixes = ordered(except.map((prefix: unknown, i) => networkOf(prefix, `except[${i}]`)));
  const netns = netnsOf(netnsTold(spec.netns, options.netns));
  const chain = prefixChainName(OUTSIDE, prefixes, 'except');
  const entries = keys.map((key) => ({ map: masqueradeMap(key.length === 4 ? 4 : 6), key, owner, chain }));
  yield* addEntries(netns, masqueradeSection, entries, conflict(netns));
}

const refuseAnothers =
  (netns: Netns): Conflict =>
  (there, wanted) => {
    if (there.owner === wanted.owner) return;
    throw alreadyThere(
      netns,
      formatIp(there.key),
      `the source is masqueraded for owner ${JSON.stringify(there.owner)}`,
    );
  };

/**
 * Removes what an owner has masqueraded; succeeds where there is nothing. The table goes with its last entry.
 *
 * @throws NetlinkError EPERM without CAP_NET_ADMIN.
 */
export const deleteMasquerade = call(
  'deleteMasquerade',
  { netns: true },
  function* (selection: OwnerSelection, options: NetnsOptions = {}): Operation<void> {
    checkOptionNames(selection, { owner: true, netns: true });
    const { owner, netns } = selection;
    checkOwner(owner);
    const mine = (entry: Entry): boolean => isOf(entry) && entry.owner === owner;
    yield* removeEntries(netnsOf(netnsTold(netns, options.netns)), mine);
  },
);

export interface ListByOwnerOptions extends CallOptions {
  /** Of all owners if absent. */
  readonly owner?: string | undefined;
  readonly netns?: Netns | undefined;
}

/**
 * The addresses that are masqueraded by {@link addMasquerade}, of whichever process.
 *
 * `nft list table inet netloom`
 */
export const listMasquerades = call(
  'listMasquerades',
  { netns: true, owner: true },
  function* (options: ListByOwnerOptions = {}): Operation<Masquerade[]> {
    const { owner: only } = options;
    if (only !== undefined) checkOwner(only);
    const netns = netnsOf(options.netns);
    const { entries } = yield* readEntries(netns, MAPS);
    return entries
      .filter(({ owner }) => only === undefined || owner === only)
      .map(({ owner, key, chain = '' }) => ({
        netns,
        owner,
        source: formatIp(key),
        except: prefixesOf(OUTSIDE, chain),
      }));
  },
);
