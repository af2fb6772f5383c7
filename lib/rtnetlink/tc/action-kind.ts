/**
 * The registry of actions: what a filter does with the packets that it matches. An action is one file in `actions/`.
 */
import { invalidValue, wrongType } from '../../errors.js';
import type { Codec } from '../../netlink/codec.js';
import { s32, u32 } from '../../netlink/codec.js';
import type { LinkRef } from '../link/find.js';
import type { TcOptions } from './qdisc-kind.js';

/** What each action takes, by its name in the kernel. Each file in `actions/` adds its own line. */
// biome-ignore lint/suspicious/noEmptyInterface: filled by declaration merging, one action a file
export interface ActionKinds {}

/** The same table as those of qdiscs and filters; `options` is the payload of TCA_ACT_OPTIONS here. */
export interface ActionDefinition extends TcOptions {
  /** TCA_ACT_KIND. */
  readonly kind: string;
  readonly options: Codec<unknown>;
  /** The option that names a link, of which the kernel wants the index. */
  readonly link?: string;
}

/** One action, typed by `kind`. */
export type Action = {
  [K in keyof ActionKinds]: { readonly kind: K } & ActionKinds[K];
}[keyof ActionKinds];

/** An action as the kernel tells it: its links are indices. One that netloom does not know has its kind alone. */
export type ActionTold = Readonly<Record<string, unknown>> & { readonly kind: string };

const registry = new Map<string, ActionDefinition>();

/** Registers an action; called once by its file. */
export function defineAction(definition: ActionDefinition): ActionDefinition {
  registry.set(definition.kind, definition);
  return definition;
}

export const actionNamed = (kind: string): ActionDefinition | undefined => registry.get(kind);
export const actionNames = (): string[] => [...registry.keys()].sort();

export function requireAction(kind: unknown, field: string): ActionDefinition {
  const definition = typeof kind === 'string' ? registry.get(kind) : undefined;
  if (definition === undefined) throw invalidValue(field, kind, `is none of ${actionNames().join(', ')}`);
  return definition;
}

/** What happens to a packet afterwards: TC_ACT_* (linux/pkt_cls.h), by the words of `tc`. */
export const CONTROLS = {
  continue: -1,
  pass: 0,
  reclassify: 1,
  drop: 2,
  pipe: 3,
  stolen: 4,
  trap: 8,
} as const;
/**
 * `pass` ends the search and lets the packet go on, `drop` ends it there, `pipe` goes on to the next action, `continue`
 * to the next filter, `reclassify` to the first one.
 */
export type Control = keyof typeof CONTROLS;

/** tc_gen (linux/pkt_cls.h): what the struct of every action begins with, but that of police. */
export const generic = {
  index: [0, u32],
  capab: [4, u32],
  action: [8, s32],
  refcnt: [12, s32],
  bindcnt: [16, s32],
} as const;

/** Of an action that is made. */
export const genericOf = (action: number) => ({ index: 0, capab: 0, action, refcnt: 0, bindcnt: 0 });

export function controlNumber(value: unknown, field: string): number {
  const number = typeof value === 'string' && Object.hasOwn(CONTROLS, value) ? CONTROLS[value as Control] : undefined;
  if (number === undefined) throw invalidValue(field, value, `is none of ${Object.keys(CONTROLS).join(', ')}`);
  return number;
}

/** Its word; those with a number inside (jump, goto chain) have none. */
export const controlText = (number: number): Control | undefined =>
  (Object.keys(CONTROLS) as Control[]).find((word) => CONTROLS[word] === number);

/** The links that actions name, to be looked up: the place in the list, the option, and the reference. */
export function* linksIn(actions: unknown): Generator<[at: number, option: string, link: LinkRef]> {
  if (actions === undefined) return;
  if (!Array.isArray(actions)) throw wrongType('actions', 'an array', actions);
  for (const [i, action] of (actions as Readonly<Record<string, unknown>>[]).entries()) {
    if (typeof action !== 'object' || action === null) throw wrongType(`actions[${i}]`, 'an object', action);
    const { link } = requireAction(action['kind'], `actions[${i}].kind`);
    if (link !== undefined) yield [i, link, action[link] as LinkRef];
  }
}
