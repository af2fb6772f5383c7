/**
 * The kernel suite needs CAP_NET_ADMIN and CAP_SYS_ADMIN. `describeKernel` and `kernelTest` are vitest's own
 * where the process has both, and skip (and are counted as skipped) where it lacks one.
 */
import { readFileSync } from 'node:fs';
import { describe, test } from 'vitest';

/** Bit numbers of <linux/capability.h>. */
const NEEDED = { CAP_NET_ADMIN: 12n, CAP_SYS_ADMIN: 21n } as const;

/** Capabilities the kernel suite needs and a process with this /proc/PID/status does not have. */
export function missingCapabilities(status = readFileSync('/proc/self/status', 'utf8')): string[] {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return Object.entries(NEEDED)
    .filter(([, bit]) => ((effective >> bit) & 1n) === 0n)
    .map(([name]) => name);
}

export const privileged = missingCapabilities().length === 0;
export const describeKernel = describe.skipIf(!privileged);
export const kernelTest = test.skipIf(!privileged);
