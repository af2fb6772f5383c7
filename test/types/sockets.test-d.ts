/** What TypeScript takes for sockets and Workers in a namespace, and what it refuses. */
import type dgram from 'node:dgram';
import type http from 'node:http';
import type http2 from 'node:http2';
import type net from 'node:net';
import type tls from 'node:tls';
import type { Worker } from 'node:worker_threads';
import { bindDgram, connect, listen, type Netns, netnsWorker, openSocket } from 'netloom';
import * as sync from 'netloom/sync';
import { describe, expectTypeOf, test } from 'vitest';

declare const netns: Netns;
declare const server: http.Server;
declare const others: net.Server | tls.Server | http2.Http2SecureServer;
declare const socket: dgram.Socket;

describe('sockets', () => {
  test('servers listen', () => {
    expectTypeOf(listen(netns, server, { port: 80 })).resolves.toEqualTypeOf<net.AddressInfo>();
    expectTypeOf(sync.listen(netns, others)).toEqualTypeOf<net.AddressInfo>();
    listen(netns, server, { host: '::', port: 80, backlog: 5, ipv6Only: true, reusePort: true });
    // @ts-expect-error: no port
    listen(netns, server, { port: '80' });
    // @ts-expect-error: no server
    listen(netns, socket);
    // @ts-expect-error: nowhere
    listen(server);
    // @ts-expect-error: no such option
    listen(netns, server, { address: '::' });
  });

  test('connections are sockets of node:net', () => {
    expectTypeOf(connect(netns, { host: '10.0.0.1', port: 80 })).resolves.toEqualTypeOf<net.Socket>();
    expectTypeOf(sync.connect(netns, { host: '10.0.0.1', port: 80 })).toEqualTypeOf<net.Socket>();
    // @ts-expect-error: no host
    connect(netns, { port: 80 });
    // @ts-expect-error: no port
    connect(netns, { host: '10.0.0.1' });
  });

  test('datagrams have sockets of node:dgram', () => {
    expectTypeOf(bindDgram(netns, socket, { address: '::', port: 53 })).resolves.toEqualTypeOf<net.AddressInfo>();
    // @ts-expect-error: a server
    bindDgram(netns, server);
  });

  test('others have descriptors', () => {
    expectTypeOf(openSocket(netns)).resolves.toEqualTypeOf<number>();
    expectTypeOf(sync.openSocket(netns, { type: 'raw', protocol: 1 })).toEqualTypeOf<number>();
    openSocket(netns, { type: 'stream', family: 'inet6', address: '::', port: 80, backlog: 5, reuseAddr: false });
    // @ts-expect-error: no such type
    openSocket(netns, { type: 'tcp' });
    // @ts-expect-error: no such family
    openSocket(netns, { family: 'ipv6' });
  });
});

test('a Worker is one of node:worker_threads, with its options', () => {
  expectTypeOf(netnsWorker(netns, './server.js')).toEqualTypeOf<Worker>();
  netnsWorker(netns, new URL('file:///server.js'), { workerData: 1, argv: ['x'], stdout: true, name: 'inside' });
  // @ts-expect-error: no such option
  netnsWorker(netns, './server.js', { wokerData: 1 });
  // @ts-expect-error: no file
  netnsWorker(netns);
  // @ts-expect-error: no synchronous flavour
  sync.netnsWorker(netns, './server.js');
});
