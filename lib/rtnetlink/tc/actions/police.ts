/** police: what goes faster than a rate fares otherwise (TCA_POLICE_*, linux/pkt_cls.h; net/sched/act_police.c). */
import { attributes, type Decoded } from '../../../netlink/attributes.js';
import { bytes, s32, u32, u64 } from '../../../netlink/codec.js';
import { struct } from '../../../netlink/struct.js';
import { fieldsOf } from '../../fields.js';
import { CONTROLS, type Control, controlNumber, controlText, defineAction } from '../action-kind.js';
import { flat } from '../attributes.js';
import { NO_RATE } from '../qdiscs/tbf.js';
import {
  bitsOf,
  bytesOfTicks,
  bytesPerSecond,
  checkBytes,
  inside,
  rateFields,
  rateSpec,
  rateTable,
  ticksOf,
} from '../rate.js';

/** struct tc_police. */
export const policeParameters = struct(56, {
  index: [0, u32],
  action: [4, s32],
  limit: [8, u32],
  burst: [12, u32],
  mtu: [16, u32],
  rate: [20, inside(rateSpec)],
  peakRate: [32, inside(rateSpec)],
  refcnt: [44, s32],
  bindcnt: [48, s32],
  capab: [52, u32],
});

export const policeAttributes = attributes(() => ({
  parameters: [1, 'TCA_POLICE_TBF', policeParameters],
  rateTable: [2, 'TCA_POLICE_RATE', bytes],
  peakTable: [3, 'TCA_POLICE_PEAKRATE', bytes],
  averageRate: [4, 'TCA_POLICE_AVRATE', u32],
  result: [5, 'TCA_POLICE_RESULT', s32],
  times: [6, 'TCA_POLICE_TM', bytes],
  rate64: [8, 'TCA_POLICE_RATE64', u64],
  peakRate64: [9, 'TCA_POLICE_PEAKRATE64', u64],
  packetRate64: [10, 'TCA_POLICE_PKTRATE64', u64],
  packetBurst64: [11, 'TCA_POLICE_PKTBURST64', u64],
}));
type Data = Decoded<typeof policeAttributes.entries>;

export interface PoliceOptions {
  /** Bits per second. */
  readonly rate: number;
  /** Bytes that may go at once. */
  readonly burst: number;
  /** Bytes of the largest packet: what is larger exceeds. Some 2000 if absent. */
  readonly mtu?: number | undefined;
  /** What becomes of packets that exceed the rate; `reclassify` if absent, as `tc` has it. */
  readonly exceed?: Control | undefined;
  /** What becomes of the others; `pass` if absent. */
  readonly conform?: Control | undefined;
}

declare module '../action-kind.js' {
  interface ActionKinds {
    police: PoliceOptions;
  }
}

export const police = defineAction({
  kind: 'police',
  fields: fieldsOf<keyof PoliceOptions>({ rate: true, burst: true, mtu: true, exceed: true, conform: true }),
  options: flat(policeAttributes),
  toData({ rate, burst, mtu = 0, exceed, conform }): Data {
    const perSecond = bytesPerSecond(rate, 'rate');
    checkBytes(burst, 'burst');
    checkBytes(mtu, 'mtu', 0);
    const { spec, wide } = rateFields(perSecond, mtu);
    return {
      parameters: {
        index: 0,
        action: exceed === undefined ? CONTROLS.reclassify : controlNumber(exceed, 'exceed'),
        limit: 0,
        burst: ticksOf(burst, perSecond),
        mtu,
        rate: spec,
        peakRate: NO_RATE,
        refcnt: 0,
        bindcnt: 0,
        capab: 0,
      },
      // The one place where the kernel wants the table, though it does not look into it (qdisc_get_rtab()).
      rateTable: rateTable(perSecond, spec.cellLog),
      rate64: wide,
      ...(conform !== undefined && { result: controlNumber(conform, 'conform') }),
    };
  },
  fromData({ parameters, rate64, result }: Data) {
    if (parameters === undefined) return {};
    const rate = bitsOf(parameters.rate, rate64);
    const [exceed, conform] = [controlText(parameters.action), controlText(result ?? CONTROLS.pass)];
    return {
      rate,
      burst: bytesOfTicks(parameters.burst, rate / 8),
      mtu: parameters.mtu,
      ...(exceed !== undefined && { exceed }),
      ...(conform !== undefined && { conform }),
    };
  },
});
