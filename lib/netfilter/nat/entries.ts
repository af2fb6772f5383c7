/**
 * What owners have in the table: elements of its maps. Many processes change them at a time. Each change is one
 * transaction; one that follows from what was read is bound to the generation that was read, and begins again where
 * the ruleset is of another by then.
 */
import { constants } from 'node:os';
import { NetlinkError } from '../../errors.js';
import type { Reply } from '../../netlink/batch.js';
import type { Request } from '../../netlink/message.js';
import { exchange } from '../../netlink/request.js';
import type { Netns } from '../../netns/netns.js';
import { type Operation, perform } from '../../operation.js';
import { ERESTART, transact } from '../nfnetlink.js';
import {
  addElements,
  type ChainSpec,
  deleteChain,
  deleteElements,
  deleteMap,
  deleteTable,
  type Element,
  getGeneration,
  listElements,
  newChain,
  newMap,
  newTable,
  setRules,
} from '../nftables/requests.js';
import { chainNamed, SECTIONS, type Section, TABLE } from './sections.js';
import { inTurn } from './turn.js';

/** An element of a map: what it leads to is `data`, or the chain that is jumped to. */
export interface Entry {
  readonly map: string;
  readonly key: Uint8Array;
  readonly owner: string;
  readonly data?: Uint8Array;
  readonly chain?: string;
}

interface Seen {
  readonly generation: number;
  readonly entries: Entry[];
}

/** The changes that follow from what is there. */
type Plan = (seen: Seen) => Request[];

/** How often a change is begun again. Each time, somebody else has changed something, and is done. */
const ATTEMPTS = 1000;

const mapsOf = ({ maps }: Section): string[] => maps.map(({ name }) => name);
const ALL_MAPS = SECTIONS.flatMap(mapsOf);

/** A list of no more is in one piece: 32 KiB hold more elements, of any length. */
const ONE_PIECE = 64;
/** How often a longer list is read until it is as it was read before. */
const LONG_READS = 8;

/**
 * The entries of maps; of those that are not there, none. A map is a hash that grows and shrinks in the background. What
 * is read of it in pieces meanwhile may lack elements, and the kernel does not say so (nft_rhash_walk in
 * net/netfilter/nft_set_hash.c goes on by counting), so that a long list is read again.
 */
export function* readEntries(netns: Netns, maps: readonly string[] = ALL_MAPS): Operation<Seen> {
  let seen = yield* readOnce(netns, maps);
  for (let reads = 1; reads < LONG_READS && maps.some((map) => isLong(seen, map)); reads++) {
    const before = new Set(seen.entries.map(idOf));
    seen = yield* readOnce(netns, maps);
    if (before.size === seen.entries.length && seen.entries.every((entry) => before.has(idOf(entry)))) break;
  }
  return seen;
}

const isLong = ({ entries }: Seen, map: string): boolean =>
  entries.length > ONE_PIECE && entries.filter((entry) => entry.map === map).length > ONE_PIECE;

function* readOnce(netns: Netns, maps: readonly string[]): Operation<Seen> {
  const requests = [getGeneration, ...maps.map((map) => listElements(TABLE, map))];
  for (let attempt = 1; ; attempt++) {
    const [generation, ...lists] = yield* perform(exchange(netns, requests));
    if (generation?.error) throw generation.error;
    if (lists.some(({ interrupted }) => interrupted) && attempt < ATTEMPTS) continue;
    const entries = lists.flatMap((list, i) => entriesOf(maps[i] as string, list as Reply<Element[]>));
    return {
      generation: generation?.values[0] as number,
      // Each once, for the same reason.
      entries: [...new Map(entries.map((entry) => [idOf(entry), entry])).values()],
    };
  }
}

function entriesOf(map: string, { values, error }: Reply<Element[]>): Entry[] {
  if (error) {
    if (isNotThere(error)) return [];
    throw error;
  }
  return values.flat().map(({ key, data, comment }) => {
    const chain = data?.verdict?.chain;
    return {
      map,
      key: key?.value ?? NO_BYTES,
      owner: comment ?? '',
      ...(data?.value && { data: data.value }),
      ...(chain !== undefined && { chain }),
    };
  });
}
const NO_BYTES = new Uint8Array();

const codeOf = (error: unknown): string | undefined => (error instanceof NetlinkError ? error.code : undefined);
const isNotThere = (error: unknown): boolean => codeOf(error) === 'ENOENT';
const isRestart = (error: unknown): boolean => error instanceof NetlinkError && error.errno === ERESTART;

const elementOf = ({ key, data, chain, owner }: Entry): Element => ({
  key: { value: key },
  data: chain === undefined ? { value: data } : { verdict: { code: 'jump', chain } },
  comment: owner,
});

/** The requests about entries, map by map. */
const byMap = (
  entries: readonly Entry[],
  requests: (table: string, map: string, elements: Element[]) => Request[],
): Request[] =>
  [...new Set(entries.map(({ map }) => map))].flatMap((map) =>
    requests(TABLE, map, entries.filter((entry) => entry.map === map).map(elementOf)),
  );

/** The chains that entries jump to. */
const chainsOf = (entries: readonly Entry[]): ChainSpec[] =>
  [...new Set(entries.flatMap(({ chain }) => chain ?? []))].flatMap((name) => chainNamed(name) ?? []);

/** Chains, made where they are not there, with their rules. */
const makeChains = (chains: readonly ChainSpec[]): Request[] => [
  ...chains.map((chain) => newChain(TABLE, chain)),
  ...chains.flatMap((chain) => setRules(TABLE, chain)),
];

/** The section, made where it is not there, with the chains that entries jump to. */
const establish = ({ maps, chains }: Section, entries: readonly Entry[]): Request[] => [
  newTable(TABLE),
  ...maps.map((map, i) => newMap(TABLE, map, i + 1)),
  ...makeChains([...chains, ...chainsOf(entries)]),
];

/** What becomes of an entry that is there, where one with its key is added: it is replaced, or the call fails. */
export type Conflict = (there: Entry, wanted: Entry) => void;

/** What a {@link Conflict} throws: EEXIST, with whose it is. */
export const alreadyThere = (netns: Netns, entry: string, kernelMessage: string): NetlinkError =>
  new NetlinkError({
    errno: -constants.errno.EEXIST,
    syscall: 'NFT_MSG_NEWSETELEM',
    entry,
    netns: netns.sockets.label,
    kernelMessage,
  });

/** Takes back what a call has added, and puts back what that replaced. What others have changed since stays. */
export type TakeBack = () => Operation<void>;

/** Adds entries to a section, with the chains that they jump to; gives what takes them back. */
export function* addEntries(
  netns: Netns,
  section: Section,
  entries: readonly Entry[],
  conflict: Conflict,
): Operation<TakeBack> {
  const base = establish(section, entries);
  let back = backFrom(entries, []);
  const takeBack = (): Operation<void> => change(netns, ALL_MAPS, back);
  try {
    // As a rule none of them is there, and nothing has to be read.
    yield* transact(netns, [...base, ...byMap(entries, addElements)], { undo: takeBack });
    return takeBack;
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
  const plan: Plan = ({ entries: there }) => {
    const present = new Map(there.map((entry) => [idOf(entry), entry]));
    const replaced: Entry[] = [];
    const added = entries.filter((wanted) => {
      const entry = present.get(idOf(wanted));
      if (entry === undefined) return true;
      if (isSame(entry, wanted)) return false;
      conflict(entry, wanted);
      replaced.push(entry);
      return true;
    });
    back = backFrom(added, replaced);
    const rest = [...there.filter((entry) => !replaced.includes(entry)), ...added];
    return [...base, ...byMap(replaced, deleteElements), ...byMap(added, addElements), ...leave(replaced, rest)];
  };
  yield* change(netns, mapsOf(section), plan, (seen) => back(seen));
  return takeBack;
}

/** Removes what was added and is still so, and puts back what it replaced. */
function backFrom(added: readonly Entry[], replaced: readonly Entry[]): Plan {
  const byId = new Map(added.map((entry) => [idOf(entry), entry]));
  const isOurs = (entry: Entry): boolean => {
    const ours = byId.get(idOf(entry));
    return ours !== undefined && isSame(ours, entry);
  };
  return ({ entries }) => {
    const ours = entries.filter(isOurs);
    const ids = new Set(ours.map(idOf));
    const former = replaced.filter((entry) => ids.has(idOf(entry)));
    return removalOf(ours, [...entries.filter((entry) => !isOurs(entry)), ...former], former);
  };
}

/** Which of the entries are not there, or not so. */
export function* missingEntries(netns: Netns, entries: readonly Entry[]): Operation<Entry[]> {
  const { entries: there } = yield* readEntries(netns, [...new Set(entries.map(({ map }) => map))]);
  const present = new Map(there.map((entry) => [idOf(entry), entry]));
  return entries.filter((wanted) => {
    const entry = present.get(idOf(wanted));
    return entry === undefined || !isSame(entry, wanted);
  });
}

const idOf = ({ map, key }: Entry): string =>
  `${map} ${Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1')}`;
const isSame = (a: Entry, b: Entry): boolean =>
  a.owner === b.owner && a.chain === b.chain && String(a.data) === String(b.data);

/** Removes the entries that are `mine`, and what nothing needs then, at last the table. Gives those that there were. */
export function* removeEntries(netns: Netns, mine: (entry: Entry) => boolean): Operation<Entry[]> {
  let gone: Entry[] = [];
  yield* change(netns, ALL_MAPS, ({ entries }) => {
    gone = entries.filter(mine);
    return removalOf(
      gone,
      entries.filter((entry) => !mine(entry)),
    );
  });
  return gone;
}

/** Removes `gone`, which leaves `rest`; those of `rest` that are `former` take their places. */
function removalOf(gone: readonly Entry[], rest: readonly Entry[], former: readonly Entry[] = []): Request[] {
  if (gone.length === 0) return [];
  if (rest.length === 0) return [deleteTable(TABLE)];
  const unused = SECTIONS.filter((section) => uses(section, gone) && !uses(section, rest));
  return [
    ...makeChains(chainsOf(former)),
    ...byMap(gone, deleteElements),
    ...byMap(former, addElements),
    ...leave(gone, rest),
    ...unused.flatMap(dissolve),
  ];
}

const uses = (section: Section, entries: readonly Entry[]): boolean =>
  entries.some(({ map }) => mapsOf(section).includes(map));

const dissolve = ({ maps, chains }: Section): Request[] => [
  ...chains.map(({ name }) => deleteChain(TABLE, name)),
  ...maps.map(({ name }) => deleteMap(TABLE, name)),
];

/** Removes the chains that only `gone` jumped to. */
function leave(gone: readonly Entry[], rest: readonly Entry[]): Request[] {
  const needed = new Set(rest.map(({ chain }) => chain));
  const unused = new Set(gone.map(({ chain }) => chain).filter((chain) => !needed.has(chain)));
  return [...unused].flatMap((chain) => (chain === undefined ? [] : [deleteChain(TABLE, chain)]));
}

/** Makes changes; `back` takes them back, where the call is aborted meanwhile. */
function change(netns: Netns, maps: readonly string[], plan: Plan, back?: Plan): Operation<void> {
  // An aborted call has its turn until it has taken back what it did.
  const undo = back && ((): Operation<void> => begin(netns, ALL_MAPS, back));
  return inTurn(netns, () => begin(netns, maps, plan, undo));
}

function* begin(netns: Netns, maps: readonly string[], plan: Plan, undo?: TakeBack): Operation<void> {
  for (let attempt = 1; ; attempt++) {
    const seen = yield* readEntries(netns, maps);
    const changes = plan(seen);
    if (changes.length === 0) return;
    try {
      yield* transact(netns, changes, { generation: seen.generation, undo });
      return;
    } catch (error) {
      if (!isRestart(error) || attempt === ATTEMPTS) throw error;
    }
  }
}
