import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createNetns } from '../../lib/netns/calls.js';
import type { Netns } from '../../lib/netns/netns.js';
import { openMacvtap } from '../../lib/packet/macvtap.js';
import type { PacketQueue } from '../../lib/packet/queue.js';
import { openPacketDevice } from '../../lib/packet/tun.js';
import { createMacvtap } from '../../lib/rtnetlink/kinds/macvtap.js';
import { createVeth } from '../../lib/rtnetlink/kinds/veth.js';
import { deleteLink } from '../../lib/rtnetlink/link/delete.js';
import type { Link } from '../../lib/rtnetlink/link/link.js';
import { expectNoLeaks } from './leaks.js';
import { inside, ipLink } from './packet-peers.js';
import { describeKernel } from './privilege.js';
import { runProgram } from './witness.js';

/** A parent in `netns`, and macvtaps a, b ... on it that see each other, with 02:00:00:00:00:0a and so on. */
async function macvtaps(netns: Netns, ...names: string[]): Promise<Link[]> {
  const [parent] = await createVeth({ name: 'v0', netns, up: true, peer: { name: 'v1', up: true } });
  return Promise.all(
    names.map((name) =>
      createMacvtap({ name, parent, mode: 'bridge', mac: `02:00:00:00:00:0${name}`, up: true, addrGenMode: 'none' }),
    ),
  );
}

const hasDevtmpfs = / \/dev .* - devtmpfs /.test(readFileSync('/proc/self/mountinfo', 'utf8'));

/** A frame of a type that nobody answers, from one macvtap to another. */
const frame = (from: string, to: string, text: string): Uint8Array =>
  Buffer.concat([Buffer.from(`02000000000${to}02000000000${from}8885`, 'hex'), Buffer.from(text.padEnd(46))]);

/** The first frame of that type. */
async function receive(queue: PacketQueue): Promise<Uint8Array> {
  for await (const one of queue) if (one[12] === 0x88 && one[13] === 0x85) return one;
  throw new Error('the queue was closed');
}

describeKernel.needs('devices')('openMacvtap', () => {
  expectNoLeaks(async () => {
    await using netns = await createNetns();
    const [a] = (await macvtaps(netns, 'a')) as [Link];
    await using _device = await openMacvtap(a);
    using _synchronous = openMacvtap.sync(a);
  });

  test('what one writes arrives at the other, whole and without a vnet header', async () => {
    await using netns = await createNetns();
    const [a, b] = (await macvtaps(netns, 'a', 'b')) as [Link, Link];
    await using left = await openMacvtap(a);
    await using right = await openMacvtap('b', { netns });
    const received = receive(right.queues[0] as PacketQueue);
    const sent = frame('a', 'b', 'from a to b');
    expect(left.queues[0]?.write(sent)).toBe(1);
    expect(Buffer.from(await received)).toEqual(sent);
    expect(right.link.index).toBe(b.index);
  });

  test('the right link is opened where two namespaces have links of the same name and index', async () => {
    await using near = await createNetns();
    await using far = await createNetns();
    const [a, b] = (await macvtaps(near, 'a', 'b')) as [Link, Link];
    const [c, d] = (await macvtaps(far, 'a', 'b')) as [Link, Link];
    expect([c.index, d.index]).toEqual([a.index, b.index]);
    await using nearLeft = await openMacvtap(a);
    await using nearRight = await openMacvtap(b);
    await using farLeft = await openMacvtap(c);
    await using farRight = await openMacvtap(d);
    const atNear = receive(nearRight.queues[0] as PacketQueue);
    const atFar = receive(farRight.queues[0] as PacketQueue);
    nearLeft.queues[0]?.write(frame('a', 'b', 'near'));
    farLeft.queues[0]?.write(frame('a', 'b', 'far'));
    expect(
      Buffer.from((await atNear).subarray(14))
        .toString()
        .trim(),
    ).toBe('near');
    expect(
      Buffer.from((await atFar).subarray(14))
        .toString()
        .trim(),
    ).toBe('far');
  });

  test('it takes several queues, leaves no trace in the mounts, and the link stays', async () => {
    await using netns = await createNetns();
    const [a] = (await macvtaps(netns, 'a')) as [Link];
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
    const device = await openMacvtap(a, { queues: 3 });
    expect(device.queues).toHaveLength(3);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(mounts);
    await device.close();
    expect(await ipLink(netns, 'a')).toBeDefined();
    using again = openMacvtap.sync(a);
    expect(again.queues).toHaveLength(1);
  });

  test('a link that was renamed since is found, and openPacketDevice opens it too', async () => {
    await using netns = await createNetns();
    const [a] = (await macvtaps(netns, 'a')) as [Link];
    // Down meanwhile: kernels before 6.2 rename no link that is up.
    for (const change of ['down', 'name z', 'up']) {
      const dev = change === 'up' ? 'z' : 'a';
      await inside(netns, 'ip', 'link', 'set', 'dev', dev, ...change.split(' '));
    }
    await using device = await openPacketDevice(a);
    expect(device.link.name).toBe('z');
  });

  test('deleting the link ends a read with one error', async () => {
    await using netns = await createNetns();
    const [a] = (await macvtaps(netns, 'a')) as [Link];
    await using device = await openMacvtap(a);
    const read = receive(device.queues[0] as PacketQueue);
    const failed = expect(read).rejects.toMatchObject({ code: 'ENODEV', message: expect.stringContaining('deleted') });
    await deleteLink(a);
    await failed;
  });

  test('a container without devtmpfs needs no node in /dev', () => {
    const told = runProgram(
      `import { createMacvtap, createNetns, createVeth, openMacvtap } from 'netloom';
       import { readdirSync } from 'node:fs';
       const netns = await createNetns();
       const [parent] = await createVeth({ name: 'v0', netns, up: true, peer: { name: 'v1', up: true } });
       const device = await openMacvtap(await createMacvtap({ name: 'a', parent }));
       console.log(JSON.stringify([device.queues.length, readdirSync('/dev')]));
       process.exit();`,
      { wrap: ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs tmpfs /dev && exec "$0" "$@"'] },
    );
    expect(told).toEqual([1, []]);
  });

  test.skipIf(!hasDevtmpfs)("without CAP_MKNOD the node in /dev is opened, and only if it is that link's", () => {
    const told = runProgram(
      `import { createMacvtap, createNetns, createVeth, openMacvtap } from 'netloom';
       const told = [];
       for (const turn of [1, 2]) {
         const netns = await createNetns();
         const [parent] = await createVeth({ name: 'v0', netns, up: true, peer: { name: 'v1', up: true } });
         const link = await createMacvtap({ name: 'a', parent, index: 7654 });
         await openMacvtap(link, { queues: 2 }).then(
           ({ queues }) => told.push(queues.length),
           ({ code, path, message }) => told.push({ code, path, message }),
         );
       }
       console.log(JSON.stringify(told));
       process.exit();`,
      { wrap: ['setpriv', '--bounding-set=-mknod', '--inh-caps=-mknod'] },
    );
    expect(told).toEqual([
      2,
      { code: 'ENODEV', path: '/dev/tap7654', message: expect.stringContaining('a link with the same index') },
    ]);
  });

  test('it opens nothing but a macvtap', async () => {
    await using netns = await createNetns();
    await macvtaps(netns);
    await expect(openMacvtap('v0', { netns })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    await expect(openMacvtap('nowhere', { netns })).rejects.toMatchObject({ code: 'ENODEV' });
  });
});
