/**
 * What a test file must leave as it found it. Use it at the top of every kernel test file:
 *
 *     expectNoLeaks(async () => { await listLinks(); });
 *
 * The function given opens once whatever the library keeps open for the life of the process, so that this is
 * part of "before".
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, vi } from 'vitest';
import { openSockets } from '../../lib/netlink/open-sockets.js';
import { privileged } from './privilege.ts';

export interface Traces {
  /** Names of the links in the process's own namespace. */
  links: string[];
  /** Entries of /run/netns. */
  netns: string[];
  /** What the process's descriptors refer to, without their numbers. */
  descriptors: string[];
  /** Threads in another network namespace than the main thread. */
  strayThreads: string[];
}

export function traces(): Traces {
  // They would be closed by themselves some time later.
  openSockets.closeIdle();
  return {
    links: (JSON.parse(ip('-j', 'link') || '[]') as { ifname: string }[]).map(({ ifname }) => ifname).sort(),
    netns: entries('/run/netns').sort(),
    descriptors: entries('/proc/self/fd').map(descriptor).filter(isOwned).sort(),
    strayThreads: strayThreads(),
  };
}

/** Registers hooks that compare the traces before and after the tests of this file (or describe block). */
export function expectNoLeaks(warmUp: () => unknown): void {
  let before: Traces | undefined;
  beforeAll(async () => {
    if (!privileged) return;
    await warmUp();
    before = await settled();
  });
  afterAll(async () => {
    if (!before) return;
    // Closing may go on for a moment on a native thread (a packet device waits for an RCU grace period).
    await vi.waitFor(() => expect(traces()).toEqual(before), { timeout: 5_000, interval: 50 });
  });
}

/** The traces once two readings agree: what the warm-up has closed may take a turn of the event loop to go. */
async function settled(): Promise<Traces> {
  let last = traces();
  for (;;) {
    await setTimeout(20);
    const now = traces();
    if (isDeepStrictEqual(now, last)) return now;
    last = now;
  }
}

function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8' });
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** "socket:[12345]" and the like without the inode: one socket may replace another, their number may not change. */
function descriptor(fd: string): string {
  try {
    const target = readlinkSync(`/proc/self/fd/${fd}`);
    // Native threads keep one of their own namespace, and come and go with the work.
    if (target === readlinkSync('/proc/self/ns/net')) return '';
    return target.replace(/:\[\d+\]$/, '');
  } catch {
    return ''; // the descriptor that readdir itself used
  }
}

/** Vitest and Node.js open and close source files at any time; no test opens one below node_modules or test/. */
function isOwned(target: string): boolean {
  return target !== '' && !/\.(ts|js|mjs|cjs|json|map|node|wasm)$/.test(target);
}

function strayThreads(): string[] {
  const own = readlinkSync('/proc/self/ns/net');
  return entries('/proc/self/task').filter((thread) => {
    try {
      return readlinkSync(`/proc/self/task/${thread}/ns/net`) !== own;
    } catch {
      return false; // the thread has ended meanwhile
    }
  });
}
