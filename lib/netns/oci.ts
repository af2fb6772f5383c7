/** Which namespace the config.json of an OCI bundle names: `linux.namespaces` of the OCI runtime specification. */
import { promises, readFileSync } from 'node:fs';

import { invalidValue, wrongType } from '../errors.js';
import { both, type Operation, perform } from '../operation.js';

/** A namespace's path, and what errors call it. */
export interface OciNetns {
  readonly path: string;
  readonly field: string;
}

/** Reads a config.json, and tells the path that it gives for the network namespace. */
export function* readOciNetns(file: unknown): Operation<OciNetns> {
  if (typeof file !== 'string') throw wrongType('ociConfig', 'the path of a config.json', file);
  if (file === '' || file.includes('\0')) throw invalidValue('ociConfig', file, 'is no path');
  try {
    return ociNetns(
      file,
      yield* perform(
        both(
          () => readFileSync(file, 'utf8'),
          () => promises.readFile(file, 'utf8'),
        ),
      ),
    );
  } catch (error) {
    // Of the file system; its own errors name the field already.
    if (error instanceof Error && 'syscall' in error) error.message += `; ociConfig ${JSON.stringify(file)}`;
    throw error;
  }
}

/** The same from the text of the file. Pure. */
export function ociNetns(file: string, text: string): OciNetns {
  const refuse = (problem: string): Error => invalidValue('ociConfig', file, problem);
  const namespaces = namespacesIn(parse(text, refuse), refuse);
  let found: OciNetns | undefined;
  for (const [i, entry] of namespaces.entries()) {
    const field = `linux.namespaces[${i}]`;
    if (!isObject(entry) || typeof entry['type'] !== 'string') throw refuse(`has no string for ${field}.type`);
    if (entry['type'] !== 'network') continue;
    if (found) throw refuse(`has a second network namespace in ${field}`);
    found = { path: pathIn(entry, field, refuse), field: `${field}.path` };
  }
  if (!found)
    throw refuse(
      'has no entry of type "network" in linux.namespaces: the container is in the namespace of its runtime, which ' +
        'is currentNetns() where that is this process',
    );
  return found;
}

type Refuse = (problem: string) => Error;
type JsonObject = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parse(text: string, refuse: Refuse): JsonObject {
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (error) {
    throw refuse(`is no JSON: ${error instanceof Error ? error.message : error}`);
  }
  if (!isObject(config)) throw refuse('is no JSON object');
  return config;
}

function namespacesIn({ linux = {} }: JsonObject, refuse: Refuse): readonly unknown[] {
  if (!isObject(linux)) throw refuse('has no object for linux');
  const { namespaces = [] } = linux as { namespaces?: unknown };
  if (!Array.isArray(namespaces)) throw refuse('has no array for linux.namespaces');
  return namespaces;
}

function pathIn({ path }: JsonObject, field: string, refuse: Refuse): string {
  // As an empty one, which Go writes where there is none.
  if (path === undefined || path === '')
    throw refuse(
      `has no path in ${field}: the runtime makes that namespace with the container; then openNetns({ pid }) opens it`,
    );
  if (typeof path !== 'string') throw refuse(`has no string for ${field}.path`);
  if (!path.startsWith('/') || path.includes('\0')) throw refuse(`has no absolute path for ${field}.path`);
  return path;
}
