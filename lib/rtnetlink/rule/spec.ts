/** What users say of a policy rule, and the request that says it to the kernel. Pure. */
import { AF_INET, familyNumber, type IpFamily, type Prefix, parsePrefix } from '../../addressing/ip.js';
import { type ErrorContext, invalidValue, wrongType } from '../../errors.js';
import { checkInteger } from '../../netlink/codec.js';
import { makeRequest, type Request } from '../../netlink/message.js';
import type { Netns } from '../../netns/netns.js';
import { checkFields, fieldsOf } from '../fields.js';
import type { Link } from '../link/link.js';
import { type RouteProtocol, type RouteTable, routeProtocols, routeTables } from '../route/names.js';
import { RTM } from '../types.js';
import {
  INVERT,
  type IpProtocol,
  type NumberRange,
  type RuleAction,
  type RuleFlag,
  type ruleAttributes,
  ruleFamily,
} from './attributes.js';

/** Which packets a rule is about, and where it stands. What is not said matches any packet. */
export interface RuleMatch {
  /** Of a rule that no address tells it of; `inet` if absent. */
  readonly family?: 'inet' | 'inet6' | undefined;
  /** Rules are tried from the lowest on. If absent, the kernel puts a new rule in front of all but the first. */
  readonly priority?: number | undefined;
  /** Source prefix, or address, of the packet. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  /** The link that the packet came in by, by its name (the link need not be there yet); `lo`: sent from here. */
  readonly iif?: Link | string | undefined;
  /** The link that the packet's socket is bound to, by its name. */
  readonly oif?: Link | string | undefined;
  /** Mark of the packet: all bits of it, or those of `fwmask`. */
  readonly fwmark?: number | undefined;
  readonly fwmask?: number | undefined;
  /** Type of service (IPv4: of the bits 0x1c), or traffic class. */
  readonly tos?: number | undefined;
  /** Differentiated services, 0 to 63, where 0 too is a value; Linux 6.13. */
  readonly dscp?: number | undefined;
  /** Linux 6.15. */
  readonly dscpMask?: number | undefined;
  /** IPv6; Linux 6.14. */
  readonly flowLabel?: number | undefined;
  readonly flowLabelMask?: number | undefined;
  readonly ipProtocol?: IpProtocol | undefined;
  /** A port, or the first and the last: 1 to 65534. */
  readonly sourcePort?: NumberRange | undefined;
  /** Linux 6.15. */
  readonly sourcePortMask?: number | undefined;
  readonly destinationPort?: NumberRange | undefined;
  readonly destinationPortMask?: number | undefined;
  /** User that owns the packet's socket, or the first and the last. */
  readonly uidRange?: NumberRange | undefined;
  /** Id (VNI, key) of the tunnel that the packet came through. */
  readonly tunId?: bigint | undefined;
  /** IPv4: realms for routes that have none, as SOURCE << 16 | DESTINATION. */
  readonly realm?: number | undefined;
  /** About all packets but those that the rest says: `not` of ip-rule(8). */
  readonly invert?: boolean | undefined;
  /** Who made it. */
  readonly protocol?: RouteProtocol | undefined;
  /** What the kernel told of a rule that was listed; passed over. */
  readonly flags?: readonly RuleFlag[] | undefined;
  /** The namespace, where no option and no `iif` or `oif` brings it. */
  readonly netns?: Netns | undefined;
}

interface Suppression {
  /** Go on with the next rule where the table has no route of a longer prefix than this (0: but the default route). */
  readonly suppressPrefixLength?: number | undefined;
  /** Go on with the next rule where the route leaves by a link of this group. */
  readonly suppressIfGroup?: number | undefined;
}

type Without<K extends string> = { readonly [N in K]?: undefined };

/** What happens to those packets. */
export type RuleOutcome =
  /** They take the route that a table has for them, `main` if absent. Where it has none, the next rule is tried. */
  | (Suppression & { readonly action?: 'lookup' | undefined; readonly table?: RouteTable | undefined } & Without<
        'goto' | 'l3mdev'
      >)
  /** The table is that of the VRF which `iif` or `oif` of the packet belongs to. */
  | (Suppression & { readonly action?: 'lookup' | undefined; readonly l3mdev: true } & Without<'goto' | 'table'>)
  /** They go on at the first rule of this priority, which must be higher than the rule's own. */
  | ({ readonly action?: 'goto' | undefined; readonly goto: number } & Without<'table' | 'l3mdev' | keyof Suppression>)
  /** `nop`: nothing. They are dropped: without a word, with ENETUNREACH, with EACCES. */
  | ({ readonly action: 'nop' | 'blackhole' | 'unreachable' | 'prohibit' } & Without<
      'table' | 'goto' | 'l3mdev' | keyof Suppression
    >);

export type RuleSpec = RuleMatch & RuleOutcome;

/** All that a rule of any sort may have. */
type Fields = RuleMatch &
  Suppression & {
    readonly action?: RuleAction | undefined;
    readonly table?: RouteTable | undefined;
    readonly goto?: number | undefined;
    readonly l3mdev?: boolean | undefined;
  };

const PASSED_ON = {
  priority: true,
  fwmark: true,
  fwmask: true,
  dscp: true,
  dscpMask: true,
  flowLabel: true,
  flowLabelMask: true,
  ipProtocol: true,
  sourcePort: true,
  sourcePortMask: true,
  destinationPort: true,
  destinationPortMask: true,
  uidRange: true,
  tunId: true,
  realm: true,
  suppressPrefixLength: true,
  suppressIfGroup: true,
  goto: true,
} as const;
// What does not tell one rule from another.
const ABOUT = { family: true, netns: true, flags: true, invert: true } as const;
const FIELDS = fieldsOf<keyof Fields>({
  ...PASSED_ON,
  ...ABOUT,
  from: true,
  to: true,
  iif: true,
  oif: true,
  tos: true,
  protocol: true,
  action: true,
  table: true,
  l3mdev: true,
});

type Change = (typeof RTM)['NEWRULE' | 'DELRULE'];
type Values = Parameters<typeof ruleAttributes.encode>[1];

/** Refuses what is no rule, before anything is asked of it. */
export function checkRule(spec: unknown): asserts spec is RuleSpec {
  if (typeof spec !== 'object' || spec === null)
    throw wrongType('rule', "an object like { from: '10.1.0.0/16', table: 1000 }", spec);
  checkFields(spec, FIELDS, 'a rule');
}

/** A NEWRULE or DELRULE. */
export function ruleRequest(type: Change, flags: number, spec: RuleSpec): Request {
  const of: Fields = spec;
  checkOutcome(of);
  const adding = type === RTM.NEWRULE;
  const from = of.from === undefined ? undefined : parsePrefix(of.from, 'from');
  const to = of.to === undefined ? undefined : parsePrefix(of.to, 'to');
  const table = tableOf(of, adding);
  if (!adding && !tellsApart(of, from, to, table))
    throw invalidValue('rule', spec, 'says nothing that tells a rule from others: the kernel would delete the first');
  if (of.tos !== undefined) checkInteger(of.tos, 0, 255, 'tos');
  if (of.invert !== undefined && typeof of.invert !== 'boolean') throw wrongType('invert', 'true or false', of.invert);
  const values: Record<string, unknown> = {};
  for (const name in PASSED_ON) values[name] = of[name as keyof typeof PASSED_ON];
  if (from !== undefined) values['from'] = of.from?.replace(/\/.*/, '');
  if (to !== undefined) values['to'] = of.to?.replace(/\/.*/, '');
  if (of.iif !== undefined) values['iif'] = nameOf(of.iif, 'iif');
  if (of.oif !== undefined) values['oif'] = nameOf(of.oif, 'oif');
  if (of.protocol !== undefined) values['protocol'] = routeProtocols.number(of.protocol, 'protocol');
  if (of.l3mdev) values['l3mdev'] = true;
  // A table that the header has no room for is told by FRA_TABLE alone (RT_TABLE_UNSPEC here).
  if (table >= 256) values['table'] = table;
  return makeRequest(ruleFamily, {
    type,
    name: adding ? 'RTM_NEWRULE' : 'RTM_DELRULE',
    flags,
    header: {
      family: familyOfRule(of, from, to),
      destinationLength: to?.length ?? 0,
      sourceLength: from?.length ?? 0,
      tos: of.tos ?? 0,
      table: table < 256 ? table : 0,
      ...actionOf(of, adding),
      flags: of.invert ? INVERT : 0,
    },
    attributes: values as Values,
    context: contextOf(of),
  });
}

const ENDS: ReadonlySet<unknown> = new Set(['nop', 'blackhole', 'unreachable', 'prohibit']);

// What the types say, for those who have none.
function checkOutcome({ action, table, goto, l3mdev, priority, suppressPrefixLength, suppressIfGroup }: Fields): void {
  if (l3mdev !== undefined && l3mdev !== true) throw wrongType('l3mdev', 'true, or absent', l3mdev);
  const looksUp = table !== undefined || l3mdev || suppressPrefixLength !== undefined || suppressIfGroup !== undefined;
  if (action !== undefined && action !== 'lookup' && action !== 'goto' && !ENDS.has(action))
    throw invalidValue('action', action, `is none of lookup, goto, ${[...ENDS].join(', ')}`);
  if (table !== undefined && l3mdev)
    throw invalidValue('table', table, 'stands beside l3mdev, which has a table of its own');
  if (goto !== undefined && (looksUp || (action !== undefined && action !== 'goto')))
    throw invalidValue('goto', goto, 'stands beside another outcome of the rule (table, l3mdev, suppress..., action)');
  if (action === 'goto' && goto === undefined)
    throw invalidValue('action', action, 'needs the priority to go to, as goto');
  if (ENDS.has(action) && looksUp)
    throw invalidValue('action', action, 'stands beside a lookup (table, l3mdev, suppress...)');
  // fib_nl2rule() in net/core/fib_rules.c: backward jumps could go round for ever.
  if (goto !== undefined && priority !== undefined && goto <= priority)
    throw invalidValue('goto', goto, `is not behind the rule's own priority, ${priority}`);
}

// What is nothing to rule_find() in net/core/fib_rules.c where it is 0, and matches any rule then.
const NOTHING_AS_ZERO: ReadonlySet<string> = new Set<keyof Fields>(['fwmark', 'fwmask', 'tos', 'tunId', 'ipProtocol']);

function tellsApart(of: Fields, from: Prefix | undefined, to: Prefix | undefined, table: number): boolean {
  const protocol = of.protocol === undefined ? 0 : routeProtocols.number(of.protocol, 'protocol');
  const numbers: Readonly<Record<string, number>> = {
    from: from?.length ?? 0,
    to: to?.length ?? 0,
    table,
    protocol,
  };
  return Object.entries(of).some(([name, value]) => {
    if (value === undefined || Object.hasOwn(ABOUT, name)) return false;
    return Object.hasOwn(numbers, name) ? numbers[name] !== 0 : !(NOTHING_AS_ZERO.has(name) && Number(value) === 0);
  });
}

const MAIN = routeTables.number('main', '');

function tableOf({ table, l3mdev, goto, action }: Fields, adding: boolean): number {
  if (table !== undefined) return routeTables.number(table, 'table');
  return adding && !l3mdev && goto === undefined && !ENDS.has(action) ? MAIN : 0;
}

// None in a deletion matches any.
function actionOf({ action, goto }: Fields, adding: boolean): { action?: RuleAction } {
  const wanted = action ?? (goto === undefined ? (adding ? 'lookup' : undefined) : 'goto');
  return wanted === undefined ? {} : { action: wanted };
}

function nameOf(link: Link | string, field: string): string {
  const name: unknown = typeof link === 'object' && link !== null ? link.name : link;
  if (typeof name !== 'string') throw wrongType(field, 'a Link or a name', link);
  if (name === '') throw invalidValue(field, name, 'is no name of a link');
  return name;
}

function familyOfRule({ family, from, to }: Fields, source: Prefix | undefined, target: Prefix | undefined): IpFamily {
  const told = family === undefined ? undefined : familyNumber(family);
  const found = source?.family ?? target?.family ?? told ?? AF_INET;
  if (told !== undefined && told !== found) throw invalidValue('family', family, `is not the family of ${from ?? to}`);
  if (target !== undefined && target.family !== found)
    throw invalidValue('to', to, `is of another family than ${from}`);
  return found;
}

/** As `ip rule` shows it. */
function contextOf({ priority, from = 'all', to, iif, oif, fwmark, invert, ...rest }: Fields): ErrorContext {
  const words = [priority === undefined ? '' : `${priority}:`, invert ? 'not' : '', `from ${from}`];
  if (to !== undefined) words.push(`to ${to}`);
  if (iif !== undefined) words.push(`iif ${nameOf(iif, 'iif')}`);
  if (oif !== undefined) words.push(`oif ${nameOf(oif, 'oif')}`);
  if (fwmark !== undefined) words.push(`fwmark ${fwmark}`);
  const { action, table, goto, l3mdev } = rest;
  if (goto !== undefined) words.push(`goto ${goto}`);
  else if (l3mdev) words.push('lookup l3mdev');
  else if (table !== undefined) words.push(`lookup ${table}`);
  else if (action !== undefined && action !== 'lookup') words.push(action);
  return { entry: words.filter((word) => word !== '').join(' ') };
}
