/** What is measured of packets: as in rows.mjs, but with C written in more than one way to compare with. Data only. */

/** @typedef {import('./rows.mjs').Row} Row */

/** What `--row packets` chooses. */
const GROUP = 'packets';

/**
 * @typedef {Pick<Row, 'title' | 'of' | 'n' | 'quick' | 'rounds' | 'references'> & Partial<Row>} Case
 * @returns {Row}
 */
const row = (/** @type {string} */ peerRow, /** @type {Case} */ rest) => ({
  name: `${GROUP}:${peerRow}`,
  peerRow,
  flavours: Object.keys(rest.references ?? {}),
  ...rest,
});

/** @type {Pick<Row, 'of' | 'rounds' | 'figure' | 'references'>} */
const ping = {
  of: 'round trip',
  rounds: 7,
  figure: 'latency',
  references: { busy: 'busy', spin: 'busy', worker: 'busy', event: 'epoll', 'for-await': 'epoll', fs: 'epoll' },
};

const busyAsC = { flavours: ['busy'], ofC: 1.15 };
const costAsC = { flavours: ['batch', 'write'], ofC: 1.1 };

const cost = (/** @type {'read' | 'write'} */ call, /** @type {number} */ size) =>
  row(`${call}-${size}`, {
    title: `${call} of packets of ${size} bytes, TUN`,
    of: 'packet',
    n: 400_000,
    quick: 100_000,
    rounds: 9,
    references: call === 'read' ? { batch: 'loop' } : { batch: 'loop', write: 'loop' },
    besides: { threads: 'loop' },
    targets: [costAsC],
  });

/** @type {Pick<Row, 'of' | 'n' | 'quick' | 'rounds' | 'references'>} n is milliseconds */
const forward = {
  of: 'byte',
  n: 1000,
  quick: 500,
  rounds: 7,
  references: { event: 'epoll', pump: 'epoll', busy: 'busy', worker: 'busy' },
};

/** @type {Row[]} */
export const packetRows = [
  row('ping', {
    title: 'UDP ping of a host behind a TUN, back to back',
    ...ping,
    n: 50_000,
    quick: 10_000,
    targets: [busyAsC, { flavours: ['event'], ofC: 1.3 }],
  }),
  row('ping-gaps', {
    title: 'UDP ping of a host behind a TUN, 200 µs after each answer',
    ...ping,
    n: 5000,
    quick: 2000,
    targets: [busyAsC, { flavours: ['event'], ofC: 1.1 }],
  }),
  cost('read', 64),
  cost('read', 1400),
  cost('write', 64),
  cost('write', 1400),
  row('tcp', {
    title: 'one TCP stream from TUN to TUN',
    ...forward,
    figure: 'throughput',
    targets: [{ flavours: ['pump'], shareOfC: 0.98 }],
  }),
  row('tcp-offload', {
    title: 'the same with offload: super-packets',
    ...forward,
    figure: 'throughput',
    targets: [
      { flavours: ['event'], shareOfC: 0.95 },
      { flavours: ['pump'], shareOfC: 0.98 },
    ],
  }),
  row('udp', {
    title: 'a flood of packets of 64 bytes from TUN to TUN, that arrived',
    ...forward,
    of: 'packet',
    figure: 'rate',
    targets: [{ flavours: ['pump'], shareOfC: 0.98 }],
  }),
  row('capture', {
    title: 'frames of 64 bytes read from a veth by a packet socket',
    of: 'frame',
    n: 20_000,
    quick: 5000,
    rounds: 9,
    references: { batch: 'loop' },
    besides: { ring: 'loop' },
    targets: [costAsC],
  }),
  row('capture-gaps', {
    title: 'a frame sent back by a packet socket, 200 µs after each answer',
    ...ping,
    n: 5000,
    quick: 2000,
    references: { event: 'epoll' },
    besides: { ring: 'epoll' },
  }),
  row('inject', {
    title: 'frames of 64 bytes written to a veth by a packet socket',
    of: 'frame',
    n: 400_000,
    quick: 100_000,
    rounds: 9,
    references: { batch: 'loop', write: 'loop' },
    targets: [costAsC],
  }),
  row('queues', {
    title: 'packets of 64 bytes written by one thread, and by two to a queue each',
    of: 'packet',
    n: 640_000,
    quick: 128_000,
    rounds: 9,
    references: { one: 'one', two: 'two' },
    targets: [{ flavours: ['one', 'two'], ofC: 1.1 }],
  }),
];
