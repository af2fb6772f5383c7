/** Ioctls on a queue, as effects. Nearly all of them wait for whoever changes links (rtnl). */
import { constants } from 'node:os';
import { native } from '../native/load.js';
import type { TunCommand } from '../native/packet-binding.js';
import { both, type Operation, perform } from '../operation.js';
import { explainOffload, type OffloadMask } from './offload-option.js';

/** `device`: its name, for the error. `undo`: the number that takes it back. */
export function* tunIoctl(
  fd: number,
  device: string,
  command: TunCommand,
  value: number,
  undo?: number,
): Operation<void> {
  yield* perform(
    both(
      () => native.controlTun(fd, device, command, value),
      () => native.controlTunAsync(fd, device, command, value),
      undo === undefined ? undefined : () => tunIoctl(fd, device, command, undo),
    ),
  );
}

/** Announces offloads; without those that an old kernel lacks, where they are optional. The bits that are on then. */
export function* setOffloadMask(fd: number, device: string, wanted: OffloadMask): Operation<number> {
  const { offload, optionalOffload } = wanted;
  try {
    yield* tunIoctl(fd, device, 'TUNSETOFFLOAD', offload);
    return offload;
  } catch (error) {
    const least = offload & ~optionalOffload;
    const unknown = error instanceof Error && 'errno' in error && error.errno === -constants.errno.EINVAL;
    // The kernel refuses a mask with what it does not know.
    if (!unknown || least === offload) throw explainOffload(error, offload, device);
    yield* tunIoctl(fd, device, 'TUNSETOFFLOAD', least);
    return least;
  }
}
