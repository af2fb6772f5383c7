/** Containers of crun and runc: a bundle of busybox, and the commands of the runtime that tests use. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const RUNTIMES = ['crun', 'runc'] as const;
export type Runtime = (typeof RUNTIMES)[number];

/** What a hook is in config.json. */
export interface Hook {
  readonly path: string;
  readonly args: readonly string[];
}

export interface BundleOptions {
  /** Of the network namespace; the runtime makes one if absent. */
  readonly netns?: string;
  readonly hooks?: Readonly<Record<string, readonly Hook[]>>;
}

/** A directory with config.json and root. */
export interface Bundle extends Disposable {
  readonly directory: string;
}

const CAPABILITIES = ['CAP_NET_RAW'];

export function makeBundle({ netns, hooks = {} }: BundleOptions): Bundle {
  const directory = mkdtempSync(join(tmpdir(), 'netloom-bundle-'));
  for (const name of ['bin', 'dev', 'proc']) mkdirSync(join(directory, 'rootfs', name), { recursive: true });
  copyFileSync('/bin/busybox', join(directory, 'rootfs', 'bin', 'busybox'));
  const config = {
    ociVersion: '1.0.2',
    process: {
      user: { uid: 0, gid: 0 },
      args: ['/bin/busybox', 'sleep', '600'],
      env: ['PATH=/bin'],
      cwd: '/',
      capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
    },
    root: { path: 'rootfs' },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs' },
    ],
    hooks,
    linux: { namespaces: [{ type: 'pid' }, { type: 'mount' }, { type: 'network', ...(netns && { path: netns }) }] },
  };
  writeFileSync(join(directory, 'config.json'), JSON.stringify(config));
  return { directory, [Symbol.dispose]: () => rmSync(directory, { recursive: true }) };
}

/** A container that runs until it is deleted. */
export interface Container extends Disposable {
  readonly id: string;
  /** Of its first process, as this machine counts. */
  readonly pid: number;
  /** Runs an applet of busybox inside, and gives what it printed. */
  exec(...words: string[]): string;
  delete(): void;
}

/** Starts a container; throws with what the runtime logged if that fails. */
export function startContainer(runtime: Runtime, { directory }: Bundle, id: string): Container {
  // The container has its stdio from the runtime, so that a pipe would be open as long as it lives.
  const log = join(directory, 'log');
  const run = [`--log=${log}`, 'run', '--detach', `--bundle=${directory}`, id];
  const { status } = spawnSync(runtime, run, { stdio: 'ignore', timeout: 30_000 });
  if (status !== 0) throw new Error(`${runtime} run: status ${status}: ${readFileSync(log, 'utf8')}`);
  const call = (...args: string[]): string => {
    const { status, stdout, stderr } = spawnSync(runtime, args, { encoding: 'utf8', timeout: 30_000 });
    if (status !== 0) throw new Error(`${runtime} ${args.join(' ')}: status ${status}: ${stderr}${stdout}`);
    return stdout;
  };
  let there = true;
  const remove = (): void => {
    if (!there) return;
    there = false;
    call('delete', '--force', id);
  };
  return {
    id,
    pid: (JSON.parse(call('state', id)) as { pid: number }).pid,
    exec: (...words) => call('exec', id, '/bin/busybox', ...words),
    delete: remove,
    [Symbol.dispose]: remove,
  };
}

/** Ids of the containers that a runtime knows. */
export const listContainers = (runtime: Runtime): string[] =>
  spawnSync(runtime, ['list', '--quiet'], { encoding: 'utf8' }).stdout.split('\n').filter(Boolean);
