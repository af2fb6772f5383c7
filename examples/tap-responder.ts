/**
 * A machine made of JavaScript: the kernel asks for 10.0.0.42 on a TAP, and this program answers, first ARP
 * ("who has it?"), then ICMP echo ("are you there?").
 */
import { createNetns, createTap, type PacketQueue, ping } from 'netloom';

const MAC = Buffer.from([0x02, 0, 0, 0, 0, 0x2a]);
const IP = Buffer.from([10, 0, 0, 42]);

async function main(): Promise<void> {
  await using netns = await createNetns();
  await using tap = await createTap({ name: 'tap0', netns, up: true, addresses: ['10.0.0.1/24'] });
  const answering = answer(tap.queues[0]!);

  const { received, transmitted } = await ping('10.0.0.42', { netns, count: 3, interval: 50 });
  console.log(`${received} of ${transmitted} answered`);

  // Ends the loop below.
  await tap.close();
  await answering;
}

async function answer(queue: PacketQueue): Promise<void> {
  for await (const bytes of queue) {
    const frame = Buffer.from(bytes);
    const reply = arpReply(frame) ?? echoReply(frame);
    if (reply) queue.write(reply);
  }
}

// Offsets are from the start of the frame: 14 bytes of Ethernet, then ARP (RFC 826) or IPv4 (RFC 791).

function arpReply(frame: Buffer): Buffer | undefined {
  const isRequest = frame.length >= 42 && frame.readUInt16BE(12) === 0x0806 && frame.readUInt16BE(20) === 1;
  if (!isRequest || !frame.subarray(38, 42).equals(IP)) return undefined;
  console.log(`ARP: who has ${[...frame.subarray(38, 42)].join('.')}? tell ${[...frame.subarray(28, 32)].join('.')}`);
  const reply = Buffer.from(frame.subarray(0, 42));
  reply.writeUInt16BE(2, 20);
  // Whoever asked becomes the target, and the answer is the sender.
  frame.copy(reply, 32, 22, 32);
  MAC.copy(reply, 22);
  IP.copy(reply, 28);
  return address(reply, frame);
}

function echoReply(frame: Buffer): Buffer | undefined {
  if (frame.length < 34 || frame.readUInt16BE(12) !== 0x0800 || frame[23] !== 1) return undefined;
  const icmp = 14 + (frame.readUInt8(14) & 15) * 4;
  if (frame.readUInt8(icmp) !== 8 || !frame.subarray(30, 34).equals(IP)) return undefined;
  console.log(`ICMP: echo request ${frame.readUInt16BE(icmp + 6)}`);
  const reply = Buffer.from(frame);
  // Swapped addresses have the same sum, so the checksum of the IPv4 header stays.
  frame.copy(reply, 26, 30, 34);
  frame.copy(reply, 30, 26, 30);
  // Type 8 becomes 0. ICMP's checksum is the complement of a sum: it grows by what the sum loses (RFC 1624).
  reply.writeUInt8(0, icmp);
  const checksum = frame.readUInt16BE(icmp + 2) + 0x0800;
  reply.writeUInt16BE((checksum & 0xffff) + (checksum >> 16), icmp + 2);
  return address(reply, frame);
}

/** Back to where the frame came from. */
function address(reply: Buffer, frame: Buffer): Buffer {
  frame.copy(reply, 0, 6, 12);
  MAC.copy(reply, 6);
  return reply;
}

await main();
