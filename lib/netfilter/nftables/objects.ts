/** The attribute tables of nf_tables' objects: tables, chains, rules, sets, elements (linux/netfilter/nf_tables.h). */
import { attributes } from '../../netlink/attributes.js';
import { be32, mapped, named, repeated, text } from '../../netlink/codec.js';
import { family, NETLINK_NETFILTER } from '../../netlink/message.js';
import { messageType, nfgenmsg, SUBSYSTEM } from '../nfnetlink.js';
import { comment } from './comment.js';
import { data, expression, objectName } from './expressions.js';

const nftType = (message: number): number => messageType(SUBSYSTEM.NFTABLES, message);

/** NFT_MSG_* with their subsystem. */
export const NFT = {
  NEWTABLE: nftType(0),
  DELTABLE: nftType(2),
  NEWCHAIN: nftType(3),
  DELCHAIN: nftType(5),
  NEWRULE: nftType(6),
  DELRULE: nftType(8),
  NEWSET: nftType(9),
  DELSET: nftType(11),
  NEWSETELEM: nftType(12),
  GETSETELEM: nftType(13),
  DELSETELEM: nftType(14),
  NEWGEN: nftType(15),
  GETGEN: nftType(16),
} as const;

/** NFPROTO_*: of a table, and of what a rule looks at. */
export const NFPROTO_INET = 1;

/** NF_INET_*: where a base chain stands. */
export const HOOKS = { prerouting: 0, output: 3, postrouting: 4 } as const;
export type Hook = keyof typeof HOOKS;

/** NFT_SET_MAP. */
export const SET_IS_MAP = 0x8;

/** Numbers by which nft tells what is in a set (`enum datatypes` of its datatype.h); the kernel only keeps them. */
export const DATA_TYPES = { ipv4: 7, ipv6: 8, protocol: 12, port: 13, verdict: 0xffffff00 } as const;
/** The type of several, one behind the other (`concat_subtype_add`). */
export const concatenated = (...types: number[]): number => types.reduce((all, type) => (all << 6) | type);

const signed = mapped(
  be32,
  (value: number) => value >>> 0,
  (value) => value | 0,
);

const tableAttributes = attributes(() => ({ name: [1, 'NFTA_TABLE_NAME', objectName] }));

const hookAttributes = attributes(() => ({
  hook: [1, 'NFTA_HOOK_HOOKNUM', named(be32, HOOKS)],
  priority: [2, 'NFTA_HOOK_PRIORITY', signed],
}));

const chainAttributes = attributes(() => ({
  table: [1, 'NFTA_CHAIN_TABLE', objectName],
  name: [3, 'NFTA_CHAIN_NAME', objectName],
  hook: [4, 'NFTA_CHAIN_HOOK', hookAttributes],
  policy: [5, 'NFTA_CHAIN_POLICY', be32],
  type: [7, 'NFTA_CHAIN_TYPE', text(15, 'a type of chain')],
}));

const ruleAttributes = attributes(() => ({
  table: [1, 'NFTA_RULE_TABLE', objectName],
  chain: [2, 'NFTA_RULE_CHAIN', objectName],
  expressions: [4, 'NFTA_RULE_EXPRESSIONS', attributes(() => ({ list: [1, 'NFTA_LIST_ELEM', repeated(expression)] }))],
}));

const setAttributes = attributes(() => ({
  table: [1, 'NFTA_SET_TABLE', objectName],
  name: [2, 'NFTA_SET_NAME', objectName],
  flags: [3, 'NFTA_SET_FLAGS', be32],
  keyType: [4, 'NFTA_SET_KEY_TYPE', be32],
  keyLength: [5, 'NFTA_SET_KEY_LEN', be32],
  dataType: [6, 'NFTA_SET_DATA_TYPE', be32],
  dataLength: [7, 'NFTA_SET_DATA_LEN', be32],
  id: [10, 'NFTA_SET_ID', be32],
}));

export const elementAttributes = attributes(() => ({
  key: [1, 'NFTA_SET_ELEM_KEY', data],
  data: [2, 'NFTA_SET_ELEM_DATA', data],
  comment: [6, 'NFTA_SET_ELEM_USERDATA', comment],
}));

const elementListAttributes = attributes(() => ({
  table: [1, 'NFTA_SET_ELEM_LIST_TABLE', objectName],
  set: [2, 'NFTA_SET_ELEM_LIST_SET', objectName],
  elements: [
    3,
    'NFTA_SET_ELEM_LIST_ELEMENTS',
    attributes(() => ({ list: [1, 'NFTA_LIST_ELEM', repeated(elementAttributes)] })),
  ],
}));

const generationAttributes = attributes(() => ({ id: [1, 'NFTA_GEN_ID', be32] }));

export const tableFamily = family(nfgenmsg, tableAttributes, NETLINK_NETFILTER);
export const chainFamily = family(nfgenmsg, chainAttributes, NETLINK_NETFILTER);
export const ruleFamily = family(nfgenmsg, ruleAttributes, NETLINK_NETFILTER);
export const setFamily = family(nfgenmsg, setAttributes, NETLINK_NETFILTER);
export const elementFamily = family(nfgenmsg, elementListAttributes, NETLINK_NETFILTER);
export const generationFamily = family(nfgenmsg, generationAttributes, NETLINK_NETFILTER);
