/** The cases of test/packet-conformance.ts with the kernel between: each device sends out what the other receives. */
import { createNetns } from '../../lib/netns/calls.js';
import { createTap, createTun } from '../../lib/packet/tun.js';
import { deleteLink } from '../../lib/rtnetlink/link/delete.js';
import { setSysctl } from '../../lib/sysctl.js';
import { behavesAsQueues, type Cable } from '../packet-conformance.ts';
import { expectNoLeaks } from './leaks.ts';
import { inside, program, queueOf } from './packet-peers.ts';
import { describeKernel } from './privilege.ts';

/** Commands of tc that send what the first link receives out of the second, while it is received. */
const redirect = (from: string, to: string): string[] => [
  `qdisc add dev ${from} clsact`,
  `filter add dev ${from} ingress protocol all u32 match u32 0 0 action mirred egress redirect dev ${to}`,
];
const COMMANDS = [...redirect('end0', 'end1'), ...redirect('end1', 'end0')]
  .map((command) => `tc ${command}`)
  .join(' && ');
/** Links that come up are to say nothing by themselves. */
const QUIET = 'net.ipv6.conf.default.disable_ipv6';

for (const { kind, layer, create, mtu } of [
  { kind: 'Tap', layer: 2, create: createTap, mtu: 65521 },
  { kind: 'Tun', layer: 3, create: createTun, mtu: 65535 },
] as const) {
  describeKernel.needs('tun')(`the queues of a ${kind.toUpperCase()}`, () => {
    expectNoLeaks(async () => {
      await using netns = await createNetns();
      await (await create({ netns })).close();
    });

    async function connect(): Promise<Cable> {
      const netns = await createNetns();
      await setSysctl(QUIET, 1, { netns });
      const [one, other] = await Promise.all([
        create({ name: 'end0', netns, up: true, mtu }),
        create({ name: 'end1', netns, up: true, mtu }),
      ]);
      await inside(netns, 'sh', '-c', COMMANDS);
      return {
        a: queueOf(one),
        b: queueOf(other),
        cut: () => deleteLink(other.link),
        async [Symbol.asyncDispose]() {
          await Promise.all([one.close(), other.close()]);
          netns.close();
        },
      };
    }

    const open = `
      import { execFileSync } from 'node:child_process';
      const { create${kind}, createNetns, FrameSlab, setSysctl } = await import(dist + 'index.js');
      const netns = await createNetns();
      await setSysctl('${QUIET}', 1, { netns });
      const [a, b] = await Promise.all(['end0', 'end1'].map(async (name) =>
        (await create${kind}({ name, netns, up: true })).queues[0]));
      const path = '/proc/' + process.pid + '/fd/' + netns.fd;
      execFileSync('nsenter', ['--net=' + path, 'sh', '-c', ${JSON.stringify(COMMANDS)}]);
      const frame = new Uint8Array(60).fill(0x45);`;
    behavesAsQueues({ layer, connect, run: async (source) => String((await program(open + source)).stdout) });
  });
}
