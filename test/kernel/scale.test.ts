/** Many namespaces in one process: what they hold, and what becomes of those for which something has run out. */

import { readdirSync, readlinkSync } from 'node:fs';
import { createNetns, createVeth, deleteNetns, listLinks, listNetns, type Netns } from 'netloom';
import * as sync from 'netloom/sync';
import { afterEach, expect, test } from 'vitest';
import { openSockets } from '../../lib/netlink/open-sockets.js';
import { expectNoLeaks } from './leaks.ts';
import { LONG } from './length.ts';
import { describeKernel } from './privilege.ts';
import { SLOWNESS } from './slowness.ts';
import { failure, runProgram } from './witness.ts';

const MANY = LONG ? 2_000 : 400;
const LIMIT = (LONG ? 300_000 : 30_000) * SLOWNESS;

/** Netlink sockets of this process; it has no others of that family. */
const sockets = (): number =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
    } catch {
      return false; // the descriptor that readdir itself used
    }
  }).length;

describeKernel(`${MANY} namespaces`, () => {
  expectNoLeaks(() => listLinks());

  const held: Netns[] = [];
  afterEach(() => {
    for (const netns of held.splice(0)) netns.close();
  });
  const createMany = async (): Promise<void> =>
    void held.push(...(await Promise.all(Array.from({ length: MANY }, () => createNetns()))));

  test(
    'keep no more than 256 sockets open, whoever is asked, and in both flavours',
    async () => {
      openSockets.closeIdle();
      const before = sockets();
      await createMany();
      expect(sockets()).toBe(before);
      const lists = await Promise.all(held.map((netns) => listLinks({ netns })));
      expect(lists.map((links) => links.map(({ name }) => name))).toEqual(held.map(() => ['lo']));
      expect(sockets() - before).toBe(256);
      for (const netns of held) expect(sync.listLinks({ netns }).length).toBe(1);
      expect(sockets() - before).toBe(256);
    },
    LIMIT,
  );

  test(
    'that are not used have no socket, and are used again as before',
    async () => {
      await createMany();
      openSockets.closeIdle();
      const before = sockets();
      await Promise.all(held.map((netns, i) => createVeth({ name: `a${i}`, netns, peer: { name: `b${i}` } })));
      openSockets.closeIdle();
      expect(sockets()).toBe(before);
      const lists = await Promise.all(held.map((netns) => listLinks({ netns })));
      expect(lists.map((links) => links.map(({ name }) => name).sort())).toEqual(
        held.map((_, i) => [`a${i}`, `b${i}`, 'lo']),
      );
    },
    LIMIT,
  );

  test(
    'with names are made and deleted together, and each is its own',
    async () => {
      const names = Array.from({ length: MANY }, (_, i) => `many${i}`);
      const made = await Promise.all(names.map((name) => createNetns(name)));
      expect(new Set(made.map(({ id }) => id)).size).toBe(MANY);
      const ids = new Map((await listNetns()).map(({ name, id }) => [name, id]));
      expect(ids).toEqual(new Map(made.map(({ name, id }) => [name, id])));
      await Promise.all(made.map((netns) => deleteNetns(netns)));
      expect(await listNetns()).toEqual([]);
    },
    LIMIT,
  );

  test('of one name, one is made; and where it is deleted by many, by one', async () => {
    const made = await Promise.allSettled(Array.from({ length: 40 }, () => createNetns('same')));
    const first = made.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(first.length).toBe(1);
    const refused = made.flatMap((result) => (result.status === 'rejected' ? [result.reason.code] : []));
    expect(new Set(refused)).toEqual(new Set(['EEXIST']));
    for (const netns of first) netns.close();
    const deleted = await Promise.allSettled(Array.from({ length: 40 }, () => deleteNetns('same')));
    expect(deleted.filter(({ status }) => status === 'fulfilled').length).toBe(1);
    expect(await failure(deleteNetns('same'))).toMatchObject({ code: 'ENOENT' });
  });
});

describeKernel('a process that may have 120 descriptors', () => {
  const wrap = ['sh', '-c', 'ulimit -n 120 && exec "$@"', 'sh'];

  test('makes and wires 1,000 named namespaces one by one, since those need none', () => {
    const told = runProgram(
      `import { createNetns, createVeth, deleteLinks, deleteNetns, listLinks, listNetns } from 'netloom';
       const count = ${LONG ? 1_000 : 250};
       for (let i = 0; i < count; i++) {
         const netns = await createNetns('few' + i);
         await createVeth({ name: 'few' + i, group: 7, peer: { name: 'eth0', netns } });
         netns.close();
       }
       const made = (await listNetns()).length;
       const wired = (await listLinks({ group: 7 })).length;
       await deleteLinks({ group: 7 });
       await Promise.all((await listNetns()).map(({ name }) => deleteNetns(name)));
       console.log(JSON.stringify({ lacking: [count - made, count - wired], left: await listNetns() }));`,
      { wrap },
    );
    expect(told).toEqual({ lacking: [0, 0], left: [] });
  });

  test('is told which of 200 at once it cannot have: nothing is left of those, and it can go on', () => {
    const told = runProgram(
      `import { createNetns, createVeth, deleteLinks, deleteNetns, listLinks, listNetns } from 'netloom';
       const peer = { name: 'eth0', up: true, addresses: ['10.0.0.1/24'] };
       const held = [];
       const up = async (name) => {
         const netns = await createNetns(name);
         held.push(netns);
         await createVeth({ name, group: 7, peer: { ...peer, netns } });
         return name;
       };
       const results = await Promise.allSettled(Array.from({ length: 200 }, (_, i) => up('half' + i)));
       const wired = results.filter(({ status }) => status === 'fulfilled').map(({ value }) => value);
       const codes = [...new Set(results.filter(({ status }) => status === 'rejected').map(({ reason }) => reason.code))];
       const sorted = (list) => list.map(({ name }) => name).sort().join();
       const links = sorted(await listLinks({ group: 7 })) === wired.sort().join();
       for (const netns of held) netns.close();
       const names = sorted(await listNetns()) === sorted(held);
       await Promise.all(held.map((netns) => deleteNetns(netns)));
       const next = await up('next');
       await deleteLinks({ group: 7 });
       await deleteNetns('next');
       console.log(JSON.stringify({ codes, links, names, next, left: await listNetns() }));`,
      { wrap },
    );
    expect(told).toEqual({ codes: ['EMFILE'], links: true, names: true, next: 'next', left: [] });
  });
});
