/**
 * Expressions: what a rule is made of. Each is a step of a small machine with registers; one that does not match ends
 * the rule (linux/netfilter/nf_tables.h). Pure.
 */
import { type AttributeValues, attributes, attributesIn, writeAttribute } from '../../netlink/attributes.js';
import { be32, bytes, type Codec, named, text } from '../../netlink/codec.js';

const NAME_LIMIT = 255;
/** NFT_NAME_MAXLEN with its NUL: tables, chains, sets. */
export const objectName = text(NAME_LIMIT, 'NFT_NAME_MAXLEN');

/** NFT_JUMP ..., and NF_DROP and NF_ACCEPT. */
export const VERDICTS = {
  drop: 0,
  accept: 1,
  return: 0xfffffffb,
  goto: 0xfffffffc,
  jump: 0xfffffffd,
} as const;

const verdict = attributes(() => ({
  code: [1, 'NFTA_VERDICT_CODE', named(be32, VERDICTS)],
  chain: [2, 'NFTA_VERDICT_CHAIN', objectName],
}));

/** What a register holds: bytes, or a verdict. */
export const data = attributes(() => ({
  value: [1, 'NFTA_DATA_VALUE', bytes],
  verdict: [2, 'NFTA_DATA_VERDICT', verdict],
}));

/** NFT_REG_*: the register of verdicts, and 64 bytes that are addressed by 16 (NFT_REG_1 ...) or by 4 (NFT_REG32_00 ...). */
export const VERDICT_REGISTER = 0;
/** The register at a multiple of 4 bytes. */
export const register = (offset: number): number => (offset % 16 === 0 ? 1 + offset / 16 : 8 + offset / 4);

export const META_KEYS = { iif: 4, nfproto: 15, l4proto: 16 } as const;
export const PAYLOAD_BASES = { network: 1, transport: 2 } as const;
export const COMPARISONS = { equal: 0, different: 1 } as const;
export const CT_KEYS = { status: 2 } as const;
export const FIB_RESULTS = { addressType: 3 } as const;
export const FIB_FLAGS = { destination: 2 } as const;
export const NAT_TYPES = { source: 0, destination: 1 } as const;

export const expressionTables = {
  bitwise: attributes(() => ({
    source: [1, 'NFTA_BITWISE_SREG', be32],
    destination: [2, 'NFTA_BITWISE_DREG', be32],
    length: [3, 'NFTA_BITWISE_LEN', be32],
    mask: [4, 'NFTA_BITWISE_MASK', data],
    xor: [5, 'NFTA_BITWISE_XOR', data],
  })),
  cmp: attributes(() => ({
    source: [1, 'NFTA_CMP_SREG', be32],
    operation: [2, 'NFTA_CMP_OP', named(be32, COMPARISONS)],
    data: [3, 'NFTA_CMP_DATA', data],
  })),
  ct: attributes(() => ({
    destination: [1, 'NFTA_CT_DREG', be32],
    key: [2, 'NFTA_CT_KEY', named(be32, CT_KEYS)],
  })),
  fib: attributes(() => ({
    destination: [1, 'NFTA_FIB_DREG', be32],
    result: [2, 'NFTA_FIB_RESULT', named(be32, FIB_RESULTS)],
    flags: [3, 'NFTA_FIB_FLAGS', named(be32, FIB_FLAGS)],
  })),
  immediate: attributes(() => ({
    destination: [1, 'NFTA_IMMEDIATE_DREG', be32],
    data: [2, 'NFTA_IMMEDIATE_DATA', data],
  })),
  lookup: attributes(() => ({
    set: [1, 'NFTA_LOOKUP_SET', objectName],
    source: [2, 'NFTA_LOOKUP_SREG', be32],
    destination: [3, 'NFTA_LOOKUP_DREG', be32],
  })),
  masq: attributes(() => ({})),
  meta: attributes(() => ({
    destination: [1, 'NFTA_META_DREG', be32],
    key: [2, 'NFTA_META_KEY', named(be32, META_KEYS)],
  })),
  nat: attributes(() => ({
    type: [1, 'NFTA_NAT_TYPE', named(be32, NAT_TYPES)],
    family: [2, 'NFTA_NAT_FAMILY', be32],
    address: [3, 'NFTA_NAT_REG_ADDR_MIN', be32],
    port: [5, 'NFTA_NAT_REG_PROTO_MIN', be32],
  })),
  payload: attributes(() => ({
    destination: [1, 'NFTA_PAYLOAD_DREG', be32],
    base: [2, 'NFTA_PAYLOAD_BASE', named(be32, PAYLOAD_BASES)],
    offset: [3, 'NFTA_PAYLOAD_OFFSET', be32],
    length: [4, 'NFTA_PAYLOAD_LEN', be32],
  })),
} as const;

type Tables = typeof expressionTables;

/** An expression of a kind with its attributes: `['meta', { key: 'nfproto', destination: 1 }]`. */
export type Expression = {
  [N in keyof Tables]: readonly [name: N, values: AttributeValues<Tables[N]>];
}[keyof Tables];

const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
const NESTED = 0x8000;
const ATTRIBUTE_HEADER = 4;

// Of kinds without a table, nothing but the name is known.
const NOTHING = attributes(() => ({}));
const tableOf = (name: string): Codec<unknown> =>
  (Object.hasOwn(expressionTables, name) ? expressionTables[name as keyof Tables] : NOTHING) as Codec<unknown>;

/** One of the list in NFTA_RULE_EXPRESSIONS. */
export const expression: Codec<Expression> = {
  minimum: 0,
  nested: true,
  encode(out, [name, values], field) {
    writeAttribute(out, NFTA_EXPR_NAME, objectName, name, field);
    writeAttribute(out, NFTA_EXPR_DATA | NESTED, tableOf(name), values, `${field}.${name}`);
  },
  decode(input, start, end) {
    let name = '';
    let values: unknown = {};
    for (const { type, at, to } of attributesIn(input, start, end)) {
      if (type === NFTA_EXPR_NAME) name = input.text(at + ATTRIBUTE_HEADER, to);
      else if (type === NFTA_EXPR_DATA) values = tableOf(name).decode(input, at + ATTRIBUTE_HEADER, to);
    }
    return [name, values] as Expression;
  },
};
