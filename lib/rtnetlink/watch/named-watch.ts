/**
 * Keeps the list of named namespaces true. The kernel tells that mounts have changed, and the directory that files in it
 * have; neither says all of it (a file is there before it is a namespace; symbolic links are no mounts), so either is an
 * occasion to read what there is, and what has changed since becomes events. Nothing is polled, and nothing that
 * overflows is relied on: what was dropped was dropped before what is told last, and that is read after it.
 */
import { type FSWatcher, watch as watchFiles } from 'node:fs';
import { readdir, readFile, realpath, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { MountMonitor } from '../../native/binding.js';
import { native } from '../../native/load.js';
import { absentLater, DIRECTORY, NSFS_MAGIC } from '../../netns/calls.js';
import { mountedNames } from '../../netns/mounted-names.js';
import type { NamedNetns, NamedNetnsEvent } from './events.js';

export type Names = Map<string, NamedNetns>;

/** Who is told of what has changed. */
export interface NamesListener {
  changed(event: NamedNetnsEvent): void;
  failed(error: unknown): void;
}

export class NamedWatch {
  readonly names: Names = new Map();
  readonly #listener: NamesListener;
  #mounts: MountMonitor | undefined;
  #files: FSWatcher | undefined;
  /** Which directory `#files` watches: its path and what it is. */
  #watched: string | undefined;
  #stale = true;
  #working: Promise<void> | undefined;
  /** Until there was a first list, what is found is no news. */
  #firstRead = (): void => undefined;
  readonly #first = new Promise<void>((resolve) => {
    this.#firstRead = resolve;
  });
  #known = false;
  #closed = false;
  #keepsAlive = true;

  constructor(listener: NamesListener) {
    this.#listener = listener;
  }

  /** Resolves when all names are known for the first time, which are no events. */
  async start(): Promise<void> {
    if (this.#closed) return;
    this.#mounts = native.openMountMonitor(this.#look);
    this.#mounts.keepAlive(this.#keepsAlive);
    void this.#work();
    await this.#first;
  }

  close(): void {
    this.#closed = true;
    this.#mounts?.close();
    this.#files?.close();
    this.#firstRead();
  }

  keepAlive(keep: boolean): void {
    this.#keepsAlive = keep;
    this.#mounts?.keepAlive(keep);
    if (keep) this.#files?.ref();
    else this.#files?.unref();
  }

  readonly #look = (): void => {
    this.#stale = true;
    void this.#work();
  };

  #work(): Promise<void> {
    this.#working ??= this.#catchUp().finally(() => {
      this.#working = undefined;
    });
    return this.#working;
  }

  async #catchUp(): Promise<void> {
    try {
      while (this.#stale && !this.#closed) {
        this.#stale = false;
        const found = await this.#read();
        if (this.#closed) return;
        for (const event of nameChanges(this.names, found)) {
          followName(this.names, event);
          if (this.#known) this.#listener.changed(event);
        }
        this.#known = true;
        this.#firstRead();
      }
    } catch (error) {
      if (!this.#closed) this.#listener.failed(error);
      this.#firstRead();
    }
  }

  async #read(): Promise<Names> {
    const directory = await absentLater(undefined, realpath(DIRECTORY));
    // Before it is read, so that nothing is missed. Where there is none, it is the one above that tells of it.
    await this.#watchFiles(directory ?? dirname(DIRECTORY));
    if (directory === undefined) return new Map();
    const mountinfo = await readFile('/proc/self/mountinfo', 'utf8');
    const ids = mountedNames(mountinfo, directory);
    for (const file of await absentLater([], readdir(directory, { withFileTypes: true }))) {
      if (!file.isSymbolicLink()) continue;
      const id = await netnsAt(`${directory}/${file.name}`);
      if (id !== undefined) ids.set(file.name, id);
    }
    const names: Names = new Map();
    for (const [name, id] of ids) names.set(name, Object.freeze({ name, path: `${DIRECTORY}/${name}`, id }));
    return names;
  }

  async #watchFiles(directory: string): Promise<void> {
    const found = await absentLater(undefined, stat(directory));
    const watched = found && `${directory} ${found.dev} ${found.ino}`;
    if (watched === this.#watched || this.#closed) return;
    this.#files?.close();
    this.#watched = watched;
    this.#files = watched === undefined ? undefined : open(directory, this.#keepsAlive, this.#look);
    // Gone meanwhile, or another one: it is looked at again.
    if (watched !== undefined) this.#stale = true;
  }
}

function open(directory: string, persistent: boolean, changed: () => void): FSWatcher | undefined {
  try {
    return watchFiles(directory, { persistent }, changed).on('error', changed);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The id of the namespace that a path leads to, if it is one. */
async function netnsAt(path: string): Promise<number | undefined> {
  try {
    return (await statfs(path)).type === NSFS_MAGIC ? (await stat(path)).ino : undefined;
  } catch {
    // It leads nowhere, in a circle, or to a process that may not be looked at.
    return undefined;
  }
}

/** What leads from one list of names to another. Pure. */
export function nameChanges(from: Names, to: Names): NamedNetnsEvent[] {
  const events: NamedNetnsEvent[] = [];
  for (const [name, old] of from) if (!to.has(name)) events.push({ type: 'namedNetns', change: 'removed', old });
  for (const [name, now] of to) {
    const old = from.get(name);
    if (old === undefined) events.push({ type: 'namedNetns', change: 'added', new: now });
    else if (old.id !== now.id) events.push({ type: 'namedNetns', change: 'changed', old, new: now });
  }
  return events.map((event) => Object.freeze(event));
}

/** Does what an event says. */
export function followName(names: Names, { old, new: now }: NamedNetnsEvent): void {
  if (now !== undefined) names.set(now.name, now);
  else if (old !== undefined) names.delete(old.name);
}
