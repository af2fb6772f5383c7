/** A policy rule as the kernel tells it. Pure. */
import { AF_INET6 } from '../../addressing/ip.js';
import type { ByteReader } from '../../netlink/bytes.js';
import type { Netns } from '../../netns/netns.js';
import { flagNames } from '../flags.js';
import { type RouteProtocol, type RouteTable, routeProtocols, routeTables } from '../route/names.js';
import {
  fibRuleHeader,
  INVERT,
  type IpProtocol,
  type NumberRange,
  RULE_FLAGS,
  type RuleFlag,
  ruleAttributes,
} from './attributes.js';

/** What any rule tells: which packets it is about, and who made it. */
interface RuleCommon {
  readonly netns: Netns;
  readonly family: 'inet' | 'inet6';
  /** Rules are tried from the lowest on. */
  readonly priority: number;
  readonly protocol: RouteProtocol;
  readonly flags: readonly RuleFlag[];
  /** About all packets but those that the rest says. */
  readonly invert?: true;
  /** `10.1.0.0/16`, `10.0.0.1/32`; absent for any. */
  readonly from?: string;
  readonly to?: string;
  /** Name of a link, which need not be there (see `flags`). */
  readonly iif?: string;
  readonly oif?: string;
  readonly fwmark?: number;
  readonly fwmask?: number;
  readonly tos?: number;
  readonly dscp?: number;
  readonly dscpMask?: number;
  readonly flowLabel?: number;
  readonly flowLabelMask?: number;
  readonly ipProtocol?: IpProtocol;
  readonly sourcePort?: NumberRange;
  readonly sourcePortMask?: number;
  readonly destinationPort?: NumberRange;
  readonly destinationPortMask?: number;
  readonly uidRange?: NumberRange;
  readonly tunId?: bigint;
  readonly realm?: number;
}

interface Suppression {
  readonly suppressPrefixLength?: number;
  readonly suppressIfGroup?: number;
}

/**
 * A policy rule: plain and frozen. What was listed can be given to `deleteRule` again. By its `action`: `lookup` has a
 * `table`, or `l3mdev` for the table of the VRF; `goto` has the priority that it goes on at.
 */
export type Rule = RuleCommon &
  (
    | (Suppression & { readonly action: 'lookup'; readonly table: RouteTable } & {
        readonly [K in 'goto' | 'l3mdev']?: never;
      })
    | (Suppression & { readonly action: 'lookup'; readonly l3mdev: true } & {
        readonly [K in 'goto' | 'table']?: never;
      })
    | ({ readonly action: 'goto'; readonly goto: number } & { readonly [K in 'table' | 'l3mdev']?: never })
    | ({ readonly action: 'nop' | 'blackhole' | 'unreachable' | 'prohibit' } & {
        readonly [K in 'goto' | 'table' | 'l3mdev']?: never;
      })
  );

/** Neither the table nor a prefix length: what the kernel tells where nothing is suppressed (-1). */
const NOT_SUPPRESSED = 0xffffffff;
/** What the kernel makes of a port without a mask. */
const WHOLE_PORT = 0xffff;

type AnyRule = { -readonly [K in keyof RuleCommon]: RuleCommon[K] } & {
  action?: unknown;
  table?: RouteTable;
  goto?: number;
  l3mdev?: true;
  suppressPrefixLength?: number;
  suppressIfGroup?: number;
};

/** Reads an RTM_NEWRULE, from behind its nlmsghdr. Undefined for bytes that are too few. */
export function decodeRule(netns: Netns, input: ByteReader, start: number, end: number): Rule | undefined {
  if (end - start < fibRuleHeader.size) return undefined;
  const header = fibRuleHeader.decode(input, start, end);
  const a = ruleAttributes.decode(input, start + fibRuleHeader.size, end);
  const rule: AnyRule = {
    netns,
    family: header.family === AF_INET6 ? 'inet6' : 'inet',
    priority: a.priority ?? 0,
    action: header.action,
    protocol: routeProtocols.name(a.protocol ?? 0),
    flags: flagNames(header.flags, RULE_FLAGS),
  };
  if (a.l3mdev) rule.l3mdev = true;
  else if (header.action === 'lookup') rule.table = routeTables.name(a.table ?? header.table);
  if (header.action === 'goto') rule.goto = a.goto ?? 0;
  if (a.suppressPrefixLength !== undefined && a.suppressPrefixLength !== NOT_SUPPRESSED)
    rule.suppressPrefixLength = a.suppressPrefixLength;
  if (a.suppressIfGroup !== undefined && a.suppressIfGroup !== NOT_SUPPRESSED) rule.suppressIfGroup = a.suppressIfGroup;
  if ((header.flags & INVERT) !== 0) rule.invert = true;
  if (a.from !== undefined) rule.from = `${a.from}/${header.sourceLength}`;
  if (a.to !== undefined) rule.to = `${a.to}/${header.destinationLength}`;
  if (a.iif !== undefined) rule.iif = a.iif;
  if (a.oif !== undefined) rule.oif = a.oif;
  // A mark of 0 is not told beside its mask.
  if (a.fwmark !== undefined || a.fwmask !== undefined) rule.fwmark = a.fwmark ?? 0;
  if (a.fwmask !== undefined) rule.fwmask = a.fwmask;
  if (header.tos !== 0) rule.tos = header.tos;
  if (a.dscp !== undefined) rule.dscp = a.dscp;
  if (a.dscpMask !== undefined) rule.dscpMask = a.dscpMask;
  if (a.flowLabel !== undefined) rule.flowLabel = a.flowLabel;
  if (a.flowLabelMask !== undefined) rule.flowLabelMask = a.flowLabelMask;
  if (a.ipProtocol !== undefined) rule.ipProtocol = a.ipProtocol;
  if (a.sourcePort !== undefined) rule.sourcePort = a.sourcePort;
  if (a.sourcePortMask !== undefined && a.sourcePortMask !== WHOLE_PORT) rule.sourcePortMask = a.sourcePortMask;
  if (a.destinationPort !== undefined) rule.destinationPort = a.destinationPort;
  if (a.destinationPortMask !== undefined && a.destinationPortMask !== WHOLE_PORT)
    rule.destinationPortMask = a.destinationPortMask;
  if (a.uidRange !== undefined) rule.uidRange = a.uidRange;
  if (a.tunId !== undefined) rule.tunId = a.tunId;
  if (a.realm !== undefined) rule.realm = a.realm;
  return Object.freeze(rule) as Rule;
}
