import { expect, test } from 'vitest';
import { createNetns } from '../../lib/netns/calls.js';
import { createTap, openPacketDevice } from '../../lib/packet/tun.js';
import { createBridge } from '../../lib/rtnetlink/kinds/bridge.js';
import { deleteLink } from '../../lib/rtnetlink/link/delete.js';
import { setLink } from '../../lib/rtnetlink/link/set.js';
import { expectNoLeaks } from './leaks.js';
import {
  answerFrame,
  FRAME,
  inside,
  ipLink,
  ipLinks,
  openTuns,
  pause,
  queueOf,
  readAll,
  withNetns,
} from './packet-peers.js';
import { describeKernel } from './privilege.js';

const MAC = '02:00:00:00:00:01';
const HOST = Uint8Array.of(2, 0, 0, 0, 0, 2);

describeKernel.needs('tun')('createTap', () => {
  expectNoLeaks(async () => {
    await using netns = await createNetns();
    await using _device = await createTap({ netns });
    using _synchronous = createTap.sync({ netns });
  });

  test('a host in JavaScript answers ARP and ping', () =>
    withNetns(async (netns) => {
      await using tap = await createTap({ netns, mac: MAC, up: true, addresses: ['10.0.0.1/24'] });
      const queue = queueOf(tap);
      const host = (async () => {
        for await (const frame of queue) {
          const answer = answerFrame(frame, HOST);
          if (answer) queue.write(answer);
        }
      })();
      expect(await inside(netns, 'ping', '-c', '3', '-i', '0.05', '-W', '2', '10.0.0.2')).toContain('3 received');
      const neighbors = JSON.parse(await inside(netns, 'ip', '-j', 'neigh')) as { dst: string; lladdr: string }[];
      expect(neighbors).toContainEqual(expect.objectContaining({ dst: '10.0.0.2', lladdr: '02:00:00:00:00:02' }));
      expect(queue.stats.framesOut).toBe(4);
      expect(queue.stats.bytesOut).toBe(42 + 3 * 98);
      expect(queue.stats.dropped).toBe(0);
      await queue.close();
      await host;
    }));

  test('every option is seen by ip, and the link goes with the device', () =>
    withNetns(async (netns) => {
      const bridge = await createBridge({ name: 'br0', netns });
      const tap = await createTap({
        name: 'tap-x',
        netns,
        mac: MAC,
        mtu: 1400,
        up: true,
        master: bridge,
        alias: 'of a test',
        altNames: ['a-longer-name-for-it'],
        txQueueLength: 7,
        owner: 12345,
        ownerGroup: 23456,
        addrGenMode: 'none',
      });
      expect(await ipLink(netns, 'tap-x')).toMatchObject({
        ifindex: tap.link.index,
        address: MAC,
        mtu: 1400,
        master: 'br0',
        ifalias: 'of a test',
        altnames: ['a-longer-name-for-it'],
        txqlen: 7,
        inet6_addr_gen_mode: 'none',
        linkinfo: {
          info_data: {
            type: 'tap',
            pi: false,
            vnet_hdr: false,
            multi_queue: false,
            persist: false,
            user: 12345,
            group: 23456,
          },
        },
      });
      expect(tap.link).toMatchObject({
        name: 'tap-x',
        kind: 'tun',
        mac: MAC,
        mtu: 1400,
        up: true,
        master: bridge.index,
      });
      expect(tap.link.data).toMatchObject({ mode: 'tap', owner: 12345, ownerGroup: 23456, persist: false });
      await tap.close();
      await tap.close();
      expect(await ipLink(netns, 'tap-x')).toBeUndefined();
    }));

  test('a master that takes no ports is refused as by any other create, and leaves nothing', () =>
    withNetns(async (netns) => {
      await expect(createTap({ name: 'tap0', netns, master: 'lo' })).rejects.toMatchObject({
        code: 'ERR_INVALID_ARG_VALUE',
        message: 'createTap: master "lo" is the loopback, which takes no ports',
      });
      await using _other = await createTap({ name: 'other', netns });
      await expect(createTap({ name: 'tap0', netns, master: 'other' })).rejects.toMatchObject({
        code: 'EOPNOTSUPP',
        message: expect.stringMatching(/; is its master a bridge, bond or VRF\?$/),
      });
      expect(await ipLink(netns, 'tap0')).toBeUndefined();
    }));

  test('a template gives the first free name, and the link has it', () =>
    withNetns(async (netns) => {
      await using first = await createTap({ netns });
      await using second = await createTap({ netns, name: 'tap%d' });
      await using third = await createTap({ netns, name: 'vm%d-net' });
      expect([first, second, third].map((tap) => tap.link.name)).toEqual(['tap0', 'tap1', 'vm0-net']);
    }));

  test('it is born in its namespace, and in no other', async () => {
    await using a = await createNetns();
    await using b = await createNetns();
    await using _tap = await createTap({ name: 'tap0', netns: b });
    expect((await ipLinks(a)).map((link) => link.ifname)).toEqual(['lo']);
    expect((await ipLinks(b)).map((link) => link.ifname)).toEqual(['lo', 'tap0']);
  });

  test('several queues share the flows, and close one by one', () =>
    withNetns(async (netns) => {
      await using tap = await createTap({
        name: 'tap0',
        netns,
        queues: 4,
        up: true,
        addresses: ['10.0.0.1/24'],
        addrGenMode: 'none',
      });
      expect(tap.queues).toHaveLength(4);
      expect((await ipLink(netns, 'tap0'))?.linkinfo?.info_data).toMatchObject({ multi_queue: true, numqueues: 4 });
      await inside(netns, 'ip', 'neigh', 'add', '10.0.0.2', 'lladdr', '02:00:00:00:00:02', 'dev', 'tap0');
      const loops = tap.queues.map(readAll);
      const shell = 'for i in $(seq 100); do echo > /dev/udp/10.0.0.2/$((1000 + i)); done';
      await inside(netns, 'bash', '-c', shell);
      await pause(50);
      const frames = tap.queues.map((queue) => queue.stats.framesIn);
      expect(frames.reduce((sum, count) => sum + count, 0)).toBe(100);
      expect(frames.filter((count) => count > 0).length).toBeGreaterThan(1);
      await queueOf(tap).close();
      expect((await ipLink(netns, 'tap0'))?.linkinfo?.info_data).toMatchObject({ numqueues: 3 });
      await tap.close();
      expect(await Promise.all(loops)).toEqual(['done', 'done', 'done', 'done']);
      expect(await ipLink(netns, 'tap0')).toBeUndefined();
    }));

  test('a persistent one stays, and is opened again by one program at a time', () =>
    withNetns(async (netns) => {
      await (await createTap({ name: 'tap0', netns, persist: true })).close();
      expect((await ipLink(netns, 'tap0'))?.linkinfo?.info_data).toMatchObject({ persist: true });
      await using tap = await openPacketDevice('tap0', { netns });
      expect(tap.link.data).toMatchObject({ mode: 'tap', persist: true });
      await expect(openPacketDevice('tap0', { netns })).rejects.toMatchObject({
        code: 'EBUSY',
        message: expect.stringContaining('open already'),
      });
      await expect(openPacketDevice('tap0', { netns, queues: 2 })).rejects.toMatchObject({
        code: 'ERR_INVALID_ARG_VALUE',
      });
      await deleteLink(tap.link);
    }));

  test('one that iproute2 made is opened, with several queues', () =>
    withNetns(async (netns) => {
      await inside(netns, 'ip', 'tuntap', 'add', 'dev', 'mq0', 'mode', 'tap', 'multi_queue', 'pi', 'vnet_hdr');
      await using tap = await openPacketDevice('mq0', { netns, queues: 2 });
      await setLink(tap.link, { up: true });
      expect(tap.queues).toHaveLength(2);
      expect(queueOf(tap).write(FRAME)).toBe(1);
      expect((await ipLink(netns, 'mq0'))?.linkinfo?.info_data).toMatchObject({
        pi: false,
        vnet_hdr: false,
        numqueues: 2,
      });
      await deleteLink(tap.link);
    }));

  test('openPacketDevice opens nothing else', () =>
    withNetns(async (netns) => {
      await expect(openPacketDevice('lo', { netns })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
      await expect(openPacketDevice('tap9', { netns })).rejects.toMatchObject({ code: 'ENODEV' });
      expect((await ipLinks(netns)).map((link) => link.ifname)).toEqual(['lo']);
    }));

  test('a taken name gives EEXIST, also where the other one could be attached to', () =>
    withNetns(async (netns) => {
      await using _tap = await createTap({ name: 'tap0', netns });
      await createBridge({ name: 'br0', netns });
      for (const name of ['tap0', 'br0']) {
        await expect(createTap({ name, netns })).rejects.toMatchObject({
          code: 'EEXIST',
          syscall: 'TUNSETIFF',
          message: `createTap: EEXIST: file already exists, TUNSETIFF '${name}': there is a link of that name`,
        });
      }
    }));

  test('bad addresses and alternative names are refused before there is a device', () =>
    withNetns(async (netns) => {
      // The name is taken: who made the device first would hear of that.
      await using _tap = await createTap({ name: 'tap0', netns });
      await expect(createTap({ name: 'tap0', netns, addresses: ['10.0.0.300/24'] })).rejects.toMatchObject({
        code: 'ERR_INVALID_ARG_VALUE',
        message: expect.stringMatching(/^createTap: addresses\[0\]\./),
      });
      await expect(createTap({ name: 'tap0', netns, altNames: ['x'.repeat(128)] })).rejects.toMatchObject({
        code: 'ERR_INVALID_ARG_VALUE',
        message: expect.stringMatching(/^createTap: altNames/),
      });
    }));

  test('a failed one leaves nothing behind', () =>
    withNetns(async (netns) => {
      const before = openTuns();
      const bad = createTap({ netns, persist: true, queues: 2, addresses: ['10.0.0.1/24', '10.0.0.1/24'] });
      await expect(bad).rejects.toMatchObject({ code: 'EEXIST', syscall: 'RTM_NEWADDR' });
      const aborted = new AbortController();
      const pending = createTap({ netns, persist: true }, { signal: aborted.signal });
      aborted.abort();
      await expect(pending).rejects.toMatchObject({ name: 'AbortError' });
      await expect.poll(async () => (await ipLinks(netns)).map((link) => link.ifname)).toEqual(['lo']);
      await expect.poll(openTuns).toBe(before);
    }));

  test('the synchronous form makes the same, ready when it returns', () =>
    withNetns(async (netns) => {
      {
        using tap = createTap.sync({ name: 'tap0', netns, up: true });
        expect(queueOf(tap).write(FRAME)).toBe(1);
      }
      expect(await ipLink(netns, 'tap0')).toBeUndefined();
    }));
});
