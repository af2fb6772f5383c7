/** What opening a packet device, of any kind, has in common: native calls as effects, flags, and errors that teach. */
import { constants } from 'node:os';
import { systemError } from '../errors.js';
import { native } from '../native/load.js';
import type { OpenedTun, PacketQueueHandle, TunOptions } from '../native/packet-binding.js';
import { descriptorOf, type Netns } from '../netns/netns.js';
import { both, type Operation, perform } from '../operation.js';
import { explainOffload } from './offload-option.js';

/** Flags of TUNSETIFF (linux/if_tun.h). */
export const IFF = {
  TUN: 0x1,
  TAP: 0x2,
  MULTI_QUEUE: 0x100,
  NO_PI: 0x1000,
  VNET_HDR: 0x4000,
  TUN_EXCL: 0x8000,
} as const;

const { EEXIST, EBUSY } = constants.errno;

/** Makes, or finds, a TUN or TAP. */
export function* openTun(netns: Netns, name: string, options: TunOptions): Operation<OpenedTun> {
  const descriptor = descriptorOf(netns);
  try {
    return yield* perform(
      both(
        () => native.openTun(descriptor, name, options),
        () => native.openTunAsync(descriptor, name, options),
        ({ queues }) => closeHandles(queues),
      ),
    );
  } catch (error) {
    throw explained(explainOffload(error, options.offload, name), (options.flags & IFF.TUN_EXCL) !== 0);
  }
}

/** Takes back what was opened; a device that is not persistent goes with it. */
export function* closeHandles(handles: readonly PacketQueueHandle[]): Operation<void> {
  yield* perform(
    both<unknown>(
      () => {
        for (const handle of handles) handle.close();
      },
      () => Promise.all(handles.map((handle) => handle.closeAsync())),
    ),
  );
}

interface SystemError extends Error {
  code: string;
  syscall: string;
  path?: string;
}

const isSystemError = (error: unknown): error is SystemError =>
  error instanceof Error && 'code' in error && 'syscall' in error;

function explained(error: unknown, exclusive: boolean): unknown {
  if (!isSystemError(error)) return error;
  const { code, syscall, path } = error;
  if (syscall === 'open' && path === '/dev/net/tun') addHint(error, DEVICE_HINTS[code]);
  if (syscall === 'TUNSETVNETHDRSZ' && code === 'EBUSY')
    return systemError(-EBUSY, syscall, `'${path}': others have it open with a vnet header of another size`);
  if (syscall !== 'TUNSETIFF') return error;
  if (code === 'EBUSY' && exclusive) return systemError(-EEXIST, syscall, `'${path}': there is a link of that name`);
  if (code === 'EBUSY')
    return systemError(-EBUSY, syscall, `'${path}': its queue is open already, here or in another process`);
  if (code === 'EPERM')
    addHint(
      error,
      'needs CAP_NET_ADMIN in the user namespace that owns the network namespace, or to be the owner of an existing device',
    );
  return error;
}

const NO_DRIVER = 'the kernel has no TUN/TAP driver: modprobe tun';
const DEVICE_HINTS: Readonly<Record<string, string>> = {
  ENOENT:
    'the device node is missing: mkdir -p /dev/net && mknod /dev/net/tun c 10 200, ' +
    'or start the container with --device /dev/net/tun',
  ENODEV: NO_DRIVER,
  ENXIO: NO_DRIVER,
  EACCES: 'this user may not open it (chmod 0666 /dev/net/tun is usual: making a device needs CAP_NET_ADMIN anyway)',
  EPERM: 'the device cgroup forbids it: start the container with --device /dev/net/tun',
};

/** Puts what to do behind what happened. */
export function addHint(error: Error, hint: string | undefined): void {
  if (hint !== undefined) error.message += `; ${hint}`;
}
