/** What a watcher tells, and what it knows: types. */
import type { NetnsEntry } from '../../netns/calls.js';
import type { Netns } from '../../netns/netns.js';
import type { Address } from '../address/address.js';
import type { Link } from '../link/link.js';
import type { Neighbor } from '../neighbor/neighbor.js';
import type { NetnsId } from '../netns-id/calls.js';
import type { Route } from '../route/route.js';
import type { Rule } from '../rule/rule.js';

/** What can be watched in a namespace, by the name that its events have. */
export interface Watched {
  link: Link;
  address: Address;
  route: Route;
  neighbor: Neighbor;
  rule: Rule;
  netnsId: NetnsId;
}

/** A name under /run/netns that a namespace is seen under. */
export type NamedNetns = Readonly<Required<NetnsEntry>>;

/** How something came, changed or went. */
type Change<V> =
  | { readonly change: 'added'; readonly old?: undefined; readonly new: V }
  | { readonly change: 'changed'; readonly old: V; readonly new: V }
  | { readonly change: 'removed'; readonly old: V; readonly new?: undefined };

/** One object that came, changed or went; `old` and `new` are snapshots of it. */
export type ChangeOf<T extends keyof Watched> = { readonly type: T; readonly netns: Netns } & Change<Watched[T]>;

/** A name that came to be a namespace's, another namespace's, or nobody's. It is of the machine, not of a namespace. */
export type NamedNetnsEvent = { readonly type: 'namedNetns'; readonly netns?: undefined } & Change<NamedNetns>;

/** What happens in a namespace. */
export type NetnsEvent = { [T in keyof Watched]: ChangeOf<T> }[keyof Watched];

export type NetworkEvent = NetnsEvent | NamedNetnsEvent;

/** A namespace as a watcher knows it: what was not watched is empty. */
export interface NetworkSnapshot {
  readonly netns: Netns;
  /** By index. */
  readonly links: ReadonlyMap<number, Link>;
  readonly addresses: readonly Address[];
  readonly routes: readonly Route[];
  readonly neighbors: readonly Neighbor[];
  /** IPv4 first; of each family in the order in which they are tried. */
  readonly rules: readonly Rule[];
  readonly netnsIds: readonly NetnsId[];
  /** By name: the same for every namespace. */
  readonly namedNetns: readonly NamedNetns[];
}
