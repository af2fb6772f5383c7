import { isIP, isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  AF_INET,
  AF_INET6,
  familyNumber,
  formatIp,
  isNetworkAddress,
  lastOf,
  masked,
  maskOf,
  parseIp,
  parsePrefix,
} from '../../lib/addressing/ip.js';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

describe('IPv4', () => {
  test.each([
    ['0.0.0.0', '00000000'],
    ['10.0.0.1', '0a000001'],
    ['192.0.2.255', 'c00002ff'],
    ['255.255.255.255', 'ffffffff'],
  ])('%s', (text, hex) => {
    expect(parseIp(text)).toEqual(bytes(hex));
    expect(formatIp(bytes(hex))).toBe(text);
  });

  test.each([
    '',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.4 ',
    ' 1.2.3.4',
    '1.2.3.-4',
    '0x1.2.3.4',
    '1.2.3.4/24',
  ])('%j is none', (text) => expect(() => parseIp(text)).toThrow(`address ${JSON.stringify(text)} is no IP address`));
});

describe('IPv6', () => {
  test.each([
    ['::', '00000000000000000000000000000000'],
    ['::1', '00000000000000000000000000000001'],
    ['1::', '00010000000000000000000000000000'],
    ['2001:db8::1', '20010db8000000000000000000000001'],
    ['fe80::1:2:3:4', 'fe800000000000000001000200030004'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['::ffff:192.0.2.1', '00000000000000000000ffffc0000201'],
  ])('%s', (text, hex) => {
    expect(parseIp(text)).toEqual(bytes(hex));
    expect(formatIp(bytes(hex))).toBe(text);
  });

  // RFC 5952, sections 1, 2 and 4.
  test.each([
    ['2001:0db8:0000:0000:0001:0000:0000:0001', '2001:db8::1:0:0:1'],
    ['2001:DB8::1', '2001:db8::1'],
    ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
    ['2001:db8::0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:aaaa:bbbb:cccc:dddd:eeee:AAAA', '2001:db8:aaaa:bbbb:cccc:dddd:eeee:aaaa'],
    ['0:0:0:0:0:0:13.1.68.3', '::d01:4403'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ])('%s is written %s', (given, canonical) => expect(formatIp(parseIp(given))).toBe(canonical));

  test.each([
    ':',
    ':::',
    '1:2:3:4:5:6:7',
    '1::2::3',
    '12345::',
    'g::',
    '::1%lo',
    '::1%',
    '[::1]',
    '::1/64',
    '::1.2.3',
    '1:2:3:4:5:6:7:8:9',
  ])('%j is none', (text) => expect(() => parseIp(text)).toThrow('is no IP address'));
});

describe('the network of an address', () => {
  test.each([
    ['10.1.2.3', 0, '0.0.0.0', '0.0.0.0', '255.255.255.255'],
    ['10.1.2.3', 12, '255.240.0.0', '10.0.0.0', '10.15.255.255'],
    ['10.1.2.3', 24, '255.255.255.0', '10.1.2.0', '10.1.2.255'],
    ['10.1.2.3', 32, '255.255.255.255', '10.1.2.3', '10.1.2.3'],
    ['2001:db8::1', 33, 'ffff:ffff:8000::', '2001:db8::', '2001:db8:7fff:ffff:ffff:ffff:ffff:ffff'],
  ])('%s/%d has the mask %s, begins with %s, and ends with %s', (text, length, mask, first, last) => {
    const address = parseIp(text);
    expect(formatIp(maskOf(length, address.length))).toBe(mask);
    expect(formatIp(masked(address, length))).toBe(first);
    expect(formatIp(lastOf(address, length))).toBe(last);
    expect(formatIp(address)).toBe(text);
  });
});

describe('any address', () => {
  const v6 = fc.oneof(
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    fc.array(fc.constantFrom(0, 0, 0, 1, 0xffff, 0xabcd), { minLength: 8, maxLength: 8 }).map((groups) => {
      const out = new Uint8Array(16);
      for (const [i, group] of groups.entries()) out.set([group >> 8, group & 255], i * 2);
      return out;
    }),
  );

  test('is read as it was written', () => {
    fc.assert(
      fc.property(fc.oneof(v6, fc.uint8Array({ minLength: 4, maxLength: 4 })), (address) => {
        const text = formatIp(address);
        expect(isIP(text)).toBe(address.length === 4 ? 4 : 6);
        expect(parseIp(text)).toEqual(address);
      }),
      { numRuns: 1000 },
    );
  });

  test('is written as the URL standard writes it, but for IPv4 inside', () => {
    fc.assert(
      fc.property(v6, (address) => {
        const text = formatIp(address);
        fc.pre(!text.includes('.'));
        expect(`[${text}]`).toBe(new URL(`http://[${text}]/`).hostname);
      }),
      { numRuns: 1000 },
    );
  });

  test('in any spelling is read as the URL standard reads it', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        fc.pre(isIPv6(text));
        const canonical = formatIp(parseIp(text));
        expect(new URL(`http://[${canonical}]/`).hostname).toBe(new URL(`http://[${text}]/`).hostname);
      }),
      { numRuns: 1000 },
    );
  });

  test('is one exactly where Node.js says so', () => {
    const almost = fc.string({ unit: fc.constantFrom(...'0123456789abcf.:%/ '), maxLength: 20 });
    fc.assert(
      fc.property(fc.oneof(almost, fc.ipV4(), fc.ipV4Extended(), fc.ipV6()), (text) => {
        const known = isIPv4(text) || (isIPv6(text) && !text.includes('%'));
        if (known) expect(parseIp(text)).toHaveLength(isIPv4(text) ? 4 : 16);
        else expect(() => parseIp(text)).toThrow('is no IP address');
      }),
      { numRuns: 1000 },
    );
  });

  test('inside a larger buffer is read where it stands', () => {
    expect(formatIp(bytes('ffff c0000201 ffff'), 2, 6)).toBe('192.0.2.1');
    expect(formatIp(bytes('ff 20010db8000000000000000000000001 ff'), 1, 17)).toBe('2001:db8::1');
  });
});

describe('prefixes', () => {
  test('have a length, or that of their address', () => {
    expect(parsePrefix('10.0.0.1/8')).toEqual({ family: AF_INET, bytes: bytes('0a000001'), length: 8 });
    expect(parsePrefix('10.0.0.1')).toMatchObject({ length: 32 });
    expect(parsePrefix('::/0')).toMatchObject({ family: AF_INET6, length: 0 });
    expect(parsePrefix('::1')).toMatchObject({ length: 128 });
  });

  test.each([
    ['10.0.0.1/', 'prefix "10.0.0.1/" has no prefix length after the slash'],
    ['10.0.0.1/x', 'prefix "10.0.0.1/x" has no prefix length after the slash'],
    ['10.0.0.1/-1', 'prefix "10.0.0.1/-1" has no prefix length after the slash'],
    ['10.0.0.1/8/8', 'prefix "10.0.0.1/8/8" has no prefix length after the slash'],
    ['10.0.0.1/33', 'prefix: prefix length of "10.0.0.1/33" is out of range (0 to 32)'],
    ['::1/129', 'prefix: prefix length of "::1/129" is out of range (0 to 128)'],
    ['/8', 'prefix "/8" is no IP address'],
    ['10.0.0.999/24', 'prefix "10.0.0.999/24" is no IP address'],
  ])('%j is none', (text, message) => expect(() => parsePrefix(text)).toThrow(message));

  test('that are no string are of a wrong type', () => {
    expect(() => parsePrefix(10, 'to')).toThrow("to must be a prefix as a string, like '10.0.0.0/24'; received 10");
  });

  test.each([
    ['10.0.0.0/8', true],
    ['10.0.0.1/8', false],
    ['10.128.0.0/9', true],
    ['10.64.0.0/9', false],
    ['0.0.0.0/0', true],
    ['10.0.0.1/32', true],
    ['2001:db8::/32', true],
    ['2001:db8::1/127', false],
    ['2001:db8:8000::/33', true],
    ['2001:db8:c000::/33', false],
    ['::1/128', true],
    ['::1/0', false],
  ])('%s is a network: %s', (text, network) => expect(isNetworkAddress(parsePrefix(text))).toBe(network));
});

test('families have the names that ip(8) gives them', () => {
  expect(familyNumber('inet')).toBe(AF_INET);
  expect(familyNumber('inet6')).toBe(AF_INET6);
  expect(() => familyNumber('ipv4')).toThrow('family "ipv4" is none of inet, inet6');
});
