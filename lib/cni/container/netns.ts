/** The namespace of a container, by the path that the runtime gives. */
import { statSync } from 'node:fs';
import { currentNetns, type Netns, openNetns } from '../../sync.js';
import type { Environment } from '../protocol/environment.js';
import { CniError } from '../protocol/error.js';

/** Opens the namespace for ADD and CHECK, which cannot do without. */
export function openContainer(call: Environment): Netns {
  const netns = open(call.netns);
  if (netns === undefined) throw new CniError('environment', `CNI_NETNS: there is no ${call.netns}`);
  refuseOwn(netns, call);
  return netns;
}

/**
 * Opens it for DEL: undefined where the runtime does not name it, or it is gone, also where the file is still there on
 * which it was mounted: that a namespace was unmounted and its name not removed yet must not keep a pod from its end.
 */
export function findContainer(call: Environment): Netns | undefined {
  const netns = call.netns === '' ? undefined : open(call.netns, isFile);
  if (netns !== undefined) refuseOwn(netns, call);
  return netns;
}

// A call is over before the next one begins.
const opened: Netns[] = [];

/** Closes what calls have opened, so that a process that goes on does not keep a container's namespace alive. */
export function closeContainers(): void {
  for (const netns of opened.splice(0)) netns.close();
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;

function open(path: string, isGone = (_path: string): boolean => false): Netns | undefined {
  try {
    const netns = openNetns({ path });
    opened.push(netns);
    return netns;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // ESRCH: the process of /proc/PID/ns/net is on its way out.
    if ('code' in error && ['ENOENT', 'ESRCH', 'ENOTDIR'].includes(String(error.code))) return undefined;
    if (isGone(path)) return undefined;
    throw new CniError('environment', `CNI_NETNS: ${error.message}`);
  }
}

// What a plugin does to a container it must not do to the machine (libcni's skel refuses it in the same way).
function refuseOwn(netns: Netns, { ownNetns, netns: path }: Environment): void {
  if (ownNetns || netns.id !== currentNetns().id) return;
  throw new CniError(
    'environment',
    `CNI_NETNS: ${path} is the plugin's own namespace (CNI_NETNS_OVERRIDE=1 allows it)`,
  );
}
