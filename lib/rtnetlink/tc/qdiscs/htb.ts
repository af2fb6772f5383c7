/**
 * htb: classes that share a link, each with a rate of its own and what others leave (TCA_HTB_*,
 * linux/pkt_sched.h; net/sched/sch_htb.c, tc-htb(8)).
 */
import { invalidValue } from '../../../errors.js';
import { attributes, type Decoded } from '../../../netlink/attributes.js';
import { bytes, checkInteger, flag, u32, u64 } from '../../../netlink/codec.js';
import { struct } from '../../../netlink/struct.js';
import { fieldsOf } from '../../fields.js';
import { flat } from '../attributes.js';
import { defineQdisc } from '../qdisc-kind.js';
import { bitsOf, bytesOfTicks, bytesPerSecond, checkBytes, inside, rateFields, rateSpec, ticksOf } from '../rate.js';

/** struct tc_htb_glob. */
export const htbGlobal = struct(20, {
  version: [0, u32],
  rateToQuantum: [4, u32],
  defaultClass: [8, u32],
  debug: [12, u32],
  directPackets: [16, u32],
});

/** struct tc_htb_opt. */
export const htbParameters = struct(44, {
  rate: [0, inside(rateSpec)],
  ceil: [12, inside(rateSpec)],
  buffer: [24, u32],
  cbuffer: [28, u32],
  quantum: [32, u32],
  level: [36, u32],
  prio: [40, u32],
});

export const htbAttributes = attributes(() => ({
  parameters: [1, 'TCA_HTB_PARMS', htbParameters],
  init: [2, 'TCA_HTB_INIT', htbGlobal],
  ceilTable: [3, 'TCA_HTB_CTAB', bytes],
  rateTable: [4, 'TCA_HTB_RTAB', bytes],
  directQueueLength: [5, 'TCA_HTB_DIRECT_QLEN', u32],
  rate64: [6, 'TCA_HTB_RATE64', u64],
  ceil64: [7, 'TCA_HTB_CEIL64', u64],
  offload: [9, 'TCA_HTB_OFFLOAD', flag],
}));
type Attributes = Decoded<typeof htbAttributes.entries>;

export interface HtbOptions {
  /** Minor number of the class that packets go to which no filter matches: 0x10 for `1:10`. Without, they go at once. */
  readonly defaultClass?: number | undefined;
  /** What divides the rate of a class to its quantum; 10 if absent. */
  readonly rateToQuantum?: number | undefined;
  /** Packets that may wait without a class; the link's `txQueueLength` if absent. */
  readonly directQueueLength?: number | undefined;
}

export interface HtbClassOptions {
  /** Bits per second that it has for itself. */
  readonly rate: number;
  /** Bits per second that it may have with what others leave; `rate` if absent. */
  readonly ceil?: number | undefined;
  /** Bytes that may go at once, at `rate`; some 1600 if absent. */
  readonly burst?: number | undefined;
  /** Bytes that may go at once, at `ceil`. */
  readonly cburst?: number | undefined;
  /** 0 (if absent) to 7: who is first offered what is left. */
  readonly priority?: number | undefined;
  /** Bytes that go before it is the next one's turn. */
  readonly quantum?: number | undefined;
}

/** What the kernel tells of an htb class. */
export type HtbClassTold = Readonly<Required<{ [K in keyof HtbClassOptions]: number }>>;

declare module '../qdisc-kind.js' {
  interface QdiscKinds {
    htb: { options: HtbOptions; told: HtbOptions };
  }
  interface ClassKinds {
    htb: { options: HtbClassOptions; told: HtbClassTold };
  }
}

/** TC_HTB_PROTOVER. */
const VERSION = 3;
/** TC_HTB_NUMPRIO. */
const PRIORITIES = 8;

function toData({
  defaultClass = 0,
  rateToQuantum = 10,
  directQueueLength,
}: Readonly<Record<string, unknown>>): Attributes {
  checkInteger(defaultClass, 0, 0xffff, 'defaultClass');
  checkInteger(rateToQuantum, 1, 0xffffffff, 'rateToQuantum');
  return {
    init: { version: VERSION, rateToQuantum, defaultClass, debug: 0, directPackets: 0 },
    ...(directQueueLength !== undefined && { directQueueLength: directQueueLength as number }),
  };
}

// As tc has it, on a machine whose clock counts nanoseconds.
const defaultBurst = (rate: number): number => Math.floor(rate / 1e9) + 1600;

function toClass(options: Readonly<Record<string, unknown>>): Attributes {
  const rate = bytesPerSecond(options['rate'], 'rate');
  const ceil = options['ceil'] === undefined ? rate : bytesPerSecond(options['ceil'], 'ceil');
  const { burst = defaultBurst(rate), cburst = defaultBurst(ceil), priority = 0, quantum = 0 } = options;
  if (ceil < rate) throw invalidValue('ceil', options['ceil'], 'is less than `rate`');
  checkBytes(burst, 'burst');
  checkBytes(cburst, 'cburst');
  checkBytes(quantum, 'quantum', 0);
  checkInteger(priority, 0, PRIORITIES - 1, 'priority');
  const [rateIn, ceilIn] = [rateFields(rate), rateFields(ceil)];
  return {
    parameters: {
      rate: rateIn.spec,
      ceil: ceilIn.spec,
      buffer: ticksOf(burst, rate),
      cbuffer: ticksOf(cburst, ceil),
      quantum,
      level: 0,
      prio: priority,
    },
    rate64: rateIn.wide,
    ceil64: ceilIn.wide,
  };
}

function fromClass({ parameters, rate64, ceil64 }: Attributes): Record<string, unknown> {
  if (parameters === undefined) return {};
  const [rate, ceil] = [bitsOf(parameters.rate, rate64), bitsOf(parameters.ceil, ceil64)];
  return {
    rate,
    ceil,
    burst: bytesOfTicks(parameters.buffer, rate / 8),
    cburst: bytesOfTicks(parameters.cbuffer, ceil / 8),
    priority: parameters.prio,
    quantum: parameters.quantum,
  };
}

const options = flat(htbAttributes);

export const htb = defineQdisc({
  kind: 'htb',
  fields: fieldsOf<keyof HtbOptions>({ defaultClass: true, rateToQuantum: true, directQueueLength: true }),
  options,
  toData,
  fromData: ({ init, directQueueLength }: Attributes) => ({
    ...(init && { defaultClass: init.defaultClass, rateToQuantum: init.rateToQuantum }),
    ...(directQueueLength !== undefined && { directQueueLength }),
  }),
  classes: {
    fields: fieldsOf<keyof HtbClassOptions>({
      rate: true,
      ceil: true,
      burst: true,
      cburst: true,
      priority: true,
      quantum: true,
    }),
    options,
    toData: toClass,
    fromData: fromClass,
  },
});
