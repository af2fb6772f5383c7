import { expect, test } from 'vitest';
import { ByteReader } from '../../lib/netlink/bytes.js';
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../../lib/netlink/message.js';
import type { Netns } from '../../lib/netns/netns.js';
import {
  addNeighbor,
  deleteNeighbor,
  getNeighbor,
  type ListNeighborsOptions,
  listNeighborsRequest,
  replaceNeighbor,
} from '../../lib/rtnetlink/neighbor/calls.js';
import {
  decodeFdbEntry,
  type FdbEntry,
  type FdbSpec,
  fdbRequest,
  toFdbSpec,
} from '../../lib/rtnetlink/neighbor/fdb.js';
import {
  addFdbEntry,
  appendFdbEntry,
  deleteFdbEntry,
  listFdbEntriesRequest,
  replaceFdbEntry,
} from '../../lib/rtnetlink/neighbor/fdb-calls.js';
import { decodeNeighbor, type NeighborSpec, neighborRequest } from '../../lib/rtnetlink/neighbor/neighbor.js';
import { RTM } from '../../lib/rtnetlink/types.js';
import { encode, hex, parts } from './wire.ts';

const netns = {} as Netns;

// What iproute2 6.1 sends for the command; link 3 is its d0.
const neighbors: [string, 28 | 29 | 30, NeighborSpec, string][] = [
  [
    'ip neigh add 2001:db8:1::77 lladdr 02:00:00:00:00:79 dev d0 router nud stale',
    RTM.NEWNEIGH,
    { address: '2001:db8:1::77', mac: '02:00:00:00:00:79', link: 3, flags: ['router'], state: 'stale' },
    '3c0000001c0005060000000000000000 0a0000000300000004008000 1400010020010db8000100000000000000000077 0a000200020000000079 0000',
  ],
  [
    'ip neigh replace 10.1.0.78 lladdr 02:00:00:00:00:78 nud reachable dev d0',
    RTM.NEWNEIGH,
    { address: '10.1.0.78', mac: '02:00:00:00:00:78', link: 3, state: 'reachable' },
    '300000001c0005050000000000000000 020000000300000002000000 080001000a01004e 0a000200020000000078 0000',
  ],
  [
    'ip neigh add 10.1.0.51 lladdr 02:00:00:00:00:09 dev d0 managed extern_learn protocol 4 nud none',
    RTM.NEWNEIGH,
    {
      address: '10.1.0.51',
      mac: '02:00:00:00:00:09',
      link: 3,
      flags: ['managed', 'extern_learn'],
      protocol: 4,
      state: 'none',
    },
    '400000001c0005060000000000000000 020000000300000000001000 05000c0004000000 080001000a010033 08000f0001000000 0a000200020000000009 0000',
  ],
  [
    'ip neigh add proxy 10.1.0.50 dev d0',
    RTM.NEWNEIGH,
    { address: '10.1.0.50', link: 3, proxy: true },
    '240000001c0005060000000000000000 020000000300000080000800 080001000a010032',
  ],
  [
    'ip neigh del 10.1.0.77 dev d0',
    RTM.DELNEIGH,
    { address: '10.1.0.77', link: 3 },
    '240000001d0005000000000000000000 020000000300000080000000 080001000a01004d',
  ],
  [
    'ip neigh get 10.1.0.77 dev d0',
    RTM.GETNEIGH,
    { address: '10.1.0.77', link: 3 },
    '240000001e0001000000000000000000 020000000300000000000000 080001000a01004d',
  ],
];
test.each(neighbors)('%s', (_, type, spec, expected) => {
  expect(parts(encode(neighborRequest(type, 0, spec, 3)))).toEqual(parts(hex(expected)));
});

test.each([
  [{ proxy: true }],
  [{ flags: ['use'] }],
  [{ flags: ['managed'] }],
  [{ state: 'none' }],
  [{ state: 'incomplete' }],
  [{ state: 'failed' }],
] as [Partial<NeighborSpec>][])('a new neighbour with %j needs no MAC', (said) => {
  const { attributes } = parts(
    encode(neighborRequest(RTM.NEWNEIGH, NLM_F_EXCL, { address: '10.1.0.1', link: 3, ...said }, 3)),
  ) as { attributes: string[] };
  expect(attributes).toContain('1: 0a010001');
  expect(attributes.filter((attribute) => attribute.startsWith('2:'))).toEqual([]);
});

test.each([
  [{}, 'permanent'],
  [{ state: 'reachable' }, 'reachable'],
  [{ state: 'noarp' }, 'noarp'],
  [{ flags: ['extern_learn'] }, 'permanent'],
] as [Partial<NeighborSpec>, string][])('a new neighbour with %j needs one', (said, state) => {
  expect(() => neighborRequest(RTM.NEWNEIGH, NLM_F_EXCL, { address: '10.1.0.1', link: 3, ...said }, 3)).toThrow(
    expect.objectContaining({
      code: 'ERR_INVALID_ARG_TYPE',
      message: `mac must be the link-layer address of the neighbour, to add one that is ${state}; received undefined`,
    }),
  );
});

test.each([
  ['a new address', { mac: '02:00:00:00:00:02' }, NLM_F_CREATE],
  ['no address', {}, 0],
  ['no address, but flags', { flags: ['managed'] }, NLM_F_CREATE],
  ['no address, as a proxy', { proxy: true }, NLM_F_CREATE],
] as [string, Partial<NeighborSpec>, number][])(
  'a replacement with %s is made where there is none: %j',
  (_, said, create) => {
    const spec: NeighborSpec = { address: '10.1.0.1', link: 3, ...said };
    const message = encode(neighborRequest(RTM.NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, spec, 3));
    expect(new DataView(message.buffer, message.byteOffset).getUint16(6, true) & (NLM_F_CREATE | NLM_F_REPLACE)).toBe(
      create | NLM_F_REPLACE,
    );
  },
);

const refused: [NeighborSpec, string, string][] = [
  [{ address: '10.1.0', link: 3 }, 'ERR_INVALID_ARG_VALUE', 'address "10.1.0"'],
  [{ address: '10.1.0.1', link: 3, mac: 'nobody' }, 'ERR_INVALID_ARG_VALUE', 'mac "nobody"'],
  [{ address: '10.1.0.1', link: 3, state: 'here' as 'stale' }, 'ERR_INVALID_ARG_VALUE', 'state "here"'],
  [{ address: '10.1.0.1', link: 3, flags: ['rooter' as 'router'] }, 'ERR_INVALID_ARG_VALUE', 'flags "rooter"'],
  [{ address: '10.1.0.1', link: 3, protocol: 256 }, 'ERR_OUT_OF_RANGE', 'protocol 256'],
];
test.each(refused)('neighbour %j is refused', (spec, code, message) => {
  let caught: unknown;
  try {
    encode(neighborRequest(RTM.NEWNEIGH, 0, spec, 3));
  } catch (error) {
    caught = error;
  }
  expect(caught).toMatchObject({ code, message: expect.stringContaining(message) });
});

const neighborCalls = [addNeighbor, replaceNeighbor, deleteNeighbor, getNeighbor];
const fdbCalls = [addFdbEntry, appendFdbEntry, replaceFdbEntry, deleteFdbEntry];

test.each([null, undefined, 7, '10.1.0.1'])('%j is no neighbour and no forwarding entry', (nothing) => {
  for (const call of neighborCalls) {
    expect(() => call.sync(nothing as unknown as NeighborSpec)).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_ARG_TYPE',
        message: expect.stringContaining(`${call.name}: neighbor must be an object`),
      }),
    );
  }
  for (const call of fdbCalls) {
    expect(() => call.sync(nothing as unknown as FdbSpec)).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_ARG_TYPE',
        message: expect.stringContaining(`${call.name}: entry must be an object`),
      }),
    );
  }
});

test('a word that is no option is refused', () => {
  for (const call of neighborCalls) {
    expect(() => call.sync({ address: '10.1.0.1', link: 3, vlann: 3 } as NeighborSpec)).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_ARG_VALUE',
        message: `${call.name}: vlann 3 is no option of a neighbour`,
      }),
    );
  }
  for (const call of fdbCalls) {
    expect(() => call.sync({ mac: '02:00:00:00:00:01', link: 3, vlann: 3 } as FdbSpec)).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_ARG_VALUE',
        message: `${call.name}: vlann 3 is no option of a forwarding entry (vlan is)`,
      }),
    );
  }
});

test('a neighbour is told as plain data', () => {
  const message = hex(
    '020000000300000080000001 080001000a01004d 0a0002000200000000770000 0800040000000000 1400030002000000030000000400000001000000',
  );
  const neighbor = decodeNeighbor(netns, new ByteReader(message), 0, message.length);
  expect(Object.isFrozen(neighbor)).toBe(true);
  expect(neighbor).toStrictEqual({
    netns,
    link: 3,
    family: 'inet',
    address: '10.1.0.77',
    mac: '02:00:00:00:00:77',
    state: 'permanent',
    flags: [],
    proxy: false,
    probes: 0,
    confirmed: 20,
    used: 30,
    updated: 40,
  });
});

// Link 5 is vx0, link 2 is d1, a port of bridge 4.
const entries: [string, 28 | 29, FdbSpec, string][] = [
  [
    'bridge fdb add 02:00:00:00:01:02 dev vx0 dst 192.0.2.51 port 4790 vni 77',
    RTM.NEWNEIGH,
    { mac: '02:00:00:00:01:02', link: 5, dst: '192.0.2.51', port: 4790, vni: 77 },
    '400000001c0005060000000000000000 0700000005000000c0000200 0a0002000200000001020000 08000100c0000233 0600060012b60000 080007004d000000',
  ],
  [
    'bridge fdb append 00:00:00:00:00:00 dev vx0 dst 10.1.0.9 via d0 src_vni 5',
    RTM.NEWNEIGH,
    { mac: '00:00:00:00:00:00', link: 5, dst: '10.1.0.9', via: 3, sourceVni: 5 },
    '400000001c00050c0000000000000000 0700000005000000c0000200 0a0002000000000000000000 080001000a010009 08000b0005000000 0800080003000000',
  ],
  [
    'bridge fdb add 02:00:00:00:00:05 dev d1 master static vlan 10',
    RTM.NEWNEIGH,
    { mac: '02:00:00:00:00:05', link: 2, master: true, state: 'static', vlan: 10 },
    '300000001c0005060000000000000000 070000000200000042000400 0a0002000200000000050000 060005000a000000',
  ],
  [
    'bridge fdb add 02:00:00:00:00:06 dev d1 master dynamic sticky',
    RTM.NEWNEIGH,
    { mac: '02:00:00:00:00:06', link: 2, master: true, state: 'dynamic', flags: ['sticky'] },
    '280000001c0005060000000000000000 070000000200000002004400 0a0002000200000000060000',
  ],
  [
    'bridge fdb del 02:00:00:00:00:05 dev d1 master',
    RTM.DELNEIGH,
    { mac: '02:00:00:00:00:05', link: 2, master: true },
    '280000001d0005000000000000000000 0700000002000000c0000400 0a0002000200000000050000',
  ],
];
test.each(entries)('%s', (_, type, spec, expected) => {
  const request = fdbRequest(type, 0, spec, spec.link as number, spec.via as number | undefined);
  expect(parts(encode(request))).toEqual(parts(hex(expected)));
});

const refusedEntries: [Partial<FdbSpec>, string, string][] = [
  [{ vlan: 0 }, 'ERR_OUT_OF_RANGE', 'vlan 0'],
  [{ vlan: 4095 }, 'ERR_OUT_OF_RANGE', 'vlan 4095'],
  [{ vni: 2 ** 24 }, 'ERR_OUT_OF_RANGE', 'vni 16777216'],
  [{ port: 65536 }, 'ERR_OUT_OF_RANGE', 'port 65536'],
  [{ state: 'stale' as 'static' }, 'ERR_INVALID_ARG_VALUE', 'state "stale"'],
  [{ mac: '02:00' }, 'ERR_INVALID_ARG_VALUE', 'mac "02:00"'],
];
test.each(refusedEntries)('forwarding entry %j is refused', (wrong, code, message) => {
  let caught: unknown;
  try {
    encode(fdbRequest(RTM.NEWNEIGH, 0, { mac: '02:00:00:00:00:01', link: 3, ...wrong }, 3));
  } catch (error) {
    caught = error;
  }
  expect(caught).toMatchObject({ code, message: expect.stringContaining(message) });
});

test('a forwarding entry is told as plain data', () => {
  const message = hex('070000000200000040004400 0a0002000200000000060000 0800090004000000 060005000a000000');
  const entry = decodeFdbEntry(netns, new ByteReader(message), 0, message.length);
  expect(Object.isFrozen(entry)).toBe(true);
  expect(entry).toStrictEqual({
    netns,
    link: 2,
    mac: '02:00:00:00:00:06',
    self: false,
    master: true,
    bridge: 4,
    state: 'static',
    vlan: 10,
    flags: ['sticky'],
  });
});

// Of a port, and of the bridge itself, which is port of nothing: `bridge fdb del MAC dev br0 self`.
const givenBack: [string, string, string][] = [
  [
    'of a bridge port',
    '070000000200000040000000 0a0002000200000000060000 0800090004000000',
    '070000000200000042000400',
  ],
  ['of a bridge', '070000000400000080000000 0a0002000200000000060000 0800090004000000', '0700000004000000c0000200'],
  ['of a VXLAN', '070000000500000082000200 0a0002000200000000060000 08000100c0000233', '0700000005000000c0000200'],
];
test.each(givenBack)('a forwarding entry %s that was listed can be given back', (_, told, header) => {
  const message = hex(told);
  const entry = decodeFdbEntry(netns, new ByteReader(message), 0, message.length);
  expect(parts(encode(fdbRequest(RTM.DELNEIGH, 0, toFdbSpec(entry), entry.link)))).toMatchObject({ header });
});

test('a listed entry that went stale is given back as a dynamic one', () => {
  const entry: FdbEntry = {
    netns,
    link: 2,
    mac: '02:00:00:00:00:06',
    self: false,
    master: true,
    bridge: 4,
    state: 'stale',
    flags: [],
    used: 10,
    updated: 10,
  };
  expect(toFdbSpec(entry)).toMatchObject({ mac: '02:00:00:00:00:06', master: true, state: 'dynamic' });
});

const dumps: [ListNeighborsOptions, number | undefined, number | undefined, string, string[]][] = [
  [{}, undefined, undefined, '000000000000000000000000', []],
  [{ proxy: true, family: 'inet' }, undefined, undefined, '020000000000000000000800', []],
  [{ states: ['stale'] }, 3, 4, '000000000000000000000000', ['8: 03000000', '9: 04000000']],
];
test.each(dumps)('listing %j asks the kernel for no more', (options, link, master, header, attributes) => {
  expect(parts(encode(listNeighborsRequest(netns, options, link, master)))).toEqual({ type: 30, header, attributes });
});

test('listing the entries of a port of a bridge asks for no more', () => {
  expect(parts(encode(listFdbEntriesRequest(netns, 2, 4)))).toEqual({
    type: 30,
    header: '070000000200000000000000',
    attributes: ['9: 04000000'],
  });
});
