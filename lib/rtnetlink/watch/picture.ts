/** What is known of one namespace, object by object, and the differences between two such pictures. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { Netns } from '../../netns/netns.js';
import type { NetnsEvent, NetworkSnapshot, Watched } from './events.js';
import { TABLES } from './tables.js';

export type TableName = keyof Watched;
type Rows<T extends TableName> = Map<string | number, Watched[T]>;

export class Picture {
  readonly netns: Netns;
  readonly #tables: { [T in TableName]: Rows<T> } = {
    link: new Map(),
    address: new Map(),
    route: new Map(),
    neighbor: new Map(),
    rule: new Map(),
    netnsId: new Map(),
  };

  constructor(netns: Netns) {
    this.netns = netns;
  }

  rows<T extends TableName>(type: T): Rows<T> {
    return this.#tables[type];
  }

  /** Puts an object in its place; what that changed, if anything. */
  put<T extends TableName>(type: T, value: Watched[T]): NetnsEvent | undefined {
    const rows = this.rows(type);
    const key = TABLES[type].key(value);
    const old = rows.get(key);
    rows.set(key, value);
    if (old === undefined) return this.#event(type, undefined, value);
    return isDeepStrictEqual(old, value) ? undefined : this.#event(type, old, value);
  }

  take<T extends TableName>(type: T, key: string | number): NetnsEvent | undefined {
    const old = this.rows(type).get(key);
    this.rows(type).delete(key);
    return old === undefined ? undefined : this.#event(type, old, undefined);
  }

  /** Takes over a table of a newer picture; what has come to differ by that, apart from what passes by itself. */
  adopt<T extends TableName>(type: T, newer: Rows<T>): NetnsEvent[] {
    const { lasting } = TABLES[type];
    const rows = this.rows(type);
    const events: NetnsEvent[] = [];
    for (const [key, old] of rows) if (!newer.has(key)) events.push(this.#event(type, old, undefined));
    for (const [key, value] of newer) {
      const old = rows.get(key);
      if (old === undefined || !isDeepStrictEqual(lasting(old), lasting(value)))
        events.push(this.#event(type, old, value));
    }
    rows.clear();
    for (const [key, value] of newer) rows.set(key, value);
    return events;
  }

  /** Follows an event of another picture of the same namespace. */
  follow({ type, old, new: value }: NetnsEvent): void {
    if (value !== undefined) this.put(type, value);
    else this.take(type, TABLES[type].key(old as never));
  }

  get snapshot(): Omit<NetworkSnapshot, 'namedNetns'> {
    const { link, address, route, neighbor, rule, netnsId } = this.#tables;
    return {
      netns: this.netns,
      links: new Map(link as ReadonlyMap<number, Watched['link']>),
      addresses: [...address.values()],
      routes: [...route.values()],
      neighbors: [...neighbor.values()],
      rules: [...rule.values()].sort(byTurn),
      netnsIds: [...netnsId.values()],
    };
  }

  #event<T extends TableName>(type: T, old: Watched[T] | undefined, value: Watched[T] | undefined): NetnsEvent {
    const change = old === undefined ? 'added' : value === undefined ? 'removed' : 'changed';
    const event = { type, change, netns: this.netns, ...(old && { old }), ...(value && { new: value }) };
    return Object.freeze(event) as NetnsEvent;
  }
}

// Of one priority, what came later is tried later: the kernel puts it behind, and so does the picture.
const byTurn = (a: Watched['rule'], b: Watched['rule']): number =>
  a.family === b.family ? a.priority - b.priority : a.family === 'inet' ? -1 : 1;
