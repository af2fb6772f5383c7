/**
 * What a link was before it was tuned, on disk until DEL: in `DATADIR/CONTAINERID_IFNAME.json`, as containernetworking's
 * tuning has it, so that each restores what the other changed. Beside that it says whose it is, for GC.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { unlessMissing } from '../../missing.js';
import type { AttachmentId } from '../../protocol/config.js';
import { Fields } from '../../protocol/fields.js';
import type { LinkTuning } from './config.js';

/** The fields of a file, and what they are of a link. */
const NAMES = [
  ['mac', 'mac'],
  ['promisc', 'promiscuous'],
  ['mtu', 'mtu'],
  ['allmulti', 'allMulticast'],
  ['txQLen', 'txQueueLength'],
] as const satisfies readonly (readonly [string, keyof LinkTuning])[];

const SUFFIX = '.json';

// Neither part can have a slash (readEnvironment).
const fileOf = (dataDir: string, { containerId, ifname }: AttachmentId): string =>
  `${dataDir}/${containerId}_${ifname}${SUFFIX}`;

/**
 * Keeps values of a link. Those that are kept already are older, of a tuning before in the chain, and stay. Gives what takes
 * the file back to how it was.
 */
export function saveBackup(dataDir: string, network: string, id: AttachmentId, values: LinkTuning): () => void {
  const file = fileOf(dataDir, id);
  const before = readText(file);
  const known = before === undefined ? {} : decode(before);
  const entries = NAMES.map(([field, name]) => [field, known[name] ?? values[name]] as const);
  const text = JSON.stringify({
    ...Object.fromEntries(entries),
    network,
    containerID: id.containerId,
    ifname: id.ifname,
  });
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  write(file, text);
  return () => (before === undefined ? removeFile(file) : write(file, before));
}

/** The values that are kept of a link; undefined where there are none. */
export function readBackup(dataDir: string, id: AttachmentId): LinkTuning | undefined {
  const text = readText(fileOf(dataDir, id));
  return text === undefined ? undefined : decode(text);
}

export const removeBackup = (dataDir: string, id: AttachmentId): void => removeFile(fileOf(dataDir, id));

/** Removes what is kept of a network's attachments that are not valid any more. */
export function collectBackups(dataDir: string, network: string, valid: readonly AttachmentId[]): void {
  const known = new Set(valid.map((id) => fileOf(dataDir, id)));
  for (const name of namesIn(dataDir)) {
    const file = `${dataDir}/${name}`;
    if (!name.endsWith(SUFFIX) || known.has(file)) continue;
    if (ownerOf(readText(file)) === network) removeFile(file);
  }
}

/** Half a file, or one of something else, keeps nothing: DEL must not fail for it. */
function decode(text: string): LinkTuning {
  const fields = fieldsIn(text);
  if (fields === undefined) return {};
  const value = <T>(name: string, isMeant: (value: unknown) => value is T): T | undefined => {
    const found = fields.value(name);
    return isMeant(found) ? found : undefined;
  };
  return {
    mac: value('mac', isText) || undefined,
    promiscuous: value('promisc', isFlag),
    mtu: value('mtu', isNumber) || undefined,
    allMulticast: value('allmulti', isFlag),
    txQueueLength: value('txQLen', isNumber),
  };
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isFlag = (value: unknown): value is boolean => typeof value === 'boolean';
const isNumber = (value: unknown): value is number => Number.isInteger(value);

const ownerOf = (text: string | undefined): unknown =>
  text === undefined ? undefined : fieldsIn(text)?.value('network');

function fieldsIn(text: string): Fields | undefined {
  try {
    return new Fields(JSON.parse(text));
  } catch {
    return undefined;
  }
}

// One call at a time is about an attachment, so that nobody else writes to this name.
function write(file: string, text: string): void {
  const unfinished = `${file}.unfinished`;
  writeFileSync(unfinished, text, { mode: 0o600 });
  renameSync(unfinished, file);
}

const namesIn = (directory: string): string[] => unlessMissing(() => readdirSync(directory)) ?? [];
const readText = (file: string): string | undefined => unlessMissing(() => readFileSync(file, 'utf8'));
const removeFile = (file: string): void => void unlessMissing(() => unlinkSync(file));
