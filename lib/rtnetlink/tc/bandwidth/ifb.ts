/**
 * The ifb that queues what a link receives: its name, and how it says whose it is, so that it is found when the link
 * is gone. Pure.
 */
import { NAME_LIMIT } from '../../link/attributes.js';
import type { LinkRef } from '../../link/find.js';
import type { Link } from '../../link/link.js';

const PREFIX = 'bw-';
/** In front of a digest, so that no name of a link comes to the same. */
const HASHED = 'bw_';

/** `bw-eth0`; for long names a digest. */
export function ifbName(link: string): string {
  const name = `${PREFIX}${link}`;
  if (Buffer.byteLength(name) <= NAME_LIMIT) return name;
  // Loaded here, since few names are long.
  const { createHash } = process.getBuiltinModule('node:crypto');
  const digest = createHash('sha256').update(link).digest('hex');
  return `${HASHED}${digest.slice(0, NAME_LIMIT - HASHED.length)}`;
}

/** The alias of the ifb of a link. */
export const ifbAlias = ({ name, index }: Pick<Link, 'name' | 'index'>): string =>
  `netloom: received by ${name} (${index})`;

const ALIAS = /^netloom: received by (.*) \((\d+)\)$/;

export interface Owner {
  readonly name: string;
  readonly index: number;
}

/** Whose ifb it is, as far as it says so. */
export function ownerOf({ alias }: Link): Owner | undefined {
  const [, name, index] = ALIAS.exec(alias ?? '') ?? [];
  return name === undefined ? undefined : { name, index: Number(index) };
}

/**
 * Whether it is the ifb of that link. One without an alias was left half made (or by CNI's plugin, where its name is
 * told), and is known by its name.
 */
export function isIfbOf(ifb: Link, ref: LinkRef, told: string | undefined): boolean {
  if (told !== undefined) return ifb.name === told;
  const owner = ownerOf(ifb);
  if (typeof ref === 'number') return owner?.index === ref;
  if (owner === undefined) return ifb.name === ifbName(typeof ref === 'string' ? ref : ref.name) && !ifb.alias;
  return typeof ref === 'string' ? owner.name === ref : owner.index === ref.index;
}
