import { AsyncLocalStorage } from 'node:async_hooks';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createNetns } from '../../lib/netns/calls.js';
import type { Netns } from '../../lib/netns/netns.js';
import type { PacketQueue } from '../../lib/packet/queue.js';
import { createTun } from '../../lib/packet/tun.js';
import { internetChecksum } from '../../lib/packet/views/checksum.js';
import { ping } from '../../lib/ping/ping.js';
import type { PingReply } from '../../lib/ping/plan.js';
import { getLink, listLinks } from '../../lib/rtnetlink/link/find.js';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';

const inside = (netns: Netns, ...command: string[]): string =>
  execFileSync('nsenter', [`--net=/proc/${process.pid}/fd/${netns.fd}`, ...command], { encoding: 'utf8' });
const ip = (netns: Netns, command: string): string => inside(netns, 'ip', ...command.split(' '));

/** Holds the event loop. */
function block(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

describeKernel('ping', () => {
  expectNoLeaks(async () => {
    await listLinks();
  });

  let near: Netns;
  let far: Netns;
  beforeAll(async () => {
    [near, far] = await Promise.all([createNetns(), createNetns()]);
    ip(near, 'link set lo up');
    ip(near, `link add left type veth peer name right netns /proc/${process.pid}/fd/${far.fd}`);
    for (const [netns, link, host] of [
      [near, 'left', 1],
      [far, 'right', 2],
    ] as const) {
      ip(netns, `address add 10.9.0.${host}/24 dev ${link}`);
      ip(netns, `address add fd09::${host}/64 dev ${link} nodad`);
      ip(netns, `address add fe80::${host}/64 dev ${link} nodad`);
      ip(netns, `link set ${link} up`);
    }
    ip(near, 'route add 198.51.100.0/23 via 10.9.0.2');
    ip(far, 'route add unreachable 198.51.100.0/24');
    ip(far, 'route add 198.51.101.0/24 via 10.9.0.1');
    inside(far, 'sh', '-c', 'cd /proc/sys/net/ipv4 && echo 1 > ip_forward && echo 0 > icmp_ratelimit');
    // Until the links are ready for IPv6.
    while ((await ping('fd09::2', { netns: near, count: 1 })).received === 0);
  });
  afterAll(() => {
    near.close();
    far.close();
  });

  test.each(['10.9.0.2', 'fd09::2', 'fe80::2%left'])('%s answers every request', async (address) => {
    const result = await ping(address, { netns: near, count: 3, interval: 10 });
    expect(result).toMatchObject({ address, transmitted: 3, received: 3, lost: 0 });
    expect(result.replies).toEqual(
      [1, 2, 3].map((sequence) => ({ sequence, time: expect.any(Number), ttl: 64, bytes: 64 })),
    );
    expect(result.times).toEqual(result.replies.map(({ time }) => time));
    for (const time of result.times) expect(time).toSatisfy((ms: number) => ms > 0 && ms < 100);
    expect(result.min).toBe(Math.min(...result.times));
    expect(result.max).toBe(Math.max(...result.times));
    expect(result.avg).toBeCloseTo(result.times.reduce((a, b) => a + b) / 3, 9);
  });

  test('a zone may be an index', async () => {
    const { index } = await getLink('left', { netns: near });
    expect(await ping(`fe80::2%${index}`, { netns: near, count: 1 })).toMatchObject({ received: 1 });
  });

  test('a zone that the namespace does not have is told', async () => {
    await expect(ping('fe80::2%eth7', { netns: near })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: 'ping: address "fe80::2%eth7" names a link that the namespace does not have',
    });
  });

  test('finishes as soon as the last answer is there', async () => {
    const start = performance.now();
    await ping('10.9.0.2', { netns: near, count: 2, interval: 50, timeout: 60_000 });
    expect(performance.now() - start).toBeLessThan(1000);
  });

  test('tells each round trip as it happens', async () => {
    const told: [number, PingReply][] = [];
    const start = performance.now();
    const { replies } = await ping('10.9.0.2', {
      netns: near,
      count: 3,
      interval: 100,
      onReply: (reply) => told.push([performance.now() - start, reply]),
    });
    expect(told.map(([, reply]) => reply)).toEqual(replies);
    expect(told[0]?.[0]).toBeLessThan(90);
  });

  test('the asynchronous context of the caller holds in onReply', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const onReply = () => seen.push(storage.getStore());
    await storage.run('mine', () => ping('10.9.0.2', { netns: near, count: 2, interval: 5, onReply }));
    expect(seen).toEqual(['mine', 'mine']);
  });

  test('what onReply throws ends the ping', async () => {
    const onReply = () => {
      throw new Error('enough');
    };
    await expect(ping('10.9.0.2', { netns: near, onReply })).rejects.toThrow('enough');
  });

  test('a busy event loop adds nothing to the round-trip time, and loses nothing', async () => {
    const pending = ping('10.9.0.2', { netns: near, count: 2, interval: 20, timeout: 100, onReply: () => block(200) });
    const { received, max } = await pending;
    expect(received).toBe(2);
    expect(max).toBeLessThan(50);
  });

  test('100 requests, one each millisecond', async () => {
    const start = performance.now();
    const result = await ping('10.9.0.2', { netns: near, count: 100, interval: 1 });
    expect(result.received).toBe(100);
    expect(performance.now() - start).toBeLessThan(2000);
  });

  test('size and TTL travel, and large requests are fragmented', async () => {
    const { replies } = await ping('10.9.0.2', { netns: near, count: 1, size: 20_000, ttl: 7 });
    expect(replies).toEqual([{ sequence: 1, time: expect.any(Number), ttl: 64, bytes: 20_008 }]);
    expect(await ping('10.9.0.2', { netns: near, count: 2, interval: 1, size: 0 })).toMatchObject({ received: 2 });
  });

  test('silence is loss, not an error', async () => {
    inside(far, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all');
    try {
      expect(await ping('10.9.0.2', { netns: near, count: 2, interval: 10, timeout: 50 })).toEqual({
        address: '10.9.0.2',
        transmitted: 2,
        received: 0,
        lost: 2,
        times: [],
        min: undefined,
        avg: undefined,
        max: undefined,
        replies: [
          { sequence: 1, error: 'ETIMEDOUT' },
          { sequence: 2, error: 'ETIMEDOUT' },
        ],
      });
    } finally {
      inside(far, 'sh', '-c', 'echo 0 > /proc/sys/net/ipv4/icmp_echo_ignore_all');
    }
  });

  test.each([
    ['10.9.0.77', 'EHOSTUNREACH', '10.9.0.1', { type: 3, code: 1 }],
    ['fd09::77', 'EHOSTUNREACH', 'fd09::1', { type: 1, code: 3 }],
  ])('%s, which nobody has, is unreachable', async (address, error, from, icmp) => {
    const { replies, lost } = await ping(address, { netns: near, count: 1, timeout: 10_000 });
    expect(lost).toBe(1);
    expect(replies).toEqual([{ sequence: 1, error, from, icmp }]);
  });

  test('without a route every request says so', async () => {
    const { replies } = await ping('192.0.2.1', { netns: near, count: 2, interval: 1 });
    expect(replies).toEqual([
      { sequence: 1, error: 'ENETUNREACH' },
      { sequence: 2, error: 'ENETUNREACH' },
    ]);
  });

  test('a route that comes while it runs is taken', async () => {
    const result = await ping('192.0.2.2', {
      netns: near,
      count: 2,
      interval: 1,
      onReply: ({ sequence }) => {
        if (sequence > 1) return;
        ip(far, 'address add 192.0.2.2/32 dev right');
        ip(near, 'route add 192.0.2.2/32 via 10.9.0.2');
      },
    });
    expect(result.replies).toMatchObject([{ error: 'ENETUNREACH' }, { ttl: 64 }]);
  });

  test.each([
    ['that has no route', '198.51.100.1', undefined, { type: 3, code: 1 }],
    ['where the TTL ends', '198.51.101.1', 1, { type: 11, code: 0 }],
  ])('a router %s is named', async (_, address, ttl, icmp) => {
    expect(await ping(address, { netns: near, count: 2, interval: 5, ttl })).toMatchObject({
      received: 0,
      replies: [1, 2].map((sequence) => ({ sequence, error: 'EHOSTUNREACH', from: '10.9.0.2', icmp })),
    });
  });

  test('an aborted ping rejects at once and closes its socket', async () => {
    const controller = new AbortController();
    const pending = ping('10.9.0.2', {
      netns: near,
      interval: 60_000,
      signal: controller.signal,
      onReply: () => controller.abort(),
    });
    await expect(pending).rejects.toMatchObject({ name: 'AbortError', code: 'ABORT_ERR' });
  });

  test('a namespace that is closed meanwhile is still asked', async () => {
    const netns = await createNetns();
    ip(netns, 'link set lo up');
    const pending = ping('127.0.0.1', { netns, count: 2, interval: 20, onReply: () => netns.close() });
    expect(await pending).toMatchObject({ received: 2 });
  });

  test('two pings of one machine do not take each other’s answers', async () => {
    const results = await Promise.all(
      Array.from({ length: 10 }, () => ping('10.9.0.2', { netns: near, count: 5, interval: 2 })),
    );
    for (const { received, replies } of results) {
      expect(received).toBe(5);
      expect(replies.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5]);
    }
  });

  test.each([
    [1000, 1, '127.0.0.1'],
    [1000, 1, '::1'],
    [300, 3, '127.0.0.1'],
    [300, 3, '::1'],
  ])('%i pings of %i requests to %s at once lose nothing', async (pings, count, address) => {
    const results = await Promise.all(
      Array.from({ length: pings }, () => ping(address, { netns: near, count, interval: 5 })),
    );
    expect(results.flatMap(({ replies }) => replies).filter(({ error }) => error !== undefined)).toEqual([]);
    expect(results.map(({ received }) => received)).toEqual(Array(pings).fill(count));
  });

  test('a crowd of other answers that nobody reads in time does not push out its own', async () => {
    const flood = Array.from({ length: 500 }, () => ping('127.0.0.1', { netns: near, count: 1, timeout: 100 }));
    const watched = ping('127.0.0.1', {
      netns: near,
      count: 3,
      interval: 100,
      timeout: 100,
      onReply: () => block(200),
    });
    expect(await watched).toMatchObject({ received: 3 });
    for (const { received } of await Promise.all(flood)) expect(received).toBe(1);
  });

  test('an answer with IPv4 options, whose header is longer, is an answer', async () => {
    await using tun = await createTun({ netns: near, up: true, addresses: ['10.9.2.1/24'], addrGenMode: 'none' });
    const [queue] = tun.queues as [PacketQueue];
    const pending = ping('10.9.2.2', { netns: near, count: 1 });
    for await (const request of queue) {
      // Four bytes of padding (IPOPT_NOOP) behind the usual header, which says so: 6 words.
      const reply = Uint8Array.of(0x46, ...request.subarray(1, 20), 1, 1, 1, 1, ...request.subarray(20));
      const view = new DataView(reply.buffer);
      view.setUint16(2, reply.length);
      reply.set(request.subarray(16, 20), 12);
      reply.set(request.subarray(12, 16), 16);
      view.setUint16(10, 0);
      view.setUint16(10, internetChecksum(reply, 0, 24));
      reply[24] = 0;
      view.setUint16(26, 0);
      view.setUint16(26, internetChecksum(reply, 24));
      queue.write(reply);
      break;
    }
    expect(await pending).toMatchObject({ received: 1 });
  });

  test('20 namespaces at once', async () => {
    const namespaces = await Promise.all(Array.from({ length: 20 }, () => createNetns()));
    for (const netns of namespaces) ip(netns, 'link set lo up');
    const results = await Promise.all(
      namespaces.map((netns, i) => ping(i % 2 ? '127.0.0.1' : '::1', { netns, count: 3, interval: 5 })),
    );
    for (const netns of namespaces) netns.close();
    expect(results.map(({ received }) => received)).toEqual(Array(20).fill(3));
  });

  test('a Worker may be terminated while it pings', () => {
    // In a process where no other thread has loaded the addon, which then goes away with the Worker.
    const { cache } = createRequire(import.meta.url);
    const addon = Object.keys(cache).find((path) => /netloom(\.\w+)?\.node$/.test(path));
    const worker = `
      const { parentPort } = require('node:worker_threads');
      const native = require(${JSON.stringify(addon)});
      const request = Uint8Array.of(8, 0, 0xf7, 0xfe, 0, 0, 0, 1);
      const buffer = new Uint8Array(128);
      const open = async () => {
        const socket = await native.openPingAsync({ netns: -1, scope: 0, ttl: 0 }, Uint8Array.of(127, 0, 0, 1), () => {
          while (socket.receive(buffer) >= 0) socket.send(request);
        });
        if (socket.send(request) < 0) throw new Error('not sent');
        setTimeout(() => { socket.close(); open(); }, 2);
      };
      for (let i = 0; i < 8; i++) open();
      parentPort.postMessage('started');`;
    const program = `
      const { Worker } = require('node:worker_threads');
      (async () => {
        for (let i = 0; i < 20; i++) {
          const worker = new Worker(${JSON.stringify(worker)}, { eval: true });
          worker.on('error', (error) => { throw error; });
          await new Promise((resolve) => worker.on('message', resolve));
          await new Promise((resolve) => setTimeout(resolve, i));
          await worker.terminate();
        }
        console.log('all terminated');
      })();`;
    expect(inside(near, process.execPath, '-e', program)).toBe('all terminated\n');
  });

  describeKernel.needs('users', 'groups')('without CAP_NET_RAW', () => {
    const RANGE = '/proc/sys/net/ipv4/ping_group_range';
    const NOBODY = 65534;
    const before = readFileSync(RANGE, 'utf8');
    afterEach(() => {
      process.seteuid?.(0);
      writeFileSync(RANGE, before);
    });

    test.each(['127.0.0.1', '::1'])('%s is asked through the socket for everybody', async (address) => {
      execFileSync('ip', ['link', 'set', 'lo', 'up']);
      writeFileSync(RANGE, '0 2147483647');
      process.seteuid?.(NOBODY);
      const { received, replies } = await ping(address, { count: 2, interval: 5 });
      expect(received).toBe(2);
      expect(replies[0]).toMatchObject({ ttl: 64, bytes: 64 });
    });

    test('ICMP errors come through it too', async () => {
      const own = (command: string) => execFileSync('ip', command.split(' '));
      own(`link add nlping type veth peer name nlping netns /proc/${process.pid}/fd/${far.fd}`);
      own('address add 10.9.1.1/24 dev nlping');
      own('link set nlping up');
      ip(far, 'address add 10.9.1.2/24 dev nlping');
      ip(far, 'link set nlping up');
      own('route add 198.51.100.0/24 via 10.9.1.2');
      writeFileSync(RANGE, '0 2147483647');
      process.seteuid?.(NOBODY);
      const { replies } = await ping('198.51.100.1', { count: 1 });
      process.seteuid?.(0);
      own('link delete nlping');
      expect(replies).toEqual([{ sequence: 1, error: 'EHOSTUNREACH', from: '10.9.1.2', icmp: { type: 3, code: 1 } }]);
    });

    test('where that is not allowed either, the error says what is needed', async () => {
      writeFileSync(RANGE, '1 0');
      process.seteuid?.(NOBODY);
      await expect(ping('127.0.0.1')).rejects.toMatchObject({
        code: 'EPERM',
        message: expect.stringMatching(/^ping: EPERM: .*, socket; ping needs CAP_NET_RAW, or a group within/),
      });
    });
  });
});
