/** What a message says of the names that there are, behind one that there is not. Pure. */

/** So many are named all. */
const FEW = 12;

/** ` (rate, burst, latency are)`; of many, the one that is nearest; nothing where none is near. */
export function namesThere(given: string, known: Iterable<string>): string {
  const names = [...known];
  if (names.length === 0) return '';
  if (names.length <= FEW) return ` (${names.join(', ')} ${names.length === 1 ? 'is' : 'are'})`;
  const nearest = nearestOf(given, names);
  return nearest === undefined ? '' : ` (${nearest} is)`;
}

/** The name that the fewest changes lead to, where they leave most of what was given. */
export function nearestOf(given: string, names: readonly string[]): string | undefined {
  const word = given.toLowerCase();
  let nearest: string | undefined;
  let least = Math.floor(given.length / 2) + 1;
  for (const name of names) {
    const changes = editDistance(word, name.toLowerCase());
    if (changes < least) [nearest, least] = [name, changes];
  }
  return nearest;
}

/** How many letters are to be added, removed, changed, or exchanged for the next, to come from one word to another. */
export function editDistance(from: string, to: string): number {
  let before: number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const change = (row[j - 1] as number) + (from[i - 1] === to[j - 1] ? 0 : 1);
      let least = Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1);
      if (from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1])
        least = Math.min(least, (before[j - 2] ?? Number.POSITIVE_INFINITY) + 1);
      next.push(least);
    }
    [before, row] = [row, next];
  }
  return row[to.length] as number;
}
