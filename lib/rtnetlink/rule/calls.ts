/** Policy rules, which say what packets are routed by which table: `addRule`, `deleteRule`, `listRules`. */
import { AF_INET, AF_INET6, familyNumber } from '../../addressing/ip.js';
import { makeRequest, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL } from '../../netlink/message.js';
import { dump, send } from '../../netlink/request.js';
import { type Netns, type NetnsOptions, netnsOf } from '../../netns/netns.js';
import { call, type Operation } from '../../operation.js';
import { type DeleteOptions, removal } from '../if-exists.js';
import { netnsOfLink } from '../link/find.js';
import { netnsTold } from '../netns-told.js';
import { type RouteTable, routeTables } from '../route/names.js';
import { RTM } from '../types.js';
import { ruleFamily } from './attributes.js';
import { refuseUnheard } from './newer.js';
import { decodeRule, type Rule } from './rule.js';
import { checkRule, type RuleSpec, ruleRequest } from './spec.js';

type Change = (typeof RTM)['NEWRULE' | 'DELRULE'];

function* change(type: Change, flags: number, spec: RuleSpec, options: NetnsOptions): Operation<void> {
  checkRule(spec);
  const netns = netnsOfRule(spec, options);
  const request = ruleRequest(type, flags, spec);
  yield* refuseUnheard(netns, spec);
  yield* send(netns, request);
}

function netnsOfRule({ iif, oif, netns }: RuleSpec, options: NetnsOptions): Netns {
  let told = netnsTold(netns, options.netns);
  for (const [field, link] of Object.entries({ iif, oif })) {
    if (typeof link === 'object') told = netnsOfLink(link, told, field);
  }
  return netnsOf(told);
}

/**
 * Adds a policy rule: packets of which all is true that it says are routed by its table, or go on at another rule, or
 * are dropped. Rules that are added together travel together.
 *
 * `ip rule add from 10.1.0.0/16 fwmark 5 lookup 1000 priority 100`
 *
 * @throws NetlinkError EEXIST if there is one that says the same; EPERM for `uidRange` where the namespace belongs to
 *   another user namespace; EOPNOTSUPP for what is newer than the kernel; EINVAL for what the kernel does not know, such as `l3mdev` without VRFs.
 */
export const addRule = call(
  'addRule',
  { netns: true },
  (rule: RuleSpec, options: NetnsOptions = {}): Operation<void> =>
    change(RTM.NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule, options),
);

/**
 * Removes the first rule that has everything the given one says; what it does not say matches any (`rule_find()` in
 * net/core/fib_rules.c; `invert` is not looked at). A rule that says nothing is refused: it would be the first of all,
 * which leads to the table `local`.
 *
 * `ip rule delete priority 100`
 *
 * @throws NetlinkError ENOENT if there is none, unless `ifExists`.
 */
export const deleteRule = call(
  'deleteRule',
  { netns: true, ifExists: true },
  (rule: RuleSpec | Rule, options: DeleteOptions = {}): Operation<void> =>
    removal(change(RTM.DELRULE, 0, rule, options), options),
);

export interface ListRulesOptions extends NetnsOptions {
  /** Both if absent: IPv4 first. */
  readonly family?: 'inet' | 'inet6' | undefined;
  /** Only those that look up this table. */
  readonly table?: RouteTable | undefined;
}

/**
 * The policy rules of a namespace, of each family in the order in which they are tried.
 *
 * `ip rule list table T`
 *
 * @throws DumpInterruptedError if the list kept changing while it was read.
 */
export const listRules = call(
  'listRules',
  { netns: true, family: true, table: true },
  function* (options: ListRulesOptions = {}): Operation<Rule[]> {
    const netns = netnsOf(options.netns);
    const family = options.family === undefined ? undefined : familyNumber(options.family);
    const table =
      options.table === undefined ? undefined : routeTables.name(routeTables.number(options.table, 'table'));
    return yield* dump(
      netns,
      makeRequest(ruleFamily, {
        type: RTM.GETRULE,
        name: 'RTM_GETRULE',
        flags: NLM_F_DUMP,
        header: { family: family ?? 0 },
        decode: (input, start, end, type) => {
          if (type !== RTM.NEWRULE) return undefined;
          // A dump of all families brings those of multicast routing too.
          const of = input.bytes[start];
          if (of !== family && (family !== undefined || (of !== AF_INET && of !== AF_INET6))) return undefined;
          const rule = decodeRule(netns, input, start, end);
          return table === undefined || rule?.table === table ? rule : undefined;
        },
      }),
    );
  },
);
