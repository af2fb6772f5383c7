/** capture, inject: frames of 64 bytes read from and written to a veth by a packet socket. */
import { createVeth, FrameSlab, openPacketSocket } from 'netloom';
import { QUIET, trafficSync } from './traffic.mjs';

/** @typedef {import('../run.mjs').Context} Context */

/** What a receive buffer of the default size has room for, by far. */
const AT_ONCE = 100;
const SIZE = 64;
/** Frames of which the time is taken together. */
const PIECE = 1024;
const WARM_UP = 20_000;

const createPair = () => createVeth({ name: 'v0', ...QUIET, peer: { name: 'v1', ...QUIET } });

/** @type {import('../run.mjs').Rows} */
export const rows = {
  async capture({ n, clock }) {
    await createPair();
    const queue = await openPacketSocket('v0');
    const slab = new FrameSlab({ slots: 2 * AT_ONCE });
    let count = 0;
    const drain = () => {
      let got = 0;
      for (let more = 1; more > 0; got += more) more = queue.readBatch(slab);
      if (got !== AT_ONCE) throw new Error(`the socket had ${got} frames, not those sent`);
    };
    for (let warm = false; count < n; warm = true) {
      trafficSync('frames', 'v1', String(AT_ONCE), String(SIZE));
      if (!warm) drain();
      else {
        await clock(drain);
        count += AT_ONCE;
      }
    }
    await queue.close();
    return count;
  },

  async inject({ flavour, n, clock }) {
    await createPair();
    const queue = await openPacketSocket('v1');
    const frame = new Uint8Array(SIZE);
    frame.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5]);
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
