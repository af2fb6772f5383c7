/** Names are only taken away from whom they belong to. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createNetns, deleteNetns, listNetns } from 'netloom';
import { afterEach, expect, it } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';

const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });

describeKernel('the owner of a name', () => {
  expectNoLeaks(() => listNetns());
  afterEach(() => {
    for (const name of ['owned']) if (existsSync(`/run/netns/${name}`)) ip('netns', 'delete', name);
  });

  it('keeps it when the handle of a namespace that had it before is deleted', async () => {
    await using first = await createNetns('owned');
    ip('netns', 'delete', 'owned');
    ip('netns', 'add', 'owned');
    await expect(deleteNetns(first)).rejects.toMatchObject({
      code: 'ENOENT',
      message: expect.stringContaining('the namespace does not have that name any more'),
    });
    await deleteNetns(first, { ifExists: true });
    expect(ip('netns', 'list')).toContain('owned');
  });

  it('is a plain file that was put there since, and stays when the handle is deleted', async () => {
    await using first = await createNetns('owned');
    ip('netns', 'delete', 'owned');
    writeFileSync('/run/netns/owned', 'not a namespace');
    try {
      await expect(deleteNetns(first)).rejects.toMatchObject({
        code: 'ENOENT',
        message: expect.stringContaining('the namespace does not have that name any more'),
      });
      expect(readFileSync('/run/netns/owned', 'utf8')).toBe('not a namespace');
    } finally {
      rmSync('/run/netns/owned');
    }
  });

  it('keeps it when another mount namespace does not see what is mounted there', async () => {
    // A process whose mount namespace is older than the name, and private: to it the name is a plain file.
    const script = `
      const { once } = require('node:events');
      (async () => {
        process.stdout.write('ready');
        await once(process.stdin, 'data');
        const { createNetns } = await import('netloom');
        await createNetns('owned').then(() => console.log('made'), (error) => console.log(error.code));
        process.exit();
      })();`;
    // Make /run/netns a mount point first, as it is once any namespace has had a name.
    await deleteNetns(await createNetns('owned'));
    const other = spawn('unshare', ['--mount', '--propagation', 'private', process.execPath, '-e', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(other.stdout, 'data');
    ip('netns', 'add', 'owned');
    const id = (await listNetns())[0]?.id;
    other.stdin.write('go');
    const [answer] = await once(other.stdout, 'data');
    await once(other, 'exit');
    expect(String(answer).trim()).toBe('EEXIST');
    expect(await listNetns()).toEqual([{ name: 'owned', path: '/run/netns/owned', id }]);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).toContain(' /run/netns/owned ');
  });
});
