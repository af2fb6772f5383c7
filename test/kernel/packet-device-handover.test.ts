import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { createNetns } from '../../lib/netns/calls.js';
import { FrameSlab } from '../../lib/packet/slab.js';
import { createTap, createTun, openPacketDevice } from '../../lib/packet/tun.js';
import { deleteLink } from '../../lib/rtnetlink/link/delete.js';
import { listLinks } from '../../lib/rtnetlink/link/find.js';
import { expectNoLeaks } from './leaks.ts';
import { FRAME, inside, ipLink, openTuns, program, queueOf, readAll, withNetns } from './packet-peers.ts';
import { FLOWS, frameTo, sendFrames } from './packet-senders.ts';
import { describeKernel } from './privilege.ts';
import { runProgram } from './witness.ts';

describeKernel.needs('tun')('a descriptor that is open', () => {
  expectNoLeaks(async () => {
    await listLinks();
    await using netns = await createNetns();
    await (await createTap({ netns })).close();
  });

  test('becomes a device, which knows its link and its namespace', () =>
    withNetns(async (netns) => {
      const tap = await createTap({ name: 'tap0', netns, up: true, addrGenMode: 'none' });
      const queue = queueOf(tap);
      const pending = readAll(queue);
      const fd = queue.release();
      expect(await pending).toBe('done');
      expect([queue.closed, queue.fd]).toEqual([true, -1]);
      expect(() => queue.release()).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }));
      await tap.close();
      expect(await ipLink(netns, 'tap0')).toBeDefined();

      const adopted = await openPacketDevice({ fd });
      expect(queueOf(adopted).fd).toBe(fd);
      expect(adopted.link).toMatchObject({ name: 'tap0', index: tap.link.index, data: { mode: 'tap' } });
      expect(adopted.link.netns.id).toBe(netns.id);
      expect([adopted.vnetHeaderSize, adopted.offload?.checksum]).toEqual([0, false]);
      await sendFrames(netns, 'tap0', FRAME);
      const slab = new FrameSlab();
      expect(queueOf(adopted).readBatch(slab)).toBe(1);
      expect(Buffer.from(slab.frame(0))).toEqual(FRAME);
      expect(() => queueOf(adopted).write(FRAME.subarray(0, 13))).toThrow(
        expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }),
      );
      await adopted.close();
      expect(adopted.link.netns.closed).toBe(true);
      expect(await ipLink(netns, 'tap0')).toBeUndefined();
    }));

  test('of a TUN with a vnet header and several queues is found out to be that', () =>
    withNetns(async (netns) => {
      const tun = await createTun({ name: 'tun0', netns, queues: 2, offload: true, vnetHeaderSize: 12 });
      const fds = tun.queues.map((queue) => queue.release()) as [number, number];
      await using first = await openPacketDevice({ fd: fds[0] }, { netns });
      using second = openPacketDevice.sync({ fd: fds[1] }, { offload: { tso4: true } });
      expect([first.vnetHeaderSize, first.offload]).toEqual([12, undefined]);
      expect(first.link.netns).toBe(netns);
      expect(second.offload).toEqual({ checksum: true, tso4: true, tso6: false, uso: false, ecn: false });
      await queueOf(second).detach();
      expect((await ipLink(netns, 'tun0'))?.linkinfo?.info_data).toMatchObject({ numqueues: 1, numdisabled: 1 });
      // A TUN's packet begins behind the header.
      expect(() => queueOf(first).write(new Uint8Array(12))).toThrow(
        expect.objectContaining({ message: expect.stringContaining('13 to 65547 bytes') }),
      );
    }));

  test('is found after its link was renamed and moved', () =>
    withNetns(async (netns) => {
      await using there = await createNetns();
      const tap = await createTap({ name: 'tap0', netns });
      const fd = queueOf(tap).release();
      await inside(netns, 'ip', 'link', 'set', 'tap0', 'netns', String(process.pid), 'name', 'netloom-t0');
      try {
        await using adopted = await openPacketDevice({ fd });
        expect(adopted.link.name).toBe('netloom-t0');
        expect(adopted.link.netns.closed).toBe(false);
        await expect(openPacketDevice({ fd }, { netns: there })).rejects.toMatchObject({
          code: 'ERR_INVALID_ARG_VALUE',
          message: expect.stringMatching(/^openPacketDevice: options.netns .* is not the namespace of "netloom-t0"/),
        });
      } finally {
        expect(() => fstatSync(fd)).toThrow(expect.objectContaining({ code: 'EBADF' }));
      }
    }));

  test('is refused where it is something else, and stays the caller’s', () =>
    withNetns(async (netns) => {
      const refused = (fd: number) => openPacketDevice({ fd });
      const before = openTuns();
      for (const [path, message] of [
        ['/dev/null', 'is no TUN, TAP or MACVTAP'],
        ['/etc/passwd', 'is no TUN, TAP or MACVTAP'],
        ['/dev/net/tun', 'is attached to no device'],
      ] as const) {
        const fd = openSync(path, constants.O_RDONLY);
        await expect(refused(fd)).rejects.toMatchObject({
          code: 'ERR_INVALID_ARG_VALUE',
          message: expect.stringContaining(`openPacketDevice: fd ${fd} ${message}`),
        });
        expect(fstatSync(fd).isFile()).toBe(path === '/etc/passwd');
        closeSync(fd);
        await expect(refused(fd)).rejects.toThrow(`openPacketDevice: fd ${fd} is not open`);
      }
      const tap = await createTap({ netns, name: 'tap0' });
      const fd = queueOf(tap).release();
      await expect(openPacketDevice({ fd }, { queues: 2 })).rejects.toThrow(/queues 2 is more than the one/);
      await expect(openPacketDevice({ fd }, { offload: true })).rejects.toThrow(/offload true needs a vnet header/);
      await expect(openPacketDevice({ fd: -1 })).rejects.toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
      await expect(openPacketDevice({ fd }, { signal: AbortSignal.abort() })).rejects.toMatchObject({
        name: 'AbortError',
      });
      await deleteLink(tap.link);
      await expect(openPacketDevice({ fd })).rejects.toThrow(/is attached to no device/);
      closeSync(fd);
      expect(openTuns()).toBe(before);
    }));

  test('that blocks and is inherited does so no more', () => {
    // Somebody else's: made without O_NONBLOCK, and handed over by exec.
    const open = `import fcntl, os, struct, sys
fd = os.open('/dev/net/tun', os.O_RDWR)
fcntl.ioctl(fd, 0x400454ca, struct.pack('16sH', b'handed', 0x1002))
os.set_inheritable(fd, True)
os.environ['HANDED'] = str(fd)
os.execvp(sys.argv[1], sys.argv[1:])`;
    const told = runProgram(
      `import { readFileSync } from 'node:fs';
       import { openPacketDevice, currentNetns, FrameSlab } from 'netloom';
       const fd = Number(process.env.HANDED);
       const flags = () => Number.parseInt(/flags:\\s*(\\d+)/.exec(readFileSync('/proc/self/fdinfo/' + fd, 'utf8'))[1], 8);
       const before = flags();
       const device = await openPacketDevice({ fd });
       const { name, netns } = device.link;
       console.log(JSON.stringify([name, netns === currentNetns(), before, flags(), device.queues[0].readBatch(new FrameSlab())]));`,
      { wrap: ['unshare', '-n', 'python3', '-c', open] },
    ) as [string, boolean, number, number, number];
    const CLOEXEC = 0o2000000;
    const [name, own, before, after, count] = told;
    expect([name, own, count]).toEqual(['handed', true, 0]);
    // Node.js closes on exec what it inherits.
    expect(before & constants.O_NONBLOCK).toBe(0);
    expect(after & (constants.O_NONBLOCK | CLOEXEC)).toBe(constants.O_NONBLOCK | CLOEXEC);
  });

  test('each of two Workers has a queue of one device', async () => {
    const source = `
      import { once } from 'node:events';
      import { Worker } from 'node:worker_threads';
      const { createNetns, createTap, listLinks, spawn } = await import(netloom);
      const netns = await createNetns();
      const tap = await createTap({ name: 'tap0', netns, queues: 2, up: true, addresses: ['10.0.0.1/24'], addrGenMode: 'none' });
      const inside = (...command) => once(spawn(netns, command[0], command.slice(1), { stdio: 'inherit' }), 'close');
      await inside('ip', 'neigh', 'add', '10.0.0.2', 'lladdr', '02:00:00:00:00:02', 'dev', 'tap0');
      const url = 'data:text/javascript,' + encodeURIComponent(\`
        import { parentPort, workerData } from 'node:worker_threads';
        async function main() {
          const { openPacketDevice } = await import('\${netloom}');
          const device = await openPacketDevice({ fd: workerData });
          const [queue] = device.queues;
          const reader = queue.onBatch(() => {});
          parentPort.postMessage(device.link.name);
          parentPort.once('message', async () => {
            reader.stop();
            const { framesIn } = queue.stats;
            await device.close();
            parentPort.postMessage(framesIn);
          });
        }
        void main();
      \`);
      const workers = tap.queues.map((queue) => new Worker(new URL(url), { workerData: queue.release() }));
      const told = () => Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]));
      const names = await told();
      await inside('bash', '-c', ${JSON.stringify(FLOWS)});
      await new Promise((resolve) => setTimeout(resolve, 50));
      const answers = told();
      for (const worker of workers) worker.postMessage('stop');
      const counts = await answers;
      const links = (await listLinks({ netns })).map(({ name }) => name);
      console.log(JSON.stringify({ names, counts, links }));`;
    const { names, counts, links } = JSON.parse((await program(source)).stdout.toString());
    expect(names).toEqual(['tap0', 'tap0']);
    expect(counts[0] + counts[1]).toBe(100);
    expect(Math.min(...counts)).toBeGreaterThan(0);
    expect(links).toEqual(['lo']);
  });

  test('a child process reads and writes frames by the descriptor it was given', () =>
    withNetns(async (netns) => {
      await using tap = await createTap({ name: 'tap0', netns, up: true, addrGenMode: 'none' });
      // Sends back the first frame, from whom it was for.
      const child = `import os, select
select.select([3], [], [])
frame = os.read(3, 2048)
os.write(3, frame[6:12] + frame[0:6] + frame[12:])
print(len(frame))`;
      const echo = spawn('python3', ['-c', child], { stdio: ['ignore', 'pipe', 'inherit', queueOf(tap).fd] });
      const said = text(echo.stdout as NonNullable<typeof echo.stdout>);
      const heard = inside(
        netns,
        'python3',
        '-c',
        `import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x8885)); s.bind(('tap0', 0x8885)); s.settimeout(5)
s.send(bytes.fromhex('${frameTo('02:00:00:00:00:0a').toString('hex')}'))
while True:
  frame, (_, _, kind, _, _) = s.recvfrom(2048)
  if kind != socket.PACKET_OUTGOING: break
print(frame[:14].hex())`,
      );
      expect(await said).toBe('60\n');
      expect(await heard).toBe('02000000000102000000000a8885\n');
    }));
});

describeKernel.needs('tun', 'qemu')('a QEMU guest', () => {
  test(
    'on a TAP that it was handed asks for an address on the bridge',
    () =>
      withNetns(async (netns) => {
        for (const line of [
          'link add br0 type bridge',
          'link add v0 type veth peer name v1',
          'link set v0 master br0 addrgenmode none up',
          'link set v1 addrgenmode none up',
          'link set br0 addrgenmode none up',
        ])
          await inside(netns, 'ip', ...line.split(' '));
        await using guest = await createTap({ name: 'tap0', netns, up: true, master: 'br0', addrGenMode: 'none' });
        await using wire = await createTap({ name: 'tap1', netns, up: true, master: 'br0', addrGenMode: 'none' });
        const MAC = '52:54:00:12:34:56';
        const qemu = spawn(
          'qemu-system-x86_64',
          [
            ...'-nodefaults -display none -machine accel=tcg -m 64 -netdev tap,id=n,fd=3'.split(' '),
            ...['-device', `e1000,netdev=n,mac=${MAC}`],
          ],
          { stdio: ['ignore', 'ignore', 'inherit', queueOf(guest).fd] },
        );
        const exited = once(qemu, 'exit');
        // Both sides have the TAP now; it is the guest's.
        await guest.close();
        try {
          const discover = await (async () => {
            for await (const frame of queueOf(wire)) {
              const bytes = Buffer.from(frame);
              // IPv4, UDP, to the port of DHCP servers.
              if (bytes.readUInt16BE(12) === 0x0800 && bytes[23] === 17 && bytes.readUInt16BE(36) === 67) return bytes;
            }
            throw new Error('the queue was closed');
          })();
          expect(discover.subarray(0, 12).toString('hex')).toBe(`ffffffffffff${MAC.replaceAll(':', '')}`);
          // The magic cookie, and the option "DHCP message type" with DISCOVER.
          expect(discover.subarray(278, 285).toString('hex')).toBe('63825363350101');
        } finally {
          qemu.kill('SIGKILL');
          await exited;
        }
      }),
    60_000,
  );
});
