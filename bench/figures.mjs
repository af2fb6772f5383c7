/** What the measurements of a row are read as: one number each, how it is shown, and compared with C's. Pure. */

/**
 * @typedef {import('./programs.mjs').Result} Result
 *
 * @typedef {object} Figure
 * @property {(result: Result) => number} of
 * @property {(value: number) => string} show
 * @property {{ title: string, of: (result: Result) => number }[]} [others] shown beside it, as it is shown
 * @property {(value: number) => string} [rate] the same, seen from the other side
 * @property {boolean} [more] more is better
 */

export const count = (/** @type {number} */ value) => Math.round(value).toLocaleString('en');

export function time(/** @type {number} */ ns) {
  if (ns < 1e3) return `${ns.toFixed(0)} ns`;
  if (ns < 1e6) return `${(ns / 1e3).toFixed(2)} µs`;
  return `${(ns / 1e6).toFixed(2)} ms`;
}

const missing = (/** @type {number | undefined} */ value) => value ?? Number.NaN;

/** @satisfies {Record<string, Figure>} */
export const figures = {
  /** Nanoseconds of one operation. */
  time: { of: ({ ns, count }) => ns / count, show: time, rate: (ns) => `${count(1e9 / ns)}/s` },
  /** Nanoseconds that half of them took at most. */
  latency: {
    of: ({ p50 }) => missing(p50),
    show: time,
    others: [
      { title: 'p90', of: ({ p90 }) => missing(p90) },
      { title: 'p99', of: ({ p99 }) => missing(p99) },
      { title: 'p99.9', of: ({ p999 }) => missing(p999) },
    ],
  },
  /** Bits in a second; what is counted are bytes. */
  throughput: {
    of: ({ ns, count }) => (count / ns) * 8e9,
    show: (bits) => `${(bits / 1e9).toFixed(2)} Gb/s`,
    more: true,
  },
  /** Operations in a second. */
  rate: { of: ({ ns, count }) => (count / ns) * 1e9, show: (rate) => `${count(rate)}/s`, more: true },
};
