/** iproute2 as an independent witness, inside a namespace that the test process holds open. */
import { execFileSync } from 'node:child_process';
import type { Netns } from '../../lib/netns/netns.js';

/** Runs a command of iproute2, written as one line without quoting. */
export function iproute(netns: Netns, command: string): string {
  return execFileSync('nsenter', [`--net=/proc/${process.pid}/fd/${netns.fd}`, ...command.split(' ')], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** What `ip -j ...` or `bridge -j ...` lists. */
export function witness(netns: Netns, command: string): Record<string, unknown>[] {
  return JSON.parse(iproute(netns, command.replace(/^\w+/, '$& -j')) || '[]') as Record<string, unknown>[];
}

/** Two ends of a veth pair, va (10.1.0.1/24, 2001:db8:1::1/64) and vb, both up. */
export function makePair(netns: Netns): void {
  for (const line of [
    'ip link set lo up',
    'ip link add va type veth peer name vb',
    'ip link set va up',
    'ip link set vb up',
    'ip address add 10.1.0.1/24 dev va',
    'ip address add 2001:db8:1::1/64 dev va nodad',
  ]) {
    iproute(netns, line);
  }
}
