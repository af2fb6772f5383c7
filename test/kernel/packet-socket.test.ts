import { closeSync, fstatSync } from 'node:fs';
import { createTun, FrameSlab, openPacketDevice, openPacketSocket, setLink } from 'netloom';
import * as sync from 'netloom/sync';
import { expect, test, vi } from 'vitest';
import { native } from '../../lib/native/load.js';
import { expectNoLeaks } from './leaks.ts';
import { answerFrame, inside, program, withNetns } from './packet-peers.ts';
import { frameOf, readNow, send, take, withWire } from './packet-wires.ts';
import { describeKernel, testNeeds } from './privilege.ts';
import { failure, runProgram, seen } from './witness.ts';

const ARP = Buffer.from('ffffffffffff02000000000908060001080006040001', 'hex');
const arp = Buffer.concat([ARP, Buffer.from('0200000000090a000009000000000000 0a000002'.replace(' ', ''), 'hex')]);

/** `tcpdump -dd 'ether proto 0x88b6'` */
const ONLY_88B6 = [
  { code: 0x28, jt: 0, jf: 0, k: 12 },
  { code: 0x15, jt: 0, jf: 1, k: 0x88b6 },
  { code: 0x06, jt: 0, jf: 0, k: 262144 },
  { code: 0x06, jt: 0, jf: 0, k: 0 },
];

describeKernel('a packet socket', () => {
  expectNoLeaks(async () => {
    (await openPacketSocket('lo'))[Symbol.dispose]();
  });

  test('reads what its link receives, byte for byte', () =>
    withWire(async ({ host, near }) => {
      await using queue = await openPacketSocket(near);
      const frames = [frameOf(60), frameOf(1514), frameOf(64, { to: 'ffffffffffff' })];
      await send(host, 'far', ...frames);
      expect(await take(queue, 3)).toEqual(frames);
      expect(queue.stats).toEqual({
        framesIn: 3,
        bytesIn: 60 + 1514 + 64,
        framesOut: 0,
        bytesOut: 0,
        dropped: 0,
        truncated: 0,
        overruns: 0,
      });
    }));

  test('writes what the other end receives, byte for byte', () =>
    withWire(async ({ host, near }) => {
      await using queue = await openPacketSocket(near);
      const receiver = `import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88b5)); s.bind(('far', 0x88b5)); s.settimeout(10)
print('ready', flush=True)
for i in range(3): print(s.recv(2000).hex(), flush=True)`;
      const received = inside(host, 'python3', '-c', receiver);
      await vi.waitFor(async () => expect(await inside(host, 'cat', '/proc/net/packet')).toContain('88b5'), 5_000);
      const frame = frameOf(60, { to: '020000000001' });
      expect(queue.write(frame)).toBe(1);
      expect(queue.write([frame.subarray(0, 14), frame.subarray(14)])).toBe(1);
      const slab = new FrameSlab({ slots: 1 });
      slab.set(0, frame);
      expect(queue.writeBatch(slab)).toBe(1);
      expect((await received).split('\n').slice(0, 4)).toEqual(['ready', ...Array(3).fill(frame.toString('hex'))]);
      expect(queue.stats).toMatchObject({ framesOut: 3, bytesOut: 180 });
    }));

  test.each([
    ['for await', false],
    ['onBatch', true],
  ])('lets a program be a host: ARP and ping are answered through %s', (_how, batches) =>
    withWire(async ({ host, near }) => {
      await using queue = await openPacketSocket(near);
      const mac = Buffer.from('0200000000aa', 'hex');
      const answer = (frame: Uint8Array): void => {
        const answer = answerFrame(frame, mac);
        if (answer) queue.write(answer);
      };
      const loop = async (): Promise<void> => {
        for await (const frame of queue) answer(frame);
      };
      const reading = batches
        ? queue.onBatch((slab, count) => {
            for (let i = 0; i < count; i++) answer(slab.frame(i));
          }).ended
        : loop();
      // One each: of several, ping waits for the last as long only as the others took.
      for (let i = 0; i < 3; i++)
        expect(await inside(host, 'ping', '-c', '1', '-q', '10.0.0.42')).toContain('1 packets transmitted, 1 received');
      expect(JSON.parse(await inside(host, 'ip', '-j', 'neighbor'))[0]).toMatchObject({ lladdr: '02:00:00:00:00:aa' });
      await queue.close();
      await reading;
    }),
  );

  test('reads only what comes in, unless it is told otherwise', () =>
    withWire(async ({ here, near }) => {
      await using incoming = await openPacketSocket(near);
      await using both = await openPacketSocket(near, { outgoing: true });
      await send(here, 'near', frameOf(60));
      expect(await take(both, 1)).toEqual([frameOf(60)]);
      expect(readNow(incoming)).toEqual([]);
      both.write(frameOf(60));
      expect(readNow(both)).toEqual([]);
    }));

  test('reads only frames of the protocol that it was opened for', () =>
    withWire(async ({ host, near }) => {
      await using arps = await openPacketSocket(near, { protocol: 'arp' });
      await using others = await openPacketSocket(near, { protocol: 0x88b6 });
      await send(host, 'far', frameOf(60), arp, frameOf(61, { type: '88b6' }));
      expect(await take(arps, 1)).toEqual([arp]);
      expect(await take(others, 1)).toEqual([frameOf(61, { type: '88b6' })]);
      expect([...readNow(arps), ...readNow(others)]).toEqual([]);
    }));

  test('a filter decides in the kernel, and may cut frames', () =>
    withWire(async ({ host, near }) => {
      await using queue = await openPacketSocket(near, { filter: ONLY_88B6 });
      await using cut = await openPacketSocket(near, { filter: [{ code: 0x06, jt: 0, jf: 0, k: 20 }] });
      await send(host, 'far', frameOf(60), frameOf(61, { type: '88b6' }));
      expect(await take(queue, 1)).toEqual([frameOf(61, { type: '88b6' })]);
      expect(readNow(queue)).toEqual([]);
      expect(readNow(cut).map(({ length }) => length)).toEqual([20, 20]);
    }));

  test('a filter may ask the kernel for what is not in the bytes', () =>
    withWire(async ({ host, near }) => {
      // ld vlan_tci (SKF_AD_OFF + SKF_AD_VLAN_TAG); jeq #7
      const filter = [
        { code: 0x20, jt: 0, jf: 0, k: 0xfffff000 + 44 },
        { code: 0x15, jt: 0, jf: 1, k: 7 },
        ...ONLY_88B6.slice(2),
      ];
      await using queue = await openPacketSocket(near, { filter });
      const tagged = frameOf(64, { type: '8100000788b5' });
      await send(host, 'far', frameOf(60), tagged);
      expect(await take(queue, 1)).toEqual([tagged]);
    }));

  test('promiscuous is counted, and ends with the socket', () =>
    withWire(async ({ here, near }) => {
      const one = await openPacketSocket(near, { promiscuous: true });
      const two = await openPacketSocket(near, { promiscuous: true });
      expect(seen(here, 'near').promiscuity).toBe(2);
      await one.close();
      expect(seen(here, 'near').promiscuity).toBe(1);
      await two.close();
      expect(seen(here, 'near').promiscuity).toBe(0);
    }));

  test.each([
    ['8100', '81006007'],
    ['88a8', '88a80007'],
    ['two tags', '88a8000781000008'],
  ])('the VLAN tag stays in the frame (%s)', (_name, tags) =>
    withWire(async ({ host, near }) => {
      await using queue = await openPacketSocket(near);
      await using offload = await openPacketSocket(near, { offload: true });
      const tagged = frameOf(100, { type: `${tags}88b5` });
      await send(host, 'far', tagged);
      expect(await take(queue, 1)).toEqual([tagged]);
      expect(await take(offload, 1)).toEqual([Buffer.concat([Buffer.alloc(10), tagged])]);
    }),
  );

  test('a frame that is longer than its slot, with its tag, is lost and counted', () =>
    withWire(async ({ host, near }) => {
      await using queue = await openPacketSocket(near);
      const slab = new FrameSlab({ slots: 8, frameSize: 100 });
      await send(host, 'far', frameOf(100), frameOf(101), frameOf(101, { type: '8100000788b5' }), frameOf(2000 - 486));
      expect(readNow(queue, slab)).toEqual([frameOf(100)]);
      expect(queue.stats).toMatchObject({ framesIn: 1, truncated: 3 });
    }));

  test('frames for which the receive buffer has no room are counted', () =>
    withWire(async ({ host, near }) => {
      await using queue = await openPacketSocket(near, { receiveBuffer: 4096 });
      await send(host, 'far', ...Array(100).fill(frameOf(60)));
      const read = readNow(queue, new FrameSlab({ slots: 128 })).length;
      expect(read).toBeGreaterThan(0);
      expect(queue.stats.overruns).toBe(100 - read);
      expect(queue.stats.overruns).toBe(100 - read);
      await queue.close();
      expect(queue.stats.overruns).toBe(100 - read);
    }));

  test('works on lo', () =>
    withNetns(async (netns) => {
      await setLink('lo', { up: true }, { netns });
      await using queue = await openPacketSocket('lo', { netns, protocol: 'ipv4' });
      await inside(netns, 'ping', '-c', '1', '-q', '127.0.0.1');
      const [request, reply] = await take(queue, 2);
      expect([request?.[34], reply?.[34]]).toEqual([8, 0]);
    }));

  testNeeds('tun')('a link without a link-layer header has IP packets', () =>
    withNetns(async (netns) => {
      await using tun = await createTun({ name: 'tun0', netns, up: true, addrGenMode: 'none' });
      await using queue = await openPacketSocket(tun.link);
      const packet = Buffer.from('450000180000000040110000' + '0a0000020a000001' + '00350035000400005', 'hex');
      tun.queues[0].write(packet);
      expect(await take(queue, 1)).toEqual([packet]);
      expect(queue.write(Buffer.from('45'.padEnd(40, '0'), 'hex'))).toBe(1);
      expect((await take(tun.queues[0], 1))[0]).toHaveLength(20);
    }),
  );

  test('sync, it opens on the calling thread', () =>
    withWire(async ({ host, here }) => {
      using queue = sync.openPacketSocket('near', { netns: here });
      await send(host, 'far', frameOf(60));
      expect(await take(queue, 1)).toEqual([frameOf(60)]);
    }));

  test('works in a Worker', () =>
    withNetns(async () => {
      const { stdout } = await program(`
        import { Worker } from 'node:worker_threads';
        const worker = new Worker(\`
          import { parentPort } from 'node:worker_threads';
          import('\${netloom}').then(async ({ createNetns, createVeth, openPacketSocket }) => {
            const netns = await createNetns();
            const [a, b] = await createVeth({ name: 'a', netns, up: true, addrGenMode: 'none', peer: { name: 'b', netns, up: true, addrGenMode: 'none' } });
            const out = await openPacketSocket(a);
            const queue = await openPacketSocket(b);
            out.write(new Uint8Array(60).fill(255, 0, 12));
            for await (const frame of queue) { parentPort.postMessage(frame.length); break; }
            queue.onBatch(() => undefined);
          });
        \`, { eval: true });
        worker.once('message', async (length) => { console.log(length); await worker.terminate(); });`);
      expect(stdout).toBe('60\n');
    }));

  test('options that cannot be are refused', async () => {
    const refused = async (options: object): Promise<string> =>
      (await failure(openPacketSocket('lo', options))).message;
    expect(await refused({ protocol: 'ip' })).toMatch(
      /^openPacketSocket: protocol "ip" is none of all, ipv4, arp, ipv6/,
    );
    expect(await refused({ protocol: 0x10000 })).toBe('openPacketSocket: protocol 65536 is out of range (1 to 65535)');
    expect(await refused({ outgoing: true, protocol: 'arp' })).toMatch(/outgoing true needs protocol 'all'/);
    expect(await refused({ promiscuous: 1 })).toMatch(/promiscuous must be true or false/);
    expect(await refused({ receiveBuffer: -1 })).toMatch(/receiveBuffer -1 is out of range/);
    expect(await refused({ filter: [] })).toMatch(/filter.length 0 is out of range/);
    expect(await refused({ filter: null })).toMatch(/filter must be an array of .*; received null/);
    expect(await refused({ filter: [{ code: 0x06, jt: 0, jf: 256, k: 0 }] })).toMatch(/filter\[0\].jf 256 is out of/);
    expect(await refused({ filter: [{ code: 0x28, jt: 0, jf: 0, k: 12 }] })).toMatch(
      /EINVAL: .*, SO_ATTACH_FILTER 'lo'; the kernel finds the filter wrong/,
    );
    expect(await refused({ promisc: true })).toMatch(/options.promisc true is no option here/);
    expect(await failure(openPacketSocket('nowhere'))).toMatchObject({ code: 'ENODEV' });
  });

  test('a descriptor that was released makes no packet device, and stays open', async () => {
    const fd = (await openPacketSocket('lo')).release();
    try {
      expect((await failure(openPacketDevice({ fd }))).message).toBe(
        `openPacketDevice: fd ${fd} is no TUN, TAP or MACVTAP`,
      );
      expect(fstatSync(fd).isSocket()).toBe(true);
    } finally {
      closeSync(fd);
    }
  });

  test('an aborted call leaves no socket behind', async () => {
    const controller = new AbortController();
    // Aborted while a thread opens the socket: earlier, there is none to close.
    const open = native.openPacketSocketAsync;
    const opened = vi.spyOn(native, 'openPacketSocketAsync').mockImplementationOnce((...args) => {
      const handle = open(...args);
      controller.abort();
      return handle;
    });
    try {
      const opening = openPacketSocket('lo', { signal: controller.signal });
      expect(await failure(opening)).toMatchObject({ name: 'AbortError' });
      expect(opened).toHaveBeenCalledOnce();
      const handle = await opened.mock.results[0]?.value;
      await vi.waitFor(() => expect(handle.fd).toBe(-1));
    } finally {
      opened.mockRestore();
    }
  });

  test('without CAP_NET_RAW, the error says what is needed', () => {
    const source = `import { openPacketSocket } from 'netloom';
      const error = await openPacketSocket('lo').catch((error) => error);
      console.log(JSON.stringify([error.code, error.message]));`;
    const [code, message] = runProgram(source, {
      wrap: ['setpriv', '--bounding-set=-net_raw', '--inh-caps=-net_raw'],
    }) as string[];
    expect(code).toBe('EPERM');
    expect(message).toMatch(/^openPacketSocket: EPERM: operation not permitted, socket 'lo'; needs CAP_NET_RAW/);
  });
});
