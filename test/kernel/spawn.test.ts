import { execFileSync, spawn as nodeSpawn, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createNetns, deleteNetns, openNetns } from '../../lib/netns/calls.js';
import { currentNetns, type Netns } from '../../lib/netns/netns.js';
import { listLinks } from '../../lib/rtnetlink/link/find.js';
import { type NetnsSpawnOptions, spawn } from '../../lib/spawn/spawn.js';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel, lacks, testNeeds } from './privilege.ts';

interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** Runs a command to its end. */
async function run(
  netns: Netns,
  command: string,
  args: string[] = [],
  options: NetnsSpawnOptions = {},
): Promise<Ended> {
  const child = spawn(netns, command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>,
  ]);
  return { code, signal, stdout, stderr };
}

/** What a plain `child_process.spawn` says when it cannot start `command`. */
async function nodeError(command: string, options = {}): Promise<Error> {
  const [error] = (await once(nodeSpawn(command, ['x'], options), 'error')) as [Error];
  return error;
}

describeKernel('spawn', () => {
  expectNoLeaks(async () => {
    await listLinks();
  });

  const NAME = 'netloom-spawn-test';
  const ETC = `/etc/netns/${NAME}`;
  let netns: Netns;
  let directory = '';
  beforeAll(async () => {
    netns = await createNetns(NAME);
    execFileSync('ip', ['-n', NAME, 'link', 'add', 'only-here', 'type', 'bridge']);
    directory = realpathSync(mkdtempSync(join(tmpdir(), 'netloom-spawn-')));
    chmodSync(directory, 0o755);
    if (lacks('etc')) return;
    mkdirSync(ETC, { recursive: true });
    writeFileSync(`${ETC}/resolv.conf`, 'nameserver 192.0.2.53\n');
  });
  afterAll(async () => {
    netns.close();
    await deleteNetns(NAME);
    rmSync(directory, { recursive: true });
    rmSync(ETC, { recursive: true, force: true });
  });

  test('the program is in the namespace, and this process is not', async () => {
    expect(await run(netns, 'readlink', ['/proc/self/ns/net'])).toEqual({
      code: 0,
      signal: null,
      stdout: `net:[${netns.id}]\n`,
      stderr: '',
    });
    expect(currentNetns().id).not.toBe(netns.id);
  });

  test('it sees the links of the namespace, through netlink and in /sys', async () => {
    const { stdout } = await run(netns, 'ip', ['-j', 'link']);
    expect((JSON.parse(stdout) as { ifname: string }[]).map(({ ifname }) => ifname)).toEqual(['lo', 'only-here']);
    expect((await run(netns, 'ls', ['/sys/class/net'])).stdout).toBe('lo\nonly-here\n');
  });

  test('the mounts of this process are untouched', async () => {
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
    await run(netns, 'true');
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(mounts);
  });

  testNeeds('etc')('files of /etc/netns/NAME take the place of those of /etc', async () => {
    expect((await run(netns, 'cat', ['/etc/resolv.conf'])).stdout).toBe('nameserver 192.0.2.53\n');
    expect(readFileSync('/etc/resolv.conf', 'utf8')).not.toContain('192.0.2.53');
  });

  test('a namespace without a name has no such files', async () => {
    const nameless = await createNetns();
    expect((await run(nameless, 'cat', ['/etc/resolv.conf'])).stdout).toBe(readFileSync('/etc/resolv.conf', 'utf8'));
    nameless.close();
  });

  test('a namespace that is closed right after the call', async () => {
    const nameless = await createNetns();
    const { id } = nameless;
    const running = run(nameless, 'readlink', ['/proc/self/ns/net']);
    nameless.close();
    expect((await running).stdout).toBe(`net:[${id}]\n`);
  });

  test('no descriptor of this process reaches the program', async () => {
    const { stdout } = await run(netns, 'ls', ['/proc/self/fd']);
    // Whatever this process was itself started with is passed on by Node too.
    const child = nodeSpawn('ls', ['/proc/self/fd'], { stdio: ['ignore', 'pipe', 'pipe'] });
    expect(stdout).toBe(await text(child.stdout));
    expect((await run(netns, 'ls', ['-l', '/proc/self/fd'])).stdout).not.toContain('net:[');
  });

  test('the exit code and the signal are the program’s own', async () => {
    expect(await run(netns, 'sh', ['-c', 'exit 7'])).toMatchObject({ code: 7, signal: null });
    expect(await run(netns, 'sh', ['-c', 'kill -USR1 $$'])).toMatchObject({ code: null, signal: 'SIGUSR1' });
  });

  test('the process id is the program’s own', async () => {
    const child = spawn(netns, 'sh', ['-c', 'echo $$'], { stdio: ['ignore', 'pipe', 'inherit'] });
    expect(Number(await text(child.stdout))).toBe(child.pid);
  });

  test('the ChildProcess is about the command, not about the helper', async () => {
    const child = spawn(netns, 'true', ['a', 'b']);
    expect(child.spawnfile).toBe('true');
    expect(child.spawnargs).toEqual(['true', 'a', 'b']);
    expect(child.stdio).toHaveLength(3);
    await once(child, 'close');
  });

  test.each([
    ['a command that does not exist', 'netloom-no-such-command', {}],
    ['a path that does not exist', './netloom-no-such-command', {}],
    ['a command that PATH does not lead to', 'true', { env: { PATH: '/nowhere' } }],
    ['a working directory that does not exist', 'true', { cwd: '/nowhere' }],
    ['a file that is no program', '/proc/version', {}],
    ['a directory', '/usr', {}],
  ])('%s fails as in Node', async (_, command, options) => {
    const [error] = (await once(spawn(netns, command, ['x'], options), 'error')) as [Error];
    const expected = await nodeError(command, options);
    expect({ ...error, message: error.message }).toEqual({ ...expected, message: expected.message });
  });

  testNeeds('users')('a program that its user may not run exits with 126', async () => {
    const program = join(directory, 'root-only');
    writeFileSync(program, '#!/bin/sh\n', { mode: 0o700 });
    expect(await run(netns, program, [], { uid: 65534 })).toMatchObject({
      code: 126,
      stderr: `netloom: ${program}: Permission denied\n`,
    });
  });

  testNeeds('users')('a namespace that cannot be joined exits with 125', async () => {
    // Without privilege, as nobody.
    const helper = (await import('../../lib/native/load.js')).helperPath();
    const child = nodeSpawn(helper, ['3', 'true'], { uid: 65534, stdio: ['ignore', 'ignore', 'pipe', netns.fd] });
    const [stderr, [code]] = await Promise.all([text(child.stderr as Readable), once(child, 'exit')]);
    expect([code, stderr]).toEqual([125, 'netloom: cannot join namespace: setns: Operation not permitted\n']);
  });

  testNeeds('users')('uid and gid are taken on, and the groups of root let go', async () => {
    const { stdout } = await run(netns, 'sh', ['-c', 'id -u; id -g; id -G; readlink /proc/self/ns/net'], {
      uid: 1234,
      gid: 4321,
    });
    expect(stdout).toBe(`1234\n4321\n4321\nnet:[${netns.id}]\n`);
    expect(() => spawn(netns, 'true', { uid: -1 })).toThrow('spawn: uid -1 is out of range (0 to 4294967294)');
  });

  test('cwd, as a path and as a URL', async () => {
    expect((await run(netns, 'pwd', [], { cwd: directory })).stdout).toBe(`${directory}\n`);
    expect((await run(netns, 'pwd', [], { cwd: pathToFileURL(directory) })).stdout).toBe(`${directory}\n`);
  });

  test('the program is found by the PATH of env, and gets env', async () => {
    writeFileSync(join(directory, 'netloom-hello'), '#!/bin/sh\necho "$WORD"\n', { mode: 0o755 });
    expect((await run(netns, 'netloom-hello', [], { env: { PATH: directory, WORD: 'hello' } })).stdout).toBe('hello\n');
    // As execvp does it, PATH belongs to the program; a relative command to cwd.
    expect((await run(netns, './netloom-hello', [], { cwd: directory, env: { WORD: 'hi' } })).stdout).toBe('hi\n');
  });

  test('argv0', async () => {
    const { stdout } = await run(netns, 'sh', ['-c', 'cat /proc/$$/cmdline'], { argv0: 'other' });
    expect(stdout.split('\0')[0]).toBe('other');
  });

  test('shell', async () => {
    const { stdout } = await run(netns, 'echo $0;', ['readlink', '/proc/self/ns/net'], { shell: true });
    expect(stdout).toBe(`/bin/sh\nnet:[${netns.id}]\n`);
    expect((await run(netns, 'echo $0', [], { shell: '/bin/bash' })).stdout).toBe('/bin/bash\n');
    expect((await run(netns, 'no-such-command-here', [], { shell: true })).code).toBe(127);
  });

  test('arguments arrive as they are', async () => {
    const words = ['', '-n', '--', ' a b ', '*', '$HOME', 'ü'];
    expect((await run(netns, 'printf', ['<%s>\\n', ...words])).stdout).toBe(
      words.map((word) => `<${word}>\n`).join(''),
    );
  });

  test('options may take the place of the arguments', async () => {
    const child = spawn(netns, 'pwd', { cwd: directory });
    expect(await text(child.stdout)).toBe(`${directory}\n`);
  });

  test('stdin is a pipe', async () => {
    const child = spawn(netns, 'cat');
    child.stdin.end('through');
    expect(await text(child.stdout)).toBe('through');
  });

  test.each<[StdioOptions, boolean[]]>([
    ['pipe', [true, true, true]],
    ['ignore', [false, false, false]],
    ['inherit', [false, false, false]],
    [
      ['ignore', 'pipe'],
      [false, true, true],
    ],
    [
      [null, undefined, 'ignore', 'pipe'],
      [true, true, false, true],
    ],
  ])('stdio %j gives the streams that Node gives', async (stdio, expected) => {
    const child = spawn(netns, 'true', [], { stdio });
    expect(child.stdio.map(Boolean)).toEqual(expected);
    await once(child, 'close');
  });

  test('a descriptor, and a fourth pipe', async () => {
    const path = join(directory, 'output');
    const fd = openSync(path, 'w');
    const child = spawn(netns, 'sh', ['-c', 'echo out; echo four >&3'], { stdio: ['ignore', fd, 'inherit', 'pipe'] });
    const fourth = text(child.stdio[3] as Readable);
    await once(child, 'close');
    closeSync(fd);
    expect([readFileSync(path, 'utf8'), await fourth]).toEqual(['out\n', 'four\n']);
  });

  test('messages go to and from a Node.js program', async () => {
    const program =
      "process.on('message', (m) => { process.send({ got: m, net: require('fs').readlinkSync('/proc/self/ns/net') }); process.disconnect(); })";
    const child = spawn(netns, process.execPath, ['-e', program], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    child.send('hello');
    const [message] = await once(child, 'message');
    expect(message).toEqual({ got: 'hello', net: `net:[${netns.id}]` });
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  test('an aborted signal kills the program', async () => {
    const controller = new AbortController();
    const child = spawn(netns, 'sleep', ['60'], { signal: controller.signal, killSignal: 'SIGKILL' });
    const failed = once(child, 'error');
    const closed = new Promise((resolve) => child.on('exit', (...how) => resolve(how)));
    await once(child, 'spawn');
    controller.abort();
    expect((await failed)[0]).toMatchObject({ name: 'AbortError' });
    expect(await closed).toEqual([null, 'SIGKILL']);
  });

  test('timeout and killSignal', async () => {
    expect(await run(netns, 'sleep', ['60'], { timeout: 50, killSignal: 'SIGINT' })).toMatchObject({
      signal: 'SIGINT',
    });
  });

  test('detached: a session of its own', async () => {
    const child = spawn(netns, 'sh', ['-c', 'cut -d" " -f6 /proc/$$/stat'], {
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    expect(Number(await text(child.stdout))).toBe(child.pid);
  });

  test('in the process’s own namespace it is child_process.spawn', async () => {
    const { stdout } = await run(currentNetns(), 'readlink', ['/proc/self/ns/net', '/proc/self/ns/mnt']);
    expect(stdout).toBe(`net:[${currentNetns().id}]\n${execFileSync('readlink', ['/proc/self/ns/mnt'])}`);
  });

  test('another handle on the process’s own namespace makes no difference', async () => {
    const own = await openNetns({ pid: process.pid });
    const { stdout } = await run(own, 'readlink', ['/proc/self/ns/net', '/proc/self/ns/mnt']);
    expect(stdout).toBe(`net:[${currentNetns().id}]\n${execFileSync('readlink', ['/proc/self/ns/mnt'])}`);
    own.close();
    expect(() => spawn(own, 'true')).toThrow(`spawn: namespace ${own.id} is closed`);
  });

  const refusals: [unknown, unknown, string, string][] = [
    ['x', {}, 'ERR_INVALID_ARG_TYPE', 'args must be an array of strings; received "x"'],
    ['', {}, 'ERR_INVALID_ARG_TYPE', 'args must be an array of strings; received ""'],
    [5, {}, 'ERR_INVALID_ARG_TYPE', 'args must be an array of strings; received 5'],
    [true, {}, 'ERR_INVALID_ARG_TYPE', 'args must be an array of strings; received true'],
    [[], null, 'ERR_INVALID_ARG_TYPE', 'options must be an object; received null'],
    [null, null, 'ERR_INVALID_ARG_TYPE', 'options must be an object; received null'],
    [[], 'x', 'ERR_INVALID_ARG_TYPE', 'options must be an object; received "x"'],
    [[], [], 'ERR_INVALID_ARG_TYPE', 'options must be an object; received an array of 0'],
    [[], { stdio: 'bogus' }, 'ERR_INVALID_ARG_VALUE', "The argument 'stdio' is invalid. Received 'bogus'"],
    [[], { stdio: 'ipc' }, 'ERR_INVALID_ARG_VALUE', "The argument 'stdio' is invalid. Received 'ipc'"],
    [[], { stdio: 5 }, 'ERR_INVALID_ARG_VALUE', "The argument 'stdio' is invalid. Received 5"],
    [
      [],
      { cwd: 5 },
      'ERR_INVALID_ARG_TYPE',
      'The "options.cwd" property must be of type string or an instance of Buffer or URL. Received type number (5)',
    ],
  ];
  test.each(refusals)('args %j with options %j are refused', (args, options, code, message) => {
    for (const where of [netns, currentNetns()]) {
      expect(() => spawn(where, 'true', args as string[], options as NetnsSpawnOptions)).toThrow(
        expect.objectContaining({ code, message: `spawn: ${message}` }),
      );
    }
    expect(() => nodeSpawn('true', args as string[], options as NetnsSpawnOptions as object)).toThrow(
      expect.objectContaining({ code }),
    );
  });

  test.each<[string, unknown, string]>([
    ['args', ['a', 'b\0'], 'args[1] "b\\u0000" holds a null byte'],
    ['argv0', { argv0: '\0' }, 'argv0 "\\u0000" holds a null byte'],
    ['shell', { shell: 5 }, 'shell must be a boolean or a string; received 5'],
  ])('%s that Node refuses are refused by their own names', (_, argsOrOptions, message) => {
    expect(() => nodeSpawn('true', argsOrOptions as string[])).toThrow();
    expect(() => spawn(netns, 'true', argsOrOptions as string[])).toThrow(`spawn: ${message}`);
  });

  test('null in place of the arguments means none', async () => {
    const child = spawn(netns, 'pwd', null as unknown as string[], { cwd: directory });
    expect(await text(child.stdout)).toBe(`${directory}\n`);
  });

  test('a closed namespace, and none, are refused', async () => {
    const closed = await createNetns();
    closed.close();
    expect(() => spawn(closed, 'true')).toThrow(`spawn: namespace ${closed.id} is closed`);
    expect(() => spawn('blue' as unknown as Netns, 'true')).toThrow('spawn: netns must be a Netns');
  });

  test('20 at once, each in a namespace of its own', async () => {
    const namespaces = await Promise.all(Array.from({ length: 20 }, () => createNetns()));
    const all = await Promise.all(namespaces.map((each) => run(each, 'readlink', ['/proc/self/ns/net'])));
    expect(all.map(({ stdout }) => stdout)).toEqual(namespaces.map(({ id }) => `net:[${id}]\n`));
    for (const each of namespaces) each.close();
  });
});
