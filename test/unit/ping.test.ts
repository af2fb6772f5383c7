import { expect, expectTypeOf, test } from 'vitest';
import { AF_INET, AF_INET6 } from '../../lib/addressing/ip.js';
import { returnIdentifier, takeIdentifier } from '../../lib/ping/identifier.js';
import { ping } from '../../lib/ping/ping.js';
import { type PingOptions, type PingReply, parseTarget, planOf } from '../../lib/ping/plan.js';

test('the defaults are those of ping(8), with an end', () => {
  expect(planOf(AF_INET, {})).toEqual({
    family: AF_INET,
    count: 4,
    interval: 1000,
    timeout: 1000,
    size: 56,
    ttl: 0,
    onReply: undefined,
    signal: undefined,
  });
});

test('a zone is kept apart from the address', () => {
  const { family, bytes, zone } = parseTarget('fe80::1%eth0');
  expect([family, bytes.at(-1), zone]).toEqual([AF_INET6, 1, 'eth0']);
});

test.each<[string, string, string]>([
  [
    'a link-local address without its link',
    'fe80::1',
    'ping: address "fe80::1" is link-local and needs its link: fe80::1%eth0',
  ],
  ['a name', 'localhost', 'ping: address "localhost" is no IP address'],
  ['an empty zone', 'fe80::1%', 'ping: address "fe80::1%" is no IP address'],
  ['IPv4 with a zone', '10.0.0.1%eth0', 'ping: address "10.0.0.1%eth0" is no IP address'],
  ['IPv4 multicast', '224.0.0.1', 'ping: address "224.0.0.1" is a multicast address; ping asks one machine'],
  ['IPv6 multicast', 'ff02::1%eth0', 'ping: address "ff02::1%eth0" is a multicast address; ping asks one machine'],
])('%s is refused', async (_, address, message) => {
  await expect(ping(address)).rejects.toMatchObject({ message, code: 'ERR_INVALID_ARG_VALUE' });
});

test.each<[string, PingOptions, string]>([
  ['no request at all', { count: 0 }, 'ping: count 0 is out of range (1 to 65535)'],
  ['more requests than sequence numbers', { count: 65536 }, 'ping: count 65536 is out of range (1 to 65535)'],
  ['a negative interval', { interval: -1 }, 'ping: interval -1 is out of range (0 to 2147483647 ms)'],
  [
    'an endless timeout',
    { timeout: Number.POSITIVE_INFINITY },
    'ping: timeout Infinity is out of range (0 to 2147483647 ms)',
  ],
  ['a packet larger than IPv4 has', { size: 65508 }, 'ping: size 65508 is out of range (0 to 65507)'],
  ['a TTL of 0', { ttl: 0 }, 'ping: ttl 0 is out of range (1 to 255)'],
])('%s is refused', async (_, options, message) => {
  await expect(ping('10.0.0.1', options)).rejects.toMatchObject({ message, code: 'ERR_OUT_OF_RANGE' });
});

test.each<[string, unknown, string]>([
  ['null instead of options', null, 'ping: options must be an object; received null'],
  [
    'an option that is misspelt',
    { cuont: 3 },
    'ping: options.cuont 3 is no option here (netns, count, interval, timeout, size, ttl, onReply, signal are)',
  ],
  [
    'a misspelt netns, which would ping from elsewhere',
    { nets: 1 },
    'ping: options.nets 1 is no option here (netns, count, interval, timeout, size, ttl, onReply, signal are)',
  ],
  ['what is no signal', { signal: 'stop' }, 'ping: signal must be an AbortSignal; received "stop"'],
])('%s is refused', async (_, options, message) => {
  await expect(ping('127.0.0.1', options as PingOptions)).rejects.toMatchObject({
    message,
    code: expect.stringMatching(/^ERR_INVALID_ARG_(TYPE|VALUE)$/),
  });
});

test('what a failure does not have is undefined, without asking first which it is', () => {
  expectTypeOf<PingReply['ttl']>().toEqualTypeOf<number | undefined>();
  expectTypeOf<PingReply['bytes']>().toEqualTypeOf<number | undefined>();
  expectTypeOf<PingReply['time']>().toEqualTypeOf<number | undefined>();
});

test('pings under way have different identifiers', () => {
  const all = Array.from({ length: 30_000 }, takeIdentifier);
  expect(new Set(all).size).toBe(all.length);
  expect(all.every((identifier) => identifier >= 0 && identifier <= 0xffff)).toBe(true);
  for (const identifier of all) returnIdentifier(identifier);
});

test('an aborted signal ends it before anything is sent', async () => {
  await expect(ping('127.0.0.1', { signal: AbortSignal.abort('why') })).rejects.toMatchObject({
    name: 'AbortError',
    code: 'ABORT_ERR',
    cause: 'why',
  });
});
