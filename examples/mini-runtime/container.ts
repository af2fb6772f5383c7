/**
 * What makes a container of a namespace: a root directory of busybox, and programs that see nothing but that. util-linux's
 * `unshare` makes the other namespaces. (A real runtime would also pivot the root, drop capabilities and limit resources.)
 */
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createNetns, type Netns, spawn } from 'netloom';

/** Linked statically, as Debian's busybox-static is: there are no libraries in the root. */
const BUSYBOX = '/bin/busybox';
const APPLETS = ['cat', 'grep', 'head', 'hostname', 'httpd', 'ip', 'sh', 'wc', 'wget', 'yes'];

export interface Container extends AsyncDisposable {
  readonly name: string;
  readonly netns: Netns;
  readonly root: string;
  /** How to end each of the programs that were started. */
  readonly running: (() => Promise<void>)[];
}

export async function makeContainer(name: string): Promise<Container> {
  const root = mkdtempSync(join(tmpdir(), `mini-runtime-${name}-`));
  // However this program ends, but for a SIGKILL.
  const remove = () => rmSync(root, { recursive: true, force: true });
  process.once('exit', remove);
  for (const directory of ['bin', 'proc', 'www']) mkdirSync(join(root, directory));
  copyFileSync(BUSYBOX, join(root, 'bin', 'busybox'));
  for (const applet of APPLETS) symlinkSync('busybox', join(root, 'bin', applet));
  const netns = await createNetns();
  const running: Container['running'] = [];
  return {
    name,
    netns,
    root,
    running,
    async [Symbol.asyncDispose]() {
      for (const end of running) await end();
      netns.close();
      remove();
      process.off('exit', remove);
    },
  };
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));

/** Runs a script in a container to its end, and gives what it printed. */
export async function run(container: Container, script: string): Promise<string> {
  const child = enter(container, script);
  child.stdin.end();
  const [output, [status]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  if (status !== 0) throw new Error(`${container.name}: "${script}" ended with status ${status}`);
  return output.trim();
}

/** Runs a script whose programs stay in the background, and waits until it prints a line. They end with the container. */
export async function start(container: Container, script: string): Promise<void> {
  // Process 1 is `cat`, which ends with its stdin, and thus with this program; the rest of its namespace then ends too.
  const child = enter(container, `(${script}) && exec cat`);
  const exited = once(child, 'exit');
  container.running.push(async () => {
    child.stdin.end();
    await exited;
  });
  await Promise.race([once(child.stdout, 'data'), exited.then(failed)]);

  function failed([status]: unknown[]): never {
    throw new Error(`${container.name}: it ended with status ${status}`);
  }
}

function enter({ name, netns, root }: Container, script: string) {
  const namespaces = ['--pid', '--fork', '--mount', '--uts', '--ipc', '--root', root, '--mount-proc'];
  return spawn(netns, 'unshare', [...namespaces, '/bin/sh', '-ec', `hostname ${name}\n${script}`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}
