/** Making, opening, listing and removing namespaces. Names live in /run/netns, as for `ip netns`. */
import { type Dirent, fstatSync, promises, readdirSync, statfsSync, statSync } from 'node:fs';
import { invalidValue, NEEDS_SYS_ADMIN, outOfRange, wrongType } from '../errors.js';
import type { Handle } from '../native/handle.js';
import { native } from '../native/load.js';
import { both, type CallOptions, call, type Effect, type Operation, perform } from '../operation.js';
import { Netns } from './netns.js';
import { readOciNetns } from './oci.js';

/** NETNS_RUN_DIR of iproute2. */
export const DIRECTORY = '/run/netns';
/** NSFS_MAGIC (linux/magic.h): what a mounted namespace is a file of. */
export const NSFS_MAGIC = 0x6e736673;
/** NAME_MAX (linux/limits.h). */
const NAME_LIMIT = 255;

/** What `openNetns` takes: a name under /run/netns, or where else a namespace is to be found. */
export type NetnsSource =
  | string
  | { readonly path: string }
  /** The namespace of a running process. */
  | { readonly pid: number }
  /** A descriptor of a namespace, which stays the caller's. */
  | { readonly fd: number }
  /** The config.json of an OCI bundle, where its `linux.namespaces` names one by its path. */
  | { readonly ociConfig: string };

/** A named namespace, as a list shows it. */
export interface NetnsEntry {
  readonly name: string;
  readonly path: string;
  /** The namespace's number; absent for a name that no namespace is mounted on any more. */
  readonly id?: number;
}

/**
 * Makes a network namespace. With a name it appears under /run/netns and stays until it is deleted,
 * interchangeable with `ip netns`; without one it lives as long as its handle. The new namespace has one
 * link, `lo`, which is down.
 *
 * `ip netns add NAME`
 *
 * @throws ERR_INVALID_ARG_VALUE for a name that cannot be one, EEXIST if it is taken, EPERM without
 * CAP_SYS_ADMIN. Nothing is left of a call that failed.
 */
export const createNetns = call(
  'createNetns',
  {},
  function* (name?: string, _options: CallOptions = {}): Operation<Netns> {
    if (name !== undefined) checkNetnsName(name);
    try {
      return new Netns(yield* perform(name === undefined ? unnamed : named(name)), name);
    } catch (error) {
      throw explain(name === undefined ? error : aboutName(error), 'name', name);
    }
  },
);

const unnamed: Effect<Handle> = both(
  () => native.unshareNetns(),
  () => native.unshareNetnsAsync(),
  closeIt,
);

const named = (name: string): Effect<Handle> =>
  both(
    () => native.createNamedNetns(DIRECTORY, name),
    () => native.createNamedNetnsAsync(DIRECTORY, name),
    function* (handle) {
      try {
        yield* perform(unbind(name, fstatSync(handle.fd).ino));
      } finally {
        handle.close();
      }
    },
  );

/** Says what a name takes, where it is not the namespace itself that was refused. */
function aboutName(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return error;
  if (error.syscall !== 'unshare' && ['EACCES', 'EPERM', 'EROFS'].includes(String(error.code)))
    error.message +=
      `; a name needs write access to ${DIRECTORY}, and CAP_SYS_ADMIN in the user namespace that owns the mount ` +
      'namespace (rootless: a tmpfs on /run, in a mount namespace of your own)';
  return error;
}

// biome-ignore lint/correctness/useYield: an undo is an operation, also where it has nothing to wait for
function* closeIt(handle: { close(): void }): Operation<void> {
  handle.close();
}

/**
 * Opens a namespace: by its name under /run/netns, by the path of a namespace file, by the id of a process
 * that is in it, by a descriptor (which is duplicated), or by the config.json of an OCI bundle.
 *
 * `ip netns exec NAME ...`, `nsenter --net=PATH ...`
 *
 * An OCI hook is told `pid` on its standard input, and its runtime holds the process until the hook is done. Any other
 * process may have ended, and its id be another one's, when this looks at it. A config.json without a path for its
 * network namespace is refused: the runtime makes that namespace with the container, or (without an entry) the
 * container has the runtime's own.
 *
 * @throws ENOENT if there is none (no name, no path, no process any more), so that a teardown can tell that there is
 * nothing to do; ERR_INVALID_ARG_VALUE for a path that is no network namespace, and a config.json that names none.
 */
export const openNetns = call(
  'openNetns',
  {},
  function* (source: NetnsSource, _options: CallOptions = {}): Operation<Netns> {
    if (typeof source === 'string') {
      checkNetnsName(source);
      return yield* openPath(`${DIRECTORY}/${source}`, 'name', source, source);
    }
    if (typeof source !== 'object' || source === null) {
      throw wrongType('source', SOURCES, source);
    }
    checkOneSource(source);
    if ('path' in source) {
      const { path } = source;
      if (typeof path !== 'string') throw wrongType('path', 'a string', path);
      if (path === '' || path.includes('\0')) throw invalidValue('path', path, 'is no path');
      return yield* openPath(path, 'path', path, nameIn(path));
    }
    if ('pid' in source) {
      const { pid } = source;
      if (!Number.isInteger(pid) || pid <= 0) throw outOfRange('pid', pid, 'the id of a process, 1 or more');
      return yield* openPath(`/proc/${pid}/ns/net`, 'pid', pid);
    }
    if ('ociConfig' in source) {
      const { path, field } = yield* readOciNetns(source.ociConfig);
      return yield* openPath(path, field, path, nameIn(path));
    }
    if (!('fd' in source)) throw wrongType('source', SOURCES, source);
    const { fd } = source;
    if (!Number.isInteger(fd) || fd < 0) throw outOfRange('fd', fd, 'a descriptor, 0 or more');
    try {
      return new Netns(native.duplicateNetns(fd));
    } catch (error) {
      throw explain(error, 'fd', fd);
    }
  },
);

function checkOneSource(source: object): void {
  const told = ['path', 'pid', 'fd', 'ociConfig'].filter((field) => source[field as keyof object] !== undefined);
  if (told.length > 1)
    throw invalidValue('source', source, `has ${told.join(' and ')}, which may be different namespaces: give one`);
}

const SOURCES = 'a name, or an object with path, pid, fd or ociConfig';

function* openPath(path: string, field: string, value: unknown, name?: string): Operation<Netns> {
  try {
    const handle = yield* perform(
      both(
        () => native.openNetns(path),
        () => native.openNetnsAsync(path),
        closeIt,
      ),
    );
    return new Netns(handle, name);
  } catch (error) {
    throw explain(error, field, value);
  }
}

/** Says which argument a failed call was about. */
function explain(error: unknown, field: string, value: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  if ('syscall' in error && error.syscall === 'NS_GET_NSTYPE')
    return invalidValue(field, value, 'is no network namespace');
  if (error.code === 'EBADF') return invalidValue(field, value, 'is no open descriptor');
  if (error.code === 'ENOENT' && field === 'name') error.message += `; no namespace is called ${JSON.stringify(value)}`;
  if (error.code === 'ENOENT' && field === 'netns') error.message += '; the namespace does not have that name any more';
  if (error.code === 'EPERM') error.message += `; ${NEEDS_SYS_ADMIN}`;
  if (error.code === 'EEXIST') error.message += `; the name ${JSON.stringify(value)} is taken`;
  if (error.code === 'EACCES' && field === 'pid')
    error.message += `; process ${value} is another user's: that needs CAP_SYS_PTRACE in its user namespace`;
  if (error.code === 'ENOENT' && field === 'pid') error.message += `; no process has the id ${value}`;
  if (error.code === 'ENOENT' && field.startsWith('linux.')) error.message += `; ${field} of the config.json`;
  return error;
}

const nameIn = (path: string): string | undefined => {
  const name = /^(?:\/var)?\/run\/netns\/([^/]+)$/.exec(path)?.[1];
  return name === '.' || name === '..' ? undefined : name;
};

/**
 * The named namespaces, by name.
 *
 * `ip netns list`
 */
export const listNetns = call('listNetns', {}, function* (_options: CallOptions = {}): Operation<NetnsEntry[]> {
  // A name may be a symbolic link, as those that lead into /proc; no namespace is mounted on a directory.
  const files = (yield* perform(readDirectory)).filter((file) => !file.isDirectory());
  const entries: NetnsEntry[] = [];
  for (const name of files.map(({ name }) => name).sort()) {
    const path = `${DIRECTORY}/${name}`;
    const id = yield* perform(namespaceId(path));
    if (id !== null) entries.push({ name, path, ...(id !== undefined && { id }) });
  }
  return entries;
});

const readDirectory: Effect<Dirent[]> = both(
  () => absentAs([], () => readdirSync(DIRECTORY, { withFileTypes: true })),
  () => absentLater([], promises.readdir(DIRECTORY, { withFileTypes: true })),
);

// null: gone since the directory was read; undefined: there, but nothing is mounted on it.
const namespaceId = (path: string): Effect<number | undefined | null> =>
  both(
    () => absentAs(null, () => (statfsSync(path).type === NSFS_MAGIC ? statSync(path).ino : undefined)),
    () =>
      absentLater(
        null,
        promises
          .statfs(path)
          .then(({ type }) => (type === NSFS_MAGIC ? promises.stat(path).then(({ ino }) => ino) : undefined)),
      ),
  );

const isAbsent = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';

function absentAs<T, U>(otherwise: U, read: () => T): T | U {
  try {
    return read();
  } catch (error) {
    if (isAbsent(error)) return otherwise;
    throw error;
  }
}

/** What a look at the file system gives, or `otherwise` where there is nothing. */
export const absentLater = <T, U>(otherwise: U, reading: Promise<T>): Promise<T | U> =>
  reading.catch((error: unknown) => {
    if (isAbsent(error)) return otherwise;
    throw error;
  });

export interface DeleteNetnsOptions extends CallOptions {
  /** Succeed where the name is gone already. */
  readonly ifExists?: boolean | undefined;
}

/**
 * Removes a namespace's name, and closes the handle where one was given. The namespace itself goes when
 * nothing refers to it any more: no process in it, no open handle, no other mount.
 *
 * `ip netns delete NAME`
 *
 * @throws ENOENT if there is no such name, or if it is another namespace's by now.
 */
export const deleteNetns = call(
  'deleteNetns',
  { ifExists: true },
  function* (netns: string | Netns, { ifExists = false }: DeleteNetnsOptions = {}): Operation<void> {
    if (typeof netns !== 'string' && !(netns instanceof Netns)) throw wrongType('netns', 'a name or a Netns', netns);
    const name = netns instanceof Netns ? netns.name : netns;
    if (name !== undefined) {
      checkNetnsName(name);
      try {
        yield* perform(unbind(name, netns instanceof Netns ? netns.id : ANY));
      } catch (error) {
        if (!ifExists || !isAbsent(error)) throw explain(error, netns === name ? 'name' : 'netns', name);
      }
    }
    if (netns instanceof Netns) netns.close();
  },
);

const unbind = (name: string, id: number): Effect<void> =>
  both(
    () => native.unbindNetns(DIRECTORY, name, id),
    () => native.unbindNetnsAsync(DIRECTORY, name, id),
  );

/** For `unbind`: whichever namespace has the name. */
const ANY = 0;

/** A name becomes a file in /run/netns, so it must be one file name and nothing else. */
export function checkNetnsName(name: unknown, field = 'name'): asserts name is string {
  if (typeof name !== 'string') throw wrongType(field, 'a string', name);
  if (name === '') throw invalidValue(field, name, 'must not be empty');
  if (name === '.' || name === '..') throw invalidValue(field, name, 'is no name for a namespace');
  if (name.includes('/')) throw invalidValue(field, name, "must not contain '/'");
  if (name.includes('\0')) throw invalidValue(field, name, 'must not contain NUL');
  const size = Buffer.byteLength(name);
  if (size > NAME_LIMIT)
    throw invalidValue(field, name, `is ${size} bytes; a file name holds ${NAME_LIMIT} (NAME_MAX)`);
}
