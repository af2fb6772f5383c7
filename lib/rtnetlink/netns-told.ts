/** Which namespace a call acts in, where both its spec and its options may say so. */
import { invalidValue } from '../errors.js';
import { type Netns, netnsOf } from '../netns/netns.js';

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
