/**
 * The registry of link kinds. A kind is one file in `kinds/`: the table of its IFLA_INFO_DATA, and its place
 * in the type `LinkKinds`. Everything else finds it here.
 */
import { invalidValue } from '../../errors.js';
import { namesThere } from '../../known-names.js';
import type { AttributeTable, Entries } from '../../netlink/attributes.js';
import type { MtuRange } from './options.js';

/**
 * The options of each kind, by its name in the kernel. Each file in `kinds/` adds its own line.
 *
 *     declare module '../link/kind.js' { interface LinkKinds { vlan: VlanOptions } }
 */
// biome-ignore lint/suspicious/noEmptyInterface: filled by declaration merging, one kind a file
export interface LinkKinds {}

/** A kind of which netloom has the table. */
export type LinkKind = Extract<keyof LinkKinds, string>;

/** Whether a link of a kind stands on another one: `ip link add link PARENT ...`. */
export type ParentNeed = 'required' | 'optional' | 'none';

export interface KindDefinition<S extends Entries = Entries> {
  /** IFLA_INFO_KIND. */
  readonly kind: string;
  /** The table of IFLA_INFO_DATA. */
  readonly data: AttributeTable<S>;
  readonly parent: ParentNeed;
  /** Field of `data` that holds the parent's index, where IFLA_LINK does not. */
  readonly parentField?: string;
  /** Made in pairs: `data` has the other end as `peer`. */
  readonly peer?: true;
  /** The kernel module that has it, where that is not called as the kind is. */
  readonly module?: string;
  /** The calls that make it, where RTM_NEWLINK does not. */
  readonly madeBy?: string;
  /** MTUs that it can have, where they are not Ethernet's. */
  readonly mtu?: MtuRange;
  /** Checks what the kernel would refuse with a bare EINVAL. Throws an argument error. */
  readonly check?: (options: Readonly<Record<string, unknown>>) => void;
  /** Options of the public spec that are no fields of `data`: what `toData` takes. */
  readonly words?: readonly string[];
  /** Options of the public spec that stand for other attributes (`remote` for an IPv4 or an IPv6 one). */
  readonly toData?: (options: Readonly<Record<string, unknown>>) => Record<string, unknown>;
  /** The same, back: what a decoded link shows. */
  readonly fromData?: (data: Readonly<Record<string, unknown>>) => Record<string, unknown>;
}

const registry = new Map<string, KindDefinition>();

/** Registers a kind; called once by its file. */
export function defineKind<S extends Entries>(definition: KindDefinition<S>): KindDefinition<S> {
  registry.set(definition.kind, definition as KindDefinition);
  return definition;
}

export const kindNamed = (kind: string): KindDefinition | undefined => registry.get(kind);

export const kindNames = (): string[] => [...registry.keys()].sort();

/** The definition of a kind that users name, to make or to change links of it. */
export function requireKind(kind: string): KindDefinition {
  const definition = registry.get(kind);
  if (definition?.madeBy !== undefined) throw invalidValue('kind', kind, `belongs to ${definition.madeBy}`);
  if (definition) return definition;
  const makeable = kindNames().filter((name) => registry.get(name)?.madeBy === undefined);
  throw invalidValue('kind', kind, `is none of ${makeable.join(', ')}`);
}

/** An error for an option that a spec does not have; `known` are those that it has. */
export const noOption = (field: string, value: unknown, what: string, known: Iterable<string> = []): Error =>
  invalidValue(
    field,
    value,
    /(^|\.)signal$/.test(field)
      ? 'goes into the options, behind the spec'
      : `is no option of ${what}${namesThere(field.slice(field.lastIndexOf('.') + 1), known)}`,
  );

/** Refuses options that a kind does not have; `beside` are those that every link has. */
export function checkOptions(
  { kind, data, words = [] }: KindDefinition,
  options: Readonly<Record<string, unknown>>,
  beside: object,
): void {
  for (const field in options) {
    if (!data.has(field) && !words.includes(field))
      throw noOption(field, options[field], `a ${kind}`, [...Object.keys(beside), ...words, ...data.keys()]);
  }
}

/** What options of a kind come to in its table. */
export const toData = (
  definition: KindDefinition,
  options: Readonly<Record<string, unknown>>,
): Record<string, unknown> => (definition.toData ? definition.toData(options) : { ...options });
