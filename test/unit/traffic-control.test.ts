/** What is wrong with qdiscs, classes, filters and limits is said before anything reaches the kernel; and their units. */
import { describe, expect, test } from 'vitest';
import { ByteReader } from '../../lib/netlink/bytes.js';
import { NLMSG_HEADER } from '../../lib/netlink/message.js';
import { getBandwidthLimit, limitBandwidth, removeBandwidthLimit } from '../../lib/rtnetlink/tc/bandwidth/calls.js';
import { addClass, deleteClass } from '../../lib/rtnetlink/tc/class-calls.js';
import { addFilter, deleteFilter } from '../../lib/rtnetlink/tc/filter-calls.js';
import { filterParent, filterParentText, handleText, qdiscParent } from '../../lib/rtnetlink/tc/handle.js';
import { decodeQdisc } from '../../lib/rtnetlink/tc/qdisc.js';
import { addQdisc, deleteQdisc, replaceQdisc } from '../../lib/rtnetlink/tc/qdisc-calls.js';
import { tbf } from '../../lib/rtnetlink/tc/qdiscs/tbf.js';
import { recorder } from './vectors/recorder.js';

const { netns, sent } = recorder();
const o = { netns };
// What types forbid is checked as well: JavaScript has none.
const anyhow = (value: unknown): never => value as never;

function wrong(what: () => unknown): string {
  try {
    what();
  } catch (error) {
    const { message, code } = error as Error & { code?: string };
    return `${code} ${message}`;
  }
  return 'was taken';
}

const TBF = { kind: 'tbf', rate: 1e6, burst: 5000, latency: 25 } as const;
const HTB = { kind: 'htb', handle: '1:10', rate: 1e6 } as const;
const U32 = { kind: 'u32', parent: 'ingress' } as const;

test.each<[string, () => unknown, string]>([
  [
    'a kind that there is none of',
    () => addQdisc.sync('d0', anyhow({ kind: 'leaky' }), o),
    'ERR_INVALID_ARG_VALUE addQdisc: kind "leaky" is none of bfifo, clsact, fq, fq_codel, htb, ingress, netem, noqueue, pfifo, prio, tbf',
  ],
  [
    'no qdisc',
    () => addQdisc.sync('d0', anyhow(undefined), o),
    'ERR_INVALID_ARG_TYPE addQdisc: qdisc must be an object',
  ],
  [
    'a misspelt option',
    () => replaceQdisc.sync('d0', anyhow({ ...TBF, rat: 1 }), o),
    'ERR_INVALID_ARG_VALUE replaceQdisc: rat 1 is no option of a tbf qdisc (kind, parent, handle, rate, burst, latency, limit, peakRate, mtu are)',
  ],
  [
    'a rate of text',
    () => addQdisc.sync('d0', anyhow({ ...TBF, rate: '1mbit' }), o),
    'ERR_INVALID_ARG_TYPE addQdisc: rate must be a number of bits per second; received "1mbit"',
  ],
  [
    'a rate of less than a byte',
    () => addQdisc.sync('d0', { ...TBF, rate: 7 }, o),
    'ERR_OUT_OF_RANGE addQdisc: rate 7 is out of range (8 to',
  ],
  [
    'half a byte of burst',
    () => addQdisc.sync('d0', { ...TBF, burst: 0.5 }, o),
    'ERR_OUT_OF_RANGE addQdisc: burst 0.5 is out of range (1 to 4294967295 bytes)',
  ],
  [
    'neither latency nor limit',
    () => addQdisc.sync('d0', anyhow({ ...TBF, latency: undefined }), o),
    'ERR_INVALID_ARG_TYPE addQdisc: latency must be a number of milliseconds, where there is no `limit`',
  ],
  [
    'both latency and limit',
    () => addQdisc.sync('d0', anyhow({ ...TBF, limit: 1 }), o),
    'ERR_INVALID_ARG_VALUE addQdisc: latency 25 and `limit` say the same',
  ],
  [
    'more than a tbf can hold back',
    () => addQdisc.sync('d0', { ...TBF, rate: 1e12, latency: 1000 }, o),
    'ERR_OUT_OF_RANGE addQdisc: latency 1000 is out of range (at that rate, 0 to 34)',
  ],
  [
    'a peak below the rate',
    () => addQdisc.sync('d0', { ...TBF, peakRate: 1e6, mtu: 1600 }, o),
    'ERR_INVALID_ARG_VALUE addQdisc: peakRate 1000000 must be more than `rate`',
  ],
  [
    'a handle in other words',
    () => addQdisc.sync('d0', anyhow({ ...TBF, handle: 'one' }), o),
    'ERR_INVALID_ARG_VALUE addQdisc: handle "one" is no handle like \'1:\' (hexadecimal, up to ffff)',
  ],
  [
    'the handle of a class',
    () => addQdisc.sync('d0', { ...TBF, handle: '1:1' }, o),
    'ERR_INVALID_ARG_VALUE addQdisc: handle "1:1" is a class; a qdisc is \'1:\'',
  ],
  [
    'a queue for what is received',
    () => addQdisc.sync('d0', { ...TBF, parent: 'ingress' }, o),
    'ERR_INVALID_ARG_VALUE addQdisc: parent "ingress" is the place of ingress and clsact',
  ],
  [
    'an ingress qdisc at the root',
    () => addQdisc.sync('d0', anyhow({ kind: 'ingress', parent: 'root' }), o),
    'ERR_INVALID_ARG_VALUE addQdisc: parent "root" can only be \'ingress\' here',
  ],
  [
    'a priomap that is too short',
    () => addQdisc.sync('d0', { kind: 'prio', priomap: [0] }, o),
    'ERR_INVALID_ARG_VALUE addQdisc: priomap an array of 1 has no band for each of the 16 priorities',
  ],
  [
    'loss in percent',
    () => addQdisc.sync('d0', { kind: 'netem', loss: 5 }, o),
    'ERR_OUT_OF_RANGE addQdisc: loss 5 is out of range (0 to 1)',
  ],
  [
    'jitter of no delay',
    () => addQdisc.sync('d0', { kind: 'netem', jitter: 5 }, o),
    'ERR_INVALID_ARG_VALUE addQdisc: jitter 5 goes with `delay` only',
  ],
  [
    'a correlation of nothing',
    () => addQdisc.sync('d0', { kind: 'netem', lossCorrelation: 0.5 }, o),
    'ERR_INVALID_ARG_VALUE addQdisc: lossCorrelation 0.5 goes with `loss` only',
  ],
  ...(['delay', 'loss', 'duplicate', 'reorder', 'corrupt'] as const).map((of): [string, () => unknown, string] => [
    `a correlation of ${of} that is no number`,
    () => addQdisc.sync('d0', anyhow({ kind: 'netem', delay: 5, [of]: 0.5, [`${of}Correlation`]: Number.NaN }), o),
    `ERR_OUT_OF_RANGE addQdisc: ${of}Correlation NaN is out of range (0 to 1)`,
  ]),
  [
    'a reordering that is no number, of a delay that is none',
    () => addQdisc.sync('d0', { kind: 'netem', delay: Number.NaN, reorder: 0.5 }, o),
    'ERR_OUT_OF_RANGE addQdisc: delay NaN is out of range (0 to',
  ],
  [
    'a delay without end',
    () => addQdisc.sync('d0', { kind: 'netem', delay: Number.POSITIVE_INFINITY }, o),
    'ERR_OUT_OF_RANGE addQdisc: delay Infinity is out of range (0 to',
  ],
  [
    'a rate without end, of a bucket',
    () => addQdisc.sync('d0', { ...TBF, rate: Number.POSITIVE_INFINITY }, o),
    'ERR_OUT_OF_RANGE addQdisc: rate Infinity is out of range (8 to',
  ],
  [
    'more than fq can hold a flow to',
    () => addQdisc.sync('d0', { kind: 'fq', maxRate: 40e9 }, o),
    'ERR_OUT_OF_RANGE addQdisc: maxRate 40000000000 is out of range (8 to 34359738359 bits per second, or Infinity for no limit)',
  ],
  [
    'a rate of a flow that is no number',
    () => addQdisc.sync('d0', { kind: 'fq', maxRate: Number.NaN }, o),
    'ERR_OUT_OF_RANGE addQdisc: maxRate NaN is out of range (8 to',
  ],
  [
    'a number of packets below 0',
    () => addQdisc.sync('d0', { kind: 'pfifo', limit: -1 }, o),
    'ERR_OUT_OF_RANGE addQdisc: limit -1 is out of range',
  ],
  [
    'which qdisc to remove, not told',
    () => deleteQdisc.sync('d0', anyhow({}), o),
    "ERR_INVALID_ARG_TYPE deleteQdisc: parent must be the qdisc's place, where there is no `handle`",
  ],

  [
    'a class of a qdisc that has none',
    () => addClass.sync('d0', anyhow({ ...HTB, kind: 'tbf' }), o),
    'ERR_INVALID_ARG_VALUE addClass: kind "tbf" is no kind with classes (htb)',
  ],
  [
    'a class without a minor number',
    () => addClass.sync('d0', { ...HTB, handle: '1:' }, o),
    'ERR_INVALID_ARG_VALUE addClass: handle "1:" is a qdisc; a class is \'1:10\'',
  ],
  [
    'a ceiling below the rate',
    () => addClass.sync('d0', { ...HTB, ceil: 1000 }, o),
    'ERR_INVALID_ARG_VALUE addClass: ceil 1000 is less than `rate`',
  ],
  [
    'which class to remove, not told',
    () => deleteClass.sync('d0', anyhow({}), o),
    "ERR_INVALID_ARG_TYPE deleteClass: handle must be a handle like '1:10'; received undefined",
  ],

  [
    'bits behind a prefix',
    () => addFilter.sync('d0', { ...U32, source: '10.0.0.1/8' }, o),
    'ERR_INVALID_ARG_VALUE addFilter: source "10.0.0.1/8" has bits behind its prefix length',
  ],
  [
    'addresses of two families',
    () => addFilter.sync('d0', { ...U32, source: '10.0.0.0/8', destination: '2001:db8::/32' }, o),
    'ERR_INVALID_ARG_VALUE addFilter: destination "2001:db8::/32" is of another family than `source`',
  ],
  [
    'an address in packets of another protocol',
    () => addFilter.sync('d0', { ...U32, protocol: 'ipv6', source: '10.0.0.0/8' }, o),
    'ERR_INVALID_ARG_VALUE addFilter: protocol "ipv6" is not that of the addresses (ip)',
  ],
  [
    'a word that is not aligned',
    () => addFilter.sync('d0', { ...U32, keys: [{ offset: 2, value: 0, mask: 0 }] }, o),
    'ERR_INVALID_ARG_VALUE addFilter: keys[0].offset 2 is no multiple of 4',
  ],
  [
    'bits behind a mask',
    () => addFilter.sync('d0', { ...U32, keys: [{ offset: 0, value: 3, mask: 1 }] }, o),
    'ERR_INVALID_ARG_VALUE addFilter: keys[0].value 3 has bits that its mask has not',
  ],
  [
    'an action that there is none of',
    () => addFilter.sync('d0', { ...U32, actions: [anyhow({ kind: 'explode' })] }, o),
    'ERR_INVALID_ARG_VALUE addFilter: actions[0].kind "explode" is none of gact, mirred, police, skbedit, vlan',
  ],
  [
    'a misspelt option of an action',
    () => addFilter.sync('d0', { ...U32, actions: [anyhow({ kind: 'gact', controll: 'drop' })] }, o),
    'ERR_INVALID_ARG_VALUE addFilter: actions[0].controll "drop" is no option of a gact action (kind, control are)',
  ],
  [
    'a control that there is none of',
    () => addFilter.sync('d0', { ...U32, actions: [anyhow({ kind: 'gact', control: 'burn' })] }, o),
    'ERR_INVALID_ARG_VALUE addFilter: actions[0].control "burn" is none of continue, pass,',
  ],
  [
    'a tag without its number',
    () => addFilter.sync('d0', { ...U32, actions: [anyhow({ kind: 'vlan', action: 'push' })] }, o),
    'ERR_INVALID_ARG_TYPE addFilter: actions[0].vlanId must be a number; received undefined',
  ],
  [
    'a number of a tag that is reserved',
    () => addFilter.sync('d0', { ...U32, actions: [{ kind: 'vlan', action: 'push', vlanId: 4095 }] }, o),
    'ERR_OUT_OF_RANGE addFilter: actions[0].vlanId 4095 is out of range (an integer, 0 to 4094)',
  ],
  [
    'a number of a tag that is taken off',
    () => addFilter.sync('d0', { ...U32, actions: [anyhow({ kind: 'vlan', action: 'pop', vlanId: 1 })] }, o),
    'ERR_INVALID_ARG_VALUE addFilter: actions[0].vlanId 1 goes with push, modify only',
  ],
  [
    'nothing to edit',
    () => addFilter.sync('d0', { ...U32, actions: [{ kind: 'skbedit' }] }, o),
    'ERR_INVALID_ARG_TYPE addFilter: actions[0].mark must be a number, where no queueMapping',
  ],
  [
    'the mask of no mark',
    () => addFilter.sync('d0', { ...U32, actions: [{ kind: 'skbedit', markMask: 1, priority: 1 }] }, o),
    'ERR_INVALID_ARG_VALUE addFilter: actions[0].markMask 1 goes with `mark` only',
  ],
  [
    'a redirection to nowhere',
    () => addFilter.sync('d0', { ...U32, actions: [anyhow({ kind: 'mirred', action: 'redirect' })] }, o),
    'ERR_INVALID_ARG_TYPE addFilter: actions[0].to must be a Link, an index or a name; received undefined',
  ],
  [
    'a port of no protocol',
    () => addFilter.sync('d0', anyhow({ kind: 'flower', parent: 'ingress', sourcePort: 53 }), o),
    'ERR_INVALID_ARG_VALUE addFilter: sourcePort 53 goes with `ipProtocol` tcp, udp, sctp only',
  ],
  [
    'a protocol above IP in packets of any kind, where the kernel would match all of them',
    () => addFilter.sync('d0', { kind: 'flower', parent: 'ingress', ipProtocol: 'tcp', destinationPort: 80 }, o),
    'ERR_INVALID_ARG_VALUE addFilter: ipProtocol "tcp" goes with `protocol` ip, ipv6 only',
  ],
  [
    'a VLAN in packets that have none, where the kernel would match all of them',
    () => addFilter.sync('d0', { kind: 'flower', parent: 'ingress', vlanId: 100 }, o),
    'ERR_INVALID_ARG_VALUE addFilter: vlanId 100 goes with `protocol` 802.1q, 802.1ad only',
  ],
  [
    'a VLAN priority in IP packets',
    () => addFilter.sync('d0', { kind: 'flower', parent: 'ingress', source: '10.0.0.1', vlanPriority: 1 }, o),
    'ERR_INVALID_ARG_VALUE addFilter: vlanPriority 1 goes with `protocol` 802.1q, 802.1ad only',
  ],
  [
    'priority 0',
    () => addFilter.sync('d0', { ...U32, priority: 0 }, o),
    'ERR_OUT_OF_RANGE addFilter: priority 0 is out of range (1 to 65535)',
  ],
  [
    'which filters to remove, not told',
    () => deleteFilter.sync('d0', anyhow({}), o),
    'ERR_INVALID_ARG_TYPE deleteFilter: filter must be an object like',
  ],
  [
    'a handle without its priority',
    () => deleteFilter.sync('d0', { parent: 'ingress', handle: 1 }, o),
    'ERR_INVALID_ARG_VALUE deleteFilter: handle 1 goes with `priority` only, without which all filters of the place are meant',
  ],
  [
    'a protocol without its priority',
    () => deleteFilter.sync('d0', { parent: 'ingress', protocol: 'ip' }, { ...o, ifExists: true }),
    'ERR_INVALID_ARG_VALUE deleteFilter: protocol "ip" goes with `priority` only',
  ],
  [
    'a misspelt priority, where all of a place would go',
    () => deleteFilter.sync('d0', anyhow({ parent: 'ingress', prio: 1 }), o),
    'ERR_INVALID_ARG_VALUE deleteFilter: prio 1 goes with `priority` only',
  ],
  [
    'priority 0, which is all of a place to the kernel',
    () => deleteFilter.sync('d0', { parent: 'ingress', priority: 0 }, o),
    'ERR_OUT_OF_RANGE deleteFilter: priority 0 is out of range (1 to 65535)',
  ],

  [
    'no limits',
    () => limitBandwidth.sync('d0', anyhow(undefined), o),
    'ERR_INVALID_ARG_TYPE limitBandwidth: limits must be an object',
  ],
  [
    'limits that say nothing',
    () => limitBandwidth.sync('d0', { egress: undefined }, o),
    'ERR_INVALID_ARG_VALUE limitBandwidth: limits an object (Object) says nothing of egress, nor of ingress',
  ],
  [
    'a direction that there is none of',
    () => limitBandwidth.sync('d0', anyhow({ sideways: {} }), o),
    'ERR_INVALID_ARG_VALUE limitBandwidth: sideways an object (Object) is no option of a bandwidth limit',
  ],
  [
    'a limit without a burst',
    () => limitBandwidth.sync('d0', { egress: anyhow({ rate: 1e6 }) }, o),
    'ERR_INVALID_ARG_TYPE limitBandwidth: egress.burst must be a number of bytes; received undefined',
  ],
  [
    'a burst that is over before it is counted',
    () => limitBandwidth.sync('d0', { ingress: { rate: 80e9, burst: 1000 } }, o),
    'ERR_OUT_OF_RANGE limitBandwidth: ingress.burst 1000 is out of range (at that rate, 10000 bytes or more)',
  ],
  [
    'a latency that is too long',
    () => limitBandwidth.sync('d0', { egress: { rate: 80e9, burst: 1e6, latency: 1000 } }, o),
    'ERR_OUT_OF_RANGE limitBandwidth: egress.latency 1000 is out of range (at that rate and burst, 0 to 429 milliseconds)',
  ],
  [
    'an ifb whose name is too long',
    () => removeBandwidthLimit.sync('d0', { ...o, ifb: 'sixteen-bytes-xx' }),
    'ERR_INVALID_ARG_VALUE removeBandwidthLimit: options.ifb "sixteen-bytes-xx" is 16 bytes; the kernel allows 15',
  ],
  [
    'no link',
    () => getBandwidthLimit.sync(anyhow(undefined), o),
    'ERR_INVALID_ARG_TYPE getBandwidthLimit: link must be a Link, an index or a name',
  ],
])('%s', (_what, failing, message) => {
  const before = sent.filter((one) => one[4] !== GETLINK).length;
  expect(wrong(failing)).toContain(message);
  expect(sent.filter((one) => one[4] !== GETLINK)).toHaveLength(before);
});

const GETLINK = 18;

describe('handles', () => {
  test('are hexadecimal', () => {
    expect(qdiscParent('1:10')).toBe(0x10010);
    expect(qdiscParent('FFFF:')).toBe(0xffff0000);
    expect(handleText(0x10010)).toBe('1:10');
    expect(handleText(0xffff0000)).toBe('ffff:');
  });

  test('are places by other names', () => {
    expect(qdiscParent('root')).toBe(0xffffffff);
    expect(qdiscParent('ingress')).toBe(0xfffffff1);
    expect(filterParent('ingress')).toBe(0xfffffff2);
    expect(filterParentText(0xfffffff3)).toBe('egress');
  });
});

test('a tbf tells its burst, limit and latency', () => {
  const data = tbf.toData?.({ rate: 20e6, burst: 32_000, latency: 25 }, 0);
  expect(tbf.fromData?.(data as never)).toEqual({ rate: 20e6, burst: 32_000, limit: 94_500, latency: 25 });
});

test('a flow of fq without a limit is told as it was said', () => {
  addQdisc.sync('d0', { kind: 'fq', maxRate: Number.POSITIVE_INFINITY }, o);
  const message = sent.at(-1) as Uint8Array;
  const { data } = decodeQdisc(netns, new ByteReader(message), NLMSG_HEADER, message.length);
  expect(data).toEqual({ maxRate: Number.POSITIVE_INFINITY });
});
