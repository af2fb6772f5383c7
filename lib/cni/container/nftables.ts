/** nf_tables, which not every kernel has, and not everybody may use. */
import { listMasquerades } from '../../sync.js';
import { CniError } from '../protocol/error.js';

/** STATUS: throws where ADD could not use it. */
export function expectNftables(): void {
  try {
    listMasquerades();
  } catch (error) {
    throw new CniError('unavailable', `nf_tables cannot be used: ${(error as Error).message}`);
  }
}
