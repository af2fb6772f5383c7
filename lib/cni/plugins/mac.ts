/** The MAC address that is wanted for a container's link. */
import { formatMac, parseMac } from '../../addressing/mac.js';
import { KNOWN_ARGUMENTS } from '../ipam/arguments.js';
import { checkArguments } from '../protocol/arguments.js';
import type { Invocation } from '../protocol/plugin.js';

/** The runtime's word counts before that of `args`, and that before CNI_ARGS. Undefined where none says one. */
export function wantedMac({ config, args }: Invocation): string | undefined {
  checkArguments(args, KNOWN_ARGUMENTS);
  for (const [place, mac] of [
    ['runtimeConfig.mac', config.runtimeConfig?.text('mac')],
    ['args.cni.mac', config.args?.text('mac')],
    ['MAC of CNI_ARGS', args.get('MAC')],
    ['mac', config.fields.text('mac')],
  ] as const) {
    if (mac !== undefined && mac !== '') return formatMac(parseMac(mac, place));
  }
  return undefined;
}
