/** Plugins that make a container's link on a link of the host, its parent. */
import { invalidValue } from '../../../errors.js';
import { deleteLink, type Link, type Netns, setLink } from '../../../sync.js';
import { findLink } from '../../container/expected.js';
import { attachmentHash, ownerOf } from '../../container/owner.js';
import { CniError } from '../../protocol/error.js';
import type { Fields } from '../../protocol/fields.js';
import type { Invocation, Plugin } from '../../protocol/plugin.js';
import type { Undo } from '../../rollback.js';
import { deleteOfKind, type SingleLink, singleLink } from '../single-link.js';
import { expectParent, findParent, type ParentConfig } from './parent.js';

/** What a link of each kind is made with. */
export interface Place {
  readonly name: string;
  readonly netns: Netns;
  readonly parent: Link;
  readonly mtu: number | undefined;
}

/** What is each kind's own. */
export interface OnParent<Options> extends Pick<SingleLink<Options>, 'addresses'> {
  readonly kind: string;
  read(call: Invocation): Options;
  create(place: Place, options: Options): Link;
  /** What CHECK looks at in the link. */
  expect(options: Options, link: Link): void;
}

export const onParent = <Options extends ParentConfig>(own: OnParent<Options>): Plugin =>
  singleLink<Options>({
    kind: own.kind,
    read: own.read,
    ...(own.addresses && { addresses: own.addresses }),

    make(call, options, netns, undo) {
      const parent = findParent(options, netns);
      return makeNamed(call, netns, parent, undo, (name) =>
        own.create({ name, netns, parent, mtu: options.mtu }, options),
      );
    },

    remove(call, netns) {
      for (const name of [call.ifname, passingName(call)]) deleteOfKind(call, own.kind, netns, name);
    },

    expect(call, options, link) {
      // Another link may have the default route by now: no matter to those that there are.
      if (options.master !== undefined && findParent({ ...options, mtu: undefined }, link.netns).index !== link.parent)
        throw new CniError('changed', `interface ${call.ifname} does not stand on ${options.master}`);
      own.expect(options, link);
    },

    status: expectParent,
  });

/**
 * Makes the link, straight in the container. Before Linux 6.15 a name was refused that a link of the parent's namespace
 * has: `eth0` on `eth0`. There it gets its own name in a second step; DEL knows the first one, should ADD be killed between.
 */
function makeNamed(call: Invocation, netns: Netns, parent: Link, undo: Undo, create: (name: string) => Link): Link {
  const { ifname } = call;
  const isTaken = parent.netns.id !== netns.id && findLink(ifname, parent.netns) !== undefined;
  const link = create(isTaken ? passingName(call) : ifname);
  undo(() => deleteLink(link, { ifExists: true }));
  // The alias says whose it is, to the DEL of another network that found its name taken.
  return setLink(link, { alias: ownerOf(call), ...(isTaken && { name: ifname }) });
}

const passingName = (call: Invocation): string => `tmp${attachmentHash(call, 12)}`;

/** `mode`, one of those listed. */
export function readMode<Mode extends string>(fields: Fields, modes: readonly [Mode, ...Mode[]]): Mode {
  const text = fields.text('mode') || modes[0];
  const mode = modes.find((one) => one === text);
  if (mode === undefined) throw invalidValue('mode', text, `is none of ${modes.join(', ')}`);
  return mode;
}

/** CHECK: the mode, as the kernel tells it. */
export function expectMode(link: Link, found: string | undefined, wanted: string): void {
  if (found !== wanted) throw new CniError('changed', `interface ${link.name}: mode is ${found}, not ${wanted}`);
}
