/** Making a packet device of a descriptor that somebody else has opened: `openPacketDevice({ fd })`. */
import { constants } from 'node:os';
import { formatMac } from '../addressing/mac.js';
import { invalidValue } from '../errors.js';
import { native } from '../native/load.js';
import type { ProbedTun } from '../native/packet-binding.js';
import { checkInteger } from '../netlink/codec.js';
import { currentNetns, Netns, netnsOf } from '../netns/netns.js';
import { both, type Operation, perform } from '../operation.js';
import { getLink } from '../rtnetlink/link/find.js';
import type { Link } from '../rtnetlink/link/link.js';
import { type Opening, PacketDevice } from './device.js';
import { isTapLink, MACVTAP } from './macvtap.js';
import { type Offload, offloadMask, offloadOf, type VnetOptions } from './offload-option.js';
import { addHint, IFF } from './open.js';
import { EBADFD } from './outcome.js';
import { setOffloadMask, tunIoctl } from './tun-ioctl.js';

/** A descriptor of a packet device. */
export interface PacketDescriptor {
  readonly fd: number;
}

export const isDescriptor = (ref: unknown): ref is PacketDescriptor =>
  typeof ref === 'object' && ref !== null && 'fd' in ref;

interface AdoptOptions extends VnetOptions {
  readonly netns?: Netns | undefined;
  readonly queues?: number | undefined;
}

const NO_OFFLOAD = offloadOf(0);

export function* adopt({ fd }: PacketDescriptor, options: AdoptOptions): Operation<PacketDevice> {
  checkOptions(fd, options);
  const probed = yield* probe(fd);
  const { netns, owned } = placeOf(probed, options.netns);
  try {
    const link = yield* linkOf(probed, netns);
    const offload = yield* prepareHeader(fd, probed, options.offload);
    // Last, and without a wait: from here on the descriptor is the device's.
    return new PacketDevice(link, [native.adoptQueue(fd)], { ...openingOf(probed), offload, owned });
  } catch (error) {
    owned?.close();
    throw error;
  }
}

function checkOptions(fd: unknown, { queues, vnetHeaderSize, offload }: AdoptOptions): void {
  checkInteger(fd, 0, 0x7fffffff, 'fd');
  if (queues !== undefined && queues !== 1) throw invalidValue('queues', queues, 'is more than the one that fd is');
  if (vnetHeaderSize !== undefined)
    throw invalidValue('vnetHeaderSize', vnetHeaderSize, 'is found out, not chosen, where fd is given');
  if (offload !== undefined) offloadMask(offload);
}

function* probe(fd: number): Operation<ProbedTun> {
  try {
    return yield* perform(
      both(
        () => native.probeTun(fd),
        () => native.probeTunAsync(fd),
        // biome-ignore lint/correctness/useYield: closing a namespace does not wait
        function* ({ netns }): Operation<void> {
          netns?.close();
        },
      ),
    );
  } catch (error) {
    const errno = error instanceof Error && 'errno' in error ? error.errno : 0;
    if (errno === -constants.errno.EBADF) throw invalidValue('fd', fd, 'is not open');
    if (errno === -constants.errno.ENOTTY) throw invalidValue('fd', fd, 'is no TUN, TAP or MACVTAP');
    if (errno === -EBADFD || errno === -constants.errno.ENOLINK)
      throw invalidValue('fd', fd, 'is attached to no device: none was made with it, or its link was deleted');
    throw error;
  }
}

interface Place {
  readonly netns: Netns;
  /** The handle that was made for it. */
  readonly owned?: Netns;
}

// Whoever was told the namespace by the kernel needs no option; a wrong one is a mistake.
function placeOf({ netns: found, name }: ProbedTun, asked: Netns | undefined): Place {
  const told = netnsOf(asked);
  if (found === null) return { netns: told };
  const owned = new Netns(found);
  const known = [told, currentNetns()].find(({ id }) => id === owned.id);
  if (known === undefined && asked === undefined) return { netns: owned, owned };
  owned.close();
  if (known === undefined || (asked !== undefined && known !== told))
    throw invalidValue('options.netns', told.name ?? told.id, `is not the namespace of "${name}" (${owned.id})`);
  return { netns: known };
}

function* linkOf(probed: ProbedTun, netns: Netns): Operation<Link> {
  let link: Link;
  try {
    link = yield* getLink.steps(probed.name, { netns });
  } catch (error) {
    if (probed.netns === null && error instanceof Error && 'code' in error && error.code === 'ENODEV')
      addHint(error, 'the kernel does not tell in which namespace the link of fd is: options.netns says so');
    throw error;
  }
  if (isSame(link, probed)) return link;
  throw invalidValue(
    'fd',
    probed.name,
    'is the name of another link in this namespace: options.netns must be that of fd',
  );
}

// Where the kernel told the namespace, the name alone would do.
function isSame(link: Link, { driver, flags, mac }: ProbedTun): boolean {
  if (driver === 'tun' ? link.kind !== 'tun' : !isTapLink(link)) return false;
  return (flags & IFF.TUN) !== 0 || link.mac === formatMac(mac);
}

// The header is little endian, whoever opened the device; what was announced so far, the kernel does not tell.
function* prepareHeader(
  fd: number,
  { name, vnetHeaderSize }: ProbedTun,
  wanted: VnetOptions['offload'],
): Operation<Offload | undefined> {
  if (vnetHeaderSize === 0) {
    if (wanted) throw invalidValue('offload', wanted, `needs a vnet header, which "${name}" was opened without`);
    return NO_OFFLOAD;
  }
  yield* tunIoctl(fd, name, 'TUNSETVNETLE', 1);
  if (wanted === undefined) return undefined;
  return offloadOf(yield* setOffloadMask(fd, name, offloadMask(wanted)));
}

const openingOf = ({ driver, flags, vnetHeaderSize }: ProbedTun): Opening =>
  driver === 'macvtap'
    ? { ...MACVTAP, vnetHeaderSize }
    : {
        driver,
        layer: (flags & IFF.TUN) !== 0 ? 3 : 2,
        multiQueue: (flags & IFF.MULTI_QUEUE) !== 0,
        vnetHeaderSize,
      };
