/** What the specs of addresses, routes, neighbours and forwarding entries have in common: how they are checked. */
import { invalidValue } from '../errors.js';
import { type Netns, netnsOf } from '../netns/netns.js';

/**
 * Refuses fields that a spec does not have: a misspelt one would be passed over, and what was meant left undone.
 * `of` says what the spec is of (`a route`), `at` what stands before the field's name (`nexthops[0].`).
 */
export function checkFields(spec: object, fields: Readonly<Record<string, true>>, of: string, at = ''): void {
  for (const name in spec) {
    if (fields[name] !== true) {
      throw invalidValue(`${at}${name}`, spec[name as keyof typeof spec], `is no option of ${of}`);
    }
  }
}

/** The namespace that a spec and the options of a call name, each of which may say it alone. */
export function netnsTold(bySpec: Netns | undefined, byOptions: Netns | undefined): Netns | undefined {
  if (bySpec === undefined || byOptions === undefined) return bySpec ?? byOptions;
  const told = netnsOf(bySpec);
  if (netnsOf(byOptions, 'options.netns').id !== told.id) {
    const { name = byOptions.id } = byOptions;
    throw invalidValue('options.netns', name, `is not the namespace of the spec (${told.name ?? told.id})`);
  }
  return told;
}
