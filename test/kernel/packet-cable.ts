/** Two devices of one kind, each of which sends out what the other receives: a cable through the kernel. */
import { createNetns } from '../../lib/netns/calls.js';
import type { PacketDevice } from '../../lib/packet/device.js';
import type { PacketQueue } from '../../lib/packet/queue.js';
import { createTap, createTun } from '../../lib/packet/tun.js';
import { deleteLink } from '../../lib/rtnetlink/link/delete.js';
import { setSysctl } from '../../lib/sysctl.js';
import { inside, queueOf } from './packet-peers.ts';

export type Kind = 'Tap' | 'Tun';
const CREATE = { Tap: createTap, Tun: createTun } as const;
/** The largest that the kind takes: the longest frame has 65535 bytes. */
const MTU = { Tap: 65521, Tun: 65535 } as const;
/** Links that come up are to say nothing by themselves. */
const QUIET = 'net.ipv6.conf.default.disable_ipv6';

/** Commands of tc that send what the first link receives out of the second, while it is received. */
const redirect = (from: string, to: string): string[] => [
  `tc qdisc add dev ${from} clsact`,
  `tc filter add dev ${from} ingress protocol all u32 match u32 0 0 action mirred egress redirect dev ${to}`,
];
const CONNECT = [...redirect('end0', 'end1'), ...redirect('end1', 'end0')].join(' && ');

export interface DeviceCable extends AsyncDisposable {
  readonly devices: readonly [PacketDevice, PacketDevice];
  readonly a: PacketQueue;
  readonly b: PacketQueue;
  /** Deletes the link that `b` belongs to. */
  cut(): Promise<void>;
}

/** The cable, in a namespace of its own. `txQueueLength`: frames that wait where nobody reads, 1000 if absent. */
export async function connectDevices(kind: Kind = 'Tap', txQueueLength = 1000): Promise<DeviceCable> {
  const netns = await createNetns();
  await setSysctl(QUIET, 1, { netns });
  const spec = { netns, up: true, mtu: MTU[kind], txQueueLength };
  const devices = await Promise.all([
    CREATE[kind]({ ...spec, name: 'end0' }),
    CREATE[kind]({ ...spec, name: 'end1' }),
  ] as const);
  await inside(netns, 'sh', '-c', CONNECT);
  const [one, other] = devices;
  return {
    devices,
    a: queueOf(one),
    b: queueOf(other),
    cut: () => deleteLink(other.link),
    async [Symbol.asyncDispose]() {
      await Promise.all([one.close(), other.close()]);
      netns.close();
    },
  };
}

/** The beginning of a program of its own (`program` in packet-peers.ts) that has the queues `a` and `b` of a cable. */
export const connectedProgram = (kind: Kind): string => `
  import { execFileSync } from 'node:child_process';
  const { create${kind}, createNetns, FrameSlab, setSysctl } = await import(netloom);
  const netns = await createNetns();
  await setSysctl('${QUIET}', 1, { netns });
  const [a, b] = await Promise.all(['end0', 'end1'].map(async (name) =>
    (await create${kind}({ name, netns, up: true })).queues[0]));
  const path = '/proc/' + process.pid + '/fd/' + netns.fd;
  execFileSync('nsenter', ['--net=' + path, 'sh', '-c', ${JSON.stringify(CONNECT)}]);
  const frame = new Uint8Array(60).fill(0x45);`;
