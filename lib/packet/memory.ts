/** Queues without a kernel: `createMemoryQueues`. */
import { invalidValue, nameCall, outOfRange, wrongType } from '../errors.js';
import { frameCheck, MemoryQueueHandle } from './memory-handle.js';
import type { QueueDevice } from './outcome.js';
import { FRAME_SIZES, PacketQueue } from './queue.js';

export interface MemoryQueueOptions {
  /** 2: Ethernet frames, as of a TAP. 3: IP packets, as of a TUN. 2 if absent. */
  readonly layer?: 2 | 3 | undefined;
  /** Frames that may be under way in each direction, 1 to 65536. 1000 if absent: the `txQueueLength` of a TAP. */
  readonly capacity?: number | undefined;
  /**
   * Bytes of the vnet header (struct virtio_net_hdr, linux/virtio_net.h) in front of each frame: 0, 10 or 12. It is
   * carried, and nobody acts on it. 0 if absent.
   */
  readonly vnetHeaderSize?: 0 | 10 | 12 | undefined;
}

/**
 * Makes a cable in memory and gives its two ends: what is written to one is read from the other. They are queues like
 * those of a packet device, so that what is made for those can be tested without privilege, and without a kernel.
 *
 *     const [ours, theirs] = createMemoryQueues({ layer: 3 });
 *     answerPings(theirs);
 *     ours.write(request);
 *     for await (const answer of ours) ...
 *
 * Frames that are not read yet wait; where `capacity` of them do, `write` gives 0 until the other end reads
 * (`drained`). The event loop brings them, as for a device: a `write` never calls the reader. Spinning and `busy` mean
 * nothing here.
 *
 * Closing one end is for the other what the deletion of its link is for a device: ENODEV, though only after the frames
 * that were sent before. Both ends belong to one thread. They have no descriptor: `fd` is -1. They need no closing.
 *
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE or ERR_OUT_OF_RANGE for bad options.
 */
export function createMemoryQueues(options: MemoryQueueOptions = {}): [PacketQueue, PacketQueue] {
  try {
    const { layer, capacity, vnetHeaderSize } = checkOptions(options);
    const frameSize = FRAME_SIZES[layer].most + vnetHeaderSize;
    const device: QueueDevice = { name: 'memory', layer, vnetHeaderSize, frameSize, gone: 'the other end was closed' };
    const [one, other] = MemoryQueueHandle.pair(capacity, frameCheck(layer, vnetHeaderSize, frameSize));
    return [new PacketQueue(one, device), new PacketQueue(other, device)];
  } catch (error) {
    throw nameCall(error, 'createMemoryQueues');
  }
}

const MOST_CAPACITY = 65536;
const NAMES = ['layer', 'capacity', 'vnetHeaderSize'];

function checkOptions(options: MemoryQueueOptions) {
  if (typeof options !== 'object' || options === null) throw wrongType('options', 'an object', options);
  for (const [name, value] of Object.entries(options)) {
    if (!NAMES.includes(name)) throw invalidValue(name, value, 'is no option of a queue in memory');
  }
  const { layer = 2, capacity = 1000, vnetHeaderSize = 0 } = options;
  if (layer !== 2 && layer !== 3) throw invalidValue('layer', layer, 'must be 2 (Ethernet frames) or 3 (IP packets)');
  if (typeof capacity !== 'number') throw wrongType('capacity', 'a number', capacity);
  if (!Number.isInteger(capacity) || capacity < 1 || capacity > MOST_CAPACITY)
    throw outOfRange('capacity', capacity, `1 to ${MOST_CAPACITY} frames`);
  if (vnetHeaderSize !== 0 && vnetHeaderSize !== 10 && vnetHeaderSize !== 12)
    throw invalidValue('vnetHeaderSize', vnetHeaderSize, 'must be 0, 10 or 12');
  return { layer, capacity, vnetHeaderSize } as const;
}
