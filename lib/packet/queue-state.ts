/** `PacketQueue.attach` and `detach`: whether the kernel gives a queue frames. */
import { constants } from 'node:os';
import { systemError } from '../errors.js';
import type { PacketQueueHandle } from '../native/packet-binding.js';
import { type CallOptions, call, type Operation } from '../operation.js';
import { closedQueue, type QueueDevice } from './outcome.js';
import { tunIoctl } from './tun-ioctl.js';

/** IFF_ATTACH_QUEUE and IFF_DETACH_QUEUE (linux/if_tun.h). */
const ATTACH = 0x200;
const DETACH = 0x400;

type Queue = Pick<PacketQueueHandle, 'fd' | 'closed'>;

export const attachQueue = call(
  'attach',
  {},
  (queue: Queue, device: QueueDevice, _options: CallOptions = {}): Operation<void> => setState(queue, device, ATTACH),
);

export const detachQueue = call(
  'detach',
  {},
  (queue: Queue, device: QueueDevice, _options: CallOptions = {}): Operation<void> => setState(queue, device, DETACH),
);

function* setState({ fd, closed = fd < 0 }: Queue, device: QueueDevice, state: number): Operation<void> {
  if (closed) throw closedQueue(device);
  if (device.multiQueue !== true) throw wrongState(device, 'it was made with one queue, which stays attached');
  try {
    yield* tunIoctl(fd, device.name, 'TUNSETQUEUE', state);
  } catch (error) {
    const refused = error instanceof Error && 'errno' in error && error.errno === -constants.errno.EINVAL;
    if (!refused) throw error;
    throw wrongState(device, state === ATTACH ? 'this queue is attached' : 'this queue is detached already');
  }
}

const wrongState = ({ name }: QueueDevice, why: string): Error =>
  Object.assign(systemError(-constants.errno.EINVAL, 'TUNSETQUEUE', `'${name}': ${why}`), {
    code: 'ERR_INVALID_STATE',
  });
