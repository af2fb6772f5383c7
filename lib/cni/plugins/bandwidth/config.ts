/** The configuration of the bandwidth plugin: what a container may send and receive. Pure. */
import { type BandwidthLimit, limitTold, tbfFor } from '../../../rtnetlink/tc/bandwidth/limit.js';
import { CniError } from '../../protocol/error.js';
import type { Fields } from '../../protocol/fields.js';
import type { Invocation } from '../../protocol/plugin.js';
import { refuseUnsupported } from '../unsupported.js';

/** Seen from the container. */
export interface ContainerLimits {
  /** What it receives. */
  readonly ingress: BandwidthLimit | undefined;
  /** What it sends. */
  readonly egress: BandwidthLimit | undefined;
}

const UNSUPPORTED = ['shapedSubnets', 'unshapedSubnets'] as const;
const FIELDS = ['ingressRate', 'ingressBurst', 'egressRate', 'egressBurst', ...UNSUPPORTED] as const;

/** A burst of 4 GiB, in bits. */
const LARGEST_BURST = 0xffffffff * 8;

/** The network's limits; where it says none, those that the runtime wants. */
export function readLimits({ config: { fields, runtimeConfig } }: Invocation): ContainerLimits {
  const source = FIELDS.some((name) => fields.has(name)) ? fields : runtimeConfig?.fields('bandwidth');
  if (source === undefined) return { ingress: undefined, egress: undefined };
  refuseUnsupported('bandwidth', source, UNSUPPORTED);
  return { ingress: readLimit(source, 'ingress'), egress: readLimit(source, 'egress') };
}

function readLimit(fields: Fields, direction: keyof ContainerLimits): BandwidthLimit | undefined {
  const rate = fields.integer(`${direction}Rate`, 0, Number.MAX_SAFE_INTEGER) ?? 0;
  const burst = fields.integer(`${direction}Burst`, 0, LARGEST_BURST) ?? 0;
  if (rate === 0 && burst === 0) return undefined;
  if (rate === 0 || burst === 0) {
    const [is, lacks] = rate === 0 ? ['Burst', 'Rate'] : ['Rate', 'Burst'];
    throw new CniError(
      'config',
      `if ${fields.place(`${direction}${is}`)} is set, ${direction}${lacks} must also be set`,
    );
  }
  // Whole bytes, as the reference plugin counts.
  const limit = { rate, burst: Math.floor(burst / 8) };
  // Refused here, what is wrong is said from where the configuration stands: the host's end has it the other way round.
  tbfFor(limit, fields.place(direction));
  return limit;
}

/** How a limit reads that is in force. */
export const inForce = (limit: BandwidthLimit | undefined): Required<BandwidthLimit> | undefined =>
  limit && limitTold(tbfFor(limit, ''));
