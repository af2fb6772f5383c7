/**
 * A program as a machine on a bridge: its TAP is a port like any other, beside the cable of a namespace. It
 * asks the network who has 10.0.0.2, and the kernel in that namespace answers.
 *
 *     this program ──── tap0  br  port ──────── eth0  10.0.0.2
 *                       (middle)                (machine)
 */
import { createBridge, createNetns, createTap, createVeth } from 'netloom';

const OWN_MAC = Buffer.from([0x02, 0, 0, 0, 0, 0x01]);
const OWN_IP = Buffer.from([10, 0, 0, 1]);
const WANTED = Buffer.from([10, 0, 0, 2]);

async function main(): Promise<void> {
  await using middle = await createNetns();
  await using machine = await createNetns();

  const br = await createBridge({ name: 'br', netns: middle, up: true });
  await createVeth({
    name: 'eth0',
    netns: machine,
    mac: '02:00:00:00:00:02',
    up: true,
    addresses: ['10.0.0.2/24'],
    peer: { name: 'port', netns: middle, master: br, up: true },
  });
  await using tap = await createTap({ name: 'tap0', netns: middle, master: br, up: true });
  const queue = tap.queues[0]!;

  // Networks lose frames, and a bridge drops what comes before its ports are ready: ask until there is an answer.
  const asking = setInterval(() => queue.write(arpRequest()), 50);
  try {
    for await (const bytes of queue) {
      const frame = Buffer.from(bytes);
      // Other frames come by as well: whatever the bridge floods.
      const isReply = frame.length >= 42 && frame.readUInt16BE(12) === 0x0806 && frame.readUInt16BE(20) === 2;
      if (!isReply || !frame.subarray(28, 32).equals(WANTED)) continue;
      const mac = frame.toString('hex', 22, 28).replace(/..(?=.)/g, '$&:');
      console.log(`${WANTED.join('.')} is at ${mac}`);
      break;
    }
  } finally {
    clearInterval(asking);
  }
}

/** To everybody: who has it? Ethernet's header, then RFC 826: types and sizes, 1 for a request, who asks, for whom. */
function arpRequest(): Buffer {
  const everybody = Buffer.alloc(6, 0xff);
  const arp = Buffer.from([0x08, 0x06, 0, 1, 0x08, 0x00, 6, 4, 0, 1]);
  return Buffer.concat([everybody, OWN_MAC, arp, OWN_MAC, OWN_IP, Buffer.alloc(6), WANTED]);
}

await main();
