/** crun and runc call examples/oci-hook, as its README says. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createBridge, createNetns, deleteLink, deleteNetns, listLinks } from 'netloom';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { expectNoLeaks } from '../kernel/leaks.ts';
import { run } from '../kernel/witness.ts';
import { type BundleOptions, type Hook, listContainers, makeBundle, RUNTIMES, startContainer } from './bundle.ts';

const HOOK = join(fileURLToPath(new URL('../..', import.meta.url)), 'build', 'examples', 'oci-hook', 'hook.js');
const hook = (...args: string[]): Hook => ({ path: process.execPath, args: ['node', HOOK, ...args] });
const POSTSTOP = [hook('detach')];
const hooks = (address: string): Record<'createRuntime' | 'poststop', Hook[]> => ({
  createRuntime: [hook('attach', 'lab0', address, '10.89.0.1')],
  poststop: POSTSTOP,
});

const links = (): string[] =>
  (JSON.parse(run('ip', '-j', 'link', 'show')) as { ifname: string }[]).map(({ ifname }) => ifname);

describe.each(RUNTIMES)('%s', (runtime) => {
  expectNoLeaks(() => listLinks());

  beforeEach(() => createBridge({ name: 'lab0', up: true, addresses: ['10.89.0.1/24'] }));
  afterEach(async () => {
    await deleteLink('lab0', { ifExists: true });
    expect(listContainers(runtime)).toEqual([]);
  });

  /** Runs a container to the end of `inside`, and expects its links to be gone with it. */
  function contained(id: string, options: BundleOptions, inside: (exec: (...words: string[]) => string) => void): void {
    using bundle = makeBundle(options);
    const before = links();
    {
      using container = startContainer(runtime, bundle, id);
      expect(links()).toHaveLength(before.length + 1);
      inside(container.exec);
    }
    expect(links()).toEqual(before);
  }

  test.each(['createRuntime', 'prestart'])('as %s it gives a container its network, and poststop takes it', (stage) => {
    const options = { hooks: { [stage]: hooks('10.89.0.5/24').createRuntime, poststop: POSTSTOP } };
    contained('c1', options, (exec) => {
      expect(exec('ip', '-oneline', '-4', 'address', 'show', 'dev', 'eth0')).toContain(' inet 10.89.0.5/24 ');
      expect(exec('ip', 'route')).toContain('default via 10.89.0.1 dev eth0');
      expect(exec('ping', '-c', '1', '-W', '2', '10.89.0.1')).toContain('1 packets received');
      expect(exec('ping', '-c', '1', '-W', '2', '127.0.0.1')).toContain('1 packets received');
    });
  });

  test('containers reach each other', () => {
    contained('c1', { hooks: hooks('10.89.0.5/24') }, () =>
      contained('c2', { hooks: hooks('10.89.0.6/24') }, (exec) =>
        expect(exec('ping', '-c', '1', '-W', '2', '10.89.0.5')).toContain('1 packets received'),
      ),
    );
  });

  test('in a namespace that outlives its container, nothing is left either', async () => {
    const netns = await createNetns('pod');
    try {
      for (const id of ['c1', 'c2'])
        contained(id, { netns: '/run/netns/pod', hooks: hooks('10.89.0.5/24') }, (exec) =>
          expect(exec('ping', '-c', '1', '-W', '2', '10.89.0.1')).toContain('1 packets received'),
        );
    } finally {
      await deleteNetns(netns);
    }
  });

  test('where it fails the container does not start, and nothing is left', () => {
    const createRuntime = [hook('attach', 'lab1', '10.89.0.5/24', '10.89.0.1')];
    using bundle = makeBundle({ hooks: { createRuntime, poststop: POSTSTOP } });
    expect(() => startContainer(runtime, bundle, 'c1')).toThrow(/status 1.*hook/s);
    expect(links()).toEqual(['lo', 'lab0']);
  });
});
