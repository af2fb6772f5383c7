/** What a process must be allowed to do that attaches containers. */
import { readFileSync } from 'node:fs';
import { CniError } from '../protocol/error.js';

/** Bits of capabilities(7): links of both namespaces are made, and that of the container is entered (setns(2)). */
const NEEDED = { CAP_NET_ADMIN: 12, CAP_SYS_ADMIN: 21 } as const;

/** STATUS: throws where ADD would be refused by the kernel, whatever the configuration says. */
export function expectPrivilege(): void {
  // Each thread has its own.
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/thread-self/status', 'latin1'))?.[1];
  const held = BigInt(`0x${effective ?? 0}`);
  const missing = Object.entries(NEEDED).filter(([, bit]) => ((held >> BigInt(bit)) & 1n) === 0n);
  if (missing.length > 0)
    throw new CniError(
      'unavailable',
      `no container can be attached without ${missing.map(([name]) => name).join(', ')}`,
    );
}
