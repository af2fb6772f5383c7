/** Which options a call has: the check that refuses all others. */
import { invalidValue, wrongType } from './errors.js';

/**
 * Throws for what is no object, and for an option that is not among the keys of `names`, nor `common`, which the
 * message names last: a misspelt option would pass for an absent one.
 */
export function checkOptionNames(given: unknown, names: object, common?: string): asserts given is object {
  if (typeof given !== 'object' || given === null) throw wrongType('options', 'an object', given);
  for (const option in given) {
    if (option === common || Object.hasOwn(names, option)) continue;
    const known = [...Object.keys(names), ...(common === undefined ? [] : [common])].join(', ');
    throw invalidValue(`options.${option}`, given[option as keyof typeof given], `is no option here (${known} are)`);
  }
}
