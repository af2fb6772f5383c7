import dgram from 'node:dgram';
import { once } from 'node:events';
import { closeSync, fstatSync } from 'node:fs';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import {
  addAddress,
  bindDgram,
  connect,
  createNetns,
  createVeth,
  getLink,
  listAddresses,
  listen,
  listLinks,
  type Netns,
  openSocket,
  setLink,
  waitFor,
} from 'netloom';
import * as sync from 'netloom/sync';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { iproute } from './ip.ts';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { failure, runProgram } from './witness.ts';

/** Sockets that listen in a namespace, by ss(8): `10.0.0.1:80`. */
const listening = (netns: Netns, kind = '-t'): string[] =>
  iproute(netns, `ss -Hln ${kind}`)
    .split('\n')
    .flatMap((line) => line.trim().split(/\s+/)[3] ?? []);

/** A GET through a socket that somebody else has made. */
async function get(createConnection: () => net.Socket): Promise<string> {
  const request = http.get({ host: 'unused', createConnection });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  return text(response);
}

const answering = (answer: string): http.Server => http.createServer((_, response) => response.end(answer));

describeKernel('sockets inside a namespace, used from outside', () => {
  expectNoLeaks(async () => {
    await listLinks();
    sync.listLinks();
  });

  let netns: Netns;
  const servers: { close(): unknown }[] = [];
  const closedAtEnd = <T extends { close(): unknown }>(server: T): T => {
    servers.push(server);
    return server;
  };
  beforeEach(async () => {
    netns = await createNetns();
    await setLink('lo', { up: true }, { netns });
  });
  afterEach(async () => {
    netns.close();
    for (const server of servers.splice(0)) {
      if (server instanceof http.Server) server.closeAllConnections();
      server.close();
    }
  });

  test('a server of this thread listens there, and not here', async () => {
    const server = closedAtEnd(answering('from inside'));
    const address = await listen(netns, server, { host: '127.0.0.1', port: 8080 });
    expect(address).toEqual({ address: '127.0.0.1', family: 'IPv4', port: 8080 });
    expect(server.address()).toEqual(address);
    expect(listening(netns)).toEqual(['127.0.0.1:8080']);
    expect(await get(() => sync.connect(netns, { host: '127.0.0.1', port: 8080 }))).toBe('from inside');
    const here = net.connect(8080, '127.0.0.1');
    expect((await once(here, 'error'))[0]).toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('one event loop serves the same port in twenty namespaces', async () => {
    const many = await Promise.all(Array.from({ length: 20 }, () => createNetns()));
    try {
      await Promise.all(
        many.map(async (inside, i) => {
          await setLink('lo', { up: true }, { netns: inside });
          await listen(inside, closedAtEnd(answering(`number ${i}`)), { port: 80 });
        }),
      );
      const answers = await Promise.all(
        many.map((inside) => get(() => sync.connect(inside, { host: '127.0.0.1', port: 80 }))),
      );
      expect(answers).toEqual(many.map((_, i) => `number ${i}`));
      expect(many.map((inside) => listening(inside))).toEqual(many.map(() => ['*:80']));
    } finally {
      for (const inside of many) inside.close();
    }
  });

  test('a namespace reaches another through a veth pair, by IPv4, IPv6 and a link-local address', async () => {
    const other = await createNetns();
    try {
      const [near, far] = await createVeth({
        name: 'eth0',
        netns,
        up: true,
        addresses: ['10.0.0.1/24', { address: '2001:db8::1/64', flags: ['nodad'] }],
        peer: { name: 'eth1', netns: other, up: true },
      });
      await addAddress(far, '10.0.0.2/24');
      await addAddress(far, { address: '2001:db8::2/64', flags: ['nodad'] });
      await Promise.all([near, far].map((link) => waitFor(link, 'addresses', { timeout: 5000 })));
      const local = (await listAddresses({ link: far })).find(({ scope }) => scope === 'link');
      const linkLocal = local?.address.replace(/\/.*/, '');
      const server = closedAtEnd(net.createServer((socket) => socket.end('there')));
      const { port } = await listen(other, server);
      for (const host of ['10.0.0.2', '2001:db8::2', `${linkLocal}%eth0`])
        expect(await text(await connect(netns, { host, port }))).toBe('there');
      const bound = await connect(netns, { host: '10.0.0.2', port, localAddress: '10.0.0.1', localPort: 4321 });
      expect(bound.localPort).toBe(4321);
      await text(bound);
      // Also where Node cannot tell, since this thread's namespace has no such link.
      const onLink = closedAtEnd(net.createServer());
      const address = `${linkLocal}%eth1`;
      expect(await listen(other, onLink, { host: address, port: 99 })).toEqual({ address, family: 'IPv6', port: 99 });
      const datagrams = closedAtEnd(dgram.createSocket('udp6'));
      expect(await bindDgram(other, datagrams, { address, port: 99 })).toEqual({ address, family: 'IPv6', port: 99 });
      expect(listening(other)).toContain(`[${linkLocal}]%eth1:99`);
    } finally {
      other.close();
    }
  });

  test('without a host a server has both families, with ipv6Only one', async () => {
    await listen(netns, closedAtEnd(net.createServer()), { port: 81 });
    await listen(netns, closedAtEnd(net.createServer()), { port: 82, ipv6Only: true });
    await listen(netns, closedAtEnd(net.createServer()), { port: 82, host: '0.0.0.0' });
    expect(listening(netns).sort()).toEqual(['*:81', '0.0.0.0:82', '[::]:82']);
  });

  test('as many connections may wait as is said', async () => {
    await listen(netns, closedAtEnd(net.createServer()), { host: '127.0.0.1', port: 81, backlog: 5 });
    sync.listen(netns, closedAtEnd(net.createServer()), { host: '127.0.0.1', port: 82, backlog: 6 });
    await listen(netns, closedAtEnd(net.createServer()), { host: '127.0.0.1', port: 83 });
    // State, and for one that listens the queue and its limit.
    const limits = [...iproute(netns, 'ss -Hltn').matchAll(/^LISTEN +0 +(\d+) +127\.0\.0\.1:(\d+)/gm)];
    expect(limits.map(([, limit, port]) => [port, limit]).sort()).toEqual([
      ['81', '5'],
      ['82', '6'],
      ['83', '511'],
    ]);
  });

  test('two servers share a port with reusePort', async () => {
    for (let i = 0; i < 2; i++)
      await listen(netns, closedAtEnd(net.createServer()), { host: '127.0.0.1', port: 83, reusePort: true });
    expect(listening(netns)).toEqual(['127.0.0.1:83', '127.0.0.1:83']);
  });

  test('UDP goes both ways', async () => {
    const server = closedAtEnd(dgram.createSocket('udp4'));
    const client = closedAtEnd(dgram.createSocket('udp4'));
    const address = await bindDgram(netns, server, { address: '127.0.0.1', port: 5353 });
    expect(address).toEqual({ address: '127.0.0.1', family: 'IPv4', port: 5353 });
    await bindDgram(netns, client);
    server.on('message', (message, { port }) => server.send(`${message}, indeed`, port, '127.0.0.1'));
    client.send('hello', 5353, '127.0.0.1');
    expect(String((await once(client, 'message'))[0])).toBe('hello, indeed');
    expect(listening(netns, '-u').sort()).toEqual([`0.0.0.0:${client.address().port}`, '127.0.0.1:5353'].sort());
  });

  test('UDP over IPv6, bound without waiting', async () => {
    const server = closedAtEnd(dgram.createSocket('udp6'));
    expect(sync.bindDgram(netns, server, { port: 5354, ipv6Only: true })).toMatchObject({ address: '::', port: 5354 });
    const client = closedAtEnd(dgram.createSocket('udp6'));
    sync.bindDgram(netns, client);
    client.send('six', 5354, '::1');
    expect(String((await once(server, 'message'))[0])).toBe('six');
  });

  test('the synchronous flavour listens when it returns', async () => {
    const server = closedAtEnd(answering('at once'));
    const { port } = sync.listen(netns, server, { host: '127.0.0.1' });
    expect(listening(netns)).toEqual([`127.0.0.1:${port}`]);
    expect(await get(() => sync.connect(netns, { host: '127.0.0.1', port }))).toBe('at once');
  });

  test('an agent of node:http keeps its connections inside', async () => {
    const server = closedAtEnd(answering('kept'));
    const { port } = await listen(netns, server, { host: '127.0.0.1' });
    let connections = 0;
    server.on('connection', () => connections++);
    const agent = new http.Agent({ keepAlive: true });
    Object.assign(agent, { createConnection: () => sync.connect(netns, { host: '127.0.0.1', port }) });
    try {
      for (let i = 0; i < 3; i++) {
        const [response] = await once(http.get({ host: '127.0.0.1', port, agent }), 'response');
        expect(await text(response)).toBe('kept');
      }
      expect(connections).toBe(1);
    } finally {
      agent.destroy();
    }
  });

  test('a descriptor from openSocket is bound there, listens, and serves whoever takes it', async () => {
    const fd = await openSocket(netns, { address: '127.0.0.1', port: 84, backlog: 5 });
    expect(fstatSync(fd).isSocket()).toBe(true);
    // Local address and state of /proc/net/tcp: 127.0.0.1:84 listens.
    expect(iproute(netns, 'cat /proc/net/tcp')).toMatch(/ 0100007F:0054 00000000:0000 0A /);
    const server = closedAtEnd(answering('adopted'));
    server.listen({ fd });
    await once(server, 'listening');
    expect(await get(() => sync.connect(netns, { host: '127.0.0.1', port: 84 }))).toBe('adopted');
  });

  test('openSocket gives any type, in both flavours', async () => {
    const fds = [
      sync.openSocket(netns),
      sync.openSocket(netns, { type: 'dgram', family: 'inet6', port: 85 }),
      await openSocket(netns, { type: 'raw', protocol: 1 }),
    ];
    expect(fds.every((fd) => fstatSync(fd).isSocket())).toBe(true);
    expect(listening(netns, '-u')).toEqual(['*:85']);
    expect(listening(netns, '-w')).toEqual(['0.0.0.0:1']);
    for (const fd of fds) closeSync(fd);
  });

  test('a socket outlives the handle of its namespace', async () => {
    const server = closedAtEnd(answering('still there'));
    const { port } = await listen(netns, server, { host: '127.0.0.1' });
    const socket = await connect(netns, { host: '127.0.0.1', port });
    netns.close();
    expect(await get(() => socket)).toBe('still there');
  });

  test('what the kernel refuses says where', async () => {
    const server = closedAtEnd(net.createServer());
    await listen(netns, server, { host: '127.0.0.1', port: 86 });
    const taken = await failure(listen(netns, net.createServer(), { host: '127.0.0.1', port: 86 }));
    expect(taken).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind', address: '127.0.0.1', port: 86 });
    expect(taken.message).toBe('listen: EADDRINUSE: address already in use, bind 127.0.0.1:86');
    const nowhere = await failure(bindDgram(netns, closedAtEnd(dgram.createSocket('udp4')), { address: '192.0.2.1' }));
    expect(nowhere.message).toBe(
      'bindDgram: EADDRNOTAVAIL: address not available, bind 192.0.2.1:0; no link of the namespace has that address',
    );
    expect(await failure(connect(netns, { host: '127.0.0.1', port: 9 }))).toMatchObject({ code: 'ECONNREFUSED' });
    expect(await failure(connect(netns, { host: '192.0.2.1', port: 9 }))).toMatchObject({ code: 'ENETUNREACH' });
    const [error] = await once(sync.connect(netns, { host: '127.0.0.1', port: 9 }), 'error');
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('bad arguments are refused before the kernel sees them', async () => {
    const message = async (call: Promise<unknown>): Promise<string> => (await failure(call)).message;
    const server = net.createServer();
    expect(await message(listen(netns, server, { port: 70_000 }))).toBe(
      'listen: port 70000 is out of range (an integer, 0 to 65535)',
    );
    expect(await message(listen(netns, server, { backlog: 0 }))).toMatch('listen: backlog 0 is out of range');
    expect(await message(listen(netns, server, { host: 'localhost' }))).toBe(
      'listen: host "localhost" is no IP address',
    );
    expect(await message(listen(netns, server, { host: '127.0.0.1', ipv6Only: true }))).toBe(
      'listen: ipv6Only true is for IPv6 sockets',
    );
    expect(await message(listen(netns, {} as net.Server))).toMatch('listen: server must be a server of node:net');
    expect(await message(listen(netns, server, { prot: 80 } as object))).toMatch('options.prot 80 is no option here');
    expect(await message(listen(undefined as unknown as Netns, server))).toMatch('listen: netns must be a Netns');
    expect(await message(connect(netns, { host: 'fe80::1', port: 80 }))).toMatch('is link-local and needs its link');
    expect(await message(connect(netns, { host: 'fe80::1%none', port: 80 }))).toBe(
      'connect: host "fe80::1%none" names a link that the namespace does not have',
    );
    expect(await message(listen(netns, server, { host: 'fe80::1%lo' }))).toMatch('port 0 must be chosen');
    expect(await message(connect(netns, { host: '::1', port: 0 }))).toMatch('port 0 is out of range');
    expect(await message(connect(netns, { host: '::1', port: 80, localAddress: '127.0.0.1' }))).toMatch(
      'is not of the family of host',
    );
    expect(await message(openSocket(netns, { type: 'raw' }))).toBe('openSocket: type "raw" needs a protocol');
    expect(await message(openSocket(netns, { family: 'inet6', address: '127.0.0.1' }))).toMatch('is not of family');
    expect(await message(openSocket(netns, { type: 'dgram', backlog: 5 }))).toMatch('backlog 5 is for sockets that');
    const socket = closedAtEnd(dgram.createSocket('udp6'));
    expect(await message(bindDgram(netns, socket, { address: '127.0.0.1' }))).toMatch("for a socket of type 'udp6'");
    netns.close();
    expect(await failure(listen(netns, server))).toMatchObject({ code: 'ERR_INVALID_STATE' });
  });

  test('a server or socket that is taken is refused, and nothing is left of it', async () => {
    const server = closedAtEnd(net.createServer());
    // Which of two calls comes first is not known.
    const listened = Promise.allSettled([listen(netns, server, { port: 87 }), listen(netns, server, { port: 88 })]);
    expect((await listened).map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect((await failure(listen(netns, server))).message).toMatch('listens already');
    const socket = closedAtEnd(dgram.createSocket('udp4'));
    const bound = Promise.allSettled([bindDgram(netns, socket, { port: 87 }), bindDgram(netns, socket, { port: 88 })]);
    expect((await bound).map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect((await failure(bindDgram(netns, socket))).message).toMatch('is bound already');
    const closed = dgram.createSocket('udp4');
    closed.close();
    expect(await failure(bindDgram(netns, closed))).toMatchObject({ code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' });
    expect(listening(netns)).toEqual([`*:${(server.address() as AddressInfo).port}`]);
    expect(listening(netns, '-u')).toEqual([`0.0.0.0:${socket.address().port}`]);
  });

  test('a server that is closed meanwhile rejects the call', async () => {
    const server = net.createServer();
    const { listen: take } = server;
    // Between taking the socket and saying so, which is a tick later.
    Object.assign(server, { listen: (...args: unknown[]) => Reflect.apply(take, server, args).close() });
    expect(await failure(listen(netns, server, { port: 87 }))).toMatchObject({
      code: 'ERR_INVALID_STATE',
      message: 'listen: server is closed',
    });
    expect(listening(netns)).toEqual([]);
  });

  test('in a worker of node:cluster a server is refused, and a UDP socket bound', () => {
    const program = `
      import dgram from 'node:dgram';
      import net from 'node:net';
      import { bindDgram, listen } from 'netloom';
      import { createNetns } from 'netloom/sync';
      const netns = createNetns();
      const refused = await listen(netns, net.createServer(), { port: 80 }).catch(({ message }) => message);
      const bound = await bindDgram(netns, dgram.createSocket('udp4'), { port: 53 });
      process.send({ refused, bound }, () => process.exit());`;
    const primary = `
      import cluster from 'node:cluster';
      cluster.setupPrimary({ exec: '-', execArgv: ['--input-type=module', '--eval', ${JSON.stringify(program)}] });
      cluster.fork().on('message', (told) => console.log(JSON.stringify(told)));`;
    expect(runProgram(primary)).toEqual({
      refused: expect.stringMatching(/^listen: server .* cannot listen in a worker of node:cluster/),
      bound: { address: '0.0.0.0', family: 'IPv4', port: 53 },
    });
  });

  test('an aborted call rejects, and leaves no socket', async () => {
    const aborted = { name: 'AbortError' };
    const signal = AbortSignal.abort();
    expect(await failure(listen(netns, net.createServer(), { signal }))).toMatchObject(aborted);
    for (const delay of [0, 1, 2]) {
      const stop = new AbortController();
      const server = net.createServer();
      const calls = [
        listen(netns, server, { port: 89, signal: stop.signal }),
        openSocket(netns, { port: 90, backlog: 1, signal: stop.signal }),
        bindDgram(netns, closedAtEnd(dgram.createSocket('udp4')), { port: 89, signal: stop.signal }),
      ];
      if (delay > 0) await new Promise((resolve) => setImmediate(resolve));
      stop.abort();
      const [listened, opened] = await Promise.allSettled(calls);
      // What was done before it was aborted is the caller's to close.
      if (listened?.status === 'fulfilled') server.close();
      if (opened?.status === 'fulfilled') closeSync(opened.value as number);
      for (const outcome of await Promise.allSettled(calls))
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject(aborted);
      for (const socket of servers.splice(0)) socket.close();
      await vi.waitFor(() => expect(listening(netns)).toEqual([]));
    }
  });

  test('an aborted connection is given up, and its socket closed', async () => {
    const [link] = await createVeth({ name: 'v0', netns, up: true, peer: { name: 'v1', netns, up: true } });
    await addAddress(link, '10.9.0.1/24');
    // Nobody answers: the kernel asks for a neighbour that is not there.
    const stop = new AbortController();
    const connecting = connect(netns, { host: '10.9.0.77', port: 80, signal: stop.signal });
    await vi.waitFor(() => expect(iproute(netns, 'ss -Htan')).toMatch('10.9.0.77:80'));
    stop.abort();
    expect(await failure(connecting)).toMatchObject({ name: 'AbortError' });
    await vi.waitFor(() => expect(iproute(netns, 'ss -Htan')).not.toMatch('10.9.0.77:80'));
    expect((await getLink('v0', { netns })).name).toBe('v0');
  });

  test('addresses of both sides are those of the namespace', async () => {
    const server = closedAtEnd(net.createServer((socket) => socket.end(String(socket.remoteAddress))));
    const { port } = await listen(netns, server, { host: '127.0.0.1' });
    const socket = await connect(netns, { host: '127.0.0.1', port, localAddress: '127.0.0.9' });
    expect((socket.address() as AddressInfo).address).toBe('127.0.0.9');
    expect(await text(socket)).toBe('127.0.0.9');
  });
});
