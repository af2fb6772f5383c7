/**
 * What a Worker of netns-worker.test.ts runs: an ordinary HTTP server, a client that fetches what it is told to, and, where
 * it is to be terminated, lookups and connections that are always under way.
 */
import { lookup } from 'node:dns';
import http from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';

const { port = 0, busy = false } = workerData ?? {};

const server = http.createServer((request, response) => response.end(`${request.socket.remoteAddress} asks`));
const portOf = () => /** @type {import('node:net').AddressInfo | null} */ (server.address())?.port;
server.listen(port, () => parentPort?.postMessage({ listening: portOf() }));

parentPort?.on('message', async (url) => {
  parentPort?.postMessage({ fetched: await (await fetch(url)).text() });
});

function look() {
  lookup('localhost', { family: 4 }, () => {
    http.get({ host: '127.0.0.1', port: portOf() ?? 1, agent: false }, look).on('error', look);
  });
}
if (busy) for (let i = 0; i < 3; i++) look();
