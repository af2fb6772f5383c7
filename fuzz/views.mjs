/**
 * Views of headers at bytes that nobody sent, until the time is over.
 *
 *     node fuzz/views.mjs [SECONDS] [SEED]        10 seconds, a seed of its own; after a build
 *
 * Whatever the bytes are: nothing is thrown, nothing outside of them is read or written, no number is out of its
 * range. A failure prints the bytes and the seed, with which the same comes again.
 */
import assert from 'node:assert/strict';
import { ArpView, EthernetView, IcmpView, Ipv4View, Ipv6View, UdpView } from '../dist/index.js';

const seconds = Number(process.argv[2] ?? 10);
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);
const MARGIN = 64;
const MOST = 2048;

/** Frames to begin with, so that most of what follows gets past the first check. */
const SEEDS = [
  '0800 4500 0021 c2ef 4000 4011 63da 0a000001 0a000002 a816 0007 000d 19ed 6162636465',
  '0800 4600 0025 6cab 4000 4001 ba2e 0a000001 0a000002 01010100 0800 5a0a 3cf4 0001 6100000000',
  '8100 0007 86dd 60097e12 000d 1140 fd000000000000000000000000000001 fd000000000000000000000000000002 e0690007000dfb97',
  '86dd 60000000 0040 0040 fd000000000000000000000000000001 fd000000000000000000000000000002' +
    '2b00010400000000 2c00010400000000 3c00000000000001 3300010400000000 3a02 0000 00000000 00000000 8000e7be3cf30001',
  '0806 0001 0800 0604 0001 0200000000bb 0a000001 000000000000 0a00002a',
].map((text) => Buffer.from(`0200000000aa0200000000bb${text.replaceAll(' ', '')}`, 'hex'));

const eth = new EthernetView();
const arp = new ArpView();
const ipv4 = new Ipv4View();
const ipv6 = new Ipv6View();
const udp = new UdpView();
const icmp = new IcmpView();
const all = [eth, arp, ipv4, ipv6, udp, icmp];
const ADDRESS = { eth: '02:00:00:00:00:07', arp: '10.0.0.7', ipv4: '10.0.0.7', ipv6: 'fd00::7' };

let state = seed;
/** A whole number below `limit` (mulberry32). */
function random(/** @type {number} */ limit) {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), state | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * limit);
}

function mutated() {
  const start = random(4) === 0 ? Uint8Array.from({ length: random(100) }, () => random(256)) : SEEDS[random(5)];
  const bytes = new Uint8Array(Math.max(0, (start?.length ?? 0) + (random(3) === 0 ? random(MOST) : 0) - random(20)));
  bytes.set(start?.subarray(0, bytes.length) ?? []);
  for (let i = random(6); i > 0 && bytes.length > 0; i--) bytes[random(bytes.length)] = random(3) ? random(256) : 255;
  // The header of an IP packet comes first on a TUN.
  return random(3) === 0 ? bytes.subarray(Math.min(14, bytes.length)) : bytes;
}

/** Of each view, all that it tells. */
const GETTERS = new Map(all.map((view) => [view, [...getters(view)]]));

/** @returns {Generator<{ name: string, get: () => unknown }>} */
function* getters(/** @type {object} */ view) {
  for (let of = Object.getPrototypeOf(view); of !== Object.prototype; of = Object.getPrototypeOf(of))
    for (const [name, { get }] of Object.entries(Object.getOwnPropertyDescriptors(of)))
      if (get && name !== 'bytes' && name !== 'payload') yield { name, get };
}

/** All that the views tell about `bytes[offset, offset + length)`. */
function read(/** @type {Uint8Array} */ bytes, /** @type {number} */ offset, /** @type {number} */ length) {
  /** @type {unknown[]} */
  const told = [];
  const tell = (/** @type {boolean} */ found, /** @type {typeof all[number]} */ view) => {
    told.push(found);
    if (!found) return;
    assert(view.offset >= offset && view.payloadOffset > view.offset);
    assert(view.payloadEnd >= view.payloadOffset && view.payloadEnd <= offset + length);
    for (const { name, get } of GETTERS.get(view) ?? []) {
      const value = get.call(view);
      if (typeof value === 'number') assert(Number.isInteger(value) && value >= 0 && value <= 0xffff, name);
      told.push(value);
    }
  };
  for (const view of all) tell(view.at(bytes, offset, length), view);
  tell(eth.at(bytes, offset, length), eth);
  tell(arp.in(eth), arp);
  for (const ip of [ipv4, ipv6]) {
    tell(ip.in(eth) || ip.at(bytes, offset, length), ip);
    tell(udp.in(ip), udp);
    tell(icmp.in(ip), icmp);
  }
  return told;
}

/** Changes all that can be changed. */
function write(/** @type {Uint8Array} */ bytes, /** @type {number} */ offset, /** @type {number} */ length) {
  const number = random(0x20000);
  eth.at(bytes, offset, length);
  if (arp.in(eth) || (random(8) === 0 && arp.init(eth))) {
    arp.toReply(ADDRESS.eth);
    arp.targetAddress = ADDRESS.arp;
    arp.senderMac = ADDRESS.eth;
  }
  for (const ip of [ipv4, ipv6]) {
    if (!ip.in(eth) && !ip.at(bytes, offset, length)) continue;
    if (udp.in(ip) || udp.at(bytes, offset, length)) {
      udp.swapPorts();
      udp.updateChecksum(ip);
      udp.length = number;
      udp.updateChecksum(ip);
    }
    if (icmp.in(ip) || icmp.at(bytes, offset, length)) {
      icmp.sequence = number;
      icmp.updateChecksum(ip);
    }
    ip.swapAddresses();
    if (ip === ipv4) {
      ipv4.totalLength = number;
      ipv4.updateChecksum();
      ipv4.destinationAddress = ADDRESS.ipv4;
    } else {
      ipv6.payloadLength = number;
      ipv6.nextHeader = random(140);
      ipv6.destinationAddress = ADDRESS.ipv6;
    }
  }
  eth.swapAddresses();
  eth.sourceAddress = ADDRESS.eth;
}

let count = 0;
const end = Date.now() + seconds * 1000;
while (Date.now() < end) {
  for (let i = 0; i < 200; i++, count++) {
    const bytes = mutated();
    try {
      const [zeros, ones] = [0, 255].map((around) => {
        const surrounded = new Uint8Array(MARGIN + bytes.length + MARGIN).fill(around);
        surrounded.set(bytes, MARGIN);
        return surrounded;
      });
      assert(zeros && ones);
      assert.equal(read(zeros, MARGIN, bytes.length).join(), read(ones, MARGIN, bytes.length).join());
      write(ones, MARGIN, bytes.length);
      assert(ones.every((byte, at) => byte === 255 || (at >= MARGIN && at < MARGIN + bytes.length)));
    } catch (error) {
      console.error(`views: seed ${seed}, after ${count}, at ${Buffer.from(bytes).toString('hex')}`);
      throw error;
    }
  }
}
console.log(`views: ${count} packets in ${seconds} s, seed ${seed}`);
