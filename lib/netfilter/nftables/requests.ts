/**
 * Requests about one table of family inet and what is in it. What is made may be there already; what is removed must
 * be there. Pure.
 */
import type { ErrorContext } from '../../errors.js';
import type { AttributeValues } from '../../netlink/attributes.js';
import {
  makeRequest,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  type Request,
} from '../../netlink/message.js';
import type { Expression } from './expressions.js';
import {
  chainFamily,
  DATA_TYPES,
  type elementAttributes,
  elementFamily,
  generationFamily,
  type Hook,
  NFPROTO_INET,
  NFT,
  ruleFamily,
  SET_IS_MAP,
  setFamily,
  tableFamily,
} from './objects.js';

const header = { family: NFPROTO_INET };

/** What errors say that a request is about, as `nft` calls it: `inet netloom publish`. */
const within = (table: string, name: string): ErrorContext => ({ entry: `inet ${table} ${name}` });

export interface ChainSpec {
  readonly name: string;
  /** Where packets enter it; a chain without is entered from rules. */
  readonly hook?: { readonly type: 'nat' | 'filter'; readonly hook: Hook; readonly priority: number };
  readonly rules: readonly (readonly Expression[])[];
}

export interface MapSpec {
  readonly name: string;
  readonly keyType: number;
  readonly keyLength: number;
  readonly dataType: number;
  /** Of a verdict, the kernel knows it. */
  readonly dataLength?: number;
}

export type Element = AttributeValues<typeof elementAttributes>;

export const newTable = (table: string): Request =>
  makeRequest(tableFamily, {
    type: NFT.NEWTABLE,
    name: 'NFT_MSG_NEWTABLE',
    flags: NLM_F_CREATE,
    header,
    attributes: { name: table },
    context: { entry: `inet ${table}` },
  });

/** With everything in it. */
export const deleteTable = (table: string): Request =>
  makeRequest(tableFamily, {
    type: NFT.DELTABLE,
    name: 'NFT_MSG_DELTABLE',
    header,
    attributes: { name: table },
    context: { entry: `inet ${table}` },
  });

export const newMap = (table: string, { dataType, dataLength, ...rest }: MapSpec, id: number): Request =>
  makeRequest(setFamily, {
    type: NFT.NEWSET,
    name: 'NFT_MSG_NEWSET',
    flags: NLM_F_CREATE,
    header,
    attributes: { table, ...rest, flags: SET_IS_MAP, dataType, dataLength, id },
    context: within(table, rest.name),
  });

export const deleteMap = (table: string, name: string): Request =>
  makeRequest(setFamily, {
    type: NFT.DELSET,
    name: 'NFT_MSG_DELSET',
    header,
    attributes: { table, name },
    context: within(table, name),
  });

export const newChain = (table: string, { name, hook }: ChainSpec): Request =>
  makeRequest(chainFamily, {
    type: NFT.NEWCHAIN,
    name: 'NFT_MSG_NEWCHAIN',
    flags: NLM_F_CREATE,
    header,
    attributes: {
      table,
      name,
      ...(hook && { hook: { hook: hook.hook, priority: hook.priority }, policy: ACCEPT, type: hook.type }),
    },
    context: within(table, name),
  });
const ACCEPT = 1;

/** Puts `rules` in the place of those that the chain has. */
export const setRules = (table: string, { name, rules }: ChainSpec): Request[] => [
  makeRequest(ruleFamily, {
    type: NFT.DELRULE,
    name: 'NFT_MSG_DELRULE',
    header,
    attributes: { table, chain: name },
    context: within(table, name),
  }),
  ...rules.map((expressions) =>
    makeRequest(ruleFamily, {
      type: NFT.NEWRULE,
      name: 'NFT_MSG_NEWRULE',
      flags: NLM_F_CREATE | NLM_F_APPEND,
      header,
      attributes: { table, chain: name, expressions: { list: [...expressions] } },
      context: within(table, name),
    }),
  ),
];

/** With its rules. */
export const deleteChain = (table: string, name: string): Request =>
  makeRequest(chainFamily, {
    type: NFT.DELCHAIN,
    name: 'NFT_MSG_DELCHAIN',
    header,
    attributes: { table, name },
    context: within(table, name),
  });

// All of them are in one attribute, which holds 64 KiB.
const MOST_ELEMENTS = 128;

/** None of which may be there. */
export const addElements = (table: string, set: string, elements: readonly Element[]): Request[] =>
  inPieces(elements).map((list) =>
    makeRequest(elementFamily, {
      type: NFT.NEWSETELEM,
      name: 'NFT_MSG_NEWSETELEM',
      flags: NLM_F_CREATE | NLM_F_EXCL,
      header,
      attributes: { table, set, elements: { list } },
      context: within(table, set),
    }),
  );

export const deleteElements = (table: string, set: string, elements: readonly Element[]): Request[] =>
  inPieces(elements).map((list) =>
    makeRequest(elementFamily, {
      type: NFT.DELSETELEM,
      name: 'NFT_MSG_DELSETELEM',
      header,
      attributes: { table, set, elements: { list: list.map(({ key }) => ({ key })) } },
      context: within(table, set),
    }),
  );

function inPieces(elements: readonly Element[]): Element[][] {
  const pieces: Element[][] = [];
  for (let at = 0; at < elements.length; at += MOST_ELEMENTS) pieces.push(elements.slice(at, at + MOST_ELEMENTS));
  return pieces;
}

/** The elements of a set, as many as each message of the answer has. */
export const listElements = (table: string, set: string): Request<Element[]> =>
  makeRequest(elementFamily, {
    type: NFT.GETSETELEM,
    name: 'NFT_MSG_GETSETELEM',
    flags: NLM_F_DUMP,
    header,
    attributes: { table, set },
    context: within(table, set),
    decode: (input, start, end, type) =>
      type === NFT.NEWSETELEM
        ? (elementFamily.attributes.decode(input, start + elementFamily.header.size, end).elements?.list ?? [])
        : undefined,
  });

/** The number of the ruleset's generation: every transaction, whoever makes it, adds one. */
export const getGeneration: Request<number> = makeRequest(generationFamily, {
  type: NFT.GETGEN,
  name: 'NFT_MSG_GETGEN',
  decode: (input, start, end, type) =>
    type === NFT.NEWGEN
      ? generationFamily.attributes.decode(input, start + generationFamily.header.size, end).id
      : undefined,
});

/** A map from addresses of a family to verdicts. */
export const verdictMap = (name: string, family: 4 | 6): MapSpec => ({
  name,
  keyType: family === 4 ? DATA_TYPES.ipv4 : DATA_TYPES.ipv6,
  keyLength: family === 4 ? 4 : 16,
  dataType: DATA_TYPES.verdict,
});
