/** Views at any bytes: what they find lies within the bytes they were given, and so does what they change. */
import fc from 'fast-check';
import { ArpView, EthernetView, IcmpView, Ipv4View, Ipv6View, UdpView } from 'netloom';
import { expect, test } from 'vitest';
import { internetChecksum } from '../../lib/packet/views/checksum.js';
import type { View } from '../../lib/packet/views/view.js';

const RUNS = { numRuns: 2_000 };
const MARGIN = 48;

const byte = fc.integer({ min: 0, max: 255 });
const short = fc.oneof(fc.integer({ min: 0, max: 80 }), fc.integer({ min: 0, max: 0xffff }));
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const payload = fc.uint8Array({ maxLength: 80 });
const words = (...values: number[]): number[] => values.flatMap((value) => [value >> 8, value & 255]);
const join = (parts: readonly ArrayLike<number>[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => Array.from(part)));

/** Headers that are almost right, with lengths that lie as often as not. */
const udp = fc
  .tuple(bytes(4), short, bytes(2), payload)
  .map(([ports, length, sum, data]) => join([ports, words(length), sum, data]));
const arp = fc.tuple(fc.constant([0, 1, 8, 0, 6, 4]), fc.uint8Array({ maxLength: 30 })).map(join);
const upper = fc.oneof(udp, payload);
const ipv4 = fc
  .tuple(
    fc.constantFrom(0x45, 0x45, 0x46, 0x4f, 0x44),
    short,
    fc.constantFrom(0, 0, 0x2000, 0x0003),
    fc.constantFrom(1, 17),
    bytes(10),
    upper,
  )
  .map(([first, length, flags, protocol, rest, data]) =>
    join([[first, 0], words(length, 0, flags), [64, protocol], rest, data]),
  );
const protocols = fc.constantFrom(0, 17, 43, 44, 51, 58, 60, 135, 59);
const extension = fc
  .tuple(protocols, fc.constantFrom(0, 0, 1, 4, 255), fc.constantFrom(0, 0, 1, 8), bytes(4))
  .map(([next, size, offset, rest]) => join([[next, size], words(offset), rest]));
const ipv6 = fc
  .tuple(short, protocols, bytes(32), fc.array(extension, { maxLength: 12 }), upper)
  .map(([length, next, addresses, extensions, data]) =>
    join([[0x60, 0, 0, 0], words(length), [next, 64], addresses, ...extensions, data]),
  );
const frame = fc
  .tuple(
    bytes(12),
    fc.constantFrom([], [0x81, 0, 0, 7], [0x81]),
    fc.oneof(
      ipv4.map((data) => join([[0x08, 0x00], data])),
      ipv6.map((data) => join([[0x86, 0xdd], data])),
      arp.map((data) => join([[0x08, 0x06], data])),
      payload,
    ),
  )
  .map(join);
const anything = fc.oneof(frame, ipv4, ipv6, arp, udp, payload);

/** Some views, aimed in this order, where the outer ones lead there. */
function aim(given: Uint8Array, offset: number, length: number): View[] {
  const [eth, arp, ip4, ip6] = [new EthernetView(), new ArpView(), new Ipv4View(), new Ipv6View()];
  const views: View[] = [];
  const found = <V extends View>(view: V, is: boolean): V => {
    if (is) views.push(view);
    return view;
  };
  for (const View of [EthernetView, ArpView, Ipv4View, Ipv6View, UdpView, IcmpView]) {
    const view = new View();
    found(view, view.at(given, offset, length));
  }
  found(eth, eth.at(given, offset, length));
  found(arp, arp.in(eth));
  for (const ip of [found(ip4, ip4.in(eth)), found(ip6, ip6.in(eth)), new Ipv4View(), new Ipv6View()]) {
    if (ip.bytes.length === 0) ip.at(given, offset, length);
    for (const view of [new UdpView(), new IcmpView()]) found(view, view.in(ip));
  }
  return views;
}

/** Every accessor that a view has. */
function accessors(view: View): [name: string, has: PropertyDescriptor][] {
  const all = new Map<string, PropertyDescriptor>();
  for (let of = Object.getPrototypeOf(view) as object; of !== Object.prototype; of = Object.getPrototypeOf(of))
    for (const [name, has] of Object.entries(Object.getOwnPropertyDescriptors(of)))
      if (has.get && !all.has(name)) all.set(name, has);
  return [...all];
}

const values = (view: View): unknown[] =>
  accessors(view)
    .filter(([name]) => name !== 'bytes')
    .map(([name, has]) => [name, has.get?.call(view)]);

/** `inside` with other bytes around it. */
function surrounded(inside: Uint8Array, with_: number): Uint8Array {
  const all = new Uint8Array(MARGIN + inside.length + MARGIN).fill(with_);
  all.set(inside, MARGIN);
  return all;
}

test('numbers are whole, and header and payload lie within what was given', () => {
  fc.assert(
    fc.property(anything, (given) => {
      for (const view of aim(surrounded(given, 0xee), MARGIN, given.length)) {
        expect(view.offset).toBeGreaterThanOrEqual(MARGIN);
        expect(view.payloadOffset).toBeGreaterThan(view.offset);
        expect(view.payloadEnd).toBeGreaterThanOrEqual(view.payloadOffset);
        expect(view.payloadEnd).toBeLessThanOrEqual(MARGIN + given.length);
        for (const [name, has] of accessors(view)) {
          const value: unknown = has.get?.call(view);
          if (typeof value !== 'number') continue;
          expect({ [name]: Number.isInteger(value) && value >= 0 && value <= 0xffff }).toEqual({ [name]: true });
        }
      }
    }),
    RUNS,
  );
});

test('what lies around the bytes makes no difference', () => {
  fc.assert(
    fc.property(anything, byte, byte, (given, one, other) => {
      const [a, b] = [one, other].map((around) => aim(surrounded(given, around), MARGIN, given.length).map(values));
      expect(a).toEqual(b);
    }),
    RUNS,
  );
});

test('nothing around the bytes is changed, whatever is set', () => {
  fc.assert(
    fc.property(anything, fc.integer({ min: 0, max: 0x1ffff }), (given, value) => {
      const all = surrounded(given, 0xee);
      const around = () => [...all.subarray(0, MARGIN), ...all.subarray(MARGIN + given.length)];
      const before = around();
      const ip = new Ipv4View();
      const address = { 4: '10.0.0.7', 6: '02:00:00:00:00:07', 16: 'fd00::7' } as const;
      for (const view of aim(all, MARGIN, given.length)) {
        if (view instanceof ArpView) view.toReply(address[6]);
        if (view instanceof EthernetView) new ArpView().init(view);
        if ('swapAddresses' in view) (view as EthernetView).swapAddresses();
        if (view instanceof UdpView || view instanceof IcmpView || view instanceof Ipv4View) view.updateChecksum(ip);
        for (const [name, has] of accessors(view)) {
          if (!has.set) continue;
          const text = /mac/i.test(name) || view instanceof EthernetView ? 6 : view instanceof Ipv6View ? 16 : 4;
          has.set.call(view, typeof has.get?.call(view) === 'number' ? value : address[text]);
        }
      }
      expect(around()).toEqual(before);
    }),
    RUNS,
  );
});

test('an offset and a length find nothing beyond the end', () => {
  const number = fc.oneof(fc.integer({ min: -100, max: 300 }), fc.double(), fc.constantFrom(2 ** 31, 2 ** 32, -1));
  fc.assert(
    fc.property(anything, number, fc.option(number, { nil: undefined }), (given, offset, length) => {
      for (const View of [EthernetView, ArpView, Ipv4View, Ipv6View, UdpView, IcmpView]) {
        const view = new View();
        if (!view.at(given, offset, length)) expect([view.bytes.length, view.payloadEnd]).toEqual([0, 0]);
        else expect(view.payloadEnd).toBeLessThanOrEqual(offset + (length ?? given.length - offset));
      }
    }),
    RUNS,
  );
});

test('checksums that are made hold, and swapping leaves them so', () => {
  const whole = fc
    .tuple(fc.constantFrom(1, 17), bytes(8), fc.uint8Array({ minLength: 8, maxLength: 80 }))
    .map(([protocol, addresses, data]) => {
      data.set(words(data.length), 4);
      return join([[0x45, 0], words(20 + data.length, 0, 0), [64, protocol, 0, 0], addresses, data]);
    });
  fc.assert(
    fc.property(whole, (packet) => {
      const [ip, upper] = [new Ipv4View(), packet[9] === 17 ? new UdpView() : new IcmpView()];
      expect(ip.at(packet) && upper.in(ip)).toBe(true);
      ip.updateChecksum();
      upper.updateChecksum(ip);
      const holds = () => {
        // RFC 768: addresses, protocol and length count.
        const pseudo = join([packet.subarray(12, 20), words(17, packet.length - 20), packet.subarray(20)]);
        expect(internetChecksum(packet, 0, 20)).toBe(0);
        expect(internetChecksum(packet[9] === 17 ? pseudo : packet.subarray(20))).toBe(0);
      };
      holds();
      const before = packet.slice();
      ip.swapAddresses();
      if (upper instanceof UdpView) upper.swapPorts();
      holds();
      ip.swapAddresses();
      if (upper instanceof UdpView) upper.swapPorts();
      expect(packet).toEqual(before);
    }),
    RUNS,
  );
});
