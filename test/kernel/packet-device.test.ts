import { expect, test } from 'vitest';
import { createNetns } from '../../lib/netns/calls.js';
import type { BpfInstruction } from '../../lib/packet/bpf.js';
import { FrameSlab } from '../../lib/packet/slab.js';
import { createTap, createTun, openPacketDevice } from '../../lib/packet/tun.js';
import { expectNoLeaks } from './leaks.ts';
import { LOAD_BPF } from './load-bpf.ts';
import { FRAME, inside, ipLink, queueOf, withNetns } from './packet-peers.ts';
import { FLOWS, frameTo, sendFrames } from './packet-senders.ts';
import { describeKernel } from './privilege.ts';
import { runProgram } from './witness.ts';

describeKernel.needs('tun')('a device that is open', () => {
  expectNoLeaks(async () => {
    await using netns = await createNetns();
    await (await createTap({ netns })).close();
  });

  test('can be made to stay, and to go', () =>
    withNetns(async (netns) => {
      const tap = await createTap({ name: 'tap0', netns });
      await tap.set({ persist: true });
      expect((await ipLink(netns, 'tap0'))?.linkinfo?.info_data).toMatchObject({ persist: true });
      await tap.close();
      const again = await openPacketDevice('tap0', { netns });
      again.setSync({ persist: false });
      await again.close();
      expect(await ipLink(netns, 'tap0')).toBeUndefined();
    }));

  test('gets an owner and a group', () =>
    withNetns(async (netns) => {
      await using tap = await createTap({ name: 'tap0', netns });
      await tap.set({ owner: 12345, ownerGroup: 23456 });
      expect((await ipLink(netns, 'tap0'))?.linkinfo?.info_data).toMatchObject({ user: 12345, group: 23456 });
    }));

  test('loses its carrier, as if a cable were pulled, and has it again', () =>
    withNetns(async (netns) => {
      await using tap = await createTap({ name: 'tap0', netns, up: true, addrGenMode: 'none' });
      // The kernel tells a change of the carrier at most once a second.
      const carrier = () =>
        expect.poll(async () => (await ipLink(netns, 'tap0'))?.flags.includes('LOWER_UP'), { timeout: 3000 });
      await carrier().toBe(true);
      await tap.set({ carrier: false });
      await carrier().toBe(false);
      await tap.set({ carrier: true });
      await carrier().toBe(true);
    }));

  const MINE = '02:00:00:00:00:0a';
  const OTHER = '02:00:00:00:00:0b';
  const GROUP = '01:00:5e:00:00:01';
  const BROADCAST = 'ff:ff:ff:ff:ff:ff';

  /** Sends a frame to each of four destinations: those that were read. */
  async function passing(netns: Parameters<typeof sendFrames>[0], queue: ReturnType<typeof queueOf>) {
    const all = [MINE, OTHER, GROUP, BROADCAST];
    await sendFrames(netns, 'tap0', ...all.map((mac) => frameTo(mac)));
    const slab = new FrameSlab();
    const count = queue.readBatch(slab);
    return Array.from({ length: count }, (_, i) =>
      all.find((mac) => mac.replaceAll(':', '') === Buffer.from(slab.frame(i).subarray(0, 6)).toString('hex')),
    );
  }

  test('a destination filter says which frames are read', () =>
    withNetns(async (netns) => {
      await using tap = await createTap({ name: 'tap0', netns, up: true, addrGenMode: 'none' });
      const queue = queueOf(tap);
      await tap.set({ txFilter: { addresses: [MINE] } });
      expect(await passing(netns, queue)).toEqual([MINE]);
      await tap.set({ txFilter: { addresses: [BROADCAST, MINE] } });
      expect(await passing(netns, queue)).toEqual([MINE, BROADCAST]);
      await tap.set({ txFilter: { addresses: [OTHER], allMulticast: true } });
      expect(await passing(netns, queue)).toEqual([OTHER, GROUP, BROADCAST]);
      // Multicast addresses may come first in the list, and there may be many.
      const groups = Array.from({ length: 9 }, (_, i) => `01:00:5e:00:01:0${i}`);
      await tap.set({ txFilter: { addresses: [...groups, MINE] } });
      expect((await passing(netns, queue)).filter((mac) => mac !== GROUP && mac !== BROADCAST)).toEqual([MINE]);
      await tap.set({ txFilter: null });
      expect(await passing(netns, queue)).toEqual([MINE, OTHER, GROUP, BROADCAST]);
    }));

  /** tcpdump -ddd 'ether proto 0x8885' */
  const PROGRAM: BpfInstruction[] = [
    { code: 40, jt: 0, jf: 0, k: 12 },
    { code: 21, jt: 0, jf: 1, k: 0x8885 },
    { code: 6, jt: 0, jf: 0, k: 262144 },
    { code: 6, jt: 0, jf: 0, k: 0 },
  ];

  test('a BPF program of tcpdump says which frames are read, on every queue', () =>
    withNetns(async (netns) => {
      await using tap = await createTap({ name: 'tap0', netns, up: true, addrGenMode: 'none', queues: 2 });
      const slab = new FrameSlab();
      const read = async () => {
        await sendFrames(netns, 'tap0', frameTo(MINE, 0x8885), frameTo(MINE, 0x8886));
        return tap.queues.flatMap((queue) =>
          Array.from({ length: queue.readBatch(slab) }, (_, i) => Buffer.from(slab.frame(i)).readUInt16BE(12)),
        );
      };
      await tap.attachFilter(PROGRAM);
      expect(await read()).toEqual([0x8885]);
      await tap.attachFilter(null);
      expect((await read()).sort()).toEqual([0x8885, 0x8886]);
      tap.attachFilterSync(PROGRAM.slice(3));
      expect(await read()).toEqual([]);
    }));

  test('what the kernel refuses is an error of the call, with the device and the reason', () =>
    withNetns(async (netns) => {
      await using tap = await createTap({ name: 'tap0', netns });
      await expect(tap.attachFilter([{ code: 21, jt: 9, jf: 9, k: 0 }])).rejects.toMatchObject({
        code: 'EINVAL',
        message: "attachFilter: EINVAL: invalid argument, TUNATTACHFILTER 'tap0'",
      });
      await expect(tap.setSteering(1000)).rejects.toMatchObject({
        code: 'EBADF',
        message: expect.stringMatching(/^setSteering: EBADF: .*'tap0'; programFd must be a loaded eBPF program/),
      });
      expect(() => tap.setFilterSync(0)).toThrow(
        expect.objectContaining({ code: 'EINVAL', syscall: 'TUNSETFILTEREBPF' }),
      );
    }));

  test('what cannot be is refused before the kernel', () =>
    withNetns(async (netns) => {
      await using tun = await createTun({ name: 'tun0', netns });
      const tap = await createTap({ name: 'tap0', netns });
      await expect(tun.set({ txFilter: null })).rejects.toThrow(/^set: txFilter null is for a TAP/);
      await expect(tun.attachFilter([{ code: 6, jt: 0, jf: 0, k: 0 }])).rejects.toThrow(/is for a TAP/);
      await expect(tap.set({ persist: 1 as never })).rejects.toThrow(/^set: persist must be true or false/);
      await expect(tap.set({ sendBuffer: 0 })).rejects.toThrow(/^set: sendBuffer 0 is out of range/);
      await expect(tap.set({ mtu: 1500 } as never)).rejects.toThrow(/^set: mtu 1500 is no option here/);
      await expect(tap.setFilter(-1)).rejects.toThrow(/^setFilter: programFd -1 is out of range/);
      await tap.close();
      await expect(tap.set({ persist: true })).rejects.toMatchObject({
        code: 'ERR_INVALID_STATE',
        message: 'set: the device "tap0" is closed',
      });
    }));

  test('a small send buffer fills up behind a slow link: write gives 0 until it is drained', () =>
    withNetns(async (netns) => {
      for (const line of [
        'link add br0 type bridge',
        'link add v0 type veth peer name v1',
        'link set v0 master br0 addrgenmode none up',
        'link set v1 addrgenmode none up',
        'link set br0 addrgenmode none up',
      ])
        await inside(netns, 'ip', ...line.split(' '));
      await inside(netns, 'tc', ...'qdisc add dev v0 root tbf rate 400kbit burst 2000 limit 1000000'.split(' '));
      await using tap = await createTap({ name: 'tap0', netns, master: 'br0', addrGenMode: 'none', up: true });
      await tap.set({ sendBuffer: 20_000 });
      const queue = queueOf(tap);
      const frame = Buffer.concat([FRAME, Buffer.alloc(940)]);
      let written = 0;
      while (queue.write(frame) === 1) if (++written > 200) break;
      expect(written).toBeGreaterThan(2);
      expect(written).toBeLessThan(30);
      expect(queue.stats).toMatchObject({ framesOut: written, dropped: 1 });
      const start = performance.now();
      await queue.drained();
      // Half of the buffer has to leave, at 50 bytes a millisecond.
      expect(performance.now() - start).toBeGreaterThan(20);
      expect(queue.write(frame)).toBe(1);
    }));
});

describeKernel.needs('tun', 'bpf')('eBPF programs', () => {
  const run = (values: string, source: string): unknown =>
    runProgram(
      `import { once } from 'node:events';
       import { createNetns, createTap, FrameSlab, spawn } from 'netloom';
       const programs = process.env.PROGRAMS.split(' ').map(Number);
       const slab = new FrameSlab({ slots: 256 });
       const netns = await createNetns();
       const inside = async (...command) => once(spawn(netns, command[0], command.slice(1), { stdio: 'inherit' }), 'close');
       const tap = await createTap({ name: 'tap0', netns, up: true, queues: 2, addresses: ['10.0.0.1/24'], addrGenMode: 'none' });
       await inside('ip', 'neigh', 'add', '10.0.0.2', 'lladdr', '02:00:00:00:00:02', 'dev', 'tap0');
       const counts = async () => {
         await inside('bash', '-c', ${JSON.stringify(FLOWS)});
         return tap.queues.map((queue) => queue.readBatch(slab));
       };
       ${source}`,
      { wrap: ['python3', '-c', LOAD_BPF, values] },
    );

  test('one chooses the queue of each frame', () => {
    const told = run(
      '1 2',
      `await tap.setSteering(programs[0]);
       const told = [await counts()];
       tap.setSteeringSync(programs[1]);
       told.push(await counts());
       await tap.setSteering(null);
       told.push((await counts()).map((count) => count > 0));
       console.log(JSON.stringify(told));
       process.exit();`,
    );
    expect(told).toEqual([
      [0, 100],
      [100, 0],
      [true, true],
    ]);
  });

  test('one says how much of each frame is read', () => {
    const told = run(
      '0 20',
      `const sizes = async () => {
         const [a, b] = await counts();
         return [a + b, slab.lengths[0]];
       };
       await tap.setFilter(programs[0]);
       const told = [(await sizes())[0]];
       tap.setFilterSync(programs[1]);
       told.push(await sizes());
       await tap.setFilter(null);
       told.push(await sizes());
       console.log(JSON.stringify(told));
       process.exit();`,
    );
    // A datagram with one byte: 14 + 20 + 8 + 1.
    expect(told).toEqual([0, [100, 20], [100, 43]]);
  });
});
