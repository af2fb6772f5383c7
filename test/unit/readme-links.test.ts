/** The README is read where the package is: what it links to must be in there. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const read = (name: string): string => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
// npm publishes these in any case.
const ALWAYS = ['README.md', 'LICENSE', 'package.json'];

test('the README links to the web, and to what is published', () => {
  const { files } = JSON.parse(read('package.json')) as { files: string[] };
  const links = [...read('README.md').matchAll(/\]\(([^)]+)\)/g)].flatMap(([, link = '']) => link);
  expect(links.length).toBeGreaterThan(2);
  const lost = links.filter((link) => !/^(https:|#)/.test(link) && ![...ALWAYS, ...files].includes(link));
  expect(lost).toEqual([]);
});
