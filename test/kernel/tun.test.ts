import { expect, test } from 'vitest';
import { createNetns } from '../../lib/netns/calls.js';
import type { PacketQueue } from '../../lib/packet/queue.js';
import { createTun, openPacketDevice } from '../../lib/packet/tun.js';
import { deleteLink } from '../../lib/rtnetlink/link/delete.js';
import { expectNoLeaks } from './leaks.js';
import { answerPacket, inside, ipLink, program } from './packet-peers.js';
import { describeKernel, testNeeds } from './privilege.js';

/** Sends a line to 10.0.0.2 port 7, and prints what comes back. */
const ECHO = "exec 3<>/dev/udp/10.0.0.2/7; echo 'hello tun' >&3; head -n 1 <&3";

describeKernel.needs('tun')('createTun', () => {
  expectNoLeaks(async () => {
    await using netns = await createNetns();
    await using _device = await createTun({ netns });
  });

  test('a host in JavaScript echoes UDP', async () => {
    await using netns = await createNetns();
    await using tun = await createTun({ netns, up: true, addresses: ['10.0.0.1/24'], addrGenMode: 'none' });
    expect(tun.link).toMatchObject({ name: 'tun0', type: 'none', data: { mode: 'tun' } });
    const [queue] = tun.queues as [PacketQueue];
    const host = (async () => {
      for await (const packet of queue) {
        const answer = answerPacket(packet);
        if (answer) queue.write(answer);
      }
    })();
    expect(await inside(netns, 'timeout', '5', 'bash', '-c', ECHO)).toBe('hello tun\n');
    const size = 20 + 8 + 10;
    expect(queue.stats).toEqual({ framesIn: 1, bytesIn: size, framesOut: 1, bytesOut: size, dropped: 0, truncated: 0 });
    await tun.close();
    await host;
  });

  test('ip sees a TUN with the options that were asked for', async () => {
    await using netns = await createNetns();
    await using _tun = await createTun({ name: 'vpn', netns, mtu: 65535, group: 9, queues: 2 });
    expect(await ipLink(netns, 'vpn')).toMatchObject({
      mtu: 65535,
      group: '9',
      link_type: 'none',
      linkinfo: {
        info_data: { type: 'tun', pi: false, vnet_hdr: false, multi_queue: true, numqueues: 2, persist: false },
      },
    });
  });

  test('a persistent one is opened again as a TUN', async () => {
    await using netns = await createNetns();
    await (await createTun({ name: 'tun0', netns, persist: true, queues: 2 })).close();
    await using tun = await openPacketDevice('tun0', { netns, queues: 2 });
    expect(tun.queues).toHaveLength(2);
    expect(tun.link.data).toMatchObject({ mode: 'tun', multiQueue: true, persist: true });
    await deleteLink(tun.link);
  });

  test('what is no IP packet is refused with EINVAL, and a reason', async () => {
    await using netns = await createNetns();
    await using tun = await createTun({ netns, up: true });
    const [queue] = tun.queues as [PacketQueue];
    expect(() => queue.write(new Uint8Array(20))).toThrow(
      expect.objectContaining({
        code: 'EINVAL',
        message: expect.stringContaining('neither an IPv4 nor an IPv6 packet'),
      }),
    );
    expect(() => queue.write(new Uint8Array(65536))).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
  });
});

describeKernel('without what it needs', () => {
  /** Tries to make a TUN in a process that `command` starts: what its error says. */
  const attempt = async (...command: string[]): Promise<string> => {
    const source = `
      import { execFileSync } from 'node:child_process';
      const attempt = "const { createTun } = await import('" + netloom + "');" +
        'await createTun().catch((error) => console.log(error.code, error.message));';
      const [file, ...rest] = ${JSON.stringify(command)};
      process.stdout.write(execFileSync(file, [...rest, process.execPath, '--input-type=module', '-e', attempt]));`;
    return (await program(source)).stdout.toString();
  };

  test('a missing /dev/net/tun is named, with what to do', async () => {
    const message = await attempt('unshare', '-m', 'sh', '-c', 'mount -t tmpfs tmpfs /dev/net && exec "$0" "$@"');
    expect(message).toContain("ENOENT createTun: ENOENT: no such file or directory, open '/dev/net/tun'");
    expect(message).toContain('mkdir -p /dev/net && mknod /dev/net/tun c 10 200');
    expect(message).toContain('--device /dev/net/tun');
  });

  testNeeds('tun')('a missing privilege is named', async () => {
    const message = await attempt('setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin');
    expect(message).toContain("EPERM createTun: EPERM: operation not permitted, TUNSETIFF 'tun%d'");
    expect(message).toContain('CAP_NET_ADMIN');
  });
});
