import dgram from 'node:dgram';
import dns from 'node:dns';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { Worker } from 'node:worker_threads';
import { bindDgram, createNetns, deleteNetns, listen, listLinks, type Netns, netnsWorker, setLink } from 'netloom';
import { afterEach, beforeEach, expect } from 'vitest';
import { answerNames } from './dns-server.ts';
import { inside, SAY } from './in-worker.ts';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel, testNeeds } from './privilege.ts';

const ERROR_OF = 'const errorOf = ({ code, errno, syscall, message }) => ({ code, errno, syscall, message });';

describeKernel('names, looked up by a Worker in a namespace', () => {
  expectNoLeaks(async () => {
    await listLinks();
    // What this process keeps open once it has had a Worker and a lookup.
    await new Worker('', { eval: true }).terminate();
    await dns.promises.lookup('localhost');
  });

  const NAME = 'netloom-worker-names';
  const ETC = `/etc/netns/${NAME}`;
  let named: Netns;
  let server: dgram.Socket;
  let asked: string[];
  beforeEach(async () => {
    named = await createNetns(NAME);
    await setLink('lo', { up: true }, { netns: named });
    server = dgram.createSocket('udp4');
    await bindDgram(named, server, { address: '127.0.0.1', port: 53 });
    asked = answerNames(server, { 'web.test': '127.0.0.7', 'xn--bcher-kva.test': '127.0.0.8' });
    mkdirSync(ETC, { recursive: true });
    writeFileSync(`${ETC}/resolv.conf`, 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n');
    writeFileSync(`${ETC}/hosts`, '127.0.0.1 localhost\n127.0.0.9 only.inside\n::9 only.inside\n');
  });
  afterEach(async () => {
    server.close();
    await deleteNetns(named);
    rmSync(ETC, { recursive: true, force: true });
    // Only if it was this that made it.
    if (existsSync('/etc/netns') && readdirSync('/etc/netns').length === 0) rmSync('/etc/netns', { recursive: true });
  });

  testNeeds('etc')('a request by name asks the name server of the namespace', async () => {
    const web = http.createServer((_, response) => response.end('found by its name'));
    const { port } = await listen(named, web, { host: '127.0.0.7' });
    const code = `${SAY}
      require('node:http').get('http://web.test:${port}/', async (response) => say(Buffer.concat(await response.toArray()).toString()));`;
    expect(await inside(named, code)).toBe('found by its name');
    expect(asked).toContain('A web.test');
    const byFetch = `${SAY} fetch('http://web.test:${port}/').then((response) => response.text()).then(say);`;
    expect(await inside(named, byFetch)).toBe('found by its name');
    web.closeAllConnections();
    web.close();
  });

  testNeeds('etc')('every way of node:dns does, and this thread none', async () => {
    const before = dns.getServers();
    const code = `${SAY} ${ERROR_OF}
      const dns = require('node:dns');
      const { promisify } = require('node:util');
      const called = (run) => new Promise((done) => run((error, ...results) => done(error ? errorOf(error) : results)));
      (async () => say({
        servers: dns.getServers(),
        lookup: await called((done) => dns.lookup('web.test', 4, done)),
        all: await called((done) => dns.lookup('only.inside', { all: true, order: 'ipv4first', verbatim: false }, done)),
        six: await called((done) => dns.lookup('only.inside', { family: 'IPv6' }, done)),
        promised: await dns.promises.lookup('web.test', { family: 4 }),
        promisified: await promisify(dns.lookup)('web.test', { family: 4 }),
        idn: await dns.promises.lookup('b\\u00fccher.test', { family: 4 }),
        none: await dns.promises.lookup('nothing.test').catch(errorOf),
        resolved: await dns.promises.resolve4('web.test'),
        resolver: await new dns.promises.Resolver().resolve4('web.test'),
        callback: await called((done) => new dns.Resolver().resolve4('web.test', done)),
        service: await called((done) => dns.lookupService('127.0.0.9', 80, done)),
        promisedService: await dns.promises.lookupService('127.0.0.9', 443),
      }))();`;
    const web = { address: '127.0.0.7', family: 4 };
    expect(await inside(named, code)).toEqual({
      servers: ['127.0.0.1'],
      lookup: ['127.0.0.7', 4],
      all: [
        [
          { address: '127.0.0.9', family: 4 },
          { address: '::9', family: 6 },
        ],
      ],
      six: ['::9', 6],
      promised: web,
      promisified: web,
      idn: { address: '127.0.0.8', family: 4 },
      none: {
        code: 'ENOTFOUND',
        errno: -3008,
        syscall: 'getaddrinfo',
        message: 'getaddrinfo ENOTFOUND nothing.test',
      },
      resolved: ['127.0.0.7'],
      resolver: ['127.0.0.7'],
      callback: [['127.0.0.7']],
      service: ['only.inside', 'http'],
      promisedService: { hostname: 'only.inside', service: 'https' },
    });
    expect(dns.getServers()).toEqual(before);
    await expect(dns.promises.lookup('only.inside')).rejects.toThrow();
  });

  testNeeds('etc')('a namespace without a name has the files of the machine', async () => {
    const nameless = await createNetns();
    const code = `${SAY} say(require('node:dns').getServers())`;
    expect(await inside(nameless, code)).toEqual(dns.getServers());
    nameless.close();
  });

  // Nobody can call getaddrinfo off, so that the end of any Worker waits for it.
  testNeeds('etc')('one that exits while a name is looked up ends with the look-up', async () => {
    server.removeAllListeners('message');
    const code = `require('node:dns').lookup('web.test', () => console.error('told')); setTimeout(() => process.exit(3), 50);`;
    const worker = netnsWorker(named, code, { eval: true, stderr: true });
    const exited = once(worker, 'exit');
    expect(await text(worker.stderr)).toBe('');
    expect(await exited).toEqual([3]);
  });
});
