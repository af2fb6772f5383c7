/** netloom sends what iproute2 sends for the same command. */
import { expect, test } from 'vitest';
import { bytesOf, type Message, parseMessage, type Tree, vectorNamed, vectors } from './captured.js';
import { NOT_COVERED } from './coverage.js';
import { recorder } from './recorder.js';
import { HABITS, REQUESTS, type Said } from './requests.js';

const NEWLINK = 16;
const captured = vectors.filter(({ compare }) => compare === 'attrs');
const covered = Object.entries(REQUESTS).map(([name, said]) => [name, vectorNamed(name).command, said] as const);

test.each(covered)('%s: %s', (name, _command, said) => {
  const expected = parseMessage(bytesOf(vectorNamed(name).hex));
  const sent = record(said).filter(({ type }) => type === expected.type);
  // setLink says what there is to say of the link itself in front of the rest, be it nothing.
  const telling = sent.length > 1 && expected.type === NEWLINK ? sent.filter(says) : sent;
  const same = (message: Message): Message =>
    normal((said.habits ?? []).reduce((before, habit) => HABITS[habit].apply(before), message));
  expect(telling.map(same)).toEqual([same(expected)]);
});

function record({ call }: Said): Message[] {
  const here = recorder('/dev/null');
  const there = recorder('/dev/zero');
  call(here.netns, there.netns);
  return here.sent.map(parseMessage);
}

const says = ({ header, attributes }: Message): boolean =>
  Object.keys(attributes).length > 0 || /[^0]/.test(header.slice(16));

const LINK_INFO = 18;
const INFO_KIND = 1;
const NET_NS_FD = 28;
const GETNSID = 90;
const NETNSA_FD = 3;

/** Numbers of descriptors differ between processes, and a kind may end with NUL or not. */
function normal<T extends { type?: number; attributes: Message['attributes'] }>(message: T): T {
  const descriptor = message.type === GETNSID ? NETNSA_FD : NET_NS_FD;
  const attributes: Record<string, Tree[]> = {};
  for (const [number, values] of Object.entries(message.attributes)) {
    attributes[number] = values.map((value) => {
      if (typeof value === 'string') return Number(number) === descriptor ? 'a descriptor' : value;
      const nest = normal(value);
      if (Number(number) !== LINK_INFO) return nest;
      const kind = nest.attributes[INFO_KIND]?.map((text) => String(text).replace(/00$/, '')) ?? [];
      return { ...nest, attributes: { ...nest.attributes, [INFO_KIND]: kind } };
    });
  }
  return { ...message, attributes };
}

test('every captured request is compared, or named as one that netloom does not speak', () => {
  const names = captured.map(({ name }) => name);
  expect(names.filter((name) => !(name in REQUESTS) && !NOT_COVERED.has(name))).toEqual([]);
  expect(names.filter((name) => name in REQUESTS && NOT_COVERED.has(name))).toEqual([]);
  expect(Object.keys(REQUESTS).filter((name) => !names.includes(name))).toEqual([]);
});

test('what is named as not spoken was captured', () => {
  const names = new Set(vectors.map(({ name }) => name));
  expect([...NOT_COVERED].filter((name) => !names.has(name))).toEqual([]);
});
