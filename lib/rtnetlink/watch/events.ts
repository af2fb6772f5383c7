/** What a watcher tells, and what it knows: types. */
import type { Netns } from '../../netns/netns.js';
import type { Address } from '../address/address.js';
import type { Link } from '../link/link.js';
import type { Neighbor } from '../neighbor/neighbor.js';
import type { Route } from '../route/route.js';

/** What can be watched, by the name that its events have. */
export interface Watched {
  link: Link;
  address: Address;
  route: Route;
  neighbor: Neighbor;
}

/** One object that came, changed or went; `old` and `new` are snapshots of it. */
export type ChangeOf<T extends keyof Watched> = { readonly type: T; readonly netns: Netns } & (
  | { readonly change: 'added'; readonly old?: undefined; readonly new: Watched[T] }
  | { readonly change: 'changed'; readonly old: Watched[T]; readonly new: Watched[T] }
  | { readonly change: 'removed'; readonly old: Watched[T]; readonly new?: undefined }
);

export type NetworkEvent = { [T in keyof Watched]: ChangeOf<T> }[keyof Watched];

/** A namespace as a watcher knows it: what was not watched is empty. */
export interface NetworkSnapshot {
  readonly netns: Netns;
  /** By index. */
  readonly links: ReadonlyMap<number, Link>;
  readonly addresses: readonly Address[];
  readonly routes: readonly Route[];
  readonly neighbors: readonly Neighbor[];
}
