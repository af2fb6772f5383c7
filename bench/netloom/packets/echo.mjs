/** ping: a host behind a TUN, 10.9.0.2, sends each UDP datagram back. `traffic ping` measures. */
import { createReadStream, createWriteStream } from 'node:fs';
import { createTun, deleteLink } from 'netloom';
import { QUIET, traffic } from './traffic.mjs';
import { startWorker } from './worker.mjs';

/** @typedef {import('netloom').PacketQueue} PacketQueue */
/** @typedef {import('netloom').FrameSlab} FrameSlab */

/** Longer than the longest gap between pings and a round trip. */
const SPIN = 1000;

export const createEchoTun = () => createTun({ name: 'tun0', addresses: ['10.9.0.1/24'], ...QUIET });

/** Swaps addresses and ports, which leaves the checksums as they are. */
function turnRound(/** @type {Uint8Array} */ bytes, /** @type {number} */ at) {
  if (bytes[at] !== 0x45 || bytes[at + 9] !== 17) return;
  swap(bytes, at + 12, at + 16, 4);
  swap(bytes, at + 20, at + 22, 2);
}

function swap(
  /** @type {Uint8Array} */ bytes,
  /** @type {number} */ one,
  /** @type {number} */ other,
  /** @type {number} */ size,
) {
  for (let i = 0; i < size; i++) {
    const byte = /** @type {number} */ (bytes[one + i]);
    bytes[one + i] = /** @type {number} */ (bytes[other + i]);
    bytes[other + i] = byte;
  }
}

/** Answers what is in the slab. */
export function answer(/** @type {PacketQueue} */ queue, /** @type {FrameSlab} */ slab, /** @type {number} */ count) {
  for (let i = 0; i < count; i++) turnRound(slab.bytes, i * slab.stride);
  queue.writeBatch(slab, count);
}

async function answerEach(/** @type {PacketQueue} */ queue) {
  for await (const frame of queue) {
    turnRound(frame, 0);
    queue.write(frame);
  }
}

/** What npm has otherwise: streams of node:fs over a descriptor that another program has opened (`packets with-tun`). */
async function answerStreams(/** @type {() => Promise<void>} */ ping) {
  const output = createWriteStream('', { fd: 3 });
  const input = createReadStream('', { fd: 3, highWaterMark: 2048 });
  input.on('data', (chunk) => {
    turnRound(/** @type {Buffer} */ (chunk), 0);
    output.write(chunk);
  });
  await ping();
  // A read is under way on a thread of the pool, and the process does not end before it: without the link it fails.
  input.on('error', () => process.exit());
  await deleteLink('tun0');
}

async function echo(/** @type {string} */ flavour, /** @type {() => Promise<void>} */ ping) {
  if (flavour === 'fs') return answerStreams(ping);
  if (flavour === 'worker') {
    const worker = await startWorker('echo');
    await ping();
    await worker.terminate();
    return;
  }
  const tun = await createEchoTun();
  const [queue] = tun.queues;
  if (flavour === 'for-await') void answerEach(queue);
  else {
    const how = { event: {}, spin: { spin: SPIN }, busy: { busy: true } }[flavour];
    if (how === undefined) throw new Error(`there is no flavour ${flavour}`);
    queue.onBatch((slab, count) => answer(queue, slab, count), how);
  }
  await ping();
  await tun.close();
}

/** @type {import('../run.mjs').Rows} */
export const rows = {
  ping: ({ flavour, n }) => echo(flavour, () => traffic('ping', '10.9.0.2', String(n), '0')),
  'ping-gaps': ({ flavour, n }) => echo(flavour, () => traffic('ping', '10.9.0.2', String(n), '200')),
};
