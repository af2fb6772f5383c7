/**
 * Calling netloom-cni as a runtime does: the built program, in a process of its own, in a namespace that stands for the
 * host's, with a directory of its own for what host-local keeps.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { createNetns, createVeth, deleteNetns, type Link, type Netns } from 'netloom';
import { expect } from 'vitest';
import { iproute } from './ip.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/netloom-cni.cjs', import.meta.url));

export interface CniOutcome {
  readonly status: number | null;
  /** What stood on stdout, decoded; undefined for nothing. */
  readonly output: CniOutput | undefined;
}

/** A result, or an error object. */
export interface CniOutput {
  readonly cniVersion: string;
  readonly interfaces?: { readonly name: string; readonly mac?: string; readonly sandbox?: string }[];
  readonly ips?: { readonly address: string; readonly gateway?: string; readonly interface?: number }[];
  readonly routes?: { readonly dst: string; readonly gw?: string }[];
  readonly dns?: object;
  readonly code?: number;
  readonly msg?: string;
}

export interface CniCall {
  /** CNI_CONTAINERID and so on. */
  readonly id?: string;
  readonly ifname?: string;
  readonly netns?: Netns | string | undefined;
  readonly args?: string;
  readonly path?: string;
  readonly override?: boolean;
  /** Variables that stand in place of those; undefined takes one away. */
  readonly variables?: Readonly<Record<string, string | undefined>>;
  /** What starts the program in the host's namespace, where something is to be done to it. */
  readonly wrap?: readonly string[];
  /** The executable of another plugin, in place of netloom-cni. */
  readonly program?: string;
}

/** A machine with container runtime: its namespace, containers', and where addresses are kept. */
export class CniHost {
  readonly netns: Netns;
  readonly dataDir: string;
  readonly #containers: Netns[] = [];

  private constructor(netns: Netns) {
    this.netns = netns;
    this.dataDir = mkdtempSync(join(tmpdir(), 'netloom-cni-'));
  }

  static async create(): Promise<CniHost> {
    return new CniHost(await createNetns('cni-host'));
  }

  async container(name: string): Promise<Netns> {
    const netns = await createNetns(name);
    this.#containers.push(netns);
    return netns;
  }

  /** A veth pair of the host, both ends up: the one stands for a card, and `far` for what that leads to. */
  async cable(name: string): Promise<Link> {
    const { netns } = this;
    const [card] = await createVeth({ name, netns, up: true, peer: { name: 'far', netns, up: true } });
    return card;
  }

  /** Files that say who has which address. */
  reserved(network: string): string[] {
    return readdirSync(join(this.dataDir, network))
      .filter((name) => /^[0-9a-f:.]+$/.test(name))
      .sort();
  }

  /** All that the host's tables say, by `nft list ruleset`. */
  ruleset(): string {
    return iproute(this.netns, 'nft list ruleset');
  }

  call(command: string, config: object | string, call: CniCall = {}): CniOutcome {
    const { status, stdout, stderr, error } = spawnSync('nsenter', this.#arguments(call), {
      input: this.#input(config),
      env: this.#variables(command, call),
      encoding: 'utf8',
    });
    if (error) throw error;
    if (stderr !== '') throw new Error(stderr);
    return { status, output: stdout === '' ? undefined : (JSON.parse(stdout) as CniOutput) };
  }

  async callAsync(command: string, config: object | string, call: CniCall = {}): Promise<CniOutcome> {
    const child = spawn('nsenter', this.#arguments(call), { env: this.#variables(command, call) });
    child.stdin.end(this.#input(config));
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    if (stderr !== '') throw new Error(stderr);
    return { status: await ended, output: stdout === '' ? undefined : (JSON.parse(stdout) as CniOutput) };
  }

  /** The result of an ADD that must succeed. */
  add(config: object, call: CniCall = {}): CniOutput {
    const { status, output } = this.call('ADD', config, call);
    if (status !== 0 || output === undefined) throw new Error(`ADD: ${JSON.stringify(output)}`);
    return output;
  }

  /** The result of an ADD whose kind of link not every kernel has; undefined where the kernel has said so. */
  addOfKind(module: string, config: object, call: CniCall): CniOutput | undefined {
    const { status, output } = this.call('ADD', config, call);
    if (status === 0) return output;
    expect(output).toMatchObject({ code: 100, msg: expect.stringContaining('Unknown device type') });
    expect(output?.msg).toContain(`modprobe ${module}`);
    return undefined;
  }

  async close(): Promise<void> {
    for (const netns of [...this.#containers, this.netns]) await deleteNetns(netns, { ifExists: true });
    rmSync(this.dataDir, { recursive: true });
  }

  #arguments({ wrap = [], program }: CniCall): string[] {
    const command = program === undefined ? [process.execPath, PROGRAM] : [program];
    return [`--net=/proc/${process.pid}/fd/${this.netns.fd}`, ...wrap, ...command];
  }

  #input(config: object | string): string {
    if (typeof config === 'string') return config;
    const ipam = 'ipam' in config ? { ipam: { dataDir: this.dataDir, ...(config.ipam as object) } } : {};
    return JSON.stringify({ cniVersion: '1.0.0', name: 'net', ...config, ...ipam });
  }

  #variables(command: string, call: CniCall): NodeJS.ProcessEnv {
    const { id = 'c1', ifname = 'eth0', netns, args, path, override, variables } = call;
    return {
      PATH: process.env['PATH'],
      CNI_COMMAND: command,
      CNI_CONTAINERID: id,
      CNI_IFNAME: ifname,
      ...(netns !== undefined && { CNI_NETNS: typeof netns === 'string' ? netns : `/run/netns/${netns.name}` }),
      ...(args !== undefined && { CNI_ARGS: args }),
      ...(path !== undefined && { CNI_PATH: path }),
      ...(override && { CNI_NETNS_OVERRIDE: '1' }),
      ...variables,
    };
  }
}
