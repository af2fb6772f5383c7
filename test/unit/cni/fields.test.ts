import { describe, expect, test } from 'vitest';
import { Fields, unmapped } from '../../../lib/cni/protocol/fields.js';

test('reads what is there, and nothing for null', () => {
  const fields = new Fields({ a: 'x', b: true, c: 5, d: ['y'], e: { f: 1 }, g: null });
  expect(fields.text('a')).toBe('x');
  expect(fields.flag('b')).toBe(true);
  expect(fields.integer('c')).toBe(5);
  expect(fields.texts('d')).toEqual(['y']);
  expect(fields.fields('e')?.integer('f')).toBe(1);
  expect(fields.text('g')).toBeUndefined();
  expect(fields.text('h')).toBeUndefined();
});

test('case does not count where no field has the very name', () => {
  expect(new Fields({ isgateway: true }).flag('isGateway')).toBe(true);
  expect(new Fields({ ISGATEWAY: true, isGateway: false }).flag('isGateway')).toBe(false);
});

test('what an object inherits is no field', () => {
  expect(new Fields({}).value('constructor')).toBeUndefined();
});

describe('an error says where the value stands', () => {
  test.each([
    [(fields: Fields) => fields.text('n'), 'n must be a string; received 1'],
    [(fields: Fields) => fields.flag('n'), 'n must be true or false; received 1'],
    [(fields: Fields) => fields.integer('half'), 'half must be an integer; received 1.5'],
    [(fields: Fields) => fields.integer('n', 2, 3), 'n 1 is out of range (2 to 3)'],
    [(fields: Fields) => fields.texts('list'), 'list[1] must be a string; received 2'],
    [(fields: Fields) => fields.texts('n'), 'n must be a list; received 1'],
    [(fields: Fields) => fields.fields('list'), 'list must be an object; received an array of 2'],
    [(fields: Fields) => fields.fields('inner')?.ip('ip'), 'inner.ip "10.0.0.256" is no IP address'],
    [(fields: Fields) => fields.fields('inner')?.prefix('net'), `inner.net "10.0.0.0" has no prefix length`],
  ])('%#', (read, message) => {
    const fields = new Fields({ n: 1, half: 1.5, list: ['a', 2], inner: { ip: '10.0.0.256', net: '10.0.0.0' } });
    expect(() => read(fields)).toThrow(message);
  });
});

test('IPv4 in an IPv6 address is IPv4', () => {
  expect(new Fields({ ip: '::ffff:10.0.0.1' }).ip('ip')).toEqual(Uint8Array.of(10, 0, 0, 1));
  expect(unmapped(new Uint8Array(16))).toHaveLength(16);
});
