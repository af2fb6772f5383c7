/**
 * Every program of examples/, run as a user runs it: compiled, on its own, with output that is known beforehand.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { setUp } from '../../scripts/setup.mjs';
import { type Traces, traces } from './leaks.ts';
import { describeKernel, lacks, needsOf, testNeeds, UNSHARE } from './privilege.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const sources = readdirSync(join(root, 'examples')).filter((name) => name.endsWith('.ts'));
const compiled = (name: string): string => join(root, 'build', 'examples', `${name}.js`);

/** A program, with the files of its folder if it has one. */
function sourceOf(name: string): string {
  const folder = join(root, 'examples', name);
  const files = existsSync(folder) ? readdirSync(folder).map((file) => join(folder, file)) : [];
  return [`${folder}.ts`, ...files].map((file) => readFileSync(file, 'utf8')).join('\n');
}

/** What each prints. Times are `<ms>` and MAC addresses that the kernel chose are `<mac>`; a set has no order. */
const OUTPUT: Record<string, string[]> = {
  'arp-capture': ['who has 10.0.0.2? tell 10.0.0.1', '10.0.0.2 is at 02:00:00:00:00:02'],
  'bridge-lab': [
    'net0    net0-bridge  veth    <mac>  up  10.0.0.1/24',
    'net1    net1-bridge  veth    <mac>  up  10.0.0.2/24',
    'bridge  br           bridge  <mac>  up',
    'bridge  bridge-net0  veth    <mac>  up  port of br',
    'bridge  bridge-net1  veth    <mac>  up  port of br',
    '',
    'net0 to 10.0.0.2: 1: <ms>',
    'net0 to 10.0.0.2: 2: <ms>',
    'net0 to 10.0.0.2: 3: <ms>',
    'net0 to 10.0.0.2: 4: <ms>',
    'net0 to 10.0.0.2: 5: <ms>',
    '5 of 5 answered, <ms> on average',
    'removed net0, net1, bridge',
  ],
  'l3-forwarding': ['before: no answer (ETIMEDOUT)', 'after:  answered, with TTL 63'],
  'macvlan-containers': [
    'web (02:00:00:00:00:01) to 10.0.0.2: 2 of 2 answered',
    'db (02:00:00:00:00:02) to 10.0.0.1: 2 of 2 answered',
  ],
  'mini-runtime': [
    'client: default via 10.0.0.1 dev eth0',
    'client: hello from web, where process 1 is sh',
    'client: 1000000 bytes in <ms>, faster than 4 Mbit/s',
    'slow: 1000000 bytes in <ms>, within 4 Mbit/s',
  ],
  relay: [
    '3 of 3 answered',
    'left to right: 4 frames, 336 bytes; 1 did not pass',
    'right to left: 4 frames, 336 bytes; 0 did not pass',
  ],
  'tap-bridge': ['10.0.0.2 is at 02:00:00:00:00:02'],
  'tap-responder': [
    'ARP: who has 10.0.0.42? tell 10.0.0.1',
    'ICMP: echo request 1',
    'ICMP: echo request 2',
    'ICMP: echo request 3',
    '3 of 3 answered',
  ],
  'tun-tunnel': [
    'left to right: 192.0.2.1 > 192.0.2.2 UDP 112 bytes, carrying 10.8.0.1 > 10.8.0.2 ICMP 84 bytes',
    'right to left: 192.0.2.2 > 192.0.2.1 UDP 112 bytes, carrying 10.8.0.2 > 10.8.0.1 ICMP 84 bytes',
    'left to right: 192.0.2.1 > 192.0.2.2 UDP 112 bytes, carrying 10.8.0.1 > 10.8.0.2 ICMP 84 bytes',
    'right to left: 192.0.2.2 > 192.0.2.1 UDP 112 bytes, carrying 10.8.0.2 > 10.8.0.1 ICMP 84 bytes',
    '2 of 2 answered',
  ],
  'two-namespaces': ['left to right: 3 of 3 answered, in <ms>, <ms>, <ms>'],
};

test('every example is tested', () => {
  expect(Object.keys(OUTPUT).map((name) => `${name}.ts`)).toEqual(sources.sort());
});

test('every example is in their README', () => {
  const readme = readFileSync(join(root, 'examples', 'README.md'), 'utf8');
  expect([...readme.matchAll(/\]\((.*?\.ts)\)/g)].map(([, file]) => file).sort()).toEqual(sources.sort());
});

describeKernel('examples', () => {
  let before: Traces;
  beforeAll(() => {
    setUp(['ts', 'examples']);
    before = traces();
  });
  afterEach(async () => {
    expect(running()).toEqual([]);
    await vi.waitFor(() => expect(traces()).toEqual(before), { timeout: 5_000, interval: 20 });
  });

  test.for(Object.entries(OUTPUT))('%s', async ([name, lines], { skip }) => {
    skip(lacks(...needsOf(sourceOf(name))));
    const { status, stdout, stderr } = await ended(start(process.execPath, compiled(name)));
    expect({ status, stderr, lines: normalized(stdout) }).toEqual({ status: 0, stderr: '', lines });
  });

  test('npm start says which examples there are', async () => {
    const { status, stderr } = await ended(start(process.execPath, join(root, 'scripts', 'start.mjs'), 'no-such'));
    expect(status).toBe(2);
    expect(stderr).toContain(`no examples/no-such.ts; there are ${Object.keys(OUTPUT).join(', ')}\n`);
  });

  describe('bridge-lab', () => {
    const lab = compiled('bridge-lab');

    describe.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s', (signal) => {
      test('while it is set up leaves nothing', async () => {
        const child = start(process.execPath, lab);
        await vi.waitFor(() => expect(existsSync('/run/netns/net0')).toBe(true), { timeout: 5_000, interval: 1 });
        child.kill(signal);
        expect(await ended(child)).toMatchObject({ status: 130, stderr: '' });
        expect(traces().netns).toEqual(before.netns);
      });

      test('between two pings leaves nothing, also when it comes twice', async () => {
        const child = start(process.execPath, lab);
        await printed(child, 'net0 to 10.0.0.2: 1:');
        child.kill(signal);
        child.kill(signal);
        const { status, stdout, stderr } = await ended(child);
        expect({ status, stderr }).toEqual({ status: 130, stderr: '' });
        expect(normalized(stdout).slice(6)).toEqual([
          'net0 to 10.0.0.2: 1: <ms>',
          'removed net0, net1, bridge',
          'interrupted',
        ]);
        expect(traces().netns).toEqual(before.netns);
      });
    });

    test('leaves nothing when nobody reads any more', async () => {
      const child = start(process.execPath, lab);
      await printed(child, 'net0 to 10.0.0.2: 1:');
      child.stdout?.destroy();
      expect(await ended(child)).toMatchObject({ status: 130, stderr: '' });
      expect(traces().netns).toEqual(before.netns);
    });

    test.each([
      ['net0', []],
      ['bridge', ['removed net0, net1']],
    ])('leaves a namespace alone that is called %s already', async (name, lines) => {
      ip('netns', 'add', name);
      try {
        ip('-n', name, 'link', 'add', 'mine', 'type', 'bridge');
        const { status, stdout, stderr } = await ended(start(process.execPath, lab));
        expect({ status, lines: normalized(stdout) }).toEqual({ status: 1, lines });
        expect(stderr).toContain(`the name "${name}" is taken`);
        expect(stderr).toContain('It was left alone. If it was left over by a lab that was killed, remove it with');
        expect(stderr).toMatch(new RegExp(`^    ip netns delete ${name}\n$`, 'm'));
        expect(stderr).not.toContain('    at ');
        expect(traces().netns).toEqual([...before.netns, name]);
        expect(ip('-n', name, '-br', 'link')).toMatch(/^lo .*\nmine /);
      } finally {
        ip('netns', 'delete', name);
      }
    });

    // Nobody, who may read a checkout wherever it lies.
    const NOBODY = ['--reuid=65534', '--regid=65534', '--clear-groups'];
    const READER = ['--inh-caps=-all,+dac_override', '--ambient-caps=-all,+dac_override'];

    testNeeds('users')('without privilege names the commands that work, before anything is built', async () => {
      const program = [process.execPath, join(root, 'scripts', 'start.mjs')];
      const refused = await ended(start('setpriv', ...NOBODY, ...READER, ...program));
      expect(refused).toEqual({
        status: 1,
        stdout: '',
        stderr: `npm start: making network namespaces takes CAP_SYS_ADMIN, which this process does not have. Run one of
    sudo npm start
    unshare --user --map-root-user --net --mount npm start
`,
      });
    });

    // As in a user namespace of somebody else than root: /run belongs to a user that is not mapped there.
    const FOREIGN_RUN = 'mount -t tmpfs -o uid=65534,mode=755 none /run && exec "$@"';

    testNeeds('users')('works in a user namespace, by the very command that it names', async () => {
      const child = start('unshare', '--mount', 'sh', '-c', FOREIGN_RUN, 'sh', ...UNSHARE, 'npm', '--silent', 'start');
      const { status, stdout, stderr } = await ended(child);
      expect({ status, stderr, lines: normalized(stdout) }).toEqual({
        status: 0,
        stderr: '',
        lines: [
          ...['net0', 'net1', 'bridge'].map(
            (name) => `${name}: without a name under /run/netns, which cannot be written to (EACCES)`,
          ),
          ...(OUTPUT['bridge-lab'] ?? []),
        ],
      });
    });
  });
});

const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });

interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

const outputs = new WeakMap<ChildProcess, Promise<Ended>>();

/** Like a user at the checkout; with NETLOOM_NO_SETUP, since a build would be in the way of the other tests. */
function start(command: string, ...args: string[]): ChildProcess {
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, NETLOOM_NO_SETUP: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => (texts[name] += text));
  outputs.set(
    child,
    new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (status) => resolve({ status, ...texts }));
    }),
  );
  return child;
}

const ended = (child: ChildProcess): Promise<Ended> => outputs.get(child) as Promise<Ended>;

function printed(child: ChildProcess, words: string): Promise<void> {
  let text = '';
  return new Promise((resolve) =>
    child.stdout?.on('data', (more: string) => {
      text += more;
      if (text.includes(words)) resolve();
    }),
  );
}

const normalized = (text: string): string[] =>
  text
    .replace(/\d+\.\d{3} ms/g, '<ms>')
    .replace(/(?!02:00:00)..(:..){5}/g, '<mac>')
    .split('\n')
    .slice(0, -1);

/** Examples that still run. */
function running(): string[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .flatMap((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      } catch {
        return []; // ended meanwhile
      }
    })
    .filter((word) => word.startsWith(join(root, 'build', 'examples')))
    .map((word) => basename(word));
}
