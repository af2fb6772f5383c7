/**
 * Keeps the picture of one namespace true. Events are heard before the lists are read, and what was heard meanwhile
 * is laid over them: the last word on each object counts. Where messages were lost, or the kernel changes something
 * without a word, the list is read again, and the differences become events.
 */
import { DumpInterruptedError } from '../../errors.js';
import { type ByteReader, LITTLE_ENDIAN } from '../../netlink/bytes.js';
import { NLM_F_EXCL } from '../../netlink/message.js';
import type { Netns } from '../../netns/netns.js';
import { getLink, isGone } from '../link/find.js';
import type { Link } from '../link/link.js';
import type { Route } from '../route/route.js';
import type { Rule } from '../rule/rule.js';
import { AF_BRIDGE, RTM } from '../types.js';
import type { NetnsEvent, Watched } from './events.js';
import { Monitor } from './monitor.js';
import { Picture, type TableName } from './picture.js';
import { TABLES } from './tables.js';

/** Who is told of what has changed. */
export interface NetnsListener {
  changed(event: NetnsEvent): void;
  failed(error: unknown): void;
}

/** A message that came while its list was read. */
interface Heard<T extends TableName = TableName> {
  readonly type: T;
  readonly value: Watched[T];
  readonly removed: boolean;
}

export class NetnsWatch {
  readonly picture: Picture;
  readonly #tables: readonly TableName[];
  readonly #listener: NetnsListener;
  #monitor: Monitor | undefined;
  #closed = false;
  #keepsAlive = true;
  /** Tables whose lists are being read, and what was heard of them meanwhile. */
  readonly #reading = new Set<TableName>();
  #heard: Heard[] = [];
  /** Tables to be read (again), and links that a bridge has spoken of. */
  readonly #stale = new Set<TableName>();
  readonly #staleLinks = new Set<number>();
  /** Rules that there is more than one of. */
  readonly #repeated = new Set<string | number>();
  /** The link that is being asked for, until there is news of it. */
  #asked: number | undefined;
  #working: Promise<void> | undefined;
  /** Tables that were never read. Until each of them was, what is found is no news. */
  readonly #unread: Set<TableName>;
  #firstRead = (): void => undefined;
  readonly #first = new Promise<void>((resolve) => {
    this.#firstRead = resolve;
  });

  constructor(netns: Netns, tables: readonly TableName[], listener: NetnsListener) {
    this.picture = new Picture(netns);
    this.#tables = tables;
    this.#unread = new Set(tables);
    this.#listener = listener;
  }

  /** Resolves when the picture is complete for the first time. Its first objects are no events. */
  async start(receiveBuffer?: number): Promise<void> {
    if (this.#tables.length === 0) return;
    const groups = [...new Set(this.#tables.flatMap((type) => TABLES[type].groups))];
    this.#monitor = await Monitor.open(this.picture.netns, groups, this, receiveBuffer);
    if (this.#closed) {
      this.#monitor.close();
      return;
    }
    this.#monitor.keepAlive(this.#keepsAlive);
    for (const type of this.#tables) this.#stale.add(type);
    void this.#work();
    await this.#first;
  }

  close(): void {
    this.#closed = true;
    this.#monitor?.close();
    this.#firstRead();
  }

  keepAlive(keep: boolean): void {
    this.#keepsAlive = keep;
    this.#monitor?.keepAlive(keep);
  }

  message(type: number, flags: number, input: ByteReader, start: number, end: number): void {
    if ((type === RTM.NEWLINK || type === RTM.DELLINK) && this.#namesLinks()) this.#stale.add('rule');
    const table = this.#tables.find((name) => TABLES[name].told === type || TABLES[name].removed === type);
    if (table === undefined) return;
    if (table === 'link' && input.bytes[start] === AF_BRIDGE) {
      this.#staleLinks.add(input.view.getUint32(start + 4, LITTLE_ENDIAN));
      return;
    }
    this.#hear(table, type === TABLES[table].removed, flags, input, start, end);
  }

  lost(): void {
    for (const type of this.#tables) this.#stale.add(type);
  }

  failed(error: Error): void {
    if (!this.#closed) this.#listener.failed(error);
  }

  settled(): void {
    if (this.#stale.size > 0 || this.#staleLinks.size > 0) void this.#work();
  }

  #hear(type: TableName, wasRemoved: boolean, flags: number, input: ByteReader, start: number, end: number): void {
    const { netns } = this.picture;
    const value = TABLES[type].decode(netns, input, start, end);
    if (value === undefined) return;
    const removed = wasRemoved || !isShown(type, value);
    if (type === 'link' && (value as Link).index === this.#asked) this.#asked = undefined;
    if (type === 'route' && !this.#isPlain(value as Route, removed, flags)) {
      this.#stale.add('route');
      return;
    }
    if (type === 'rule' && this.#isSaidTwice(value as Rule, removed)) return;
    if (this.#reading.has(type)) this.#heard.push({ type, value, removed });
    else this.#tell(removed ? this.picture.take(type, keyOf(type, value)) : this.picture.put(type, value));
  }

  // A route that takes the place of another, or stands beside it, says what came, not what went; one that is new in its
  // place is told with EXCL (fib_table_insert() in net/ipv4/fib_trie.c, fib6_add_rt2node() in net/ipv6/ip6_fib.c).
  #isPlain(route: Route, removed: boolean, flags: number): boolean {
    if (!removed) return (flags & NLM_F_EXCL) !== 0;
    return this.#reading.has('route') || this.picture.rows('route').has(TABLES.route.key(route));
  }

  // A rule says whether its links are there, and learns it without a word (attach_rules() in net/core/fib_rules.c).
  #namesLinks(): boolean {
    if (!this.#tables.includes('rule')) return false;
    return this.#reading.has('rule') || this.#hasRule(({ iif, oif }) => iif !== undefined || oif !== undefined);
  }

  // Two rules may say the same, and the end of one leaves the other: a new list tells. So it does of those that jump to
  // this one, or cannot any more, which is not told either.
  #isSaidTwice(rule: Rule, removed: boolean): boolean {
    const key = TABLES.rule.key(rule);
    const reading = this.#reading.has('rule');
    if (!removed && (reading || this.picture.rows('rule').has(key))) this.#repeated.add(key);
    const twice = removed && (reading || this.#repeated.has(key));
    if (twice || this.#hasRule(({ goto }) => goto !== undefined)) this.#stale.add('rule');
    return twice;
  }

  #hasRule(condition: (rule: Rule) => boolean): boolean {
    for (const rule of this.picture.rows('rule').values()) if (condition(rule)) return true;
    return false;
  }

  #tell(event: NetnsEvent | undefined): void {
    if (event === undefined) return;
    if (goesWithRoutes(event) && this.#tables.includes('route')) this.#stale.add('route');
    if (this.#unread.size === 0) this.#listener.changed(event);
  }

  #work(): Promise<void> {
    this.#working ??= this.#catchUp().finally(() => {
      this.#working = undefined;
      if (!this.#closed) this.settled();
    });
    return this.#working;
  }

  async #catchUp(): Promise<void> {
    try {
      while (!this.#closed && (this.#stale.size > 0 || this.#staleLinks.size > 0)) {
        const links = [...this.#staleLinks];
        this.#staleLinks.clear();
        const tables = [...this.#stale];
        this.#stale.clear();
        if (tables.length > 0) await this.#read(tables);
        if (!tables.includes('link')) for (const index of links) await this.#look(index);
      }
    } catch (error) {
      if (!this.#closed) this.#listener.failed(error);
      this.#firstRead();
    }
  }

  async #read(tables: readonly TableName[]): Promise<void> {
    for (const type of tables) this.#reading.add(type);
    if (tables.includes('rule')) this.#repeated.clear();
    let lists: Map<TableName, Map<string | number, unknown>>;
    try {
      lists = new Map(await Promise.all(tables.map(async (type) => [type, await this.#list(type)] as const)));
      // What the kernel did before the lists were read has been heard after this.
      this.#monitor?.drain();
    } finally {
      for (const type of tables) this.#reading.delete(type);
    }
    const heard = this.#heard;
    this.#heard = [];
    // Lost again: what was read may be older than what was lost.
    if (tables.some((type) => this.#stale.has(type) && !NEWS_ASKS.has(type))) return;
    for (const { type, value, removed } of heard) {
      const rows = lists.get(type);
      if (removed) rows?.delete(keyOf(type, value));
      else rows?.set(keyOf(type, value), value);
    }
    for (const type of tables) {
      for (const event of this.picture.adopt(type, lists.get(type) as never)) this.#tell(event);
    }
    // Changes that go on do not put off that it is known.
    for (const type of tables) this.#unread.delete(type);
    if (this.#unread.size === 0) this.#firstRead();
  }

  async #list(type: TableName): Promise<Map<string | number, unknown>> {
    for (;;) {
      try {
        const values: readonly Watched[TableName][] = await TABLES[type].list(this.picture.netns);
        const rows = new Map<string | number, unknown>();
        for (const value of values) {
          const key = keyOf(type, value);
          if (type === 'rule' && rows.has(key)) this.#repeated.add(key);
          rows.set(key, value);
        }
        return rows;
      } catch (error) {
        if (!(error instanceof DumpInterruptedError) || this.#closed) throw error;
      }
    }
  }

  // A bridge tells of its ports in a form of its own: the link itself is asked for. An answer that news has overtaken
  // may be older than it: the link is asked for again.
  async #look(index: number): Promise<void> {
    this.#asked = index;
    try {
      const link = await getLink(index, { netns: this.picture.netns });
      this.#monitor?.drain();
      if (!this.picture.rows('link').has(index)) return;
      if (this.#asked === index) this.#tell(this.picture.put('link', link));
      else this.#staleLinks.add(index);
    } catch (error) {
      if (!isGone(error)) throw error;
    } finally {
      this.#asked = undefined;
    }
  }
}

/** Tables that are read again for news too, not only for lack of it: what was read counts meanwhile. */
const NEWS_ASKS: ReadonlySet<TableName> = new Set(['route', 'rule']);

const isShown = <T extends TableName>(type: T, value: Watched[T]): boolean => TABLES[type].shown?.(value) ?? true;

const keyOf = <T extends TableName>(type: T, value: Watched[T]): string | number => TABLES[type].key(value);

// Routes go, or are marked, without a word when their link goes down or an address goes (fib_sync_down_dev() and
// fib_sync_down_addr() in net/ipv4/fib_semantics.c).
function goesWithRoutes(event: NetnsEvent): boolean {
  if (event.type === 'address') return event.change === 'removed';
  if (event.type !== 'link' || event.old === undefined) return false;
  const { old, new: now } = event;
  return now === undefined || now.up !== old.up || now.carrier !== old.carrier;
}
