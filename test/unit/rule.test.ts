import { constants } from 'node:os';
import { expect, test } from 'vitest';
import { NetlinkError } from '../../lib/errors.js';
import { ByteReader, ByteWriter } from '../../lib/netlink/bytes.js';
import { writeMessage } from '../../lib/netlink/message.js';
import type { Netns } from '../../lib/netns/netns.js';
import { addRule, deleteRule } from '../../lib/rtnetlink/rule/calls.js';
import { decodeRule } from '../../lib/rtnetlink/rule/rule.js';
import { type RuleSpec, ruleRequest } from '../../lib/rtnetlink/rule/spec.js';
import { RTM } from '../../lib/rtnetlink/types.js';
import { recorder } from './vectors/recorder.ts';
import { encode, hex, parts } from './wire.ts';

const ADD = RTM.NEWRULE;
const DELETE = RTM.DELRULE;

// What iproute2 6.1 sends for the command: fib_rule_hdr, then the attributes in no order.
const commands: [string, typeof ADD | typeof DELETE, RuleSpec, header: string, attributes: string[]][] = [
  [
    'ip rule add blackhole from 1.2.3.4 pref 7',
    ADD,
    { action: 'blackhole', from: '1.2.3.4', priority: 7 },
    '020020000000000600000000',
    ['2: 01020304', '6: 07000000'],
  ],
  [
    'ip rule add goto 100 pref 8',
    ADD,
    { goto: 100, priority: 8 },
    '020000000000000200000000',
    ['4: 64000000', '6: 08000000'],
  ],
  ['ip rule add nop pref 11', ADD, { action: 'nop', priority: 11 }, '020000000000000300000000', ['6: 0b000000']],
  [
    'ip rule add l3mdev pref 12',
    ADD,
    { l3mdev: true, priority: 12 },
    '020000000000000100000000',
    ['19: 01', '6: 0c000000'],
  ],
  [
    'ip rule add tun_id 5 pref 13 table 70 tos 0x10 realms 1/2 uidrange 1-5',
    ADD,
    { tunId: 5n, priority: 13, table: 70, tos: 0x10, realm: 0x10002, uidRange: [1, 5] },
    '020000104600000100000000',
    ['11: 02000100', '12: 0000000000000005', '20: 0100000005000000', '6: 0d000000'],
  ],
  [
    'ip rule add pref 20 suppress_ifgroup 3 table main protocol 5 dsfield 4',
    ADD,
    { priority: 20, suppressIfGroup: 3, table: 'main', protocol: 5, tos: 4 },
    '02000004fe00000100000000',
    ['13: 03000000', '21: 05', '6: 14000000'],
  ],
  ['ip rule add pref 96', ADD, { priority: 96 }, '02000000fe00000100000000', ['6: 60000000']],
  [
    'ip rule add from 10.0.0.1/24 to 10.9.0.0/16 pref 95',
    ADD,
    { from: '10.0.0.1/24', to: '10.9.0.0/16', priority: 95 },
    '02101800fe00000100000000',
    ['1: 0a090000', '2: 0a000001', '6: 5f000000'],
  ],
  [
    'ip rule add fwmark 0/0xff table 70000',
    ADD,
    { fwmark: 0, fwmask: 0xff, table: 70000 },
    '020000000000000100000000',
    ['10: 00000000', '15: 70110100', '16: ff000000'],
  ],
  [
    'ip -6 rule add from 2001:db8::1 prohibit pref 90',
    ADD,
    { from: '2001:db8::1', action: 'prohibit', priority: 90 },
    '0a0080000000000800000000',
    ['2: 20010db8000000000000000000000001', '6: 5a000000'],
  ],
  ['ip rule del table 70', DELETE, { table: 70 }, '020000004600000000000000', []],
  [
    'ip rule del blackhole pref 7',
    DELETE,
    { action: 'blackhole', priority: 7 },
    '020000000000000600000000',
    ['6: 07000000'],
  ],
  ['ip rule del goto 100', DELETE, { goto: 100 }, '020000000000000200000000', ['4: 64000000']],
  ['ip rule del pref 11', DELETE, { priority: 11 }, '020000000000000000000000', ['6: 0b000000']],
  ['ip -6 rule del pref 11', DELETE, { priority: 11, family: 'inet6' }, '0a0000000000000000000000', ['6: 0b000000']],
];
test.each(commands)('%s', (_, type, spec, header, attributes) => {
  expect(parts(encode(ruleRequest(type, 0, spec)))).toEqual({ type, header, attributes });
});

const netns = {} as Netns;
const decode = (message: Uint8Array, from = 0) => decodeRule(netns, new ByteReader(message), from, message.length);

test('a rule is told as plain data', () => {
  // What a 6.18 kernel tells of `ip rule add not from 10.0.0.0/8 fwmark 5 iif va sport 80 lookup main pref 9`.
  const message = hex(
    '020008 00fe0000010a000000 08000f00fe000000 08000e00ffffffff 08000300 76610000 0500150000000000 0800060009000000 ' +
      '08000a0005000000 08001000ffffffff 080017 0050005000 06001c00ffff0000 080002000a000000',
  );
  expect(decode(message)).toStrictEqual({
    netns,
    family: 'inet',
    priority: 9,
    action: 'lookup',
    table: 'main',
    protocol: 'unspec',
    flags: ['iif-detached'],
    invert: true,
    from: '10.0.0.0/8',
    iif: 'va',
    fwmark: 5,
    fwmask: 0xffffffff,
    sourcePort: 80,
  });
});

const told: [string, string, object][] = [
  [
    'a jump to nowhere',
    '020000000000000204000000 0800040064000000',
    { action: 'goto', goto: 100, flags: ['unresolved'] },
  ],
  [
    'the table of a VRF',
    '0a0000000000000100000000 0500130001000000',
    { action: 'lookup', l3mdev: true, family: 'inet6' },
  ],
  ['a black hole, whose table is no table', '02000000fe00000600000000 08000f00fe000000', { action: 'blackhole' }],
  ['the first rule, whose priority is not told', '02000000ff00000100000000', { priority: 0, table: 'local' }],
  ['a mark of 0', '02000000fe00000100000000 08001000ff000000', { fwmark: 0, fwmask: 0xff }],
  ['an action of a newer kernel', '020000000000000900000000', { action: 9 }],
];
test.each(told)('%s is told', (_, bytes, expected) => {
  const rule = decode(hex(bytes));
  expect(rule).toMatchObject(expected);
  if (!('table' in expected) && 'action' in expected) expect(rule).not.toHaveProperty('table');
  expect(Object.isFrozen(rule)).toBe(true);
});

const whole: RuleSpec[] = [
  {
    family: 'inet',
    priority: 77,
    from: '10.1.0.0/16',
    to: '10.2.0.1/32',
    iif: 'a',
    oif: 'b',
    fwmark: 7,
    fwmask: 0xf0000007,
    tos: 0x20,
    ipProtocol: 'udp',
    sourcePort: [1, 65534],
    destinationPort: 53,
    uidRange: [0, 0xfffffffe],
    tunId: 0xffffffffffffffffn,
    realm: 0x10002,
    protocol: 'static',
    invert: true,
    table: 0xffffffff,
    action: 'lookup',
    suppressPrefixLength: 24,
    suppressIfGroup: 4,
  },
  {
    family: 'inet6',
    priority: 0xffffffff,
    dscp: 0,
    dscpMask: 0x3f,
    flowLabel: 0xabcde,
    flowLabelMask: 0xfffff,
    sourcePort: 0x1200,
    sourcePortMask: 0xff00,
    destinationPort: 0x3400,
    destinationPortMask: 0xff00,
    ipProtocol: 200,
    protocol: 201,
    l3mdev: true,
    action: 'lookup',
  },
];
test.each(whole)('what is said is told', (spec) => {
  expect(decode(encode(ruleRequest(ADD, 0, spec)), 16)).toEqual({ netns, flags: [], ...spec });
});

const refused: [object, string, string][] = [
  [{ table: 1000, goto: 100 }, 'ERR_INVALID_ARG_VALUE', 'goto 100 stands beside another outcome'],
  [{ l3mdev: true, table: 1000 }, 'ERR_INVALID_ARG_VALUE', 'table 1000 stands beside l3mdev'],
  [{ l3mdev: true, goto: 9 }, 'ERR_INVALID_ARG_VALUE', 'goto 9 stands beside'],
  [{ l3mdev: false }, 'ERR_INVALID_ARG_TYPE', 'l3mdev must be true'],
  [{ action: 'goto' }, 'ERR_INVALID_ARG_VALUE', 'action "goto" needs'],
  [{ action: 'blackhole', table: 5 }, 'ERR_INVALID_ARG_VALUE', 'action "blackhole" stands beside a lookup'],
  [{ action: 'nop', goto: 5 }, 'ERR_INVALID_ARG_VALUE', 'goto 5 stands beside'],
  [{ action: 'drop' }, 'ERR_INVALID_ARG_VALUE', 'action "drop" is none of lookup, goto, nop'],
  [{ goto: 100, priority: 100 }, 'ERR_INVALID_ARG_VALUE', "goto 100 is not behind the rule's own priority, 100"],
  [{ from: '10.0.0.0/33' }, 'ERR_OUT_OF_RANGE', '10.0.0.0/33'],
  [{ from: 'all' }, 'ERR_INVALID_ARG_VALUE', 'from "all"'],
  [{ from: '10.0.0.0/8', to: '2001:db8::/32' }, 'ERR_INVALID_ARG_VALUE', 'to "2001:db8::/32" is of another family'],
  [{ from: '10.0.0.0/8', family: 'inet6' }, 'ERR_INVALID_ARG_VALUE', 'family "inet6" is not the family of 10.0.0.0/8'],
  [{ to: 7 }, 'ERR_INVALID_ARG_TYPE', 'to must be'],
  [{ iif: 3 }, 'ERR_INVALID_ARG_TYPE', 'iif must be a Link or a name'],
  [{ iif: '' }, 'ERR_INVALID_ARG_VALUE', 'iif "" is no name'],
  [{ oif: 'a-name-of-16-byte' }, 'ERR_INVALID_ARG_VALUE', 'oif "a-name-of-16-byte" is 17 bytes'],
  [{ tos: 256 }, 'ERR_OUT_OF_RANGE', 'tos 256'],
  [{ priority: -1 }, 'ERR_OUT_OF_RANGE', 'priority -1'],
  [{ table: 'blue' }, 'ERR_INVALID_ARG_VALUE', 'table "blue"'],
  [{ ipProtocol: 'quic' }, 'ERR_INVALID_ARG_VALUE', 'ipProtocol "quic" is none of icmp'],
  [{ sourcePort: 0 }, 'ERR_OUT_OF_RANGE', 'sourcePort 0'],
  [{ destinationPort: [5, 65535] }, 'ERR_OUT_OF_RANGE', 'destinationPort 65535'],
  [{ sourcePort: [5, 4] }, 'ERR_OUT_OF_RANGE', 'sourcePort'],
  [{ sourcePort: '5-6' }, 'ERR_INVALID_ARG_TYPE', 'sourcePort must be a number, or [first, last]'],
  [{ uidRange: [1, 0xffffffff] }, 'ERR_OUT_OF_RANGE', 'uidRange 4294967295'],
  [{ tunId: 5 }, 'ERR_INVALID_ARG_TYPE', 'tunId must be a bigint'],
  [{ invert: 1 }, 'ERR_INVALID_ARG_TYPE', 'invert must be true or false'],
  [{ prio: 5 }, 'ERR_INVALID_ARG_VALUE', 'prio 5 is no option of a rule'],
];
test.each(refused)('%j is refused, and nothing is sent', (spec, code, message) => {
  const { netns, sent } = recorder();
  expect(() => addRule.sync(spec as RuleSpec, { netns })).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(message) }),
  );
  expect(sent).toEqual([]);
});

test.each([
  {},
  { family: 'inet' },
  { invert: true, flags: [] },
  { table: undefined },
  // What the kernel takes for not said.
  { from: '0.0.0.0/0' },
  { to: '::/0' },
  { fwmark: 0, tos: 0, protocol: 'unspec', table: 0 },
])('%j would delete the first rule there is, and is refused', (spec) => {
  const { netns, sent } = recorder();
  expect(() => deleteRule.sync({ ...spec, netns } as RuleSpec)).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE', message: expect.stringContaining('says nothing') }),
  );
  expect(sent).toEqual([]);
});

test.each([null, undefined, 7, 'from 10.0.0.0/8'])('%j is no rule', (nothing) => {
  for (const call of [addRule, deleteRule]) {
    expect(() => call.sync(nothing as unknown as RuleSpec)).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_ARG_TYPE',
        message: expect.stringContaining(`${call.name}: rule must be an object`),
      }),
    );
  }
});

test('a kernel that would pass over what a rule says is not told the rule', () => {
  const sent: number[] = [];
  const old = new NetlinkError({ errno: -constants.errno.ENOENT, syscall: 'RTM_DELRULE' });
  const { netns } = recorder();
  const exchange = (requests: readonly { type: number }[]) =>
    requests.map(({ type }) => {
      sent.push(type);
      return { values: [], error: old, interrupted: false };
    });
  Object.defineProperty(netns, 'sockets', { value: { label: 'old', exchange } });
  expect(() => addRule.sync({ flowLabel: 5, family: 'inet6', table: 100 }, { netns })).toThrow(
    expect.objectContaining({ code: 'EOPNOTSUPP', attribute: 'FRA_FLOWLABEL', netns: 'old' }),
  );
  expect(sent).toEqual([DELETE]);
});

const named: [RuleSpec, string][] = [
  [{ from: '10.1.0.0/16', table: 1000, priority: 100 }, '100: from 10.1.0.0/16 lookup 1000'],
  [
    { invert: true, iif: 'a', oif: 'b', to: '10.0.0.1', fwmark: 5, goto: 7 },
    'not from all to 10.0.0.1 iif a oif b fwmark 5 goto 7',
  ],
  [{ l3mdev: true, priority: 0 }, '0: from all lookup l3mdev'],
  [{ action: 'unreachable' }, 'from all unreachable'],
];
test.each(named)('errors call %j by its words', (spec, entry) => {
  const request = ruleRequest(ADD, 0, spec);
  writeMessage(new ByteWriter(), request, 0);
  expect(request.context).toMatchObject({ entry });
});
