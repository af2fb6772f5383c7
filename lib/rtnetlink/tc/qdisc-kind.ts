/**
 * The registry of queueing disciplines. A kind is one file in `qdiscs/`: the table of its TCA_OPTIONS, its place in
 * the type `QdiscKinds`, and where it has classes, the same for these. Everything else finds it here.
 */
import { invalidValue } from '../../errors.js';
import type { Codec } from '../../netlink/codec.js';
import { checkFields } from '../fields.js';

/**
 * What each kind takes (`options`) and what the kernel tells of it (`told`), by its name in the kernel. Each file in
 * `qdiscs/` adds its own line.
 */
// biome-ignore lint/suspicious/noEmptyInterface: filled by declaration merging, one kind a file
export interface QdiscKinds {}

/** The same for the classes of those kinds that have some. */
// biome-ignore lint/suspicious/noEmptyInterface: filled by declaration merging, one kind a file
export interface ClassKinds {}

/** Options of users, what the kernel reads in their place, and back. */
export interface TcOptions {
  /** The options that there are. */
  readonly fields: ReadonlySet<string>;
  /** The payload of TCA_OPTIONS; absent where the kind has none. */
  readonly options?: Codec<unknown>;
  /**
   * Checks the options, and gives the payload; undefined for none. They are the payload where it is absent. Filters are
   * told the EtherType of the packets that they look at.
   */
  readonly toData?: (options: Readonly<Record<string, unknown>>, protocol: number) => unknown;
  readonly fromData?: (data: never) => Record<string, unknown>;
}

export interface QdiscDefinition extends TcOptions {
  /** TCA_KIND. */
  readonly kind: string;
  /** It stands in front of what a link receives, and nowhere else; its handle is `ffff:`. */
  readonly ingress?: true;
  readonly classes?: TcOptions;
}

const registry = new Map<string, QdiscDefinition>();

/** Registers a kind; called once by its file. */
export function defineQdisc(definition: QdiscDefinition): QdiscDefinition {
  registry.set(definition.kind, definition);
  return definition;
}

export const qdiscNamed = (kind: string): QdiscDefinition | undefined => registry.get(kind);
export const qdiscNames = (): string[] => [...registry.keys()].sort();

/** The definition of a kind that users name. */
export function requireQdisc(kind: unknown): QdiscDefinition {
  const definition = typeof kind === 'string' ? registry.get(kind) : undefined;
  if (definition === undefined) throw invalidValue('kind', kind, `is none of ${qdiscNames().join(', ')}`);
  return definition;
}

/** The same, for the kind that a class is of. */
export function requireClasses(kind: unknown): TcOptions {
  const classes = typeof kind === 'string' ? registry.get(kind)?.classes : undefined;
  if (classes !== undefined) return classes;
  const kinds = qdiscNames().filter((name) => registry.get(name)?.classes !== undefined);
  throw invalidValue('kind', kind, `is no kind with classes (${kinds.join(', ')})`);
}

/**
 * The payload of TCA_OPTIONS for the options of users; undefined where there is nothing to say. `beside` are the names
 * that the spec has beside them.
 */
export function payloadOf(
  definition: TcOptions,
  given: Readonly<Record<string, unknown>>,
  of: string,
  beside: readonly string[],
  protocol = 0,
): unknown {
  const options: Record<string, unknown> = {};
  for (const option in given) if (given[option] !== undefined) options[option] = given[option];
  checkFields(options, definition.fields, of, '', undefined, beside);
  if (definition.toData) return definition.toData(options, protocol);
  return Object.keys(options).length === 0 ? undefined : options;
}

/** What the payload says, in the options of users. */
export const optionsOf = (definition: TcOptions | undefined, data: unknown): Record<string, unknown> | undefined => {
  if (data === undefined || definition?.options === undefined) return undefined;
  return definition.fromData ? definition.fromData(data as never) : (data as Record<string, unknown>);
};
