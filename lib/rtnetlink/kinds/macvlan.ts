/**
 * macvlan: a link with a MAC address of its own on another link, its parent (IFLA_MACVLAN_*,
 * linux/if_link.h; drivers/net/macvlan.c).
 */
import { invalidValue } from '../../errors.js';
import { attributes } from '../../netlink/attributes.js';
import { mac, mapped, named, repeated, s32, u16, u32 } from '../../netlink/codec.js';
import { flagBits, flagNames } from '../flags.js';
import { createOfKind, type SpecOf } from '../link/create.js';
import type { LinkRef } from '../link/find.js';
import { defineKind, type KindDefinition } from '../link/kind.js';

/** How links on one parent see each other. */
export const MACVLAN_MODES = { private: 1, vepa: 2, bridge: 4, passthru: 8, source: 16 } as const;
export type MacvlanMode = keyof typeof MACVLAN_MODES;

/** What happens to the list of sources. */
const MAC_LIST_CHANGES = { add: 0, delete: 1, flush: 2, set: 3 } as const;

/** MACVLAN_FLAG_NOPROMISC and MACVLAN_FLAG_NODST. */
const FLAGS = { nopromisc: 1, nodst: 2 } as const;
export type MacvlanFlag = keyof typeof FLAGS;

const flagList = mapped(
  u16,
  (flags: readonly MacvlanFlag[], field) => flagBits(flags, FLAGS, field),
  (bits): readonly MacvlanFlag[] => flagNames(bits, FLAGS),
);

const sourceList = attributes(() => ({ sources: [4, 'IFLA_MACVLAN_MACADDR', repeated(mac)] }));

export const macvlanAttributes = attributes(() => ({
  mode: [1, 'IFLA_MACVLAN_MODE', named(u32, MACVLAN_MODES)],
  flags: [2, 'IFLA_MACVLAN_FLAGS', flagList],
  sourceChange: [3, 'IFLA_MACVLAN_MACADDR_MODE', named(u32, MAC_LIST_CHANGES)],
  sourceMac: [4, 'IFLA_MACVLAN_MACADDR', mac],
  sourceList: [5, 'IFLA_MACVLAN_MACADDR_DATA', sourceList.called('')],
  sourceCount: [6, 'IFLA_MACVLAN_MACADDR_COUNT', u32],
  broadcastQueueLength: [7, 'IFLA_MACVLAN_BC_QUEUE_LEN', u32],
  broadcastQueueLengthUsed: [8, 'IFLA_MACVLAN_BC_QUEUE_LEN_USED', u32],
  broadcastCutoff: [9, 'IFLA_MACVLAN_BC_CUTOFF', s32],
}));

interface MacvlanBase {
  /** The link that it stands on. A snapshot brings its namespace; the new link may be born in another one. */
  readonly parent: LinkRef;
  readonly flags?: readonly MacvlanFlag[] | undefined;
  /** Broadcasts that may wait to be handed out. */
  readonly broadcastQueueLength?: number | undefined;
  /** From how many receivers on a broadcast is queued rather than handed out at once; -1: always at once. */
  readonly broadcastCutoff?: number | undefined;
}

interface MacvlanWithSources extends MacvlanBase {
  readonly mode: 'source';
  /** The senders whose frames it takes. */
  readonly sources?: readonly string[] | undefined;
}

interface MacvlanWithoutSources extends MacvlanBase {
  /** vepa if absent: frames between two of them go out to a switch that must send them back. */
  readonly mode?: Exclude<MacvlanMode, 'source'> | undefined;
  readonly sources?: undefined;
}

/** Options of a macvlan. A list of sources goes with mode `source` only. */
export type MacvlanOptions = MacvlanWithSources | MacvlanWithoutSources;

declare module '../link/kind.js' {
  interface LinkKinds {
    macvlan: MacvlanOptions;
  }
}

/** What macvlan and macvtap share: everything but the name. */
export const macvlanLike: Omit<KindDefinition, 'kind'> = {
  parent: 'required',
  data: macvlanAttributes as KindDefinition['data'],
  words: ['sources'],
  check({ mode, sources }) {
    if (sources !== undefined && mode !== 'source')
      throw invalidValue('sources', sources, "goes with mode 'source' only");
  },
  toData({ sources, ...options }) {
    if (sources === undefined) return options;
    return { ...options, sourceChange: 'set', sourceList: { sources } };
  },
  fromData({ sourceList, sourceCount: _count, ...data }) {
    if (sourceList === undefined) return data;
    return { ...data, sources: (sourceList as { sources?: string[] }).sources ?? [] };
  },
};

export const macvlan = defineKind({ kind: 'macvlan', ...macvlanLike });

/** What `createMacvlan` takes. */
export type MacvlanSpec = SpecOf<'macvlan'>;

/**
 * Makes a macvlan.
 *
 * `ip link add link PARENT name NAME netns NS type macvlan mode bridge`
 *
 * @throws NetlinkError EBUSY if the parent is taken (by a passthru macvlan, a bridge ...).
 */
export const createMacvlan = createOfKind('createMacvlan', 'macvlan');
