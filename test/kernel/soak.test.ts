import { listNetns } from 'netloom';
import { expect, test } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { LONG } from './length.ts';
import { program } from './packet-peers.ts';
import { describeKernel } from './privilege.ts';

const ROUNDS = LONG ? 10_000 : 300;

interface Held {
  descriptors: number;
  threads: number;
  native: number;
  heap: number;
  names: number;
  links: number;
}

/**
 * A round makes a namespace, with a name or without, wires it to the program's own, and takes it away; in every other
 * round by the namespace alone, with which the kernel removes the link.
 */
const SOAK = `
  const { readdirSync, readFileSync } = await import('node:fs');
  const { setFlagsFromString } = await import('node:v8');
  const { runInNewContext } = await import('node:vm');
  const { setTimeout } = await import('node:timers/promises');
  const calls = await import(netloom);
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  const TOGETHER = 10;
  let round = 0;
  const up = async () => {
    const i = round++;
    const netns = await calls.createNetns(i % 2 === 0 ? 'soak' + i : undefined);
    const [host, eth0] = await calls.createVeth({
      name: 's' + i, group: 8, up: true, addresses: ['10.9.' + (i % 250) + '.1/24'],
      peer: { name: 'eth0', netns, up: true, addresses: ['10.9.' + (i % 250) + '.2/24'] },
    });
    await calls.addRoute({ to: 'default', via: '10.9.' + (i % 250) + '.1', link: eth0 });
    if ((await calls.listRoutes({ netns, family: 'inet' })).length < 2) throw new Error('a route is missing');
    return { i, netns, host };
  };
  const some = async () => {
    const made = await Promise.all(Array.from({ length: TOGETHER }, up));
    await calls.deleteLinks(made.filter(({ i }) => i % 4 < 2).map(({ host }) => host));
    await Promise.all(made.map(({ netns }) => calls.deleteNetns(netns)));
  };
  const wired = async () => (await calls.listLinks({ group: 8 })).length;
  const soak = async (rounds) => {
    for (const end = round + rounds; round < end; ) await some();
    // The kernel takes a namespace apart later; once its end of a link is gone, so is the namespace.
    while ((await wired()) > 0) await setTimeout(10);
  };
  const number = (name) => Number(new RegExp(name + ':\\\\s+(\\\\d+)').exec(readFileSync('/proc/self/status', 'utf8'))[1]);
  // Threads of the pool and sockets come and go: what counts is how many there are after the same work.
  const held = async () => {
    await some();
    collect();
    collect();
    return {
      descriptors: readdirSync('/proc/self/fd').length,
      threads: number('Threads'),
      // V8 lets its heap grow while much is going on, and keeps that.
      native: number('VmRSS') - process.memoryUsage().heapTotal / 1024,
      heap: process.memoryUsage().heapUsed,
      names: (await calls.listNetns()).filter(({ name }) => name.startsWith('soak')).length,
      links: await wired(),
    };
  };
`;

describeKernel('making and removing namespaces', () => {
  expectNoLeaks(() => listNetns());

  test(`${ROUNDS} times leaves descriptors, threads and memory where they were`, { timeout: 1_200_000 }, async () => {
    const { stdout } = await program(
      `${SOAK}
      await soak(${LONG ? 1000 : 200});
      const before = await held();
      await soak(${ROUNDS});
      const after = await held();
      await soak(0);
      console.log(JSON.stringify({ before, after, links: await wired() }));`,
      1_100_000,
    );
    const told = JSON.parse(String(stdout)) as { before: Held; after: Held; links: number };
    if (LONG) console.log(told);
    const { before, after, links } = told;
    expect(after.descriptors).toBe(before.descriptors);
    expect(after.threads).toBe(before.threads);
    expect(after.names).toBe(0);
    expect(links).toBe(0);
    expect(after.heap - before.heap).toBeLessThan(1 << 20);
    // KiB. V8 and the allocator give pages back late, but 10,000 rounds that lost a page each would be 40,000.
    expect(after.native - before.native).toBeLessThan(24_576);
  });
});
