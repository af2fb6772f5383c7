/**
 * Independent witnesses: what iproute2 and /proc say of the same kernel. And programs of their own, for what a
 * test cannot do inside vitest's process: lose privilege, enter a user namespace, be killed.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Netns } from 'netloom';

/** The error of a call that must fail. */
export interface Failure extends Error {
  readonly code: string;
  readonly syscall?: string;
  readonly kernelMessage?: string;
  readonly attribute?: string;
  readonly link?: string | number;
}

/** What `ip -j -d link` tells, as far as the tests look at it. */
export interface SeenLink {
  readonly ifindex: number;
  readonly ifname: string;
  readonly altnames?: string[];
  readonly flags: string[];
  readonly mtu: number;
  readonly master?: string;
  readonly group: string;
  readonly operstate: string;
  readonly txqlen?: number;
  readonly address?: string;
  readonly ifalias?: string;
  readonly link?: string | null;
  readonly link_index?: number;
  readonly promiscuity: number;
  readonly inet6_addr_gen_mode?: string;
  readonly num_tx_queues: number;
  readonly num_rx_queues: number;
  readonly gso_max_size?: number;
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_data?: Record<string, unknown>;
    readonly info_slave_kind?: string;
    readonly info_slave_data?: Record<string, unknown>;
  };
}

/** What `/proc` calls the descriptor of a namespace: other programs can use it there while the handle is open. */
export const pathOf = (netns: Netns): string => `/proc/${process.pid}/fd/${netns.fd}`;

export const run = (command: string, ...args: string[]): string => execFileSync(command, args, { encoding: 'utf8' });

/** `ip ARGUMENTS` in a namespace; words are separated by single spaces. */
export const ip = (netns: Netns, command: string): string =>
  run('nsenter', `--net=${pathOf(netns)}`, 'ip', ...command.split(' '));

/** All links of a namespace but `lo`, by `ip -j -d link`. */
export function seenLinks(netns: Netns): SeenLink[] {
  const links = JSON.parse(ip(netns, '-j -d link show') || '[]') as SeenLink[];
  return links.filter(({ ifname }) => ifname !== 'lo');
}

export const seenNames = (netns: Netns): string[] => seenLinks(netns).map(({ ifname }) => ifname);

/** One link, by `ip -j -d link show dev NAME`. */
export function seen(netns: Netns, name: string): SeenLink {
  const [link] = JSON.parse(ip(netns, `-j -d link show dev ${name}`)) as SeenLink[];
  if (link === undefined) throw new Error(`ip shows no link ${name}`);
  return link;
}

/** Addresses of a link, with their prefix lengths, by `ip -j address`; without link-local ones. */
export function seenAddresses(netns: Netns, name: string): string[] {
  const [link] = JSON.parse(ip(netns, `-j address show dev ${name}`)) as {
    addr_info: { local: string; prefixlen: number; scope: string }[];
  }[];
  return (link?.addr_info ?? [])
    .filter(({ scope }) => scope !== 'link')
    .map(({ local, prefixlen }) => `${local}/${prefixlen}`);
}

/** Names that `ip netns list` shows. */
export const seenNetns = (): string[] =>
  run('ip', 'netns', 'list')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/ \(id: \d+\)$/, ''));

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Runs an ES module, which imports the built `netloom`, in a process of its own; gives what it printed, as JSON. */
export function runProgram(source: string, { wrap = [] as readonly string[] } = {}): unknown {
  const [command = '', ...args] = [...wrap, process.execPath, '--input-type=module', '--eval', source];
  const { status, signal, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`the program ended with ${signal ?? status}:\n${stderr}`);
  return JSON.parse(stdout);
}

/** Starts a shell command that runs until it is stopped; resolves to how to stop it. */
export function keepRunning(command: string, ...args: string[]): () => Promise<void> {
  const child = spawn(command, args, { stdio: 'ignore', detached: true });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return async () => {
    if (child.exitCode === null) process.kill(-(child.pid as number), 'SIGKILL');
    await ended;
  };
}

/** What a call failed with. */
export async function failure(call: Promise<unknown>): Promise<Failure> {
  try {
    await call;
  } catch (error) {
    return error as Failure;
  }
  throw new Error('the call succeeded');
}

/** What `ip monitor link` prints while `action` runs: all of it, and nothing of what was before or comes after. */
export async function monitored(netns: Netns, action: () => Promise<unknown>): Promise<string[]> {
  const child = spawn('nsenter', [`--net=${pathOf(netns)}`, 'stdbuf', '-oL', 'ip', 'monitor', 'link']);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let text = '';
  child.stdout.on('data', (data: Buffer) => {
    text += data.toString();
  });
  // Nothing tells that the monitor listens, or that it is done: a change of `lo` is made until it is heard.
  const mark = async (mtu: number): Promise<number> => {
    for (let i = 0; i < 500; i++) {
      if (i % 10 === 0) ip(netns, `link set lo mtu ${mtu + i}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
      const heard = text.search(new RegExp(`^.* lo: .*mtu ${mtu + (i - (i % 10))} .*\n`, 'm'));
      if (heard >= 0) return heard;
    }
    throw new Error(`ip monitor heard no change of lo:\n${text}`);
  };
  try {
    await mark(20_000);
    text = '';
    await action();
    const end = await mark(30_000);
    return text
      .slice(0, end)
      .split('\n')
      .filter((line) => /^(Deleted )?\d+: /.test(line));
  } finally {
    child.kill();
    await ended;
  }
}
