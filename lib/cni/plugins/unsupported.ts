/** What a plugin cannot do yet: it says so, rather than pass over it. Pure. */
import { CniError } from '../protocol/error.js';
import type { Fields } from '../protocol/fields.js';

/** Refuses fields that ask for something. */
export function refuseUnsupported(plugin: string, fields: Fields, names: readonly string[]): void {
  for (const name of names) {
    const value = fields.value(name);
    if (value === undefined || value === false || value === 0 || value === '') continue;
    if (Array.isArray(value) && value.length === 0) continue;
    const place = fields.place(name);
    throw new CniError('unsupportedField', `${plugin}: ${place} ${JSON.stringify(value)} is not supported`);
  }
}
