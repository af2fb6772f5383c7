import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { describeKernel, testNeeds, UNSHARE } from './privilege.ts';
import { runProgram } from './witness.ts';

/** As such a user: nobody, without any capability. */
const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] as const;

describeKernel.needs('users', 'rootless')('without root, in a user namespace', () => {
  test('namespaces, links and addresses work', () => {
    const told = runProgram(
      `import { createNetns, createVeth, currentNetns, listLinks, setLink } from 'netloom';
       await setLink('lo', { up: true });
       const netns = await createNetns();
       const [a, b] = await createVeth({
         name: 'a', up: true, addresses: ['10.0.0.1/24'],
         peer: { name: 'b', netns, up: true, addresses: ['10.0.0.2/24'] },
       });
       console.log(JSON.stringify({
         user: process.getuid(),
         own: (await listLinks()).map(({ name }) => name),
         made: (await listLinks({ netns })).map(({ name }) => name),
         carrier: [a.carrier, b.carrier],
         different: netns.id !== currentNetns().id,
       }));`,
      { wrap: [...NOBODY, ...UNSHARE] },
    );
    expect(told).toEqual({ user: 0, own: ['lo', 'a'], made: ['lo', 'b'], carrier: [true, true], different: true });
  });

  test('names work too, once /run is the user’s own', () => {
    const told = runProgram(
      `import { createNetns, deleteNetns, listNetns, openNetns, listLinks } from 'netloom';
       import { execFileSync } from 'node:child_process';
       const netns = await createNetns('blue');
       const listed = (await listNetns()).map(({ name, id }) => ({ name, same: id === netns.id }));
       const entered = execFileSync('ip', ['netns', 'exec', 'blue', 'readlink', '/proc/self/ns/net'], { encoding: 'utf8' });
       const links = (await listLinks({ netns: await openNetns('blue') })).map(({ name }) => name);
       await deleteNetns('blue');
       console.log(JSON.stringify({ listed, entered: entered === 'net:[' + netns.id + ']\\n', links, left: await listNetns() }));`,
      { wrap: [...NOBODY, ...UNSHARE, 'sh', '-c', 'mount -t tmpfs tmpfs /run && exec "$@"', 'sh'] },
    );
    expect(told).toEqual({ listed: [{ name: 'blue', same: true }], entered: true, links: ['lo'], left: [] });
  });

  test('a name where /run belongs to somebody else is refused, and leaves no descriptor', () => {
    const told = runProgram(
      `import { createNetns } from 'netloom';
       import { readdirSync } from 'node:fs';
       (await createNetns()).close();
       const before = readdirSync('/proc/self/fd').length;
       const refused = await createNetns('blue').catch(({ code }) => code);
       console.log(JSON.stringify({ refused, more: readdirSync('/proc/self/fd').length - before }));`,
      { wrap: [...NOBODY, ...UNSHARE] },
    );
    expect(told).toEqual({ refused: expect.stringMatching(/^(EACCES|EPERM)$/), more: 0 });
  });

  // A runtime that has not unshared its network, as rootless podman, is root of what it makes, and nobody at home.
  const AT_HOME = ['unshare', '--user', '--map-root-user', '--mount'] as const;

  test.each([
    ['of root', UNSHARE],
    ['of nobody', [...NOBODY, ...UNSHARE]],
    ['of nobody, in the network of the machine', [...NOBODY, ...AT_HOME]],
  ])('all that the kernel allows works: %s', (_, wrap) => {
    const program = readFileSync(new URL('rootless-program.mjs', import.meta.url), 'utf8');
    expect(runProgram(program, { wrap })).toEqual({
      user: 0,
      apart: 3,
      watched: ['added', 'br0'],
      links: [
        ['lo', 'br0', 'port', 'mv0'],
        ['lo', 'eth0', 'mvt0', 'vx0', 'ifb0'],
      ],
      route: '10.0.0.1',
      sysctls: ['1', '2'],
      received: 2,
      announced: ['10.0.0.2'],
      frame: 60,
      rules: [0, 100, 32766, 32767],
      limited: [8e8, 8e8],
      masqueraded: ['10.0.0.2'],
      mapped: [8080],
      heard: 'hello',
      lent: ['net1', 'mv0'],
      returned: 'mv0',
      inside: true,
      own: true,
      left: ['lo'],
    });
  });

  testNeeds('devices')('so do TUN and TAP, where /dev/net/tun may be opened', () => {
    const told = runProgram(
      `import { createNetns, createTap, createTun, ping } from 'netloom';
       import * as sync from 'netloom/sync';
       const [near, far] = [await createNetns(), await createNetns()];
       const a = await createTun({ netns: near, up: true, addresses: ['10.9.0.1/24'] });
       const b = sync.createTun({ netns: far, up: true, addresses: ['10.9.0.2/24'] });
       a.queues[0].onBatch((slab, count) => b.queues[0].writeBatch(slab, count));
       b.queues[0].onBatch((slab, count) => a.queues[0].writeBatch(slab, count));
       const { received } = await ping('10.9.0.2', { netns: near, count: 2, interval: 10 });
       const tap = await createTap({ name: 'tap0', netns: far });
       for (const device of [a, b, tap]) await device.close();
       console.log(JSON.stringify({ received, tap: tap.link.name }));`,
      { wrap: ['unshare', '--mount', 'sh', '-c', WITH_TUN, '0666', ...NOBODY, ...AT_HOME] },
    );
    expect(told).toEqual({ received: 2, tap: 'tap0' });
  });

  describe('what the kernel does not allow says what it needs, and of whom:', () => {
    /** What the call in `source`, of `name`, fails with. */
    const refusal = (source: string, wrap: readonly string[] = [...NOBODY, ...AT_HOME]): unknown =>
      runProgram(
        `import * as netloom from 'netloom';
         import * as sync from 'netloom/sync';
         const netns = await netloom.createNetns();
         const told = await (async () => (${source}))().then(() => 'succeeded', ({ code, message }) => [code, message]);
         console.log(JSON.stringify(told));`,
        { wrap },
      );

    test('a link of the machine, which cannot be moved', () => {
      const needs = 'needs CAP_NET_ADMIN in the user namespace that owns the network namespace';
      for (const call of ["netloom.lendLink('lo', netns)", "netloom.createIfb({ name: 'ifb0' })"])
        expect(refusal(call)).toEqual(['EPERM', expect.stringContaining(needs)]);
    });

    test('nor can one be put there', () => {
      const source = `await (async () => {
        await netloom.createIfb({ name: 'ifb0', netns });
        try {
          await netloom.moveToNetns('ifb0', netloom.currentNetns(), { netns });
        } finally {
          if ((await netloom.listLinks({ netns })).length !== 2) throw new Error('it has gone');
        }
      })()`;
      expect(refusal(source)).toEqual([
        'EPERM',
        expect.stringMatching(/^moveToNetns: EPERM: .*needs CAP_NET_ADMIN in/),
      ]);
    });

    test('the namespace of a process of the machine', () => {
      expect(refusal('netloom.openNetns({ pid: 1 })')).toEqual([
        'EACCES',
        expect.stringMatching(/; process 1 is another user's: that needs CAP_SYS_PTRACE in its user namespace$/),
      ]);
    });

    test('a name in the /run of the machine', () => {
      expect(refusal("netloom.createNetns('blue')")).toEqual([
        expect.stringMatching(/^(EACCES|EPERM)$/),
        expect.stringContaining(
          'a name needs write access to /run/netns, and CAP_SYS_ADMIN in the user namespace that owns the mount namespace',
        ),
      ]);
    });

    test('a parameter of the machine', () => {
      expect(refusal("netloom.setSysctl('net.core.rmem_max', 1, { netns })")).toEqual([
        'EACCES',
        expect.stringMatching(
          /; it is read only here, or needs CAP_NET_ADMIN in the user namespace that owns the network/,
        ),
      ]);
      expect(refusal("netloom.setSysctl('kernel.panic', 1)")).toEqual([
        'EACCES',
        expect.stringMatching(
          /'\/proc\/sys\/kernel\/panic', the value "1"; it is the machine's, for root of the machine to set$/,
        ),
      ]);
    });

    test('the frames of a link of the machine', () => {
      expect(refusal("netloom.openPacketSocket('lo')")).toEqual([
        'EPERM',
        expect.stringContaining('needs CAP_NET_RAW in the user namespace that owns the network namespace'),
      ]);
    });

    testNeeds('devices')('a /dev/net/tun that is root’s alone', () => {
      const wrap = ['unshare', '--mount', 'sh', '-c', WITH_TUN, '0600', ...NOBODY, ...AT_HOME];
      expect(refusal('netloom.createTap({ netns })', wrap)).toEqual([
        'EACCES',
        expect.stringMatching(/^createTap: EACCES: .*'\/dev\/net\/tun'; this user may not open it/),
      ]);
    });

    test('the device of a macvtap, which only the machine can make', () => {
      const source = `await (async () => {
        const [a] = await netloom.createVeth({ name: 'a', netns, peer: { name: 'b' } });
        return netloom.openMacvtap(await netloom.createMacvtap({ name: 'mvt0', netns, parent: a, index: 987654 }));
      })()`;
      expect(refusal(source)).toEqual([
        expect.stringMatching(/^E/),
        expect.stringContaining("made by whoever has CAP_MKNOD in the machine's own user namespace"),
      ]);
    });
  });

  test('without any privilege namespaces are refused in both flavours, and nothing else breaks', () => {
    const told = runProgram(
      `import * as netloom from 'netloom';
       import * as sync from 'netloom/sync';
       const codes = [await netloom.createNetns().catch(({ code }) => code)];
       try { sync.createNetns(); } catch ({ code }) { codes.push(code); }
       console.log(JSON.stringify({ codes, links: [await netloom.listLinks(), sync.listLinks()].map((all) => all[0].name) }));`,
      { wrap: NOBODY },
    );
    expect(told).toEqual({ codes: ['EPERM', 'EPERM'], links: ['lo', 'lo'] });
  });
});

/** Runs the rest of a command with a /dev/net/tun of that mode, $0, in place of the machine's. */
const WITH_TUN =
  'mount -t tmpfs -o mode=755 tmpfs /dev/net && mknod /dev/net/tun c 10 200 && chmod "$0" /dev/net/tun && exec "$@"';
