/**
 * `netnsWorker`: a Worker whose thread lives in a namespace, so that what it runs, unchanged, opens its sockets there.
 *
 * A JavaScript thread never changes its namespace, with this one exception: the Worker's own thread enters before any
 * code of the user runs (boot.ts), and never leaves. Node gives each Worker a thread of its own, which ends with it and
 * serves nothing else. libuv's threads, which all of the process share, are never moved, nor started from within; what
 * Node does on them that has to do with the network, looking names up, is done on threads of the Worker's own
 * (dns.ts).
 */
import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker, type WorkerOptions } from 'node:worker_threads';
import { invalidValue, nameCall, wrongType } from '../errors.js';
import type { Handle } from '../native/handle.js';
import { native } from '../native/load.js';
import { PACKAGE_ROOT } from '../native/package-root.js';
import { givenNetns, isOfProcess, type Netns } from '../netns/netns.js';

/** What the Worker runs: a file, a URL that is its own content (data:), or code. */
export type Program =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'code'; readonly code: string };

/** What boot.ts gets in place of the user's workerData, which is in it. */
export interface BootData {
  readonly fd: number;
  readonly name: string | undefined;
  readonly program: Program;
  readonly workerData: unknown;
}

/** The compiled one, also where the sources are run: a Worker runs JavaScript. */
const BOOT = join(PACKAGE_ROOT, 'dist', 'worker', 'boot.js');

/**
 * Starts a Worker whose sockets are all in a namespace: `new Worker(file, options)`, with all its options, so that a
 * server or client of node:http, node:net, node:dgram, fetch ... runs inside, unchanged. Names are looked up there too:
 * by getaddrinfo (`dns.lookup`, and so by every connection), and by `dns.resolve` and its kin. As with `ip netns exec`,
 * /etc/netns/NAME/resolv.conf (and hosts, and nsswitch.conf) are read in place of those of /etc, for a namespace that was
 * made, or opened, by name. Other files are those of the process.
 *
 * `ip netns exec NAME node FILE`, as a thread
 *
 *     const worker = netnsWorker(netns, new URL('./server.js', import.meta.url), { workerData: { port: 80 } });
 *
 * `netns` may be closed at once: the Worker holds the namespace until it ends. Where the namespace cannot be entered the
 * Worker emits 'error', with `code`, `errno` and `syscall`, and the file is not run. Whatever the Worker starts is inside:
 * `currentNetns()` there is the namespace, child processes are in it (those of node:cluster as well), and Workers too, but
 * for the names that they look up (`netnsWorker(currentNetns(), ...)` does that for them as well).
 *
 * Modules that `--require` and `--import` load run before it has entered. In the namespace of the process, by whichever
 * handle, it is `new Worker` and no more, and needs no privilege.
 */
export function netnsWorker(netns: Netns, file: string | URL, options: WorkerOptions = {}): Worker {
  try {
    const inside = givenNetns(netns);
    const { fd } = inside;
    if (typeof options !== 'object' || options === null) throw wrongType('options', 'an object', options);
    if (isOfProcess(inside)) return new Worker(file, options);
    const program = programOf(file, options);
    // The last step that may fail before somebody closes it.
    return start(native.duplicateNetns(fd), inside.name, program, options);
  } catch (error) {
    throw nameCall(error, 'netnsWorker');
  }
}

function start(handle: Handle, name: string | undefined, program: Program, options: WorkerOptions): Worker {
  const workerData: BootData = { fd: handle.fd, name, program, workerData: options.workerData };
  try {
    startPool();
    const worker = new Worker(BOOT, { ...options, eval: false, workerData });
    worker.once('exit', () => handle.close());
    return worker;
  } catch (error) {
    handle.close();
    throw error;
  }
}

/**
 * libuv starts its threads, all of them, when the first work comes, from the thread that has it. They must not be
 * children of one that is in a namespace, so there is some work now.
 */
function startPool(): void {
  randomBytes(1, () => undefined);
}

/** As `new Worker` takes it. */
function programOf(file: unknown, options: WorkerOptions): Program {
  if (options.eval) {
    if (typeof file !== 'string') throw wrongType('file', 'the code, as a string, with the option eval', file);
    return { kind: 'code', code: file };
  }
  if (file instanceof URL) {
    if (file.protocol === 'data:') return { kind: 'url', url: file.href };
    if (file.protocol !== 'file:') throw invalidValue('file', file.href, 'must be a URL of a file, or a data URL');
    return { kind: 'file', path: fileURLToPath(file) };
  }
  if (typeof file !== 'string') throw wrongType('file', 'a path or a URL', file);
  if (!/^\.{0,2}\//.test(file))
    throw invalidValue('file', file, "must be an absolute path, or begin with './' or '../'");
  return { kind: 'file', path: resolve(file) };
}
