/** netloom sends what `tc` sends for the same command: qdiscs, classes and filters. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Netns } from '../../../lib/netns/netns.js';
import type { Action } from '../../../lib/rtnetlink/tc/action-kind.js';
import { addClass, deleteClass, listClasses } from '../../../lib/rtnetlink/tc/class-calls.js';
import { addFilter, deleteFilter, listFilters, replaceFilter } from '../../../lib/rtnetlink/tc/filter-calls.js';
import { newQdiscRequest } from '../../../lib/rtnetlink/tc/qdisc.js';
import { addQdisc, deleteQdisc, replaceQdisc } from '../../../lib/rtnetlink/tc/qdisc-calls.js';
import { tbf } from '../../../lib/rtnetlink/tc/qdiscs/tbf.js';
import { bytesOf, type Message, parseMessage, type Tree, vectorNamed } from './captured.js';
import { recorder } from './recorder.js';

interface Captured {
  readonly name: string;
  readonly command: string;
  readonly hex: string;
}
const own = JSON.parse(readFileSync(new URL('../../vectors/tc.json', import.meta.url), 'utf8')) as Captured[];
const CAPTURED: ReadonlyMap<string, Captured> = new Map([
  ...own.map((one): [string, Captured] => [`tc/${one.name}`, one]),
  ...[
    'tc-class-htb',
    'tc-filter-show',
    'tc-filter-u32-redirect',
    'tc-qdisc-del',
    'tc-qdisc-fqcodel-child',
    'tc-qdisc-netem',
    'tc-qdisc-replace',
    'tc-qdisc-tbf',
  ].map((name): [string, Captured] => [name, vectorNamed(name)]),
]);

const d0 = 3;
const d1 = 5;
const v0 = 11;
const redirect = { kind: 'mirred', action: 'redirect', to: d0 } as const;

const matchall = (parent: 'ingress' | 'egress', action: Action) =>
  ({ kind: 'matchall', parent, priority: 1, actions: [action] }) as const;

const CALLS: Readonly<Record<string, (options: { netns: Netns }) => unknown>> = {
  'tc-qdisc-tbf': (o) => addQdisc.sync(d1, { kind: 'tbf', rate: 1e6, burst: 4096, latency: 400 }, o),
  'tc-qdisc-replace': (o) => replaceQdisc.sync(d1, { kind: 'pfifo', limit: 10 }, o),
  'tc-qdisc-del': (o) => deleteQdisc.sync(d0, { parent: 'root' }, o),
  'tc-qdisc-netem': (o) => addQdisc.sync(v0, { kind: 'netem', delay: 10, jitter: 2, loss: 0.01, duplicate: 0.005 }, o),
  'tc-qdisc-fqcodel-child': (o) =>
    addQdisc.sync(
      d0,
      { kind: 'fq_codel', parent: '1:10', handle: '10:', limit: 1000, target: 5, interval: 100, ecn: true },
      o,
    ),
  'tc-class-htb': (o) =>
    addClass.sync(d0, { kind: 'htb', parent: '1:', handle: '1:10', rate: 10e6, ceil: 20e6, burst: 15 * 1024 }, o),
  'tc-filter-u32-redirect': (o) => addFilter.sync(v0, { kind: 'u32', parent: 'ffff:', actions: [redirect] }, o),
  'tc-filter-show': (o) => listFilters.sync(d0, { parent: 'ingress', ...o }),

  'tc/tc-qdisc-htb': (o) => addQdisc.sync(d0, { kind: 'htb', handle: '1:', defaultClass: 0x10, rateToQuantum: 5 }, o),
  'tc/tc-class-htb-full': (o) =>
    addClass.sync(
      d0,
      {
        kind: 'htb',
        parent: '1:1',
        handle: '1:20',
        rate: 5e6,
        ceil: 10e6,
        burst: 20_000,
        cburst: 30_000,
        priority: 2,
        quantum: 3000,
      },
      o,
    ),
  'tc/tc-class-htb-wide': (o) =>
    addClass.sync(
      d0,
      { kind: 'htb', parent: '1:1', handle: '1:21', rate: 40e9, burst: 1_000_000, cburst: 1_000_000 },
      o,
    ),
  'tc/tc-class-del': (o) => deleteClass.sync(d0, { handle: '1:20' }, o),
  'tc/tc-class-dump': (o) => listClasses.sync(d0, o),
  'tc/tc-qdisc-tbf-peak': (o) =>
    addQdisc.sync(
      d1,
      { kind: 'tbf', handle: '2:', rate: 8e6, burst: 10_000, limit: 30_000, peakRate: 16e6, mtu: 1600 },
      o,
    ),
  'tc/tc-qdisc-tbf-wide': (o) => addQdisc.sync(d1, { kind: 'tbf', rate: 40e9, burst: 5 * 1024 * 1024, latency: 10 }, o),
  'tc/tc-qdisc-ingress': (o) => addQdisc.sync(d1, { kind: 'ingress' }, o),
  'tc/tc-qdisc-clsact': (o) => addQdisc.sync(d1, { kind: 'clsact' }, o),
  'tc/tc-qdisc-ingress-del': (o) => deleteQdisc.sync(d1, { parent: 'ingress', handle: 'ffff:' }, o),
  'tc/tc-qdisc-bfifo': (o) => addQdisc.sync(d1, { kind: 'bfifo', handle: '5:', limit: 30_000 }, o),
  'tc/tc-qdisc-pfifo': (o) => addQdisc.sync(d1, { kind: 'pfifo', parent: '1:10' }, o),
  'tc/tc-qdisc-noqueue': (o) => addQdisc.sync(d1, { kind: 'noqueue' }, o),
  'tc/tc-qdisc-prio': (o) => addQdisc.sync(d1, { kind: 'prio', handle: '1:' }, o),
  'tc/tc-qdisc-prio-map': (o) =>
    addQdisc.sync(
      d1,
      { kind: 'prio', handle: '1:', bands: 4, priomap: [3, 2, 2, 2, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1] },
      o,
    ),
  'tc/tc-qdisc-fqcodel-full': (o) =>
    replaceQdisc.sync(
      d1,
      {
        kind: 'fq_codel',
        limit: 2000,
        flows: 512,
        target: 4,
        interval: 80,
        quantum: 300,
        ecn: false,
        ceThreshold: 1,
        memoryLimit: 1_000_000,
        dropBatch: 32,
      },
      o,
    ),
  'tc/tc-qdisc-fq': (o) =>
    addQdisc.sync(
      d1,
      {
        kind: 'fq',
        limit: 1000,
        flowLimit: 50,
        quantum: 3000,
        initialQuantum: 15_000,
        maxRate: 10e6,
        buckets: 2048,
        refillDelay: 20,
        pacing: false,
      },
      o,
    ),
  'tc/tc-qdisc-netem-full': (o) =>
    addQdisc.sync(
      d1,
      {
        kind: 'netem',
        limit: 500,
        delay: 20,
        jitter: 5,
        delayCorrelation: 0.25,
        loss: 0.02,
        lossCorrelation: 0.1,
        duplicate: 0.01,
        duplicateCorrelation: 0.05,
        reorder: 0.25,
        reorderCorrelation: 0.5,
        gap: 5,
        corrupt: 0.001,
        corruptCorrelation: 0.03,
        rate: 8e6,
      },
      o,
    ),
  'tc/tc-qdisc-netem-rate': (o) => addQdisc.sync(d1, { kind: 'netem', rate: 40e9 }, o),
  // `tc qdisc change` changes and does not create; netloom has replaceQdisc only, which does both.
  'tc/tc-qdisc-change-tbf': ({ netns }) => {
    const options = tbf.toData?.({ rate: 1e6, burst: 5000, limit: 10_000 }, 0);
    const root = { parent: 0xffffffff, handle: 0x10000 };
    return netns.sockets.exchange([newQdiscRequest(0, 'tbf', root, options, d1, 'd1')]);
  },
  'tc/tc-qdisc-replace-tbf': (o) => replaceQdisc.sync(d1, { kind: 'tbf', rate: 1e6, burst: 5000, limit: 10_000 }, o),
  'tc/tc-filter-u32-match': (o) =>
    addFilter.sync(
      d0,
      {
        kind: 'u32',
        parent: '1:',
        priority: 3,
        source: '10.0.0.0/8',
        destination: '192.0.2.1',
        classId: '1:10',
      },
      o,
    ),
  'tc/tc-filter-u32-ipv6': (o) =>
    addFilter.sync(d0, { kind: 'u32', parent: '1:', priority: 4, destination: '2001:db8::/40', classId: '1:10' }, o),
  'tc/tc-filter-u32-drop': (o) =>
    addFilter.sync(
      d0,
      {
        kind: 'u32',
        parent: 'ingress',
        protocol: 'ip',
        priority: 5,
        keys: [{ offset: 8, value: 0x00110000, mask: 0x00ff0000 }],
        actions: [{ kind: 'gact', control: 'drop' }],
      },
      o,
    ),
  'tc/tc-filter-matchall-mirror': (o) =>
    addFilter.sync(
      d0,
      {
        kind: 'matchall',
        parent: 'egress',
        priority: 2,
        actions: [{ kind: 'mirred', action: 'mirror', to: d1 }],
      },
      o,
    ),
  'tc/tc-filter-matchall-chain': (o) =>
    replaceFilter.sync(
      d0,
      {
        kind: 'matchall',
        parent: 'ingress',
        priority: 9,
        chain: 3,
        handle: 7,
        actions: [{ kind: 'mirred', action: 'redirect', direction: 'ingress', to: d1 }],
      },
      o,
    ),
  'tc/tc-filter-flower': (o) =>
    addFilter.sync(
      d0,
      {
        kind: 'flower',
        parent: 'ingress',
        priority: 1,
        source: '10.0.0.0/8',
        destination: '192.0.2.1',
        ipProtocol: 'tcp',
        destinationPort: 80,
        sourceMac: '02:00:00:00:00:01',
        actions: [{ kind: 'gact', control: 'pass' }],
      },
      o,
    ),
  'tc/tc-filter-flower-v6': (o) =>
    addFilter.sync(
      d0,
      {
        kind: 'flower',
        parent: 'ingress',
        priority: 1,
        handle: 5,
        classId: '1:10',
        destination: '2001:db8::/32',
        ipProtocol: 'udp',
        sourcePort: 53,
        actions: [{ kind: 'gact', control: 'drop' }],
      },
      o,
    ),
  'tc/tc-filter-flower-vlan': (o) =>
    addFilter.sync(
      d0,
      {
        kind: 'flower',
        parent: 'ingress',
        protocol: '802.1q',
        priority: 1,
        vlanId: 100,
        vlanPriority: 3,
        actions: [{ kind: 'gact', control: 'pipe' }],
      },
      o,
    ),
  'tc/tc-filter-police': (o) =>
    addFilter.sync(
      d0,
      {
        kind: 'matchall',
        parent: 'ingress',
        priority: 1,
        actions: [{ kind: 'police', rate: 1e6, burst: 10_000, exceed: 'drop' }],
      },
      o,
    ),
  'tc/tc-filter-vlan-push': (o) =>
    addFilter.sync(
      d0,
      matchall('ingress', { kind: 'vlan', action: 'push', vlanId: 100, vlanPriority: 3, protocol: '802.1ad' }),
      o,
    ),
  'tc/tc-filter-vlan-modify': (o) =>
    addFilter.sync(d0, matchall('ingress', { kind: 'vlan', action: 'modify', vlanId: 7, control: 'pass' }), o),
  'tc/tc-filter-vlan-pop': (o) => addFilter.sync(d0, matchall('ingress', { kind: 'vlan', action: 'pop' }), o),
  'tc/tc-filter-skbedit': (o) =>
    addFilter.sync(
      d0,
      matchall('egress', {
        kind: 'skbedit',
        queueMapping: 1,
        priority: 0x10020,
        mark: 5,
        markMask: 15,
        packetType: 'host',
        control: 'continue',
      }),
      o,
    ),
  'tc/tc-filter-del': (o) =>
    deleteFilter.sync(d0, { kind: 'u32', parent: 'ingress', protocol: 'ip', priority: 5, handle: 0x80000800 }, o),
  'tc/tc-filter-del-prio': (o) => deleteFilter.sync(d0, { parent: 'ingress', priority: 5 }, o),
  'tc/tc-filter-del-all': (o) => deleteFilter.sync(d0, { parent: 'ingress' }, o),
};

type Attributes = Message['attributes'];
const OPTIONS = '2';

/** Without these attributes of TCA_OPTIONS. */
function withoutOptions({ attributes, ...message }: Message, numbers: readonly string[]): Message {
  const [options] = attributes[OPTIONS] ?? [];
  if (typeof options !== 'object') return { ...message, attributes };
  const kept = Object.fromEntries(Object.entries(options.attributes).filter(([number]) => !numbers.includes(number)));
  return { ...message, attributes: { ...attributes, [OPTIONS]: [{ ...options, attributes: kept }] } };
}

/** Where `tc` says what it need not say, by the kind that it says it of. */
const HABITS: Readonly<Record<string, (message: Message) => Message>> = {
  // The kernel computes from the rate itself, and looks at no table, where the link layer is told
  // (tbf_change() and htb_change_class() in net/sched).
  tbf: (message) => withoutOptions(message, ['2', '3']),
  htb: (message) => withoutOptions(message, ['3', '4']),
  // An empty nest behind the struct, for a kind that is gone.
  prio: (message) => withoutOptions(message, ['2']),
  // TCA_FLOWER_FLAGS, with no flag set.
  flower: (message) => withoutOptions(message, ['22']),
};

const kindOf = ({ attributes }: Message): string =>
  Buffer.from(String(attributes['1']?.[0] ?? ''), 'hex')
    .toString()
    .replace('\0', '');

const DELQDISC = 37;

function withoutHabits(message: Message): Message {
  const kind = kindOf(message);
  const { 1: _kind, ...others }: Record<string, Tree[]> = { ...message.attributes };
  // What is removed at the place of an ingress qdisc can be nothing else: its kind need not be said.
  if (message.type === DELQDISC) return { ...message, attributes: others as Attributes };
  return HABITS[kind]?.(message) ?? message;
}

/** tc counts the buffer of a tbf above 32 bits by the rate that is left in 32; the kernel goes by TCA_TBF_BURST. */
const BUFFER = { name: 'tc/tc-qdisc-tbf-wide', tc: '764a0000', netloom: '00400000' };

test.each([...CAPTURED].map(([name, { command, hex }]) => ({ name, command, hex })))(
  '$name: $command',
  ({ name, hex }) => {
    const bytes = name === BUFFER.name ? hex.replace(BUFFER.tc, BUFFER.netloom) : hex;
    const { netns, sent } = recorder();
    CALLS[name]?.({ netns });
    expect(sent.map(parseMessage)).toEqual([withoutHabits(parseMessage(bytesOf(bytes)))]);
  },
);

test('every captured command has its call', () => {
  expect(Object.keys(CALLS).sort()).toEqual([...CAPTURED.keys()].sort());
});
