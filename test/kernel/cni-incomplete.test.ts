/** netloom-cni where a part of it is missing: a runtime is told by an error object, who calls it by hand in plain text. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeKernel } from './privilege.ts';

const DIST = fileURLToPath(new URL('../../dist', import.meta.url));
const PROGRAM = join(DIST, 'netloom-cni.cjs');

describeKernel('netloom-cni without all its parts', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'netloom-cni-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  /** What an ADD is refused with. */
  function refusal(file: string): unknown {
    const { status, stdout, stderr } = spawnSync(process.execPath, [file], {
      env: { CNI_COMMAND: 'ADD', CNI_CONTAINERID: 'c1', CNI_NETNS: '/proc/self/ns/net', CNI_IFNAME: 'eth0' },
      input: JSON.stringify({ cniVersion: '0.4.0', name: 'net', type: 'bridge' }),
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([1, '']);
    return JSON.parse(stdout);
  }

  const error = (text: string) => ({ cniVersion: '0.4.0', code: 5, msg: expect.stringContaining(text) });

  test('no addon: which were looked for, and how to build one', () => {
    mkdirSync(join(directory, 'dist'));
    for (const name of ['netloom-cni.cjs', 'netloom-cni.bundle.cjs'])
      cpSync(join(DIST, name), join(directory, 'dist', name));
    const program = join(directory, 'dist', 'netloom-cni.cjs');
    expect(refusal(program)).toEqual(error(`${directory}/build/Release/netloom.node: no such file`));
    expect(refusal(program)).toEqual(error('To build it on this machine'));
    for (const args of [[], ['install']]) {
      const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { env: {}, encoding: 'utf8' });
      expect([status, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(/^netloom: the native addon cannot be loaded/);
      expect(stderr.split('\n').length).toBeLessThan(12);
    }
  });

  test('an installed program that was copied without its directory, or whose addon is gone', () => {
    const [bin, copy] = [join(directory, 'bin'), join(directory, 'copy')];
    execFileSync(process.execPath, [PROGRAM, 'install', '--dir', bin], { stdio: 'ignore' });
    mkdirSync(copy);
    execFileSync('sh', ['-c', 'cp -r "$0"/* "$1"; cp -L "$0"/ptp "$1"/own', bin, copy]);
    const [own = ''] = readdirSync(bin).filter((name) => name.startsWith('.'));
    for (const name of ['bridge', 'own']) {
      expect(refusal(join(copy, name))).toEqual(error(`there is no ${copy}/${own}/netloom-cni.bundle.cjs`));
      expect(refusal(join(copy, name))).toEqual(error(`netloom-cni install --dir ${copy}`));
    }
    rmSync(join(bin, own, 'netloom.node'));
    expect(refusal(join(bin, 'bridge'))).toEqual(error('netloom.node: no such file; run netloom-cni install again'));
  });
});
