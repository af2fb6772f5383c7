import { describe, expect, test } from 'vitest';
import { editDistance, namesThere, nearestOf } from '../../lib/known-names.js';

test.each([
  ['', '', 0],
  ['abc', '', 3],
  ['', 'abc', 3],
  ['vlanFitering', 'vlanFiltering', 1],
  ['netsn', 'netns', 1],
  ['mut', 'mtu', 1],
  ['kitten', 'sitting', 3],
])('from %j to %j it takes %i changes', (from, to, changes) => {
  expect(editDistance(from, to)).toBe(changes);
  expect(editDistance(to, from)).toBe(changes);
});

describe('the names that there are', () => {
  const many = Array.from({ length: 13 }, (_, i) => `name${i}`);

  test.each([
    ['colour', [], ''],
    ['colour', ['limit'], ' (limit is)'],
    ['colour', many.slice(1), ` (${many.slice(1).join(', ')} are)`],
    ['nme7', many, ' (name7 is)'],
    ['vlan_filtering', [...many, 'vlanFiltering'], ' (vlanFiltering is)'],
    ['colour', many, ''],
  ])('behind %j, of %j, are told as %j', (given, known, told) => {
    expect(namesThere(given, known)).toBe(told);
  });

  test('are as near whichever letters are large', () => {
    expect(nearestOf('VID', ['id', 'vid'])).toBe('vid');
  });
});
