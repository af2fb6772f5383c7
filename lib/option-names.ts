/** Which options a call has: the check that refuses all others. */
import { invalidValue, wrongType } from './errors.js';
import { namesThere } from './known-names.js';

/**
 * Throws for what is no object, and for an option that is not among the keys of `names`, nor `common`, which the
 * message names last: a misspelt option would pass for an absent one.
 */
export function checkOptionNames(given: unknown, names: object, common?: string): asserts given is object {
  if (typeof given !== 'object' || given === null) throw wrongType('options', 'an object', given);
  if (isNetns(given)) throw wrongType('options', 'an object like { netns }', given);
  for (const option in given) {
    if (option === common || Object.hasOwn(names, option)) continue;
    const known = namesThere(option, [...Object.keys(names), ...(common === undefined ? [] : [common])]);
    throw invalidValue(`options.${option}`, given[option as keyof typeof given], `is no option here${known}`);
  }
}

// A namespace in place of the options that name it. Its class is not looked for: its file is made of calls, as this is.
const isNetns = (given: object): boolean => 'sockets' in given && 'id' in given;
