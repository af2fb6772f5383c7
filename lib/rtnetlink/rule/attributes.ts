/** The table of a policy rule: fib_rule_hdr and the FRA_* attributes (linux/fib_rules.h). */
import { outOfRange, wrongType } from '../../errors.js';
import { attributes } from '../../netlink/attributes.js';
import { LITTLE_ENDIAN } from '../../netlink/bytes.js';
import { be32, bool8, type Codec, checkInteger, ip, named, u8, u16, u32 } from '../../netlink/codec.js';
import { family } from '../../netlink/message.js';
import { struct } from '../../netlink/struct.js';
import { linkName } from '../link/attributes.js';

/** FR_ACT_*: what happens to packets that the rule is about. */
const ACTIONS = { lookup: 1, goto: 2, nop: 3, blackhole: 6, unreachable: 7, prohibit: 8 } as const;
export type RuleAction = keyof typeof ACTIONS;

/** FIB_RULE_*. */
export const RULE_FLAGS = {
  permanent: 0x1,
  unresolved: 0x4,
  'iif-detached': 0x8,
  'oif-detached': 0x10,
} as const;
/**
 * What the kernel says of a rule: `unresolved`, its `goto` leads nowhere; `iif-detached` and `oif-detached`, there is no
 * link of that name; `permanent`, it cannot be deleted.
 */
export type RuleFlag = keyof typeof RULE_FLAGS;
/** FIB_RULE_INVERT. */
export const INVERT = 0x2;

const ruleAction: Codec<RuleAction | number> = named(u8, ACTIONS);

export const fibRuleHeader = struct(12, {
  family: [0, u8],
  destinationLength: [1, u8],
  sourceLength: [2, u8],
  tos: [3, u8],
  table: [4, u8],
  action: [7, ruleAction],
  flags: [8, u32],
});

/** IPPROTO_* (linux/in.h, linux/in6.h), as /etc/protocols calls them. */
const IP_PROTOCOLS = {
  icmp: 1,
  igmp: 2,
  tcp: 6,
  udp: 17,
  dccp: 33,
  gre: 47,
  esp: 50,
  ah: 51,
  icmpv6: 58,
  sctp: 132,
} as const;
/** The protocol above IP, by name or by number. */
export type IpProtocol = keyof typeof IP_PROTOCOLS | number;
const ipProtocol: Codec<IpProtocol> = named(u8, IP_PROTOCOLS);

/** A number, or the first and the last of several. */
export type NumberRange = number | readonly [first: number, last: number];

/** Two numbers in the kernel's byte order (struct fib_rule_port_range, fib_rule_uid_range). */
function range(number: Codec<number>, least: number, most: number): Codec<NumberRange> {
  const size = number.minimum;
  return {
    minimum: size * 2,
    encode(out, value, field) {
      const pair: unknown = typeof value === 'number' ? [value, value] : value;
      if (!Array.isArray(pair) || pair.length !== 2) throw wrongType(field, 'a number, or [first, last]', value);
      const [first, last] = pair as [unknown, unknown];
      checkInteger(first, least, most, field);
      checkInteger(last, least, most, field);
      if (first > last) throw outOfRange(field, value, 'the first number, then one that is not lower');
      number.encode(out, first, field);
      number.encode(out, last, field);
    },
    decode(input, start) {
      const first = number.decode(input, start, start + size);
      const last = number.decode(input, start + size, start + 2 * size);
      return first === last ? first : [first, last];
    },
  };
}

// fib_rule_port_range_valid() in include/net/fib_rules.h; uid_range_set() in net/core/fib_rules.c: -1 is no user.
const ports = range(u16, 1, 0xfffe);
const users = range(u32, 0, 0xfffffffe);

/** FRA_TUN_ID: a 64-bit number in network byte order. */
const tunnelId: Codec<bigint> = {
  minimum: 8,
  encode(out, value, field) {
    if (typeof value !== 'bigint') throw wrongType(field, 'a bigint', value);
    if (value < 0n || value > 0xffffffffffffffffn) throw outOfRange(field, value, '0 to 2^64-1');
    const at = out.reserve(8);
    out.view.setBigUint64(at, value, !LITTLE_ENDIAN);
  },
  decode: (input, start) => input.view.getBigUint64(start, !LITTLE_ENDIAN),
};

export const ruleAttributes = attributes(() => ({
  to: [1, 'FRA_DST', ip],
  from: [2, 'FRA_SRC', ip],
  iif: [3, 'FRA_IIFNAME', linkName],
  goto: [4, 'FRA_GOTO', u32],
  priority: [6, 'FRA_PRIORITY', u32],
  fwmark: [10, 'FRA_FWMARK', u32],
  realm: [11, 'FRA_FLOW', u32],
  tunId: [12, 'FRA_TUN_ID', tunnelId],
  suppressIfGroup: [13, 'FRA_SUPPRESS_IFGROUP', u32],
  suppressPrefixLength: [14, 'FRA_SUPPRESS_PREFIXLEN', u32],
  table: [15, 'FRA_TABLE', u32],
  fwmask: [16, 'FRA_FWMASK', u32],
  oif: [17, 'FRA_OIFNAME', linkName],
  l3mdev: [19, 'FRA_L3MDEV', bool8],
  uidRange: [20, 'FRA_UID_RANGE', users],
  protocol: [21, 'FRA_PROTOCOL', u8],
  ipProtocol: [22, 'FRA_IP_PROTO', ipProtocol],
  sourcePort: [23, 'FRA_SPORT_RANGE', ports],
  destinationPort: [24, 'FRA_DPORT_RANGE', ports],
  dscp: [25, 'FRA_DSCP', u8],
  flowLabel: [26, 'FRA_FLOWLABEL', be32],
  flowLabelMask: [27, 'FRA_FLOWLABEL_MASK', be32],
  sourcePortMask: [28, 'FRA_SPORT_MASK', u16],
  destinationPortMask: [29, 'FRA_DPORT_MASK', u16],
  dscpMask: [30, 'FRA_DSCP_MASK', u8],
}));

export const ruleFamily = family(fibRuleHeader, ruleAttributes);
