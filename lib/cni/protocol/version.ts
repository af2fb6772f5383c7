/** Versions of the protocol. Pure. */
import { CniError } from './error.js';

/** The versions that configurations may have and results are given in, from the oldest on. */
export const VERSIONS = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;
export type Version = (typeof VERSIONS)[number];

export const LATEST: Version = '1.1.0';

export const isVersion = (text: unknown): text is Version => VERSIONS.includes(text as Version);

/** Whether `version` has what came with `since`. */
export const isSince = (version: Version, since: Version): boolean =>
  VERSIONS.indexOf(version) >= VERSIONS.indexOf(since);

/** The version of a configuration, which is 0.1.0 where it says none (libcni, ConfigDecoder). */
export function versionOf(given: unknown): Version {
  if (given === undefined || given === '') return '0.1.0';
  if (isVersion(given)) return given;
  throw new CniError(
    'incompatibleVersion',
    'incompatible CNI versions',
    `config is ${JSON.stringify(given)}, plugin supports ${JSON.stringify(VERSIONS)}`,
  );
}
