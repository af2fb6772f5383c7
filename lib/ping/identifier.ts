/**
 * The identifiers of the pings under way. The kernel hands a raw socket the replies to its identifier and no
 * others, so two pings with the same one would be given each other's answers to sort out.
 */
import { randomInt } from 'node:crypto';

const IDENTIFIERS = 0x10000;

const taken = new Set<number>();

/** One that no other ping of this thread has, chosen at random so that other processes hardly have it either. */
export function takeIdentifier(): number {
  let identifier = randomInt(IDENTIFIERS);
  // With more pings than identifiers some share theirs, and tell their answers apart by the cookie.
  while (taken.has(identifier) && taken.size < IDENTIFIERS) identifier = (identifier + 1) % IDENTIFIERS;
  taken.add(identifier);
  return identifier;
}

export function returnIdentifier(identifier: number): void {
  taken.delete(identifier);
}
