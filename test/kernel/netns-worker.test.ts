import dns from 'node:dns';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { MessageChannel, Worker, type WorkerOptions } from 'node:worker_threads';
import {
  createNetns,
  createVeth,
  currentNetns,
  deleteNetns,
  listLinks,
  type Netns,
  netnsWorker,
  setLink,
} from 'netloom';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { inside, SAY, told } from './in-worker.ts';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { runProgram } from './witness.ts';

const PROGRAM = new URL('./netns-worker-program.mjs', import.meta.url);
const TERMINATIONS = 40;

/** Threads of this process by the namespace that they are in. */
function threadsIn(netns: Netns): string[] {
  return readdirSync('/proc/self/task').filter((thread) => {
    try {
      return readlinkSync(`/proc/self/task/${thread}/ns/net`) === `net:[${netns.id}]`;
    } catch {
      return false; // it has ended meanwhile
    }
  });
}

/**
 * What the descriptors of this process refer to, but source files: a Worker that is terminated while Node reads one
 * leaves it open, also a plain one.
 */
const descriptors = (): string[] =>
  readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)].filter((target) => !/\.(m?js|json)$/.test(target));
    } catch {
      return []; // the descriptor that readdir itself used
    }
  });

describeKernel('a Worker in a namespace', () => {
  expectNoLeaks(async () => {
    await listLinks();
    // What this process keeps open once it has had a Worker, a lookup and a request.
    await new Worker('', { eval: true }).terminate();
    await dns.promises.lookup('localhost');
    await readFile('/proc/self/status');
  });

  let netns: Netns;
  beforeEach(async () => {
    netns = await createNetns();
    await setLink('lo', { up: true }, { netns });
  });
  afterEach(() => netns.close());

  test('serves HTTP to this thread through a veth pair, and fetches from it', async () => {
    await createVeth({
      name: 'outside',
      up: true,
      addresses: ['10.77.0.1/24'],
      peer: { name: 'eth0', netns, up: true, addresses: ['10.77.0.2/24'] },
    });
    const worker = netnsWorker(netns, PROGRAM);
    const server = http.createServer((request, response) => response.end(`${request.socket.remoteAddress} asked`));
    try {
      const { listening } = await told<{ listening: number }>(worker);
      expect(await get('10.77.0.2', listening)).toBe('::ffff:10.77.0.1 asks');
      server.listen(0, '10.77.0.1');
      await once(server, 'listening');
      worker.postMessage(`http://10.77.0.1:${(server.address() as AddressInfo).port}/`);
      expect(await told(worker)).toEqual({ fetched: '10.77.0.2 asked' });
    } finally {
      server.closeAllConnections();
      server.close();
      await worker.terminate();
    }
  });

  test('two of them, in two namespaces, serve the same port; neither is seen here', async () => {
    const other = await createNetns();
    const workers = [netns, other].map((one) => netnsWorker(one, PROGRAM, { workerData: { port: 8088 } }));
    try {
      expect(await Promise.all(workers.map(told))).toEqual([{ listening: 8088 }, { listening: 8088 }]);
      const [error] = await once(net.connect(8088, '127.0.0.1'), 'error');
      expect(error).toMatchObject({ code: 'ECONNREFUSED' });
    } finally {
      await Promise.all(workers.map((worker) => worker.terminate()));
      other.close();
    }
  });

  test('only its own thread is inside; the rest of this process is as before', async () => {
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
    const before = { id: currentNetns().id, servers: dns.getServers(), cwd: process.cwd() };
    const worker = netnsWorker(
      netns,
      `${SAY}
      const { readFile } = require('node:fs/promises');
      const { lookup } = require('node:dns').promises;
      const { pbkdf2 } = require('node:crypto');
      let work = [];
      for (let i = 0; i < 8; i++) work.push(readFile('/etc/hosts'), new Promise((done) => pbkdf2('a', 'b', 1000, 8, 'sha256', done)));
      Promise.all(work).then(() => say('libuv has worked'));
      require('node:worker_threads').parentPort.on('message', () => lookup('localhost').then(() => say(process.cwd())));`,
      { eval: true },
    );
    try {
      await told(worker);
      expect(threadsIn(netns)).toHaveLength(1);
      process.chdir('/');
      worker.postMessage('now look something up');
      // It follows process.chdir, as any Worker.
      expect(await told(worker)).toBe('/');
      expect(threadsIn(netns)).toHaveLength(2);
      expect(await dns.promises.lookup('localhost', { family: 4 })).toEqual({ address: '127.0.0.1', family: 4 });
      expect(await readFile('/proc/self/mountinfo', 'utf8')).toBe(mounts);
      process.chdir(before.cwd);
      expect({ id: currentNetns().id, servers: dns.getServers(), cwd: process.cwd() }).toEqual(before);
      expect(readlinkSync('/proc/thread-self/ns/net')).toBe(`net:[${before.id}]`);
    } finally {
      process.chdir(before.cwd);
      await worker.terminate();
    }
    expect(threadsIn(netns)).toEqual([]);
  });

  test("libuv's threads are outside, also where a Worker is the first to give them work", () => {
    // Counts the threads that are where it is.
    const code = `require('node:crypto').pbkdf2('a', 'b', 1, 8, 'sha256', () => {
      const { readdirSync, readlinkSync } = require('node:fs');
      const where = (thread) => readlinkSync('/proc/' + thread + '/ns/net');
      const threads = readdirSync('/proc/self/task').map((thread) => 'self/task/' + thread);
      console.log(threads.filter((thread) => where(thread) === where('thread-self')).length);
    })`;
    const program = `
      import { netnsWorker } from 'netloom';
      import { createNetns } from 'netloom/sync';
      netnsWorker(createNetns(), ${JSON.stringify(code)}, { eval: true, execArgv: [] });`;
    expect(runProgram(program)).toBe(1);
  });

  test('the library acts inside, and child processes and Workers are too', async () => {
    const code = `${SAY}
      const { readlinkSync } = require('node:fs');
      const { execFileSync } = require('node:child_process');
      const { Worker } = require('node:worker_threads');
      import(${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)}).then(async (netloom) => {
        const worker = new Worker("require('node:worker_threads').parentPort.postMessage(require('node:fs').readlinkSync('/proc/thread-self/ns/net'))", { eval: true });
        const nested = await new Promise((done) => worker.once('message', done));
        await netloom.createVeth({ name: 'a', peer: { name: 'b' } });
        say({
          current: netloom.currentNetns().id,
          links: (await netloom.listLinks()).map(({ name }) => name).sort(),
          child: execFileSync('readlink', ['/proc/self/ns/net'], { encoding: 'utf8' }).trim(),
          nested,
        });
      });`;
    const own = `net:[${netns.id}]`;
    expect(await inside(netns, code)).toEqual({ current: netns.id, links: ['a', 'b', 'lo'], child: own, nested: own });
  });

  test('it may be the primary of a node:cluster, whose workers are inside', async () => {
    const child = `
      const { readlinkSync } = require('node:fs');
      const http = require('node:http');
      http.createServer((_, response) => response.end(readlinkSync('/proc/self/ns/net'))).listen(80);`;
    const code = `${SAY}
      const cluster = require('node:cluster');
      cluster.setupPrimary({ exec: '-', execArgv: ['--eval', ${JSON.stringify(child)}] });
      const process = cluster.fork();
      process.once('listening', () => fetch('http://127.0.0.1/').then((answer) => answer.text()).then((where) => {
        process.once('exit', () => say(where)).kill();
      }));`;
    expect(await inside(netns, code)).toBe(`net:[${netns.id}]`);
    const here = net.connect(80, '127.0.0.1');
    expect((await once(here, 'error'))[0]).toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('the namespace may be closed at once: the Worker holds it', async () => {
    const worker = netnsWorker(netns, PROGRAM);
    netns.close();
    expect(await told<{ listening: number }>(worker)).toEqual({ listening: expect.any(Number) });
    await worker.terminate();
  });

  describe('is like any other Worker', () => {
    /** What a program sees of how it was started. */
    const REPORT = `
      const threads = require('node:worker_threads');
      const { workerData, parentPort, threadId, resourceLimits } = threads;
      const report = {
        workerData: workerData?.port ? 'a port' : workerData,
        argv: process.argv, execArgv: process.execArgv, env: process.env.NETLOOM_TEST,
        limits: { ...resourceLimits }, main: require.main === module, isMainThread: threads.isMainThread,
        filename: __filename, stdin: process.stdin.readableEnded,
      };
      console.log('to stdout');
      if (workerData?.port) workerData.port.postMessage(report); else parentPort.postMessage(report);
      if (workerData?.fail) throw Object.assign(new TypeError('as told'), { code: 'ETOLD' });
      process.exit();`;
    const directory = mkdtempSync(join(tmpdir(), 'netloom-worker-'));
    const FILE = join(directory, 'report.cjs');
    beforeAll(() => writeFileSync(FILE, REPORT));
    afterAll(() => rmSync(directory, { recursive: true }));

    async function outcome(
      start: (file: string, options: WorkerOptions) => Worker,
      file: string,
      options: WorkerOptions,
    ) {
      const worker = start(file, { ...options, stdout: true });
      // They come on two ways, in no order.
      const messages: unknown[] = [];
      const errors: unknown[] = [];
      worker.on('message', (message) => messages.push(message));
      worker.on('error', ({ name, message, code }: NodeJS.ErrnoException) => errors.push({ name, message, code }));
      const [stdout, [code]] = await Promise.all([
        text(worker.stdout),
        new Promise<[number]>((resolve) => worker.once('exit', (status) => resolve([status]))),
      ]);
      return { messages, errors, stdout, code };
    }

    const cases: [string, string, WorkerOptions][] = [
      ['a file', FILE, {}],
      ['a relative file', `./${'../'.repeat(20)}${FILE.slice(1)}`, { workerData: { a: [1n] }, argv: ['x', 'y'] }],
      ['code', `'use strict';${REPORT}`, { eval: true, argv: ['x'], env: { NETLOOM_TEST: 'yes' } }],
      ['options of V8 and Node', FILE, { execArgv: ['--no-warnings'], resourceLimits: { maxOldGenerationSizeMb: 64 } }],
      ['an exception', FILE, { workerData: { fail: true } }],
      ['a file that there is not', join(directory, 'none.js'), {}],
    ];
    test.each(cases)('run with %s', async (_, file, options) => {
      const plain = await outcome((...args) => new Worker(...args), file, options);
      expect(await outcome((...args) => netnsWorker(netns, ...args), file, options)).toEqual(plain);
      expect(plain.messages.length + plain.errors.length).toBeGreaterThan(0);
    });

    test('run with what is transferred to it', async () => {
      const { port1, port2 } = new MessageChannel();
      const worker = netnsWorker(netns, FILE, { workerData: { port: port2 }, transferList: [port2], stdout: true });
      const [report] = await once(port1, 'message');
      expect(report).toMatchObject({ workerData: 'a port', main: true, filename: FILE });
      port1.close();
      await worker.terminate();
    });

    test('run with a module, by a URL of its file or of its own text', async () => {
      const module = `import { parentPort, workerData } from 'node:worker_threads';
        import { lookup } from 'node:dns';
        import { readlinkSync } from 'node:fs';
        lookup('localhost', { family: 4 }, (error, address) => parentPort.postMessage([workerData, address, readlinkSync('/proc/thread-self/ns/net')]));`;
      const expected = ['data', '127.0.0.1', `net:[${netns.id}]`];
      const options = { workerData: 'data' };
      const path = join(directory, 'module.mjs');
      writeFileSync(path, module);
      for (const url of [new URL(`data:text/javascript,${encodeURIComponent(module)}`), pathToFileURL(path)]) {
        const worker = netnsWorker(netns, url, options);
        expect(await told(worker)).toEqual(expected);
        await new Promise((resolve) => worker.once('exit', resolve));
      }
    });

    test('in the namespace of the process it is one', async () => {
      const worker = netnsWorker(currentNetns(), FILE, { stdout: true });
      expect(await told(worker)).toMatchObject({ argv: [process.execPath, FILE], main: true });
    });
  });

  test('one that cannot be entered says so, and runs nothing', async () => {
    const named = await createNetns('netloom-worker-test');
    const program = `
      import { netnsWorker, openNetns } from 'netloom';
      const worker = netnsWorker(await openNetns('${named.name}'), "console.log('it ran')", { eval: true, execArgv: [] });
      worker.on('error', ({ code, errno, syscall, message }) => console.log(JSON.stringify({ code, errno, syscall, message })));`;
    const wrap = ['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin'];
    expect(runProgram(program, { wrap })).toEqual({
      code: 'EPERM',
      errno: -1,
      syscall: 'setns',
      message: expect.stringMatching(/^netnsWorker: EPERM: .*, setns; entering the namespace needs CAP_SYS_ADMIN/),
    });
    await deleteNetns(named);
  });

  test('bad arguments are refused', () => {
    const start = netnsWorker as (...args: unknown[]) => Worker;
    expect(() => start(undefined, PROGRAM)).toThrow('netnsWorker: netns must be a Netns');
    expect(() => start(netns, 'server.js')).toThrow('netnsWorker: file "server.js" must be an absolute path');
    expect(() => start(netns, 7)).toThrow('netnsWorker: file must be a path or a URL; received 7');
    expect(() => start(netns, new URL('http://a/'))).toThrow('must be a URL of a file, or a data URL');
    expect(() => start(netns, PROGRAM, null)).toThrow('netnsWorker: options must be an object');
    expect(() => start(netns, PROGRAM, { env: 7 })).toThrow('env');
    // None of them keeps the namespace.
    expect(descriptors().filter((target) => target === `net:[${netns.id}]`)).toHaveLength(1);
    netns.close();
    expect(() => start(netns, PROGRAM)).toThrow(/^netnsWorker: namespace .* is closed/);
  });

  test(`${TERMINATIONS} that are terminated at any moment leave no descriptor, thread and namespace`, async () => {
    const counted = () => ({
      threads: readdirSync('/proc/self/task').length,
      descriptors: descriptors().length,
    });
    const before = counted();
    for (let i = 0; i < TERMINATIONS; i++) {
      const worker = netnsWorker(netns, PROGRAM, { workerData: { busy: true } });
      const ended = once(worker, 'exit');
      // Every other one while it starts, and enters, the others at work.
      const working = i % 2 === 0;
      if (working) await told(worker);
      await new Promise((resolve) => setTimeout(resolve, (i * 7) % (working ? 40 : 90)));
      await worker.terminate();
      await ended;
    }
    expect(threadsIn(netns)).toEqual([]);
    // Idle threads of the library, with what they hold, end meanwhile.
    const most = { timeout: 5_000, interval: 50 };
    await vi.waitFor(() => expect(counted().threads).toBeLessThanOrEqual(before.threads), most);
    expect(counted().descriptors).toBeLessThanOrEqual(before.descriptors);
  }, 60_000);
});

async function get(host: string, port: number): Promise<string> {
  const [response] = (await once(http.get({ host, port, agent: false }), 'response')) as [http.IncomingMessage];
  return text(response);
}
