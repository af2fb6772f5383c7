/**
 * tcp, tcp-offload, udp: what one TUN brings is written to another, and back. `traffic tcp` or `traffic udp` measures
 * from namespace `a`, 10.7.0.1, to namespace `b`, 10.7.0.2.
 */
import * as netloom from 'netloom';
import { QUIET, traffic } from './traffic.mjs';
import { startWorker } from './worker.mjs';

/**
 * @typedef {import('netloom').PacketQueue} PacketQueue
 * @typedef {import('../run.mjs').Context} Context
 */

/** @returns {Promise<[PacketQueue, PacketQueue]>} */
export async function openSides(/** @type {boolean} */ offload) {
  const open = async (/** @type {string} */ name, /** @type {string} */ address) => {
    const netns = await netloom.createNetns(name);
    const spec = { name: 'tun0', netns, addresses: [address], ...QUIET };
    const tun = await netloom.createTun(offload ? { ...spec, offload } : spec);
    return tun.queues[0];
  };
  return [await open('a', '10.7.0.1/24'), await open('b', '10.7.0.2/24')];
}

/** What is there now. */
export function move(
  /** @type {PacketQueue} */ from,
  /** @type {PacketQueue} */ to,
  /** @type {netloom.FrameSlab} */ slab,
) {
  const count = from.readBatch(slab);
  if (count > 0) to.writeBatch(slab, count);
}

async function forward(
  /** @type {Context} */ { flavour, n },
  /** @type {'tcp' | 'udp'} */ kind,
  /** @type {boolean} */ offload,
) {
  const measure = () => traffic(kind, '10.7.0.2', String(n));
  if (flavour === 'worker') {
    const worker = await startWorker('forward', { offload });
    await measure();
    await worker.terminate();
    return;
  }
  const [a, b] = await openSides(offload);
  if (flavour === 'pump') netloom.pump(a, b);
  else {
    const how = { busy: flavour === 'busy' };
    a.onBatch((slab, count) => void b.writeBatch(slab, count), how);
    b.onBatch((slab, count) => void a.writeBatch(slab, count), how);
  }
  await measure();
  await Promise.all([a.close(), b.close()]);
}

/** @type {import('../run.mjs').Rows} */
export const rows = {
  tcp: (context) => forward(context, 'tcp', false),
  'tcp-offload': (context) => forward(context, 'tcp', true),
  udp: (context) => forward(context, 'udp', false),
};
