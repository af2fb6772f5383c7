/** capture, capture-gaps, inject: frames of 64 bytes read from and written to a veth by a packet socket. */
import { createVeth, FrameSlab, openPacketSocket } from 'netloom';
import { QUIET, traffic } from './traffic.mjs';

/** @typedef {import('../run.mjs').Context} Context */

/** What a receive buffer of the default size has room for, by far. */
const AT_ONCE = 100;
const SIZE = 64;
/** That no protocol of the kernel takes. */
const TYPE = 0x88b5;
/** Frames of which the time is taken together. */
const PIECE = 1024;
const WARM_UP = 20_000;

const createPair = () => createVeth({ name: 'v0', ...QUIET, peer: { name: 'v1', ...QUIET } });
const open = (/** @type {string} */ name) => openPacketSocket(name, { protocol: TYPE });

function example() {
  const frame = new Uint8Array(SIZE);
  frame.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, TYPE >> 8, TYPE & 255]);
  return frame;
}

/** @type {import('../run.mjs').Rows} */
export const rows = {
  async capture({ n, clock }) {
    await createPair();
    const [queue, sender] = [await open('v0'), await open('v1')];
    const slab = new FrameSlab({ slots: 2 * AT_ONCE });
    const sent = new FrameSlab({ slots: AT_ONCE });
    for (let i = 0; i < AT_ONCE; i++) sent.set(i, example());
    let count = 0;
    const drain = () => {
      let got = 0;
      for (let more = 1; more > 0; got += more) more = queue.readBatch(slab);
      if (got !== AT_ONCE) throw new Error(`the socket had ${got} frames, not those sent`);
    };
    for (let before = 0; count < n; before += AT_ONCE) {
      if (sender.writeBatch(sent) !== AT_ONCE) throw new Error('not all were sent');
      if (before < WARM_UP) drain();
      else {
        await clock(drain);
        count += AT_ONCE;
      }
    }
    await Promise.all([queue.close(), sender.close()]);
    return count;
  },

  async 'capture-gaps'({ n }) {
    await createPair();
    const queue = await open('v0');
    queue.onBatch((slab, count) => void queue.writeBatch(slab, count));
    await traffic('frames', 'v1', String(n), '200');
    await queue.close();
  },

  async inject({ flavour, n, clock }) {
    await createPair();
    const queue = await open('v1');
    const frame = example();
    const slab = new FrameSlab();
    for (let i = 0; i < slab.slots; i++) slab.set(i, frame);
    const writeAll = (/** @type {number} */ many) => {
      let taken = 0;
      if (flavour === 'write') for (let i = 0; i < many; i++) taken += queue.write(frame);
      else for (let i = 0; i < many; i += slab.slots) taken += queue.writeBatch(slab, Math.min(slab.slots, many - i));
      if (taken !== many) throw new Error(`the socket took ${taken} of ${many} frames`);
    };
    writeAll(WARM_UP);
    let count = 0;
    for (; count < n; count += PIECE) await clock(() => writeAll(PIECE));
    await queue.close();
    return count;
  },
};
