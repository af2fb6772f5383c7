import { expect, test } from 'vitest';
import { mountedNames } from '../../lib/netns/mounted-names.js';

const named = (...lines: string[]) => Object.fromEntries(mountedNames(`${lines.join('\n')}\n`, '/run/netns'));

const ROOT = '22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw';
const RUN = '25 22 0:23 / /run rw,nosuid,nodev shared:5 - tmpfs tmpfs rw,mode=755';
/** As `ip netns add` leaves it: the directory bound on itself, so that it can be shared. */
const NETNS = '90 25 0:23 /netns /run/netns rw,nosuid,nodev shared:5 - tmpfs tmpfs rw,mode=755';
const blue = (id: number, on: number, netns = 4026532265): string =>
  `${id} ${on} 0:4 net:[${netns}] /run/netns/blue rw shared:12 - nsfs nsfs rw`;

test('a namespace is named where it is mounted', () => {
  expect(named(ROOT, RUN, blue(91, 25))).toEqual({ blue: 4026532265 });
  expect(named(ROOT, RUN, NETNS, blue(91, 90))).toEqual({ blue: 4026532265 });
  expect(named(ROOT, blue(91, 22))).toEqual({ blue: 4026532265 });
});

test('nothing is named by nothing', () => {
  expect(named()).toEqual({});
  expect(named(ROOT, RUN, NETNS)).toEqual({});
});

test('what is mounted last is seen', () => {
  expect(named(ROOT, RUN, blue(91, 25, 7), blue(92, 91, 8))).toEqual({ blue: 8 });
  expect(named(ROOT, RUN, blue(92, 91, 8), blue(91, 25, 7))).toEqual({ blue: 8 });
});

test('what is covered is not seen', () => {
  expect(named(ROOT, RUN, blue(91, 25), NETNS)).toEqual({});
  const over = '95 25 0:40 / /run/netns rw - tmpfs tmpfs rw';
  expect(named(ROOT, RUN, blue(91, 25), over, blue(96, 95, 9))).toEqual({ blue: 9 });
  const overRun = '97 25 0:41 / /run rw - tmpfs tmpfs rw';
  expect(named(ROOT, RUN, blue(91, 25), overRun)).toEqual({});
});

test('a root that is mounted on another root is the one that counts', () => {
  const initial = '1 1 0:2 / / rw - rootfs rootfs rw';
  expect(named(initial, ROOT, RUN, blue(91, 25))).toEqual({ blue: 4026532265 });
});

test('under a root that is no mount, the last counts', () => {
  expect(named(blue(91, 25, 7), blue(92, 25, 8))).toEqual({ blue: 8 });
});

test('other namespaces, other places and other files are no names', () => {
  expect(
    named(
      ROOT,
      RUN,
      '91 25 0:4 mnt:[4026532265] /run/netns/mnt rw - nsfs nsfs rw',
      '92 25 0:4 net:[4026532265] /run/netns/deep/er rw - nsfs nsfs rw',
      '93 25 0:4 net:[4026532265] /run/netns-like/blue rw - nsfs nsfs rw',
      '94 25 0:23 /net:[4026532265] /run/netns/bound rw - tmpfs tmpfs rw',
      '95 25 0:23 net:[4026532265] /run/netns/odd rw - odd nsfs rw',
    ),
  ).toEqual({});
});

test('names are told as they are written', () => {
  const line = String.raw`91 25 0:4 net:[7] /run/netns/two\040words\134\011schön rw - nsfs nsfs rw`;
  expect(named(ROOT, RUN, line)).toEqual({ 'two words\\\tschön': 7 });
});

test.each(['', '1', '1 2 3 4', '- - - - /run/netns/x - nsfs', String.raw`1 1 0:1 net:[1] \1\999 rw - nsfs`])(
  'what is no line of a mount table is passed over: %j',
  (line) => {
    expect(named(line, ROOT, RUN, blue(91, 25))).toEqual({ blue: 4026532265 });
  },
);
