/**
 * What the kernel suite needs of the process it runs in. `describeKernel` is vitest's own where the process has
 * CAP_NET_ADMIN and CAP_SYS_ADMIN, and skips (and is counted as skipped) where it lacks one. Root of a user
 * namespace has both, but not all that root of the machine may do: `describeKernel.needs('tun')`, and for a test
 * within `testNeeds('users')`. Reasons are said once per run, by announce.ts.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import { LOAD_BPF } from './load-bpf.ts';

/** Bit numbers of <linux/capability.h>. */
const CAPABILITIES = { CAP_NET_ADMIN: 12n, CAP_SYS_ADMIN: 21n } as const;

/** What a user without privilege runs a program with. */
export const UNSHARE = ['unshare', '--user', '--map-root-user', '--net', '--mount'] as const;
/** nobody, whom tests become to be without privilege. */
const NOBODY = 65534;
/** The last group of the ping_group_range that lets everybody ping. */
const LAST_GROUP = 2147483647;

/** Which tests need more than the capabilities, why they cannot run, and whether they can. */
const NEEDS = {
  tun: {
    who: 'packet devices',
    lack: '/dev/net/tun cannot be opened',
    met: () => may('/dev/net/tun', constants.R_OK | constants.W_OK),
  },
  devices: {
    who: 'macvtap devices',
    lack: 'device nodes cannot be made',
    met: canMakeDevices,
  },
  users: {
    who: 'losing privilege',
    lack: 'user 65534 (nobody) is not mapped into this user namespace',
    met: () => maps('uid', NOBODY) && maps('gid', NOBODY),
  },
  groups: {
    who: 'ping without CAP_NET_RAW',
    lack: 'not every group is mapped into this user namespace',
    met: () => maps('gid', LAST_GROUP),
  },
  etc: {
    who: 'the files of /etc/netns',
    lack: '/etc/netns cannot be written to',
    met: () => may(existsSync('/etc/netns') ? '/etc/netns' : '/etc', constants.W_OK),
  },
  bpf: {
    who: 'eBPF programs',
    lack: 'bpf(2) loads none',
    met: () => succeeds('python3', '-c', LOAD_BPF, '0', 'true'),
  },
  nftables: {
    who: 'nftables',
    lack: 'nft is not installed, or the kernel has no nf_tables',
    met: () => succeeds('nft', 'list', 'tables'),
  },
  conntrack: {
    who: 'connection tracking',
    lack: 'conntrack is not installed, or the kernel has no nf_conntrack_netlink',
    met: () => succeeds('conntrack', '--count'),
  },
  'reference plugins': {
    who: 'CNI plugins beside the reference ones',
    lack: 'containernetworking-plugins is not installed',
    met: () => existsSync('/usr/lib/cni/bandwidth') && existsSync('/usr/lib/cni/tuning'),
  },
  qemu: {
    who: 'a QEMU guest on a TAP',
    lack: 'qemu-system-x86_64 is not installed',
    met: () => succeeds('qemu-system-x86_64', '--version'),
  },
  busybox: {
    who: 'examples/mini-runtime',
    lack: '/bin/busybox is not installed, or not linked statically',
    met: () => succeeds('sh', '-c', 'test -x /bin/busybox && ! ldd /bin/busybox'),
  },
  strace: {
    who: 'plugins that are killed',
    lack: 'strace is not installed, or may trace nothing',
    met: () => succeeds('strace', '-o', '/dev/null', 'true'),
  },
  rootless: {
    who: 'user namespaces',
    lack: 'nobody cannot make one',
    met: () => succeeds('setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', ...UNSHARE, 'true'),
  },
} as const;

export type Need = keyof typeof NEEDS;

/** Capabilities the kernel suite needs and a process with this /proc/PID/status does not have. */
export function missingCapabilities(status = readFileSync('/proc/self/status', 'utf8')): string[] {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return Object.entries(CAPABILITIES)
    .filter(([, bit]) => ((effective >> bit) & 1n) === 0n)
    .map(([name]) => name);
}

/** A line for each kind of kernel tests that cannot run here. */
export function reasonsToSkip(): string[] {
  const missing = missingCapabilities();
  if (missing.length > 0) return [`kernel tests are skipped: ${missing.join(' and ')} missing`];
  return Object.values(NEEDS)
    .filter(({ met }) => !met())
    .map(({ who, lack }) => `kernel tests of ${who} are skipped: ${lack}`);
}

export const privileged = missingCapabilities().length === 0;
export const lacks = (...needs: Need[]): boolean => !privileged || needs.some((need) => !NEEDS[need].met());

export const describeKernel = Object.assign(describe.skipIf(!privileged), {
  needs: (...needs: Need[]) => describe.skipIf(lacks(...needs)),
});
export const testNeeds = (...needs: Need[]) => test.skipIf(lacks(...needs));

/** What a program needs, by the calls that it makes. */
export const needsOf = (source: string): Need[] => [
  ...(/\bcreate(Tap|Tun)\b/.test(source) ? (['tun'] as const) : []),
  ...(/\baddPortMapping\b/.test(source) ? (['nftables'] as const) : []),
  ...(source.includes("'/bin/busybox'") ? (['busybox'] as const) : []),
];

function may(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

/** /proc/self/uid_map and gid_map: first id inside, first id outside, how many. */
function maps(kind: 'uid' | 'gid', id: number): boolean {
  return readFileSync(`/proc/self/${kind}_map`, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .some(([first = 0, , count = 0]) => first <= id && id < first + count);
}

/** CAP_MKNOD counts in the machine's own user namespace only. */
function canMakeDevices(): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'netloom-devices-'));
  try {
    return succeeds('mknod', join(directory, 'null'), 'c', '1', '3');
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function succeeds(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}
