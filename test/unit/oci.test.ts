import { describe, expect, test } from 'vitest';
import { ociNetns } from '../../lib/netns/oci.js';

const FILE = '/bundle/config.json';
const withNamespaces = (namespaces: unknown): string => JSON.stringify({ ociVersion: '1.0.2', linux: { namespaces } });

describe('the network namespace of a config.json', () => {
  test('is the one whose path it names', () => {
    const namespaces = [{ type: 'pid' }, { type: 'network', path: '/run/netns/blue' }, { type: 'mount', path: '' }];
    expect(ociNetns(FILE, withNamespaces(namespaces))).toEqual({
      path: '/run/netns/blue',
      field: 'linux.namespaces[1].path',
    });
  });

  const none = 'has no entry of type "network" in linux.namespaces: the container is in the namespace of its runtime';
  const made = 'has no path in linux.namespaces[0]: the runtime makes that namespace with the container';
  test.each([
    ['{', 'is no JSON: '],
    ['', 'is no JSON: '],
    ['[]', 'is no JSON object'],
    ['null', 'is no JSON object'],
    ['{}', none],
    ['{"linux":{}}', none],
    [withNamespaces([]), none],
    [withNamespaces([{ type: 'pid' }]), none],
    ['{"linux":[]}', 'has no object for linux'],
    ['{"linux":null}', 'has no object for linux'],
    [withNamespaces({}), 'has no array for linux.namespaces'],
    [withNamespaces([null]), 'has no string for linux.namespaces[0].type'],
    [withNamespaces([{ type: 'pid' }, { path: '/a' }]), 'has no string for linux.namespaces[1].type'],
    [withNamespaces([{ type: 'network' }]), made],
    [withNamespaces([{ type: 'network', path: '' }]), made],
    [withNamespaces([{ type: 'network', path: 7 }]), 'has no string for linux.namespaces[0].path'],
    [withNamespaces([{ type: 'network', path: 'blue' }]), 'has no absolute path for linux.namespaces[0].path'],
    [withNamespaces([{ type: 'network', path: '/a\0b' }]), 'has no absolute path for linux.namespaces[0].path'],
    [
      withNamespaces([
        { type: 'network', path: '/a' },
        { type: 'network', path: '/b' },
      ]),
      'has a second network namespace in linux.namespaces[1]',
    ],
  ])('%s is refused', (text, problem) => {
    expect(() => ociNetns(FILE, text)).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_ARG_VALUE',
        message: expect.stringContaining(`ociConfig "${FILE}" ${problem}`),
      }),
    );
  });
});
