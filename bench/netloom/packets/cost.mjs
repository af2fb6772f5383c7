/** read-SIZE, write-SIZE: what reading and writing a TUN's packet take. */
import { createTun, FrameSlab } from 'netloom';
import { QUIET, trafficSync } from './traffic.mjs';

/** @typedef {import('../run.mjs').Context} Context */

const QUEUE_LENGTH = 8192;
/** Packets of which the time is taken together. */
const PIECE = 1024;
const WARM_UP = 20_000;

/** An IPv4 header with a wrong checksum: ip_rcv() drops it before it looks for a route. */
export function unwanted(/** @type {number} */ size) {
  const packet = new Uint8Array(size);
  packet.set([0x45, 0, size >> 8, size & 255, 0, 0, 0, 0, 64, 17]);
  return packet;
}

async function write(/** @type {Context} */ { flavour, n, clock }, /** @type {number} */ size) {
  const tun = await createTun({ name: 'tun0', ...QUIET });
  const [queue] = tun.queues;
  const packet = unwanted(size);
  const slab = new FrameSlab();
  for (let i = 0; i < slab.slots; i++) slab.set(i, packet);
  const writeAll = (/** @type {number} */ count) => {
    if (flavour === 'write') for (let i = 0; i < count; i++) queue.write(packet);
    else for (let i = 0; i < count; i += slab.slots) queue.writeBatch(slab, Math.min(slab.slots, count - i));
  };
  writeAll(WARM_UP);
  let count = 0;
  for (; count < n; count += PIECE) await clock(() => writeAll(PIECE));
  const { framesOut } = queue.stats;
  await tun.close();
  if (framesOut !== WARM_UP + count) throw new Error('not all were written');
  return count;
}

/** Fills the device's queue and drains it, over and over: only draining is measured. */
async function read(/** @type {Context} */ { n, clock }, /** @type {number} */ size) {
  const spec = { name: 'tun0', addresses: ['10.9.0.1/24'], txQueueLength: QUEUE_LENGTH };
  const tun = await createTun({ ...spec, ...QUIET });
  const [queue] = tun.queues;
  const slab = new FrameSlab();
  const readPiece = () => {
    for (let left = PIECE; left > 0; left -= slab.slots)
      if (queue.readBatch(slab) !== slab.slots) throw new Error('the queue had fewer packets than those sent');
  };
  let count = 0;
  for (let warm = false; count < n; warm = true) {
    trafficSync('fill', '10.9.0.2', String(QUEUE_LENGTH), String(size));
    for (let left = QUEUE_LENGTH; left > 0; left -= PIECE) {
      if (!warm) readPiece();
      else {
        await clock(readPiece);
        count += PIECE;
      }
    }
    if (queue.readBatch(slab) !== 0) throw new Error('the queue had more packets than those sent');
  }
  await tun.close();
  return count;
}

/** @type {import('../run.mjs').Rows} */
export const rows = {
  'read-64': (context) => read(context, 64),
  'read-1400': (context) => read(context, 1400),
  'write-64': (context) => write(context, 64),
  'write-1400': (context) => write(context, 1400),
};
