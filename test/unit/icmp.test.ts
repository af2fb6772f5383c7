import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AF_INET, AF_INET6 } from '../../lib/addressing/ip.js';
import { internetChecksum } from '../../lib/packet/views/checksum.js';
import { carriesCookie, encodeEchoRequest, ipv4Payload, parseEcho } from '../../lib/ping/icmp.js';
import { RECEIVE_HEADER, readReceived } from '../../lib/ping/received.js';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));

test('an IPv4 echo request, byte for byte', () => {
  // Type 8, code 0; 0800 + 1234 + 0001 + 6162 + 6364 = defb, and its complement is 2104.
  expect(encodeEchoRequest(AF_INET, 0x1234, 1, hex('61626364'))).toEqual(hex('08 00 2104 1234 0001 61626364'));
});

test('an IPv6 echo request has its own type', () => {
  expect(encodeEchoRequest(AF_INET6, 1, 2, new Uint8Array(0))[0]).toBe(128);
});

test('what is encoded is parsed again, and its checksum holds', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 0xffff }),
      fc.integer({ min: 0, max: 0xffff }),
      fc.uint8Array({ maxLength: 200 }),
      (identifier, sequence, data) => {
        const message = encodeEchoRequest(AF_INET, identifier, sequence, data);
        expect(internetChecksum(message)).toBe(0);
        expect(parseEcho(message, 0, message.length)).toEqual({ type: 8, code: 0, identifier, sequence, data: 8 });
        expect(message.subarray(8)).toEqual(data);
      },
    ),
  );
});

test('no bytes crash the parsers', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(80), (bytes, end) => {
      const start = ipv4Payload(bytes, 0, Math.min(end, bytes.length));
      const echo = parseEcho(bytes, start ?? 0, end);
      if (echo) expect(echo.data).toBeLessThanOrEqual(bytes.length);
    }),
  );
});

test('a message shorter than its header is none', () => {
  expect(parseEcho(new Uint8Array(7), 0, 7)).toBeUndefined();
  expect(parseEcho(new Uint8Array(8), 0, 9)).toBeUndefined();
});

test('IPv4 options are skipped', () => {
  const packet = new Uint8Array(40);
  packet[0] = 0x46;
  expect(ipv4Payload(packet, 0, 40)).toBe(24);
});

test.each([
  ['version 6', [0x65]],
  ['a header of 16 bytes', [0x44]],
  ['a header longer than the packet', [0x4f]],
  ['nothing', []],
])('%s is no IPv4 packet', (_, bytes) => {
  expect(
    ipv4Payload(
      Uint8Array.from({ length: 24 }, (_, i) => bytes[i] ?? 0),
      0,
      24,
    ),
  ).toBeUndefined();
});

test('a cookie may be cut short by its end, but not differ', () => {
  const cookie = hex('01020304');
  expect(carriesCookie(hex('00 0102'), 1, 3, cookie)).toBe(true);
  expect(carriesCookie(hex('00 01020304ff'), 1, 6, cookie)).toBe(true);
  expect(carriesCookie(hex('00 0103'), 1, 3, cookie)).toBe(false);
  expect(carriesCookie(new Uint8Array(0), 0, 0, cookie)).toBe(true);
});

/** struct ReceiveHeader of native/ping_socket.cc. */
function header(time: number, ttl: number, error = 0, rest: number[] = []): Uint8Array {
  const bytes = new Uint8Array(RECEIVE_HEADER);
  const view = new DataView(bytes.buffer);
  view.setFloat64(0, time, true);
  view.setInt32(8, ttl, true);
  view.setInt32(12, error, true);
  bytes.set(rest, 16);
  return bytes;
}

test('the header of a received packet', () => {
  expect(readReceived(header(1_500_000, 64))).toEqual({ time: 1_500_000, ttl: 64 });
  expect(readReceived(header(1_500_000, -1))).toEqual({ time: 1_500_000 });
});

test('the header of an ICMP error names its message and its sender', () => {
  expect(readReceived(header(0, -1, 113, [2, 3, 1, 4, 10, 0, 0, 1]))).toEqual({
    time: 0,
    error: { errno: -113, icmp: { type: 3, code: 1 }, from: '10.0.0.1' },
  });
});

test('an error of this machine has no ICMP message', () => {
  expect(readReceived(header(0, -1, 90, [1]))).toEqual({ time: 0, error: { errno: -90 } });
});
