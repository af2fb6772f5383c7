/** examples/oci-hook as a runtime calls it; test/runtimes has the runtimes themselves. */
import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createBridge, createNetns, listLinks, type Netns, ping, spawn } from 'netloom';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { setUp } from '../../scripts/setup.mjs';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { ip, pathOf, seen, seenAddresses, seenNames } from './witness.ts';

const HOOK = join(fileURLToPath(new URL('../..', import.meta.url)), 'build', 'examples', 'oci-hook', 'hook.js');
// Longer than a link's name can be.
const ID = 'a-container-of-the-lab';
const ATTACH = ['attach', 'lab0', '10.89.0.5/24', '10.89.0.1'];

describeKernel('examples/oci-hook', () => {
  expectNoLeaks(() => listLinks());
  beforeAll(() => setUp(['ts', 'examples']));

  let host: Netns;
  let container: Netns;
  let programs: ChildProcess[];
  beforeEach(async () => {
    programs = [];
    host = await createNetns();
    container = await createNetns();
    await createBridge({ name: 'lab0', netns: host, up: true, addresses: ['10.89.0.1/24'] });
  });
  afterEach(async () => {
    for (const program of programs) {
      const exited = once(program, 'exit');
      program.kill();
      await exited;
    }
    container.close();
    host.close();
  });

  /** Starts a program inside, and gives its process id once it is there. */
  async function start(netns: Netns): Promise<number> {
    const program = spawn(netns, 'sh', ['-c', 'echo here && exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] });
    programs.push(program);
    await once(program.stdout, 'data');
    return program.pid as number;
  }

  const hook = (state: object, ...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(
      'nsenter',
      [`--net=${pathOf(host)}`, process.execPath, HOOK, ...args],
      { input: JSON.stringify({ ociVersion: '1.0.2', bundle: '/bundle', ...state }), encoding: 'utf8' },
    );
    return { status, stdout, stderr };
  };
  const SILENT = { status: 0, stdout: '', stderr: '' };

  test('attach gives the container a network, detach takes it away', async () => {
    const pid = await start(container);
    expect(hook({ id: ID, status: 'creating', pid }, ...ATTACH)).toEqual(SILENT);
    expect(seenAddresses(container, 'eth0')).toEqual(['10.89.0.5/24']);
    expect(JSON.parse(ip(container, '-j route show default'))).toMatchObject([{ gateway: '10.89.0.1', dev: 'eth0' }]);
    expect(seen(container, 'lo').flags).toContain('UP');
    expect((await ping('10.89.0.1', { netns: container, count: 1, timeout: 200 })).received).toBe(1);

    // Another one's hook leaves it alone.
    expect(hook({ id: 'other', status: 'stopped' }, 'detach')).toEqual(SILENT);
    expect(seenNames(container)).toEqual(['eth0']);
    for (let i = 0; i < 2; i++) {
      expect(hook({ id: ID, status: 'stopped' }, 'detach')).toEqual(SILENT);
      expect([seenNames(host), seenNames(container)]).toEqual([['lab0'], []]);
    }
  });

  test('what cannot be had is told, and leaves nothing', async () => {
    const pid = await start(container);
    for (const [state, args, message] of [
      [{ id: ID, pid }, ['attach', 'lab0', '10.89.0.5/24', '10.90.0.1'], /^oci-hook: addRoute: ENETUNREACH/],
      [{ id: ID, pid }, ['attach', 'lab1', '10.89.0.5/24', '10.89.0.1'], /^oci-hook: createVeth: ENODEV.*lab1/],
      [{ id: ID, pid }, ['attach', 'lab0'], /^oci-hook: usage: hook.js attach BRIDGE/],
      [{ id: ID }, ATTACH, /^oci-hook: usage: hook.js attach BRIDGE/],
      [{ id: ID, pid }, ['start'], /^oci-hook: "start" is neither attach nor detach/],
    ] as const) {
      const { status, stderr } = hook(state, ...args);
      expect([status, stderr]).toEqual([1, expect.stringMatching(message)]);
      expect(stderr).not.toContain('    at ');
      expect([seenNames(host), seenNames(container)]).toEqual([['lab0'], []]);
    }
  });

  test('a container without a network namespace of its own is refused', async () => {
    const { status, stderr } = hook({ id: ID, pid: await start(host) }, ...ATTACH);
    expect([status, stderr]).toEqual([1, 'oci-hook: the config.json names no network namespace\n']);
    expect(seenNames(host)).toEqual(['lab0']);
  });
});
