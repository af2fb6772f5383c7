/**
 * A program as a machine on a bridge: its TAP is a port like any other, beside the cable of a namespace. It
 * asks the network who has 10.0.0.2, and the kernel in that namespace answers.
 *
 *     this program ──── tap0  br  port ──────── eth0  10.0.0.2
 *                       (middle)                (machine)
 */
import { ArpView, createBridge, createNetns, createTap, createVeth, EthernetView } from 'netloom';

const OWN_MAC = '02:00:00:00:00:01';
const OWN_IP = '10.0.0.1';
const WANTED = '10.0.0.2';

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

  const eth = new EthernetView();
  const arp = new ArpView();

  // Networks lose frames, and a bridge drops what comes before its ports are ready: ask until there is an answer.
  const asking = setInterval(() => queue.write(arpRequest()), 50);
  try {
    for await (const frame of queue) {
      // Other frames come by as well: whatever the bridge floods.
      if (!eth.at(frame) || !arp.in(eth) || arp.operation !== 2 || arp.senderAddress !== WANTED) continue;
      console.log(`${WANTED} is at ${arp.senderMac}`);
      break;
    }
  } finally {
    clearInterval(asking);
  }
}

/** To everybody: who has it? */
function arpRequest(): Uint8Array {
  const frame = new Uint8Array(42);
  const eth = new EthernetView();
  eth.at(frame);
  eth.destinationAddress = 'ff:ff:ff:ff:ff:ff';
  eth.sourceAddress = OWN_MAC;
  const arp = new ArpView();
  arp.init(eth);
  arp.operation = 1;
  arp.senderMac = OWN_MAC;
  arp.senderAddress = OWN_IP;
  arp.targetAddress = WANTED;
  return frame;
}

await main();
