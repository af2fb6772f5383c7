/**
 * Talks TCP and UDP inside a namespace, as its parent asks: { listen: port } answers each client with the address it
 * is seen by; { ask: { protocol, address, port, localPort } } gives the answer, or the error's code, or 'timeout'.
 */
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';

/** @typedef {{ protocol: 'tcp' | 'udp', address: string, port: number, localPort?: number }} Question */

const TIMEOUT = 1000;
const bare = (/** @type {string | undefined} */ address) => String(address).replace(/^::ffff:/, '');

/** @returns {Promise<string>} */
async function listen(/** @type {number} */ port) {
  await new Promise((resolve, reject) => {
    createServer((socket) => socket.on('error', () => {}).end(bare(socket.remoteAddress)))
      .on('error', reject)
      .listen({ port, host: '::' }, () => resolve(undefined));
  });
  await new Promise((resolve, reject) => {
    const socket = createSocket('udp6');
    socket.on('error', reject);
    socket.on('message', (_, { address, port: from }) => socket.send(bare(address), from, address));
    socket.bind(port, '::', () => resolve(undefined));
  });
  return 'listening';
}

/** @type {(question: Question) => Promise<string>} */
const askTcp = ({ address, port }) =>
  new Promise((resolve, reject) => {
    let text = '';
    const socket = connect({ host: address, port, timeout: TIMEOUT });
    socket.setEncoding('utf8').on('data', (more) => {
      text += more;
    });
    socket.on('end', () => resolve(text)).on('error', reject);
    socket.on('timeout', () => {
      socket.destroy();
      resolve('timeout');
    });
  });

/** @type {(question: Question) => Promise<string>} */
const askUdp = ({ address, port, localPort }) =>
  new Promise((resolve, reject) => {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    const end = (/** @type {() => void} */ tell) => {
      clearTimeout(timer);
      socket.close(tell);
    };
    const timer = setTimeout(() => end(() => resolve('timeout')), TIMEOUT);
    socket.on('error', (error) => end(() => reject(error)));
    socket.on('message', (message) => end(() => resolve(message.toString())));
    socket.bind(localPort ?? 0, () => socket.connect(port, address, () => socket.send('hello')));
  });

const ask = (/** @type {Question} */ question) => (question.protocol === 'tcp' ? askTcp(question) : askUdp(question));

process.on(
  'message',
  async (/** @type {{ id: number, listen?: number, ask: Question }} */ { id, listen: port, ask: question }) => {
    const answer = port === undefined ? ask(question) : listen(port);
    process.send?.({ id, answer: await answer.catch(({ code }) => code) });
  },
);

process.on('disconnect', () => process.exit());
