/**
 * The reservations of a network, on disk as containernetworking's host-local has them, so that what one reserved the
 * other can release: in `DIRECTORY/NETWORK`, a file for each address, named by it, holds "CONTAINERID\r\nIFNAME";
 * `last_reserved_ip.N` has the last address of range set N; whoever looks or changes holds flock(2) on `lock`.
 *
 * A reservation appears at once with all it holds (link(2) of a finished file), so a process that dies in the middle
 * leaves it either made or not; DEL finds it in both cases.
 */
import {
  accessSync,
  constants,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { isIpText } from '../../../addressing/ip.js';
import type { Handle } from '../../../native/handle.js';
import { native } from '../../../native/load.js';
import { unlessMissing } from '../../missing.js';
import type { AttachmentId } from '../../protocol/config.js';

/** Where a file is written before it gets its name. Only the holder of the lock has one, so one name will do. */
const UNFINISHED = '.unfinished';

export interface Store {
  /** Addresses that are reserved. */
  reserved(): Set<string>;
  /** The addresses of an attachment. */
  of(id: AttachmentId): string[];
  /** False where the address is taken. */
  reserve(address: string, id: AttachmentId, set: number): boolean;
  /** Releases one address. */
  free(address: string): void;
  /** Releases what `owner` says yes to; `ifname` is empty for what very old versions reserved. */
  release(isMeant: (owner: AttachmentId) => boolean): void;
  /** The address that was last reserved of a range set, as the file has it. */
  last(set: number): string | undefined;
}

/** Opens the store of a network, makes it where there is none, and keeps all others out of it meanwhile. */
export function withStore<T>(dataDir: string, network: string, use: (store: Store) => T): T {
  const directory = `${dataDir}/${network}`;
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  const lock: Handle = native.lockFile(`${directory}/lock`);
  try {
    return use(openStore(directory));
  } finally {
    lock.close();
  }
}

/**
 * The addresses that are reserved, for who may leave no trace, not even the lock: they appear and go one by one, so a look
 * is as good without. Throws where no address could be reserved.
 */
export function reservedWithoutLock(dataDir: string, network: string): Set<string> {
  const directory = `${dataDir}/${network}`;
  let there = directory;
  while (statSync(there, { throwIfNoEntry: false }) === undefined) there = dirname(there);
  accessSync(there, constants.W_OK | constants.X_OK);
  if (!statSync(there).isDirectory()) throw new Error(`${there} is no directory`);
  return new Set(there === directory ? addressesIn(directory) : []);
}

const addressesIn = (directory: string): string[] => readdirSync(directory).filter((name) => isIpText(name));

function openStore(directory: string): Store {
  const path = (name: string): string => `${directory}/${name}`;
  const addresses = (): string[] => addressesIn(directory);
  const write = (text: string): string => {
    const unfinished = path(UNFINISHED);
    writeFileSync(unfinished, text, { mode: 0o644 });
    return unfinished;
  };
  return {
    reserved: () => new Set(addresses()),
    of: (id) =>
      addresses().filter((address) => {
        const owner = readOwner(path(address));
        return owner !== undefined && isOwner(owner, id);
      }),
    reserve(address, { containerId, ifname }, set) {
      const unfinished = write(`${containerId}\r\n${ifname}`);
      try {
        linkSync(unfinished, path(address));
      } catch (error) {
        if (codeOf(error) === 'EEXIST') return false;
        throw error;
      } finally {
        unlinkSync(unfinished);
      }
      renameSync(write(address), path(`last_reserved_ip.${set}`));
      return true;
    },
    free: (address) => removeFile(path(address)),
    release(isMeant) {
      for (const address of addresses()) {
        const owner = readOwner(path(address));
        if (owner !== undefined && isMeant(owner)) removeFile(path(address));
      }
    },
    last: (set) => unlessMissing(() => readFileSync(path(`last_reserved_ip.${set}`), 'utf8').trim()),
  };
}

/** Whether a reservation is an attachment's. What very old versions reserved names the container alone. */
export const isOwner = (owner: AttachmentId, { containerId, ifname }: AttachmentId): boolean =>
  owner.containerId === containerId && (owner.ifname === ifname || owner.ifname === '');

function readOwner(file: string): AttachmentId | undefined {
  const text = unlessMissing(() => readFileSync(file, 'utf8'));
  if (text === undefined) return undefined;
  const [containerId = '', ifname = ''] = text.trim().split('\r\n');
  return { containerId, ifname };
}

const removeFile = (file: string): void => void unlessMissing(() => unlinkSync(file));

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);
