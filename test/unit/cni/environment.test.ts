import { describe, expect, test } from 'vitest';
import { checkArguments, parseArguments } from '../../../lib/cni/protocol/arguments.js';
import { readEnvironment } from '../../../lib/cni/protocol/environment.js';

const ADD = { CNI_COMMAND: 'ADD', CNI_CONTAINERID: 'c1', CNI_NETNS: '/run/netns/c1', CNI_IFNAME: 'eth0' };

test('the environment of an ADD', () => {
  expect(
    readEnvironment({ ...ADD, CNI_ARGS: 'IgnoreUnknown=1;IP=10.0.0.5', CNI_PATH: '/opt/cni/bin:/usr/lib/cni' }),
  ).toEqual({
    command: 'ADD',
    containerId: 'c1',
    netns: '/run/netns/c1',
    ifname: 'eth0',
    args: new Map([
      ['IgnoreUnknown', '1'],
      ['IP', '10.0.0.5'],
    ]),
    path: ['/opt/cni/bin', '/usr/lib/cni'],
    ownNetns: false,
  });
});

test('DEL does without a namespace, STATUS and GC without a container', () => {
  expect(readEnvironment({ ...ADD, CNI_COMMAND: 'DEL', CNI_NETNS: undefined }).netns).toBe('');
  expect(readEnvironment({ CNI_COMMAND: 'STATUS' }).containerId).toBe('');
  expect(readEnvironment({ CNI_COMMAND: 'GC' }).ifname).toBe('');
});

test('CNI_NETNS_OVERRIDE allows the own namespace', () => {
  expect(readEnvironment({ ...ADD, CNI_NETNS_OVERRIDE: 'TRUE' }).ownNetns).toBe(true);
  expect(readEnvironment({ ...ADD, CNI_NETNS_OVERRIDE: '0' }).ownNetns).toBe(false);
});

describe('refused, code 4', () => {
  test.each([
    [{ CNI_COMMAND: 'GET' }, 'unknown CNI_COMMAND: GET'],
    [{ CNI_COMMAND: 'toString' }, 'unknown CNI_COMMAND: toString'],
    [{ CNI_CONTAINERID: '', CNI_IFNAME: undefined }, 'required env variables [CNI_CONTAINERID,CNI_IFNAME] missing'],
    [{ CNI_NETNS: '' }, 'required env variables [CNI_NETNS] missing'],
    [{ CNI_CONTAINERID: 'a/b' }, 'CNI_CONTAINERID "a/b"'],
    [{ CNI_CONTAINERID: '..' }, 'CNI_CONTAINERID ".."'],
    [{ CNI_CONTAINERID: 'a\n' }, 'CNI_CONTAINERID "a\\n"'],
    [{ CNI_CONTAINERID: 'a'.repeat(256) }, 'CNI_CONTAINERID is 256 bytes'],
    [{ CNI_IFNAME: 'sixteen-bytes-xx' }, 'CNI_IFNAME "sixteen-bytes-xx" is 16 bytes; the kernel allows 15 (IFNAMSIZ)'],
    [{ CNI_IFNAME: '..' }, 'CNI_IFNAME ".." is no name of a link'],
    [{ CNI_IFNAME: 'a/b' }, 'CNI_IFNAME "a/b" must not contain "/"'],
    [{ CNI_IFNAME: 'a:b' }, 'CNI_IFNAME "a:b" must not contain ":"'],
    [{ CNI_IFNAME: 'a b' }, 'CNI_IFNAME "a b" must not contain " "'],
    [{ CNI_ARGS: 'IP' }, 'CNI_ARGS: invalid pair "IP"'],
    [{ CNI_ARGS: 'IP=1=2' }, 'CNI_ARGS: invalid pair "IP=1=2"'],
  ])('%j', (changes, message) => {
    expect(() => readEnvironment({ ...ADD, ...changes })).toThrow(
      expect.objectContaining({ code: 4, message: expect.stringContaining(message) }),
    );
  });
});

test('unknown arguments are refused, unless one says to pass over them', () => {
  expect(() => checkArguments(parseArguments('IP=1;K8S_POD_NAME=a'), ['IP'])).toThrow('unknown args ["K8S_POD_NAME"]');
  expect(() => checkArguments(parseArguments('IP=1;K8S_POD_NAME=a;IgnoreUnknown=true'), ['IP'])).not.toThrow();
});
