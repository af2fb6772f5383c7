/** Numbers from the kernel's own headers, as C writes them: enumerators and #define'd constants. */
import { existsSync, readFileSync } from 'node:fs';

const ROOT = '/usr/include/linux';

/** Headers that are not there, with what brings them; empty where all are. */
export const missingHeaders = (names: readonly string[]): string[] =>
  names.filter((name) => !existsSync(`${ROOT}/${name}`)).map((name) => `${ROOT}/${name} (Debian: linux-libc-dev)`);

/** Every enumerator and every constant of the headers, by name. */
export function constantsIn(names: readonly string[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const name of names) {
    const source = readFileSync(`${ROOT}/${name}`, 'utf8')
      .replaceAll(/\/\*[\s\S]*?\*\//g, ' ')
      .replaceAll(/\/\/.*/g, ' ')
      .replaceAll('\\\n', ' ');
    for (const [, body = ''] of source.matchAll(/\benum\b[^{};]*\{([^}]*)\}/g)) readEnum(body, found);
    for (const [, macro = '', value = ''] of source.matchAll(/^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+(.+)$/gm)) {
      const number = evaluate(value, found);
      if (number !== undefined && !found.has(macro)) found.set(macro, number);
    }
  }
  return found;
}

function readEnum(body: string, found: Map<string, number>): void {
  let next = 0;
  for (const item of body.replaceAll(/^[ \t]*#.*$/gm, '').split(',')) {
    const [, name = '', value] = /^\s*(\w+)\s*(?:=\s*([\s\S]+?))?\s*$/.exec(item) ?? [];
    if (name === '') continue;
    const number = value === undefined ? next : evaluate(value, found);
    // What depends on what is not understood here is better absent than wrong.
    if (number === undefined) return;
    found.set(name, number);
    next = number + 1;
  }
}

/** Integer expressions of literals, known names, and the operators that headers use. */
function evaluate(text: string, known: ReadonlyMap<string, number>): number | undefined {
  const tokens = text.match(/0[xX][\da-fA-F]+[uUlL]*|\d+[uUlL]*|\w+|<<|>>|\S/g) ?? [];
  let at = 0;
  const primary = (): number => {
    const token = tokens[at++] ?? '';
    if (token === '(') {
      const value = binary(0);
      if (tokens[at++] !== ')') return Number.NaN;
      return value;
    }
    if (token === '~') return ~primary();
    if (token === '-') return -primary();
    if (/^\d/.test(token)) {
      const digits = token.replace(/[uUlL]+$/, '');
      return /^0\d/.test(digits) ? Number.parseInt(digits, 8) : Number(digits);
    }
    return known.get(token) ?? Number.NaN;
  };
  const operators: readonly Readonly<Record<string, (a: number, b: number) => number>>[] = [
    { '|': (a, b) => (a | b) >>> 0 },
    { '&': (a, b) => (a & b) >>> 0 },
    { '<<': (a, b) => (a << b) >>> 0, '>>': (a, b) => a >>> b },
    { '+': (a, b) => a + b, '-': (a, b) => a - b },
    { '*': (a, b) => a * b },
  ];
  const binary = (level: number): number => {
    const here = operators[level];
    if (here === undefined) return primary();
    let value = binary(level + 1);
    for (let apply = here[tokens[at] ?? '']; apply !== undefined; apply = here[tokens[at] ?? '']) {
      at++;
      value = apply(value, binary(level + 1));
    }
    return value;
  };
  const value = binary(0);
  return at === tokens.length && Number.isInteger(value) ? value : undefined;
}
