/** The ranges of addresses that host-local gives from. Addresses are bytes, IPv4 and IPv6 alike. Pure. */
import { formatIp, isSameIp, lastOf, masked, nextIp, parsePrefix } from '../../../addressing/ip.js';
import { invalidValue } from '../../../errors.js';
import { CniError } from '../../protocol/error.js';
import { Fields, readList, unmapped } from '../../protocol/fields.js';

/** Part of a subnet, with both ends. */
export interface Range {
  readonly length: number;
  readonly first: Uint8Array;
  readonly last: Uint8Array;
  readonly gateway: Uint8Array;
  /** As errors show it. */
  readonly text: string;
}

/** Ranges of one family: an attachment gets one address of each set. */
export type RangeSet = readonly Range[];

export const readRangeSets = (value: unknown, place: string): RangeSet[] =>
  readList(value, place, (set, where) => checkSet(readList(set, where, readRange), where));

export function readRange(value: unknown, place: string): Range {
  const fields = new Fields(value, place);
  const subnet = fields.prefix('subnet');
  if (subnet === undefined) throw new CniError('config', `${fields.place('subnet')} is missing`);
  const prefix = parsePrefix(subnet, fields.place('subnet'));
  const { length } = prefix;
  const size = prefix.bytes.length;
  if (length > size * 8 - 2) throw invalidValue(fields.place('subnet'), subnet, 'is too small to allocate from');
  const network = masked(prefix.bytes, length);
  if (Buffer.compare(network, prefix.bytes) !== 0)
    throw invalidValue(
      fields.place('subnet'),
      subnet,
      `has host bits set; the network is ${formatIp(network)}/${length}`,
    );
  const within = (name: string): Uint8Array | undefined => {
    const address = fields.ip(name);
    if (address !== undefined && !isWithin(address, network, length))
      throw invalidValue(fields.place(name), formatIp(address), `is not in ${subnet}`);
    return address;
  };
  const first = within('rangeStart') ?? nextIp(network);
  const last = within('rangeEnd') ?? lastToGive(network, length);
  if (Buffer.compare(first, last) > 0)
    throw invalidValue(fields.place('rangeStart'), formatIp(first), `comes after rangeEnd ${formatIp(last)}`);
  const gateway = within('gateway') ?? nextIp(network);
  return { length, first, last, gateway, text: `${formatIp(first)}-${formatIp(last)}` };
}

function checkSet(set: RangeSet, place: string): RangeSet {
  if (set.length === 0) throw new CniError('config', `${place} is empty`);
  for (const [i, range] of set.entries()) {
    if (range.first.length !== (set[0] as Range).first.length)
      throw new CniError('config', `${place}[${i}] is of another family than ${place}[0]`);
    const other = set.findIndex((one, at) => at < i && overlap(one, range));
    if (other >= 0) throw new CniError('config', `${place}[${i}] overlaps with ${place}[${other}]`);
  }
  return set;
}

export const setsOverlap = (a: RangeSet, b: RangeSet): boolean =>
  a.some((one) => b.some((other) => overlap(one, other)));

const overlap = (a: Range, b: Range): boolean =>
  a.first.length === b.first.length && Buffer.compare(a.first, b.last) <= 0 && Buffer.compare(b.first, a.last) <= 0;

export const rangeWith = (set: RangeSet, address: Uint8Array): Range | undefined =>
  set.find(
    ({ first, last }) =>
      first.length === address.length && Buffer.compare(first, address) <= 0 && Buffer.compare(address, last) <= 0,
  );

export const setText = (set: RangeSet): string => set.map(({ text }) => text).join(',');

/**
 * All addresses of a set but the gateways, each once, beginning behind `after` where that is one of them: so that an
 * address that was given back is not given again before all others were.
 */
export function* candidates(set: RangeSet, after: Uint8Array | undefined): Generator<[Uint8Array, Range]> {
  const found = after === undefined ? undefined : rangeWith(set, after);
  const start = found === undefined ? 0 : set.indexOf(found);
  // The range that it begins in comes again at the end, for what stands before the beginning.
  for (let i = 0; i <= set.length; i++) {
    const range = set[(start + i) % set.length] as Range;
    const from = i === 0 && found !== undefined ? nextIp(after as Uint8Array) : range.first;
    const to = i < set.length ? range.last : found === undefined ? undefined : (after as Uint8Array);
    if (to === undefined) return;
    for (let address = from; Buffer.compare(address, to) <= 0; address = nextIp(address)) {
      if (!isSameIp(address, range.gateway)) yield [address, range];
      if (isSameIp(address, to)) break;
    }
  }
}

const isWithin = (address: Uint8Array, network: Uint8Array, length: number): boolean =>
  address.length === network.length && isSameIp(masked(address, length), network);

// The last of a subnet, but for IPv4's broadcast address.
function lastToGive(network: Uint8Array, length: number): Uint8Array {
  const last = lastOf(network, length);
  if (last.length === 4) last[3] = (last[3] as number) - 1;
  return last;
}

/** An address without its length, as requests for one may have it. */
export const readAddress = (text: string, place: string): Uint8Array => unmapped(parsePrefix(text, place).bytes);
