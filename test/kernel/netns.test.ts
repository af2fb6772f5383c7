import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import {
  createNetns,
  createVeth,
  currentNetns,
  deleteNetns,
  getLink,
  listLinks,
  listNetns,
  type Netns,
  openNetns,
} from 'netloom';
import { afterEach, describe, expect, test } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { failure, pathOf, run, seenNames, seenNetns } from './witness.ts';

/**
 * Lines of mountinfo for what is mounted at a path, the topmost first. Not those that nobody sees: the machine's own
 * /run/netns, which may be a mount too, lies below the /run of the tests.
 */
function mountedAt(path: string): string[] {
  if (!existsSync(path)) return [];
  const fd = openSync(path, 'r');
  const [, top] = /^mnt_id:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')) ?? [];
  closeSync(fd);
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' '));
  const found: string[] = [];
  for (let id = top; ; ) {
    const mount = mounts.find((fields) => fields[0] === id && fields[4] === path);
    if (mount === undefined) return found;
    found.push(mount.join(' '));
    id = mount[1]; // what it is mounted on
  }
}

const descriptors = (): string[] =>
  readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return []; // the descriptor that readdir itself used
    }
  });

describeKernel('namespaces', () => {
  expectNoLeaks(async () => {
    await listLinks();
    mkdirSync('/run/netns', { recursive: true });
  });

  afterEach(async () => {
    for (const { name } of await listNetns()) await deleteNetns(name);
  });

  describe('createNetns', () => {
    test('without a name gives a namespace whose only link is lo, which is down', async () => {
      using netns = await createNetns();
      expect(netns.name).toBeUndefined();
      expect(netns.id).toBe(statSync(pathOf(netns)).ino);
      expect(netns.id).not.toBe(currentNetns().id);
      const links = await listLinks({ netns });
      expect(links.map(({ name, up, type }) => ({ name, up, type }))).toEqual([
        { name: 'lo', up: false, type: 'loopback' },
      ]);
    });

    test('with a name makes what `ip netns` shows and enters', async () => {
      using netns = await createNetns('blue');
      expect(netns.name).toBe('blue');
      expect(seenNetns()).toEqual(['blue']);
      expect(run('ip', 'netns', 'exec', 'blue', 'readlink', '/proc/self/ns/net')).toBe(`net:[${netns.id}]\n`);
    });

    test('makes what `ip netns delete` removes', async () => {
      using netns = await createNetns('blue');
      run('ip', 'netns', 'delete', 'blue');
      expect(await listNetns()).toEqual([]);
      expect(mountedAt('/run/netns/blue')).toEqual([]);
      expect(netns.closed).toBe(false);
    });

    test('keeps every byte that a file name may have', async () => {
      const names = ['-', 'a b', 'a\nb', 'ä€😀', "it's", '..a', 'x'.repeat(255)];
      for (const name of names) (await createNetns(name)).close();
      expect((await listNetns()).map(({ name }) => name)).toEqual([...names].sort());
      expect(readdirSync('/run/netns').sort()).toEqual([...names].sort());
    });

    test('makes /run/netns a shared mount, as iproute2 does', async () => {
      (await createNetns('blue')).close();
      const [mount = ''] = mountedAt('/run/netns');
      // mountinfo: optional fields stand between the mount options and a lone '-'.
      expect(mount.split(' - ')[0]).toMatch(/ shared:\d+/);
      (await createNetns('green')).close();
      expect(mountedAt('/run/netns')).toHaveLength(1);
      run('ip', 'netns', 'add', 'red');
      expect(mountedAt('/run/netns')).toHaveLength(1);
    });

    test('makes a name that other mount namespaces see, and lose when it is deleted', async () => {
      (await createNetns('first')).close();
      const script = `
        read line; echo "$(stat -f -c %T /run/netns/blue)"
        read line; echo "$(grep -c /run/netns/blue /proc/self/mountinfo)"`;
      // --propagation unchanged: as a service manager or a login session would have it.
      const other = spawn('unshare', ['--mount', '--propagation', 'unchanged', 'sh', '-c', `echo ready; ${script}`]);
      const lines: string[] = [];
      const next = (): Promise<string> =>
        new Promise((resolve) => other.stdout.once('data', (data: Buffer) => resolve(data.toString().trim())));
      lines.push(await next());
      (await createNetns('blue')).close();
      let line = next();
      other.stdin.write('\n');
      lines.push(await line);
      await deleteNetns('blue');
      line = next();
      other.stdin.write('\n');
      lines.push(await line);
      await new Promise((resolve) => other.once('exit', resolve));
      expect(lines).toEqual(['ready', 'nsfs', '0']);
    });

    test('replaces a file that no namespace is mounted on', async () => {
      writeFileSync('/run/netns/stale', '');
      using netns = await createNetns('stale');
      expect(run('ip', 'netns', 'exec', 'stale', 'readlink', '/proc/self/ns/net')).toBe(`net:[${netns.id}]\n`);
    });
  });

  describe('openNetns', () => {
    test('by name opens what `ip netns add` made', async () => {
      run('ip', 'netns', 'add', 'red');
      using netns = await openNetns('red');
      expect(netns.name).toBe('red');
      expect(`net:[${netns.id}]\n`).toBe(run('ip', 'netns', 'exec', 'red', 'readlink', '/proc/self/ns/net'));
    });

    test('by path, by process and by descriptor opens the same namespace', async () => {
      using blue = await createNetns('blue');
      const child = spawn('nsenter', [`--net=${pathOf(blue)}`, 'cat']);
      // It echoes once it is inside.
      const echoed = new Promise((resolve) => child.stdout.once('data', resolve));
      child.stdin.write('\n');
      await echoed;
      using byPath = await openNetns({ path: '/run/netns/blue' });
      using byProcess = await openNetns({ pid: child.pid as number });
      using byDescriptor = await openNetns({ fd: blue.fd });
      child.stdin.end();
      await new Promise((resolve) => child.once('exit', resolve));

      expect([byPath.id, byProcess.id, byDescriptor.id]).toEqual([blue.id, blue.id, blue.id]);
      expect([byPath.name, byProcess.name, byDescriptor.name]).toEqual(['blue', undefined, undefined]);
    });

    test('by descriptor leaves the descriptor to its owner', async () => {
      using blue = await createNetns();
      (await openNetns({ fd: blue.fd })).close();
      expect(readlinkSync(`/proc/self/fd/${blue.fd}`)).toBe(`net:[${blue.id}]`);
    });

    test('gives a namespace that works: two handles see the same links', async () => {
      run('ip', 'netns', 'add', 'red');
      using netns = await openNetns('red');
      await createVeth({ name: 'a', netns, peer: { name: 'b' } });
      expect(run('ip', '-n', 'red', '-br', 'link').match(/^\w+/gm)).toEqual(['lo', 'b', 'a']);
    });
  });

  describe('listNetns', () => {
    test('tells name, path and id of namespaces of either maker, by name', async () => {
      using blue = await createNetns('blue');
      run('ip', 'netns', 'add', 'amber');
      const amber = Number(/\d+/.exec(run('ip', 'netns', 'exec', 'amber', 'readlink', '/proc/self/ns/net'))?.[0]);
      expect(await listNetns()).toEqual([
        { name: 'amber', path: '/run/netns/amber', id: amber },
        { name: 'blue', path: '/run/netns/blue', id: blue.id },
      ]);
    });

    test('shows a name that no namespace is mounted on without an id', async () => {
      writeFileSync('/run/netns/stale', '');
      expect(await listNetns()).toEqual([{ name: 'stale', path: '/run/netns/stale' }]);
    });
  });

  describe('deleteNetns', () => {
    test('removes what `ip netns add` made, file and mount', async () => {
      run('ip', 'netns', 'add', 'red');
      await deleteNetns('red');
      expect(existsSync('/run/netns/red')).toBe(false);
      expect(mountedAt('/run/netns/red')).toEqual([]);
      expect(seenNetns()).toEqual([]);
    });

    test('removes a file that no namespace is mounted on', async () => {
      writeFileSync('/run/netns/stale', '');
      await deleteNetns('stale');
      expect(existsSync('/run/netns/stale')).toBe(false);
    });

    test('closes the handle that it is given', async () => {
      const netns = await createNetns('blue');
      await deleteNetns(netns);
      expect(netns.closed).toBe(true);
      expect(await listNetns()).toEqual([]);
    });

    test('of an unnamed namespace closes its handle', async () => {
      const netns = await createNetns();
      await deleteNetns(netns);
      expect(netns.closed).toBe(true);
    });

    test('of a missing name is ENOENT, and nothing with ifExists', async () => {
      const error = await failure(deleteNetns('nobody'));
      expect(error.code).toBe('ENOENT');
      expect(error.message).toMatch(/^deleteNetns: ENOENT.*"nobody"/);
      await expect(deleteNetns('nobody', { ifExists: true })).resolves.toBeUndefined();
    });
  });

  describe('a handle', () => {
    test('outlives the name', async () => {
      using netns = await createNetns('blue');
      await deleteNetns('blue');
      await createVeth({ name: 'a', netns, peer: { name: 'b' } });
      expect(seenNames(netns).sort()).toEqual(['a', 'b']);
      expect((await getLink('a', { netns })).name).toBe('a');
    });

    test('closes more than once without complaint', async () => {
      const netns = await createNetns();
      await listLinks({ netns });
      netns.close();
      netns.close();
      netns[Symbol.dispose]();
      await netns[Symbol.asyncDispose]();
      expect(netns.closed).toBe(true);
    });

    test('closes at the end of `using` and of `await using`', async () => {
      const handles: Netns[] = [];
      {
        using one = await createNetns();
        await using two = await createNetns();
        handles.push(one, two);
        expect(handles.map(({ closed }) => closed)).toEqual([false, false]);
      }
      expect(handles.map(({ closed }) => closed)).toEqual([true, true]);
    });

    test('ends an unnamed namespace when it closes: the links inside go too', async () => {
      const netns = await createNetns();
      using outside = await createNetns();
      await createVeth({ name: 'inside', netns, peer: { name: 'outside', netns: outside } });
      expect(seenNames(outside)).toEqual(['outside']);
      netns.close();
      // The kernel takes a dead namespace apart on a thread of its own.
      await expect.poll(() => seenNames(outside), { timeout: 5_000 }).toEqual([]);
    });

    test('frees its descriptor and its sockets at once', async () => {
      // Native threads come and go with a descriptor of the process's own namespace, which does not count here.
      const own = readlinkSync('/proc/self/ns/net');
      const held = (): number => descriptors().filter((to) => /^(net|socket):/.test(to) && to !== own).length;
      const before = held();
      const all = await Promise.all(Array.from({ length: 20 }, () => createNetns()));
      await Promise.all(all.map((netns) => listLinks({ netns })));
      expect(held()).toBe(before + 40);
      for (const netns of all) netns.close();
      expect(held()).toBe(before);
    });
  });

  test('currentNetns is one object, which close() leaves open', async () => {
    const own = currentNetns();
    expect(`net:[${own.id}]`).toBe(readlinkSync('/proc/self/ns/net'));
    own.close();
    own[Symbol.dispose]();
    expect(own.closed).toBe(false);
    expect(currentNetns()).toBe(own);
    const names = (await listLinks({ netns: own })).map(({ name }) => name);
    expect(names).toEqual(
      (JSON.parse(execFileSync('ip', ['-j', 'link'], { encoding: 'utf8' })) as { ifname: string }[]).map(
        ({ ifname }) => ifname,
      ),
    );
  });

  test('openNetns of the own process gives a handle that closes', async () => {
    const own = await openNetns({ pid: process.pid });
    expect(own.id).toBe(currentNetns().id);
    own.close();
    expect(currentNetns().closed).toBe(false);
  });

  test('ip and netloom agree that a namespace is gone', async () => {
    (await createNetns('blue')).close();
    await deleteNetns('blue');
    expect(spawnSync('ip', ['netns', 'exec', 'blue', 'true']).status).not.toBe(0);
    expect((await failure(openNetns('blue'))).code).toBe('ENOENT');
  });
});
