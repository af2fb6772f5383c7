/** What the measurements of a row come to: statistics, the table, and which targets were missed. Pure. */
import { count, figures, time } from './figures.mjs';

/**
 * @typedef {import('./programs.mjs').Result} Result
 * @typedef {import('./rows.mjs').Row} Row
 *
 * @typedef {object} Measured
 * @property {import('./programs.mjs').Program} program
 * @property {Result[]} results one a round, in the order of the rounds
 *
 * @typedef {object} Line
 * @property {string} name
 * @property {boolean} ours
 * @property {string | undefined} flavour
 * @property {string | undefined} unsupported
 * @property {number[]} each the row's figure by round: nanoseconds of one operation, if it has none of its own
 * @property {number} median
 * @property {number[]} others medians of what is shown beside it
 * @property {number} totalMs median of the measured part
 * @property {number[]} ratios to C, by round
 * @property {number | undefined} toC median of the rounds' ratios to C: noise that lasts longer than a round cancels
 * @property {number | undefined} loopDelayMs median of the longest delays
 * @property {number | undefined} idleLoopDelayMs the same of a loop that had nothing to do
 */

/** Of two programs that are as near as this, neither is ahead: the next run may turn them round. */
const LEVEL = 1.05;

export function median(/** @type {number[]} */ values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** @returns {import('./figures.mjs').Figure} */
const figureOf = (/** @type {Row} */ { figure = 'time' }) => figures[figure];

/** @returns {Line[]} */
export function summarize(/** @type {Row} */ row, /** @type {Measured[]} */ measured) {
  const { of, others = [] } = figureOf(row);
  return measured.map(({ program: { name, ours, flavour, floor = 'C' }, results }) => {
    const c = measured.find(({ program }) => program.name === floor)?.results.map(of) ?? [];
    const unsupported = results.find((result) => result.unsupported)?.unsupported;
    const each = results.map(of);
    const ratios = each.map((value, round) => value / (c[round] ?? Number.NaN));
    return {
      ...{ name, ours, flavour, unsupported, each, ratios },
      median: median(each),
      others: others.map((other) => median(results.map(other.of))),
      totalMs: median(results.map(({ ns }) => ns)) / 1e6,
      toC: unsupported === undefined && c.length > 0 ? median(ratios) : undefined,
      loopDelayMs: milliseconds(results.map(({ loopDelayNs }) => loopDelayNs)),
      idleLoopDelayMs: milliseconds(results.map(({ idleLoopDelayNs }) => idleLoopDelayNs)),
    };
  });
}

function milliseconds(/** @type {(number | undefined)[]} */ all) {
  const values = all.filter((value) => value !== undefined);
  return values.length === 0 ? undefined : median(values) / 1e6;
}

/** One sentence for each target that was missed. */
export function shortfalls(/** @type {Row} */ row, /** @type {Line[]} */ lines) {
  const missed = [];
  for (const line of lines) {
    if (!line.ours) continue;
    for (const { flavours, ofC, shareOfC, perSecond, totalMs, loopDelayMs } of row.targets ?? []) {
      if (!flavours.includes(line.flavour ?? '')) continue;
      if (ofC !== undefined && (line.toC ?? 0) > ofC)
        missed.push(`${line.name} takes ${line.toC?.toFixed(2)} times as long as C, not ${ofC}`);
      if (shareOfC !== undefined && (line.toC ?? 0) < shareOfC)
        missed.push(`${line.name} does ${line.toC?.toFixed(2)} of what C does, not ${shareOfC}`);
      if (perSecond !== undefined && 1e9 / line.median < perSecond)
        missed.push(`${line.name} does ${count(1e9 / line.median)}/s, not ${count(perSecond)}/s`);
      if (totalMs !== undefined && line.totalMs > totalMs)
        missed.push(`${line.name} takes ${line.totalMs.toFixed(1)} ms, not ${totalMs} ms`);
      if (loopDelayMs !== undefined && (line.loopDelayMs ?? 0) > loopDelayMs)
        missed.push(
          `${line.name} holds the event loop up for ${line.loopDelayMs?.toFixed(2)} ms, not ${loopDelayMs} ms`,
        );
    }
    for (const peer of lines) {
      if (peer.ours || row.references !== undefined || peer.name === 'C' || peer.unsupported !== undefined) continue;
      if (line.median <= peer.median * LEVEL) continue;
      missed.push(`${line.name} is behind ${peer.name}: ${time(line.median)} to ${time(peer.median)}`);
    }
  }
  return missed.map((sentence) => `falls short: ${sentence}`);
}

/** The table of a row, with its verdict. */
export function render(/** @type {Row} */ row, /** @type {number} */ n, /** @type {Line[]} */ lines) {
  const { show, rate, others = [], more } = figureOf(row);
  const rounds = Math.max(...lines.map(({ each }) => each.length));
  const cells = lines.map((line) =>
    line.unsupported === undefined
      ? [
          line.name,
          show(line.median),
          `${show(Math.min(...line.each))} - ${show(Math.max(...line.each))}`,
          ...line.others.map(show),
          line.toC?.toFixed(2) ?? '',
          ...(rate === undefined ? [] : [rate(line.median)]),
        ]
      : [line.name, `- ${line.unsupported}`],
  );
  const header = ['', 'median', 'min - max', ...others.map(({ title }) => title), 'to C', ...(rate ? ['rate'] : [])];
  const widths = header.map((title, column) =>
    Math.max(
      title.length,
      ...cells.filter((row) => row.length > 2).map((row) => row[column]?.length ?? 0),
      column === 0 ? 24 : 0,
    ),
  );
  const format = (/** @type {string[]} */ row) =>
    `  ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(row.length > 2 ? (widths[i] ?? 0) : 0))).join('  ')}`.trimEnd();
  const delays = lines
    .filter(({ loopDelayMs }) => loopDelayMs !== undefined)
    .map(
      ({ name, loopDelayMs, idleLoopDelayMs }) =>
        `  event loop held up, at most: ${loopDelayMs?.toFixed(2)} ms by ${name}; ${idleLoopDelayMs?.toFixed(2)} ms with nothing to do`,
    );
  return [
    `${row.name}: ${row.title}${n === row.n ? '' : ` (here ${n})`}${more ? '' : `, per ${row.of}`}; ${rounds} rounds`,
    format(header),
    ...cells.map(format),
    ...(row.references === undefined ? [] : ratiosOf(lines)),
    ...delays,
    ...shortfalls(row, lines).map((sentence) => `  ${sentence}`),
    '',
  ].join('\n');
}

/** Each round's ratio to C: whether a median stands for something. */
const ratiosOf = (/** @type {Line[]} */ lines) =>
  lines
    .filter(({ ours }) => ours)
    .map(({ name, ratios }) => `  to C by round: ${ratios.map((ratio) => ratio.toFixed(2)).join(' ')}  ${name}`);
