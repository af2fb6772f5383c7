import { expect, test } from 'vitest';
import { attributesIn } from '../../lib/netlink/attributes.js';
import { ByteReader, ByteWriter } from '../../lib/netlink/bytes.js';
import { writeMessage } from '../../lib/netlink/message.js';
import type { Netns } from '../../lib/netns/netns.js';
import { type Address, type AddressSpec, addressRequest, decodeAddress } from '../../lib/rtnetlink/address/address.js';
import { addAddress, deleteAddress, listAddresses, replaceAddress } from '../../lib/rtnetlink/address/calls.js';
import { RTM } from '../../lib/rtnetlink/types.js';

const netns = {} as Netns;

/** ifaddrmsg, and the attributes in no order. */
function encode(type: 20 | 21, spec: string | AddressSpec | Address): unknown {
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
  ['10.0.0.999/24', 'ERR_INVALID_ARG_VALUE', 'address "10.0.0.999/24" is no IP address'],
  [{ address: '10.0.0.1', lable: 'x' } as AddressSpec, 'ERR_INVALID_ARG_VALUE', 'lable "x" is no option of an address'],
  [{ address: '10.0.0.1', prefixLength: 33 }, 'ERR_OUT_OF_RANGE', 'prefixLength 33 is out of range'],
  [{ address: '10.0.0.1', prefixLength: '24' as unknown as number }, 'ERR_INVALID_ARG_TYPE', 'prefixLength must be a'],
  [{ address: '10.0.0.1/24', prefixLength: 16 }, 'ERR_INVALID_ARG_VALUE', 'prefixLength 16 is not that of 10.0.0.1/24'],
  [{ address: '10.0.0.1/24', flags: 'nodad' as unknown as [] }, 'ERR_INVALID_ARG_TYPE', 'flags must be an array'],
  [
    { address: '10.0.0.1/24', flags: ['permanent' as 'nodad'] },
    'ERR_INVALID_ARG_VALUE',
    'flags "permanent" is none of',
  ],
  [{ address: '10.0.0.1/24', validLifetime: -1 }, 'ERR_OUT_OF_RANGE', 'validLifetime -1 is out of range'],
  // 2^32 - 1 seconds would be for ever.
  [{ address: '10.0.0.1/24', validLifetime: 0xffffffff * 1000 }, 'ERR_OUT_OF_RANGE', 'validLifetime 4294967295000'],
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

test('a length may stand apart from its address', () => {
  expect(encode(RTM.NEWADDR, { address: '10.1.0.1', prefixLength: 24 })).toEqual(encode(RTM.NEWADDR, '10.1.0.1/24'));
  expect(encode(RTM.NEWADDR, { address: '10.1.0.1', prefixLength: 0 })).toEqual(encode(RTM.NEWADDR, '10.1.0.1/0'));
});

const listed: Address = {
  netns,
  link: 3,
  family: 'inet6',
  address: '2001:db8:9::1',
  prefixLength: 64,
  scope: 'global',
  flags: ['nodad', 'mngtmpaddr', 'permanent', 'tentative'],
  validLifetime: Number.POSITIVE_INFINITY,
  preferredLifetime: Number.POSITIVE_INFINITY,
};
test("an address that was listed can be given back, without what is the kernel's to tell", () => {
  const { validLifetime, preferredLifetime, address, prefixLength } = listed;
  const said: AddressSpec = { validLifetime, preferredLifetime, address, prefixLength, flags: ['nodad', 'mngtmpaddr'] };
  expect(encode(RTM.NEWADDR, listed)).toEqual(encode(RTM.NEWADDR, said));
  expect(() => encode(RTM.NEWADDR, { ...listed, flags: ['nodda' as 'nodad'] })).toThrow('flags "nodda" is none of');
  expect(() => encode(RTM.NEWADDR, { ...listed, flags: 'nodad' as unknown as [] })).toThrow('flags must be an array');
});

test.each([null, undefined, 7])('%j is no address', (nothing) => {
  for (const call of [addAddress, replaceAddress, deleteAddress]) {
    expect(() => call.sync(1, nothing as unknown as string)).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_ARG_TYPE',
        message: expect.stringContaining(`${call.name}: address must be a string like '10.0.0.1/24' or an object`),
      }),
    );
  }
});

test('addresses of a family that there is none of are not listed', () => {
  expect(() => listAddresses.sync({ family: 'ipv4' as 'inet' })).toThrow(
    expect.objectContaining({
      code: 'ERR_INVALID_ARG_VALUE',
      message: 'listAddresses: family "ipv4" is none of inet, inet6',
    }),
  );
});

test('an address is told as plain data', () => {
  const hex =
    '0218800003000000 080001000a010001 080002000a010001 0a0003006574683000000000 0800080080000000 14000600ffffffffffffffff0000000000000000';
  const message = new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
  const address = decodeAddress(netns, new ByteReader(message), 0, message.length);
  expect(Object.isFrozen(address)).toBe(true);
  expect(address).toStrictEqual({
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
