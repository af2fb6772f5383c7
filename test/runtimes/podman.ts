/**
 * podman with crun, on networks of netloom's CNI plugins. test-runtimes.mjs gives it a /run and /var/lib of its own; what
 * is kept elsewhere is in one directory.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../dist/netloom-cni.cjs', import.meta.url));
/** Debian's, for the plugins that a test takes from there. */
export const REFERENCE_PLUGINS = '/usr/lib/cni';
const APPLETS = ['cat', 'echo', 'head', 'httpd', 'ip', 'mkdir', 'ping', 'sh', 'sleep', 'time', 'wget', 'yes'];
const IMAGE = 'localhost/netloom/busybox:test';

export interface Podman extends Disposable {
  /** The plugins that netloom-cni has installed. */
  readonly plugins: string;
  /** Runs podman, and gives what it printed. */
  (...args: string[]): string;
  /** Starts a container that runs a shell command, and gives its id. */
  start(name: string, options: readonly string[], command?: string): string;
  /** Runs a program inside, and gives what it printed. */
  exec(name: string, ...words: string[]): string;
  /** The part of `podman inspect` that is asked for, by a Go template. */
  inspect(name: string, template: string): string;
}

/** `networks` are conflists; plugins that netloom does not have are taken from `more`. */
export function makePodman(networks: readonly { readonly name: string }[], more: readonly string[] = []): Podman {
  const directory = mkdtempSync(join(tmpdir(), 'netloom-podman-'));
  const plugins = join(directory, 'plugins');
  const conflists = join(directory, 'net.d');
  run(process.execPath, [PROGRAM, 'install', '--dir', plugins]);
  mkdirSync(conflists);
  for (const network of networks)
    writeFileSync(join(conflists, `${network.name}.conflist`), JSON.stringify({ cniVersion: '1.0.0', ...network }));
  const config = join(directory, 'containers.conf');
  writeFileSync(
    config,
    `[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "crun"
[network]
network_backend = "cni"
cni_plugin_dirs = ${JSON.stringify([plugins, ...more])}
network_config_dir = ${JSON.stringify(conflists)}
`,
  );
  // It knows whether to ask systemd by itself.
  const podman = (...args: string[]): string =>
    run('podman', ['--storage-driver=vfs', '--cgroup-manager=cgroupfs', ...args], { CONTAINERS_CONF: config }).trim();
  podman('import', makeImage(directory), IMAGE);
  return Object.assign(podman, {
    plugins,
    start(name: string, options: readonly string[], command = ''): string {
      const whole = `${command}\nexec sleep 600`;
      return podman(
        'run',
        '--detach',
        '--cgroups=disabled',
        `--name=${name}`,
        ...options,
        IMAGE,
        '/bin/sh',
        '-c',
        whole,
      );
    },
    exec: (name: string, ...words: string[]): string => podman('exec', name, ...words),
    inspect: (name: string, template: string): string => podman('inspect', '--format', template, name),
    [Symbol.dispose](): void {
      podman('rm', '--all', '--force', '--time=0');
      podman('rmi', '--force', IMAGE);
      rmSync(directory, { recursive: true });
    },
  });
}

/** A tar of a root with busybox. */
function makeImage(directory: string): string {
  const root = join(directory, 'root');
  mkdirSync(join(root, 'bin'), { recursive: true });
  copyFileSync('/bin/busybox', join(root, 'bin', 'busybox'));
  for (const applet of APPLETS) symlinkSync('busybox', join(root, 'bin', applet));
  const image = join(directory, 'image.tar');
  run('tar', ['--create', `--file=${image}`, `--directory=${root}`, '.']);
  return image;
}

/** Runs a program, and gives what it printed. */
export function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): string {
  const options = { encoding: 'utf8', timeout: 60_000, env: { ...process.env, ...env } } as const;
  const { status, stdout, stderr, error } = spawnSync(command, args, options);
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: status ${status}: ${stderr}${stdout}`);
  return stdout;
}

/** What host-local and libcni keep of containers: addresses, and results. */
export function kept(): string[] {
  const reserved = readdirSync('/var/lib/cni/networks', { recursive: true, encoding: 'utf8' });
  return [
    ...reserved.filter((name) => /\/[0-9a-f:.]+$/.test(name)),
    ...readdirSync('/var/lib/cni/results').map((name) => `result ${name}`),
  ];
}
