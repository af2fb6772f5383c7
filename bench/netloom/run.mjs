/**
 * netloom as a peer of the peers: `run.mjs ROW FLAVOUR N` prints the JSON line that they print. It stays in the
 * namespaces that it is started in (bench/peers/sandbox.sh).
 *
 * Flavours: `sync` is netloom/sync, `async` awaits one call after the other, `all` makes them in one Promise.all. Those
 * of packets are in ../packet-rows.mjs.
 */
import { rows as containers } from './containers.mjs';
import { rows as links } from './links.mjs';
import { rows as captures } from './packets/capture.mjs';
import { rows as costs } from './packets/cost.mjs';
import { rows as echoes } from './packets/echo.mjs';
import { rows as forwarders } from './packets/forward.mjs';
import { rows as queues } from './packets/queues.mjs';
import { rows as routes } from './routes.mjs';
import { rows as programs } from './spawn.mjs';

/**
 * @typedef {object} Context
 * @property {string} flavour
 * @property {number} n
 * @property {(measured: () => unknown) => Promise<void>} clock runs the measured part, or one of
 *   its pieces, of as many operations each: their median counts then, so that what interrupts some of them does not
 * @property {(ns: number) => void} took the same for what was measured elsewhere
 * @property {(name: string, value: number) => void} note something else that was measured
 *
 * @typedef {Record<string, (context: Context) => Promise<number | void>>} Rows each gives the count of operations done,
 *   or nothing if another program has measured, and printed the line
 */

const [row = '', flavour = '', n = ''] = process.argv.slice(2);
const run = {
  ...containers,
  ...links,
  ...routes,
  ...programs,
  ...echoes,
  ...costs,
  ...captures,
  ...forwarders,
  ...queues,
}[row];
if (run === undefined) throw new Error(`no row is called ${row}`);

/** @type {Record<string, number>} */
const notes = {};
/** @type {number[]} */
const pieces = [];
const count = await run({
  flavour,
  n: Number(n),
  async clock(measured) {
    const started = process.hrtime.bigint();
    const pending = measured();
    // Not for a synchronous part, where it would be measured, too.
    if (pending instanceof Promise) await pending;
    pieces.push(Number(process.hrtime.bigint() - started));
  },
  took(time) {
    pieces.push(time);
  },
  note(name, value) {
    notes[name] = value;
  },
});
const ns = (pieces.sort((a, b) => a - b)[pieces.length >> 1] ?? 0) * pieces.length;
if (count !== undefined) console.log(JSON.stringify({ peer: flavour, row, n: Number(n), ns, count, ...notes }));
