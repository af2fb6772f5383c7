/**
 * netloom as a peer of the peers: `run.mjs ROW FLAVOUR N` prints the JSON line that they print. It stays in the
 * namespaces that it is started in (bench/peers/sandbox.sh).
 *
 * Flavours: `sync` is netloom/sync, `async` awaits one call after the other, `all` makes them in one Promise.all.
 */
import { rows as containers } from './containers.mjs';
import { rows as links } from './links.mjs';
import { rows as routes } from './routes.mjs';

/**
 * @typedef {object} Context
 * @property {string} flavour
 * @property {number} n
 * @property {(measured: () => unknown) => Promise<void>} clock runs the measured part, once
 * @property {(name: string, value: number) => void} note something else that was measured
 *
 * @typedef {Record<string, (context: Context) => Promise<number>>} Rows each gives the count of operations done
 */

const [row = '', flavour = '', n = ''] = process.argv.slice(2);
const run = { ...containers, ...links, ...routes }[row];
if (run === undefined) throw new Error(`no row is called ${row}`);

/** @type {Record<string, number>} */
const notes = {};
let ns = 0;
const count = await run({
  flavour,
  n: Number(n),
  async clock(measured) {
    const started = process.hrtime.bigint();
    await measured();
    ns = Number(process.hrtime.bigint() - started);
  },
  note(name, value) {
    notes[name] = value;
  },
});
console.log(JSON.stringify({ peer: flavour, row, n: Number(n), ns, count, ...notes }));
