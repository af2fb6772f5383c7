/** What is measured: each row's programs, sizes and targets. Data only. Those of packets: packet-rows.mjs. */
import { packetRows } from './packet-rows.mjs';

/**
 * @typedef {object} Target
 * @property {string[]} flavours whom it binds
 * @property {number} [ofC] longest time, as a multiple of what C takes
 * @property {number} [shareOfC] least throughput, as a share of C's
 * @property {number} [perSecond] fewest operations per second
 * @property {number} [totalMs] longest time of the measured part
 * @property {number} [loopDelayMs] longest that the event loop was held up
 *
 * @typedef {object} Row
 * @property {string} name what `--row` takes, with or without what stands behind ':'
 * @property {string} title
 * @property {string} of what one operation is, or what is counted in a second
 * @property {string} peerRow the row of bench/peers
 * @property {number} n
 * @property {number} quick n with --quick
 * @property {number} rounds
 * @property {string[]} flavours of netloom: `sync`, `async` (one call after the other), `all` (in one Promise.all)
 * @property {Record<string, string>} [references] each flavour's counterpart in C, where C is written in several ways;
 *   there are no other peers then
 * @property {Record<string, string>} [besides] other ways in C, for comparison, each with the one that it is compared to
 * @property {keyof typeof import('./figures.mjs').figures} [figure] what the row is about; `time` if absent
 * @property {Target[]} [targets]
 */

const EVERY = ['sync', 'async', 'all'];

/** @returns {Row} */
const bringUp = (/** @type {number} */ n, /** @type {number} */ quick, /** @type {number} */ rounds) => ({
  name: `bringup:${n}`,
  title: `bring-up of ${n} containers on a bridge`,
  of: 'container',
  peerRow: 'bringup',
  n,
  quick,
  rounds,
  flavours: EVERY,
  targets: [{ flavours: ['sync', 'all'], ofC: 1.15 }],
});

/** @returns {Row} */
const teardown = (/** @type {number} */ n, /** @type {number} */ quick, /** @type {number} */ rounds) => ({
  name: `teardown:${n}`,
  title: `teardown of ${n} containers`,
  of: 'container',
  peerRow: 'teardown',
  n,
  quick,
  rounds,
  flavours: EVERY,
});

/** @type {Row[]} */
export const rows = [
  bringUp(50, 50, 9),
  bringUp(200, 100, 7),
  bringUp(1000, 200, 3),
  {
    name: 'updown',
    title: '1,000 containers with names brought up on a bridge, and taken down',
    of: 'container',
    peerRow: 'updown',
    n: 1000,
    quick: 300,
    rounds: 5,
    flavours: ['sync', 'all'],
  },
  teardown(50, 50, 7),
  teardown(200, 100, 5),
  {
    name: 'getlink',
    title: 'GETLINK round trip',
    of: 'link',
    peerRow: 'getlink',
    n: 20_000,
    quick: 20_000,
    rounds: 9,
    flavours: EVERY,
  },
  {
    name: 'dumplinks',
    title: 'list of 2000 links, 10 times',
    of: 'link',
    peerRow: 'dumplinks',
    n: 2000,
    quick: 1000,
    rounds: 7,
    flavours: ['sync', 'async'],
  },
  {
    name: 'addroutes',
    title: '50,000 routes added together',
    of: 'route',
    peerRow: 'addroutes',
    n: 50_000,
    quick: 50_000,
    rounds: 9,
    flavours: ['all'],
    targets: [{ flavours: ['all'], perSecond: 200_000, ofC: 1.15 }],
  },
  {
    name: 'addroutes-single',
    title: '50,000 routes added one by one',
    of: 'route',
    peerRow: 'addroutes-single',
    n: 50_000,
    quick: 20_000,
    rounds: 7,
    flavours: ['sync'],
  },
  {
    name: 'dumproutes',
    title: 'list of 300,000 routes',
    of: 'route',
    peerRow: 'dumproutes',
    n: 300_000,
    quick: 300_000,
    rounds: 5,
    flavours: ['sync', 'async'],
    targets: [{ flavours: ['sync', 'async'], perSecond: 1_000_000 }],
  },
  {
    name: 'teardown-veth',
    title: '300 veth pairs deleted by their group',
    of: 'pair',
    peerRow: 'teardown-veth',
    n: 300,
    quick: 300,
    rounds: 7,
    flavours: ['sync', 'async'],
    targets: [{ flavours: ['sync', 'async'], totalMs: 100 }],
  },
  {
    name: 'delete-single',
    title: '300 veth pairs deleted one by one',
    of: 'pair',
    peerRow: 'delete-single',
    n: 300,
    quick: 60,
    rounds: 3,
    flavours: ['sync', 'async'],
    targets: [{ flavours: ['async'], loopDelayMs: 2 }],
  },
  {
    name: 'spawn',
    title: '`true` run in a namespace, 200 times',
    of: 'program',
    peerRow: 'spawn',
    n: 200,
    quick: 50,
    rounds: 7,
    flavours: ['async', 'exec'],
  },
  ...packetRows,
];
