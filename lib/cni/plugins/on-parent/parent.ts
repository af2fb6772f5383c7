/** The link that a container's link stands on: `master`, as the configurations call it. */
import { outOfRange } from '../../../errors.js';
import { getLink, type Link, listRoutes, type Netns } from '../../../sync.js';
import { findLink } from '../../container/expected.js';
import { CniError } from '../../protocol/error.js';
import type { Fields } from '../../protocol/fields.js';

export interface ParentConfig {
  /** Undefined: the link of the default route. */
  readonly master: string | undefined;
  /** Whether it is in the container, rather than in the host. */
  readonly linkInContainer: boolean;
  /** Undefined: what the kernel gives it. */
  readonly mtu: number | undefined;
}

export const readParent = (fields: Fields): ParentConfig => ({
  master: fields.text('master') || undefined,
  linkInContainer: fields.flag('linkInContainer') ?? false,
  mtu: fields.integer('mtu', 0, 0x7fffffff) || undefined,
});

/** The parent, which must carry the MTU that is wanted. */
export function findParent({ master, linkInContainer, mtu }: ParentConfig, container: Netns): Link {
  const netns = linkInContainer ? container : undefined;
  const parent = master === undefined ? linkOfDefaultRoute(netns) : namedParent(master, netns);
  if (mtu !== undefined && mtu > parent.mtu)
    throw outOfRange('mtu', mtu, `0 to ${parent.mtu}, that of its master ${parent.name}`);
  return parent;
}

/** STATUS: a parent in the host can be looked for without a container. */
export function expectParent({ master, linkInContainer }: ParentConfig): void {
  if (master === undefined || linkInContainer || findLink(master) !== undefined) return;
  throw new CniError('unavailable', `master: there is no link ${master}`);
}

function namedParent(name: string, netns: Netns | undefined): Link {
  const link = findLink(name, netns);
  if (link !== undefined) return link;
  throw new CniError('config', `master: there is no link ${name} in the ${netns === undefined ? 'host' : 'container'}`);
}

function linkOfDefaultRoute(netns: Netns | undefined): Link {
  for (const family of ['inet', 'inet6'] as const) {
    for (const { to, type, link, nexthops } of listRoutes({ netns, family })) {
      const index = link ?? nexthops?.[0]?.link;
      if (to === 'default' && type === 'unicast' && index !== undefined) return getLink(index, { netns });
    }
  }
  throw new CniError('config', 'master is missing, and there is no default route whose link it could be');
}
