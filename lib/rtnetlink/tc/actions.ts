/**
 * The list of a filter's actions: a nest of nests, each with its place in the list as its number, whose options the
 * kind of the action decides (TCA_ACT_*, linux/pkt_cls.h).
 */
import { inField, outOfRange } from '../../errors.js';
import { attributes, attributesIn, writeAttribute } from '../../netlink/attributes.js';
import type { ByteReader, ByteWriter } from '../../netlink/bytes.js';
import { bytes, type Codec, u32 } from '../../netlink/codec.js';
import { type ActionDefinition, type ActionTold, actionNamed, requireAction } from './action-kind.js';
import './actions/index.js';
import { flat, kindText } from './attributes.js';
import { optionsOf, payloadOf } from './qdisc-kind.js';
import { tcStatsAttributes } from './stats.js';

/** TCA_ACT_MAX_PRIO (linux/pkt_cls.h). */
const MOST = 32;
const NESTED = 0x8000;
const HEADER = 4;
const KIND = 1;

const outline = {
  kind: [KIND, 'TCA_ACT_KIND', kindText],
  index: [3, 'TCA_ACT_INDEX', u32],
  stats: [4, 'TCA_ACT_STATS', tcStatsAttributes],
  cookie: [6, 'TCA_ACT_COOKIE', bytes],
  flags: [7, 'TCA_ACT_FLAGS', bytes],
  hardwareStats: [8, 'TCA_ACT_HW_STATS', bytes],
  usedHardwareStats: [9, 'TCA_ACT_USED_HW_STATS', bytes],
  hardwareCount: [10, 'TCA_ACT_IN_HW_COUNT', u32],
} as const;

const tableOf = <T>(options: Codec<T>) =>
  flat(attributes(() => ({ ...outline, options: [2, 'TCA_ACT_OPTIONS', options] })));

type ActionTable = ReturnType<typeof tableOf<unknown>>;
const tables = new Map<ActionDefinition | undefined, ActionTable>();

export function actionTable(kind: string | undefined): ActionTable {
  const definition = kind === undefined ? undefined : actionNamed(kind);
  let table = tables.get(definition);
  if (table === undefined) {
    table = tableOf(definition?.options ?? (bytes as Codec<unknown>));
    tables.set(definition, table);
  }
  return table;
}

function kindAt(input: ByteReader, start: number, end: number): string | undefined {
  for (const { type, at, to } of attributesIn(input, start, end)) if (type === KIND) return input.text(at + HEADER, to);
  return undefined;
}

const tableAt = (input: ByteReader, start: number, end: number): ActionTable => actionTable(kindAt(input, start, end));

function encodeAction(out: ByteWriter, type: number, action: Readonly<Record<string, unknown>>): void {
  const { kind, ...options } = action;
  const definition = requireAction(kind, 'kind');
  const data = payloadOf(definition, options, `a ${definition.kind} action`, ['kind']);
  writeAttribute(out, type, actionTable(definition.kind), { kind: definition.kind, options: data }, '');
}

/** The actions of a filter, each as `{ kind, ... }`; their links are indices here. */
export const actionList: Codec<readonly ActionTold[]> = {
  minimum: 0,
  nested: true,
  encode(out, actions, field) {
    if (actions.length > MOST) throw outOfRange(`${field}.length`, actions.length, `up to ${MOST} (TCA_ACT_MAX_PRIO)`);
    for (const [i, action] of actions.entries()) {
      try {
        encodeAction(out, (i + 1) | NESTED, action);
      } catch (error) {
        throw inField(error, `${field}[${i}]`);
      }
    }
  },
  decode(input, start, end) {
    const actions: ActionTold[] = [];
    for (const { at, to } of attributesIn(input, start, end)) {
      const kind = kindAt(input, at + HEADER, to) ?? '';
      const { options } = actionTable(kind).decode(input, at + HEADER, to) as { options?: unknown };
      actions.push(Object.freeze({ kind, ...optionsOf(actionNamed(kind), options) }));
    }
    return Object.freeze(actions);
  },
  path(input, start, end, target) {
    for (const { type, at, to } of attributesIn(input, start, end)) {
      if (target < at || target >= to) continue;
      const below = tableAt(input, at + HEADER, to).path(input, at + HEADER, to, target);
      return below === undefined ? String(type) : `${type}.${below}`;
    }
    return undefined;
  },
};
