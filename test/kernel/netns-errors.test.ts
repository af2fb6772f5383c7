import { execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createNetns, createVeth, deleteNetns, getLink, listLinks, listNetns, Netns, openNetns } from 'netloom';
import { afterEach, expect, test } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel, testNeeds } from './privilege.ts';
import { failure, run, runProgram, seenNames } from './witness.ts';

const mounts = (): number => readFileSync('/proc/self/mountinfo', 'utf8').split('\n').length;

describeKernel('namespaces that cannot be', () => {
  expectNoLeaks(async () => {
    await listLinks();
    // Makes /run/netns a mount point, once.
    await deleteNetns(await createNetns('first'));
    mkdirSync('/run/elsewhere', { recursive: true });
  });

  afterEach(async () => {
    for (const { name } of await listNetns()) await deleteNetns(name);
  });

  test.each([
    ['', 'createNetns: name "" must not be empty'],
    ['.', 'createNetns: name "." is no name for a namespace'],
    ['..', 'createNetns: name ".." is no name for a namespace'],
    ['a/b', `createNetns: name "a/b" must not contain '/'`],
    ['../a', `createNetns: name "../a" must not contain '/'`],
    ['a\0b', 'createNetns: name "a\\u0000b" must not contain NUL'],
    ['x'.repeat(256), `createNetns: name "${'x'.repeat(256)}" is 256 bytes; a file name holds 255 (NAME_MAX)`],
    ['€'.repeat(86), `createNetns: name "${'€'.repeat(86)}" is 258 bytes; a file name holds 255 (NAME_MAX)`],
  ])('the name %j is refused everywhere, before anything is made', async (name, message) => {
    const before = mounts();
    const code = 'ERR_INVALID_ARG_VALUE';
    await expect(createNetns(name)).rejects.toMatchObject({ name: 'TypeError', code, message });
    const openMessage = message.replace('createNetns', 'openNetns');
    await expect(openNetns(name)).rejects.toMatchObject({ name: 'TypeError', code, message: openMessage });
    const deleteMessage = message.replace('createNetns', 'deleteNetns');
    await expect(deleteNetns(name)).rejects.toMatchObject({ name: 'TypeError', code, message: deleteMessage });
    expect(readdirSync('/run/netns')).toEqual([]);
    expect(mounts()).toBe(before);
  });

  test.each([[7], [null], [{}], [Symbol.iterator]])('a name that is no string (%s) is a TypeError', async (name) => {
    await expect(createNetns(name as never)).rejects.toMatchObject({
      name: 'TypeError',
      code: 'ERR_INVALID_ARG_TYPE',
      message: expect.stringMatching(/^createNetns: name must be a string; received /),
    });
  });

  test('a taken name is EEXIST, whoever took it, and stays what it was', async () => {
    run('ip', 'netns', 'add', 'red');
    using ours = await createNetns('blue');
    const before = mounts();
    for (const name of ['red', 'blue']) {
      const error = await failure(createNetns(name));
      expect(error.code).toBe('EEXIST');
      expect(error.message).toMatch(new RegExp(`^createNetns: EEXIST: .*the name "${name}" is taken`));
    }
    expect(mounts()).toBe(before);
    expect(run('ip', 'netns', 'exec', 'blue', 'readlink', '/proc/self/ns/net')).toBe(`net:[${ours.id}]\n`);
  });

  test('a directory or a symbolic link in the way is EEXIST, and left alone', async () => {
    mkdirSync('/run/netns/directory');
    symlinkSync('/run/netns/nothing', '/run/netns/symlink');
    try {
      for (const name of ['directory', 'symlink']) {
        expect((await failure(createNetns(name))).code).toBe('EEXIST');
        expect((await failure(deleteNetns(name))).code).toBe('EINVAL');
      }
      expect(readdirSync('/run/netns').sort()).toEqual(['directory', 'symlink']);
      expect(await listNetns()).toEqual([]);
      expect(existsSync('/run/netns/nothing')).toBe(false);
    } finally {
      execFileSync('rm', ['-r', '/run/netns/directory', '/run/netns/symlink']);
    }
  });

  testNeeds('users')('without privilege it is EPERM, and leaves no file and no mount', async () => {
    const before = mounts();
    const told = runProgram(
      `import { createNetns } from 'netloom';
       process.setgroups([]); process.setgid(65534); process.setuid(65534);
       for (const name of [undefined, 'mine']) {
         await createNetns(name).then(() => console.log('made'), ({ code, message }) => {
           if (name === 'mine') console.log(JSON.stringify({ code, message }));
         });
       }`,
    );
    expect(told).toEqual({
      code: 'EPERM',
      message: expect.stringMatching(/^createNetns: EPERM: operation not permitted, unshare; needs CAP_SYS_ADMIN/),
    });
    expect(readdirSync('/run/netns')).toEqual([]);
    expect(mounts()).toBe(before);
  });

  test('a name that is not there is ENOENT', async () => {
    const error = await failure(openNetns('nobody'));
    expect(error).toMatchObject({ code: 'ENOENT', syscall: 'open' });
    expect(error.message).toMatch(/^openNetns: ENOENT: .*no namespace is called "nobody"/);
  });

  test('a name that no namespace is mounted on is no namespace', async () => {
    writeFileSync('/run/netns/stale', '');
    await expect(openNetns('stale')).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: 'openNetns: name "stale" is no network namespace',
    });
  });

  test.each([['/dev/null'], ['/proc/self/ns/mnt'], ['/proc/self/ns/user'], ['/etc/hostname'], ['/run/elsewhere']])(
    'the path %s is no network namespace',
    async (path) => {
      await expect(openNetns({ path })).rejects.toMatchObject({
        name: 'TypeError',
        code: 'ERR_INVALID_ARG_VALUE',
        message: `openNetns: path "${path}" is no network namespace`,
      });
    },
  );

  test('a FIFO is no network namespace, and is not waited for', async () => {
    run('mkfifo', '/run/elsewhere/fifo');
    await expect(openNetns({ path: '/run/elsewhere/fifo' })).rejects.toMatchObject({
      message: 'openNetns: path "/run/elsewhere/fifo" is no network namespace',
    });
    run('rm', '/run/elsewhere/fifo');
  });

  test('a path that is not there is ENOENT, and names the path', async () => {
    const error = await failure(openNetns({ path: '/run/elsewhere/none' }));
    expect(error.code).toBe('ENOENT');
    expect(error.message).toMatch(/^openNetns: ENOENT: .*\/run\/elsewhere\/none/);
  });

  test.each([[''], ['a\0b']])('the path %j is no path', async (path) => {
    await expect(openNetns({ path })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: `openNetns: path ${JSON.stringify(path)} is no path`,
    });
  });

  test('a process that is gone is ENOENT, and is named', async () => {
    const child = spawn('true');
    const pid = child.pid as number;
    await new Promise((resolve) => child.once('exit', resolve));
    const error = await failure(openNetns({ pid }));
    expect(['ENOENT', 'ESRCH']).toContain(error.code);
    expect(error.message).toMatch(new RegExp(`^openNetns: .*no process has the id ${pid}`));
  });

  test.each([[0], [-1], [1.5], [Number.NaN], ['1']])('the process id %s is out of range', async (pid) => {
    await expect(openNetns({ pid: pid as number })).rejects.toMatchObject({
      name: 'RangeError',
      code: 'ERR_OUT_OF_RANGE',
      message: expect.stringMatching(/^openNetns: pid .* is out of range/),
    });
  });

  test('a descriptor that is closed, or of something else, is refused by its number', async () => {
    const fd = openSync('/dev/null', 'r');
    await expect(openNetns({ fd })).rejects.toMatchObject({ message: `openNetns: fd ${fd} is no network namespace` });
    closeSync(fd);
    await expect(openNetns({ fd: 987_654 })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: 'openNetns: fd 987654 is no open descriptor',
    });
    await expect(openNetns({ fd: -1 })).rejects.toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
  });

  test('openNetns takes one source, not two that may differ', async () => {
    await expect(openNetns({ fd: 0, pid: 1 } as never)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: 'openNetns: source an object (Object) has pid and fd, which may be different namespaces: give one',
    });
  });

  test.each([[undefined], [null], [7], [{}]])('openNetns(%s) says what it takes', async (source) => {
    await expect(openNetns(source as never)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
      message: expect.stringMatching(
        /^openNetns: source must be a name, or an object with path, pid, fd or ociConfig; received/,
      ),
    });
  });

  test('a closed handle is refused by every call, with its name', async () => {
    const netns = await createNetns('blue');
    using other = await createNetns();
    netns.close();
    const expected = (call: string) => ({ code: 'ERR_INVALID_STATE', message: `${call}: namespace "blue" is closed` });
    expect(await failure(listLinks({ netns }))).toMatchObject(expected('listLinks'));
    expect(await failure(getLink('lo', { netns }))).toMatchObject(expected('getLink'));
    expect(await failure(createVeth({ name: 'a', netns, peer: { name: 'b' } }))).toMatchObject(expected('createVeth'));
    const crossing = createVeth({ name: 'a', netns: other, peer: { name: 'b', netns } });
    expect(await failure(crossing)).toMatchObject(expected('createVeth'));
    expect(seenNames(other)).toEqual([]);
    expect(() => netns.fd).toThrow('namespace "blue" is closed');
  });

  test('a closed unnamed handle is refused with its id', async () => {
    const netns = await createNetns();
    netns.close();
    expect(await failure(listLinks({ netns }))).toMatchObject({
      code: 'ERR_INVALID_STATE',
      message: `listLinks: namespace ${netns.id} is closed`,
    });
  });

  test('what is no Netns is a TypeError', async () => {
    expect(await failure(listLinks({ netns: 'blue' as unknown as Netns }))).toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
      message: 'listLinks: netns must be a Netns (from createNetns or openNetns); received "blue"',
    });
    expect(Netns).toBeTypeOf('function');
  });

  test('a process that is out of descriptors is told so, and can go on', () => {
    const told = runProgram(
      `import { closeSync, openSync } from 'node:fs';
       import { createNetns, listLinks, listNetns } from 'netloom';
       const netns = await createNetns();
       const held = [];
       try { for (;;) held.push(openSync('/dev/null')); } catch {}
       const refused = [await listLinks({ netns }).catch(({ message }) => message)];
       const codes = [];
       for (let free = 1; free <= 3; free++) {
         closeSync(held.pop());
         codes.push(await createNetns('late').then((made) => made.name, ({ code }) => code));
       }
       while (held.length > 0) closeSync(held.pop());
       const links = (await listLinks({ netns })).map(({ name }) => name);
       console.log(JSON.stringify({ refused, codes: [...new Set(codes)], links, named: await listNetns() }));`,
      { wrap: ['sh', '-c', 'ulimit -n 256 && exec "$@"', 'sh'] },
    );
    expect(told).toEqual({
      refused: [
        expect.stringMatching(
          /^listLinks: EMFILE: too many open files, \w+; the process may have 256 descriptors open \(RLIMIT_NOFILE\): close/,
        ),
      ],
      codes: ['EMFILE'],
      links: ['lo'],
      named: [],
    });
  });
});
