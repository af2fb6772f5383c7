/**
 * The registry of classifiers. A kind of filter is one file in `filters/`: the table of its TCA_OPTIONS, and its place
 * in the type `FilterKinds`.
 */
import { invalidValue } from '../../errors.js';
import type { TcOptions } from './qdisc-kind.js';

/**
 * What each kind takes (`options`) and what the kernel tells of it (`told`), by its name in the kernel. Each file in
 * `filters/` adds its own line.
 */
// biome-ignore lint/suspicious/noEmptyInterface: filled by declaration merging, one kind a file
export interface FilterKinds {}

export interface FilterDefinition extends TcOptions {
  /** TCA_KIND. */
  readonly kind: string;
  /** The protocol that options tell of, by what they match: it is the filter's own then. */
  readonly protocolOf?: (options: Readonly<Record<string, unknown>>) => 'ip' | 'ipv6' | undefined;
}

const registry = new Map<string, FilterDefinition>();

/** Registers a kind; called once by its file. */
export function defineFilter(definition: FilterDefinition): FilterDefinition {
  registry.set(definition.kind, definition);
  return definition;
}

export const filterNamed = (kind: string): FilterDefinition | undefined => registry.get(kind);
export const filterNames = (): string[] => [...registry.keys()].sort();

/** The definition of a kind that users name. */
export function requireFilter(kind: unknown): FilterDefinition {
  const definition = typeof kind === 'string' ? registry.get(kind) : undefined;
  if (definition === undefined) throw invalidValue('kind', kind, `is none of ${filterNames().join(', ')}`);
  return definition;
}
