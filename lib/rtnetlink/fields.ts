/** Which fields a spec may have. Pure. */
import { invalidValue } from '../errors.js';
import { namesThere } from '../known-names.js';

/** The names of fields, from a table that the compiler checks: `fieldsOf<keyof RouteSpec>({ to: true, ... })`. */
export const fieldsOf = <K extends string>(fields: Readonly<Record<K, true>>): ReadonlySet<string> =>
  new Set(Object.keys(fields));

interface Names {
  has(name: string): boolean;
  keys(): Iterable<string>;
}
const NONE: Names = fieldsOf({});

/**
 * Refuses fields that a spec does not have: a misspelt one would be passed over, and what was meant left undone.
 * `of` says what the spec is of (`a route`), `at` what stands before the field's name (`nexthops[0].`). True where
 * the spec has some of `others`, which it may have too; `beside` are those that were looked at before.
 */
export function checkFields(
  spec: object,
  fields: ReadonlySet<string>,
  of: string,
  at = '',
  others = NONE,
  beside: readonly string[] = [],
): boolean {
  let some = false;
  for (const name in spec) {
    if (fields.has(name)) continue;
    if (!others.has(name)) {
      const known = namesThere(name, [...beside, ...fields, ...others.keys()]);
      throw invalidValue(`${at}${name}`, spec[name as keyof typeof spec], `is no option of ${of}${known}`);
    }
    some = true;
  }
  return some;
}
