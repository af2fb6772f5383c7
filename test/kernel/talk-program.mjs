/**
 * Talks TCP and UDP inside a namespace, as its parent asks: { listen: port } answers each client with the address it
 * is seen by; { ask: { protocol, address, port, localPort } } gives the answer, or the error's code. { tell } sends a
 * datagram and waits for nothing.
 */
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';

const TIMEOUT = 1000;
const bare = (address) => address.replace(/^::ffff:/, '');

const listen = (port) =>
  Promise.all([
    new Promise((resolve, reject) => {
      createServer((socket) => socket.on('error', () => {}).end(bare(socket.remoteAddress)))
        .on('error', reject)
        .listen({ port, host: '::' }, resolve);
    }),
    new Promise((resolve, reject) => {
      const socket = createSocket('udp6');
      socket.on('error', reject);
      socket.on('message', (_, { address, port }) => socket.send(bare(address), port, address));
      socket.bind(port, '::', resolve);
    }),
  ]).then(() => 'listening');

const asks = {
  tcp: ({ address, port }) =>
    new Promise((resolve) => {
      let text = '';
      const socket = connect({ host: address, port, timeout: TIMEOUT });
      socket.setEncoding('utf8').on('data', (more) => {
        text += more;
      });
      socket.on('end', () => resolve(text)).on('error', ({ code }) => resolve(code));
      socket.on('timeout', () => {
        socket.destroy();
        resolve('timeout');
      });
    }),
  udp: ({ address, port, localPort }) =>
    new Promise((resolve) => {
      const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
      const end = (answer) => {
        clearTimeout(timer);
        socket.close(() => resolve(answer));
      };
      const timer = setTimeout(() => end('timeout'), TIMEOUT);
      socket.on('error', ({ code }) => end(code));
      socket.on('message', (message) => end(message.toString()));
      socket.bind(localPort ?? 0, () => {
        socket.connect(port, address, (error) => (error ? end(error.code) : socket.send('hello')));
      });
    }),
};

process.on('message', async ({ id, listen: port, ask }) => {
  const answer = port === undefined ? asks[ask.protocol](ask) : listen(port);
  process.send({ id, answer: await answer.catch(({ code }) => code) });
});
