/**
 * Chains that are called after prefixes, `outside-10.1.0.0/16-fd00__/64`, and whose rules follow from the name. So
 * those of many owners are one chain, which each of them can make without asking whether it is there. Pure.
 */
import { formatIp, masked, type Prefix, parsePrefix } from '../../addressing/ip.js';
import { invalidValue } from '../../errors.js';

// NFT_NAME_MAXLEN, with the NUL.
const NAME_LIMIT = 255;

// nft reads no colon in a name.
const textOf = ({ bytes, length }: Prefix): string => `${formatIp(bytes).replaceAll(':', '_')}/${length}`;

/** Each once, in one order. */
export const ordered = (prefixes: readonly Prefix[]): Prefix[] =>
  [...new Map(prefixes.map((prefix) => [textOf(prefix), prefix]))]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, prefix]) => prefix);

/** The name of the chain for prefixes; `field` is what gave them. */
export function prefixChainName(kind: string, prefixes: readonly Prefix[], field: string): string {
  const name = [kind, ...prefixes.map(textOf)].join('-');
  if (name.length > NAME_LIMIT) {
    const problem = `takes ${name.length} characters; the name of a chain holds ${NAME_LIMIT} (NFT_NAME_MAXLEN)`;
    throw invalidValue(field, `${prefixes.length} prefixes`, problem);
  }
  return name;
}

export const isOfKind = (kind: string, name: string): boolean => name === kind || name.startsWith(`${kind}-`);

/** The prefixes of a chain of that kind, as text; none for other chains. */
export const prefixesOf = (kind: string, name: string): string[] =>
  isOfKind(kind, name)
    ? name
        .split('-')
        .slice(1)
        .map((text) => text.replaceAll('_', ':'))
    : [];

/** A prefix whose bits past its length are zero, whatever the one given has there. */
export function networkOf(text: unknown, field: string): Prefix {
  const prefix = parsePrefix(text, field);
  return { ...prefix, bytes: masked(prefix.bytes, prefix.length) };
}
