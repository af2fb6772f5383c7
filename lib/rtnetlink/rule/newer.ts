/**
 * What rules can say since Linux 6.13 to 6.15. A kernel passes over attributes that it does not know: a rule about one
 * flow would become one about all packets. It is asked first whether it knows them.
 */
import { constants } from 'node:os';
import { AF_INET } from '../../addressing/ip.js';
import { NetlinkError } from '../../errors.js';
import { makeRequest, type Request } from '../../netlink/message.js';
import { exchange } from '../../netlink/request.js';
import type { Netns } from '../../netns/netns.js';
import { type Operation, perform } from '../../operation.js';
import { RTM } from '../types.js';
import { ruleAttributes, ruleFamily } from './attributes.js';
import type { RuleSpec } from './spec.js';

const NEWER = [
  'dscp',
  'dscpMask',
  'flowLabel',
  'flowLabelMask',
  'sourcePortMask',
  'destinationPortMask',
] as const satisfies readonly (keyof RuleSpec)[];

/** No rule has it, so none is found to be deleted. */
const NO_ACTION = 255;
const NOTHING = new Uint8Array(0);

// Asks for the end of a rule that there is not, by an attribute without a value. Whoever knows it refuses that at once;
// whoever does not looks for the rule, and finds none.
const question = (type: number): Request =>
  makeRequest(ruleFamily, {
    type: RTM.DELRULE,
    name: 'RTM_DELRULE',
    header: { family: AF_INET, action: NO_ACTION },
    attributes: { unknown: [{ type, data: NOTHING }] },
  });

const foundNone = (error: unknown): boolean => error instanceof NetlinkError && error.code === 'ENOENT';

/** Refuses a rule that says what this kernel would not hear. */
export function* refuseUnheard(netns: Netns, spec: RuleSpec): Operation<void> {
  const said = NEWER.filter((field) => spec[field] !== undefined).map((field) => ruleAttributes.entries[field]);
  if (said.length === 0) return;
  const replies = yield* perform(
    exchange(
      netns,
      said.map(([number]) => question(number)),
    ),
  );
  const unheard = said.find((_, i) => foundNone(replies[i]?.error));
  if (unheard === undefined) return;
  throw new NetlinkError({
    errno: -constants.errno.EOPNOTSUPP,
    syscall: 'RTM_NEWRULE',
    kernelMessage: 'this kernel passes over the attribute, and the rule would be about more packets than it says',
    attribute: unheard[1],
    netns: netns.sockets.label,
  });
}
