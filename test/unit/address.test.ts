import { expect, test } from 'vitest';
import { attributesIn } from '../../lib/netlink/attributes.js';
import { ByteReader, ByteWriter } from '../../lib/netlink/bytes.js';
import { writeMessage } from '../../lib/netlink/message.js';
import type { Netns } from '../../lib/netns/netns.js';
import { type AddressSpec, addressRequest, decodeAddress } from '../../lib/rtnetlink/address/address.js';
import { RTM } from '../../lib/rtnetlink/types.js';

const netns = {} as Netns;

/** ifaddrmsg, and the attributes in no order. */
function encode(type: 20 | 21, spec: string | AddressSpec): unknown {
  const out = new ByteWriter();
  writeMessage(out, addressRequest(type, 0, 3, spec), 0);
  const message = out.bytes.slice(0, out.length);
  const attributes = [...attributesIn(new ByteReader(message), 24, message.length)].map(
    ({ type: number, at, to }) => `${number}: ${Buffer.from(message.slice(at + 4, to)).toString('hex')}`,
  );
  return { header: Buffer.from(message.slice(16, 24)).toString('hex'), attributes: attributes.sort() };
}

// What iproute2 6.1 sends for the command; link 3 is its d0.
const commands: [string, 20 | 21, string | AddressSpec, string, string[]][] = [
  ['ip addr add 10.1.0.1/24 dev d0', RTM.NEWADDR, '10.1.0.1/24', '0218000003000000', ['1: 0a010001', '2: 0a010001']],
  [
    'ip addr add 10.2.0.1/24 brd + dev d0',
    RTM.NEWADDR,
    { address: '10.2.0.1/24', broadcast: true },
    '0218000003000000',
    ['1: 0a020001', '2: 0a020001', '4: 0a0200ff'],
  ],
  [
    'ip addr add 10.6.0.1/24 dev d0 valid_lft 3600 preferred_lft 1800',
    RTM.NEWADDR,
    { address: '10.6.0.1/24', validLifetime: 3600_000, preferredLifetime: 1800_000 },
    '0218000003000000',
    ['1: 0a060001', '2: 0a060001', '6: 08070000100e00000000000000000000'],
  ],
  [
    'ip addr add 10.7.0.1/24 dev d0 noprefixroute',
    RTM.NEWADDR,
    { address: '10.7.0.1/24', flags: ['noprefixroute'] },
    '0218000003000000',
    ['1: 0a070001', '2: 0a070001', '8: 00020000'],
  ],
  [
    'ip addr add 10.7.0.1 peer 10.7.0.2/32 dev d0 label d0:x scope link',
    RTM.NEWADDR,
    { address: '10.7.0.1', peer: '10.7.0.2/32', label: 'd0:x', scope: 'link' },
    '022000fd03000000',
    ['1: 0a070002', '2: 0a070001', '3: 64303a7800'],
  ],
  ['ip addr add 127.0.0.2/8 dev d0', RTM.NEWADDR, '127.0.0.2/8', '020800fe03000000', ['1: 7f000002', '2: 7f000002']],
  ['ip addr del 127.0.0.2/8 dev d0', RTM.DELADDR, '127.0.0.2/8', '0208000003000000', ['1: 7f000002', '2: 7f000002']],
  [
    'ip addr add 2001:db8:9::1/64 dev d0 nodad',
    RTM.NEWADDR,
    { address: '2001:db8:9::1/64', flags: ['nodad'] },
    '0a40020003000000',
    ['1: 20010db8000900000000000000000001', '2: 20010db8000900000000000000000001'],
  ],
  [
    'ip addr add 2001:db8:9::1/64 dev d0 nodad home mngtmpaddr',
    RTM.NEWADDR,
    { address: '2001:db8:9::1/64', flags: ['nodad', 'home', 'mngtmpaddr'] },
    '0a40000003000000',
    ['1: 20010db8000900000000000000000001', '2: 20010db8000900000000000000000001', '8: 12010000'],
  ],
];
test.each(commands)('%s', (_, type, spec, header, attributes) => {
  expect(encode(type, spec)).toEqual({ header, attributes });
});

const refused: [string | AddressSpec, string, string][] = [
  ['10.0.0.1/33', 'ERR_OUT_OF_RANGE', '10.0.0.1/33'],
  ['10.0.0', 'ERR_INVALID_ARG_VALUE', 'address "10.0.0"'],
  [{ address: '10.0.0.1/24', peer: 'fe80::1' }, 'ERR_INVALID_ARG_VALUE', 'peer "fe80::1"'],
  [{ address: 'fe80::1/64', broadcast: true }, 'ERR_INVALID_ARG_VALUE', 'broadcast true'],
  [{ address: '10.0.0.1/24', label: 'a-label-of-many-bytes' }, 'ERR_INVALID_ARG_VALUE', 'IFNAMSIZ'],
  [{ address: '10.0.0.1/24', flags: ['dad' as 'nodad'] }, 'ERR_INVALID_ARG_VALUE', 'flags "dad"'],
  [
    { address: '10.0.0.1/24', validLifetime: 1000, preferredLifetime: 3000 },
    'ERR_OUT_OF_RANGE',
    'preferredLifetime 3000',
  ],
  [{ address: '10.0.0.1/24', scope: 'far' as 'link' }, 'ERR_INVALID_ARG_VALUE', 'scope "far"'],
];
test.each(refused)('%j is refused', (spec, code, message) => {
  let caught: unknown;
  try {
    encode(RTM.NEWADDR, spec);
  } catch (error) {
    caught = error;
  }
  expect(caught).toMatchObject({ code, message: expect.stringContaining(message) });
});

test('an address is told as plain data', () => {
  const hex =
    '0218800003000000 080001000a010001 080002000a010001 0a0003006574683000000000 0800080080000000 14000600ffffffffffffffff0000000000000000';
  const message = new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
  expect(decodeAddress(netns, new ByteReader(message), 0, message.length)).toStrictEqual({
    netns,
    link: 3,
    family: 'inet',
    address: '10.1.0.1',
    prefixLength: 24,
    label: 'eth0',
    scope: 'global',
    flags: ['permanent'],
    validLifetime: Number.POSITIVE_INFINITY,
    preferredLifetime: Number.POSITIVE_INFINITY,
  });
});
