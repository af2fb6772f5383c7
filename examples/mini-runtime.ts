/**
 * A container runtime on one page: three containers of busybox, networked by netloom. Each has a root directory, process
 * ids, mounts, a host name and a network of its own.
 *
 *                host: br0 10.0.0.1/24
 *        ┌─────────────────┼─────────────────┐
 *     web: eth0         client: eth0      slow: eth0
 *     10.0.0.2/24       10.0.0.3/24       10.0.0.4/24, which gets 4 Mbit/s
 *     httpd             wget              wget
 */
import { addRoute, createBridge, createNetns, createVeth, limitBandwidth, type Netns, setLink, waitFor } from 'netloom';
import { type Container, makeContainer, run, start } from './mini-runtime/container.js';

const SIZE = 1_000_000;
const LIMIT = { rate: 4e6, burst: 32_768 };

async function main(): Promise<void> {
  // In place of the machine itself, which is not touched.
  await using host = await createNetns();
  await createBridge({ name: 'br0', netns: host, up: true, addresses: ['10.0.0.1/24'] });
  await using web = await makeContainer('web');
  await using client = await makeContainer('client');
  await using slow = await makeContainer('slow');
  await attach(web, host, '10.0.0.2/24');
  await attach(client, host, '10.0.0.3/24');
  await attach(slow, host, '10.0.0.4/24');

  // httpd goes to the background once it listens.
  await start(
    web,
    `echo "hello from $(hostname), where process 1 is $(cat /proc/1/comm)" > /www/index.html
    yes | head -c ${SIZE} > /www/big
    httpd -h /www && echo ready`,
  );
  console.log(`client: ${await run(client, 'ip route | grep default')}`);
  console.log(`client: ${await run(client, 'wget -q -O - http://10.0.0.2/')}`);

  // What the host's end sends is what the container gets.
  await limitBandwidth(slow.name, { egress: LIMIT }, { netns: host });
  for (const container of [client, slow]) await measure(container);
}

/** A cable from the bridge to the container, an address, and a way to everywhere else. */
async function attach({ name, netns }: Container, host: Netns, address: string): Promise<void> {
  const [port, eth0] = await createVeth({
    name,
    netns: host,
    master: 'br0',
    up: true,
    peer: { name: 'eth0', netns, up: true, addresses: [address] },
  });
  await Promise.all([addRoute({ via: '10.0.0.1', link: eth0 }), setLink('lo', { up: true }, { netns })]);
  // The kernel gets a port going in the background; what is sent before that is lost.
  await waitFor(port, 'forwarding');
}

/** Says how long a download takes, and on which side of the limit that is. */
async function measure(container: Container): Promise<void> {
  const started = performance.now();
  const bytes = await run(container, 'wget -q -O - http://10.0.0.2/big | wc -c');
  const time = performance.now() - started;
  // One burst passes at once. What is more has to wait.
  const limited = ((SIZE - LIMIT.burst) * 8) / LIMIT.rate;
  const side = time / 1000 < limited ? 'faster than' : 'within';
  console.log(`${container.name}: ${bytes} bytes in ${time.toFixed(3)} ms, ${side} 4 Mbit/s`);
}

await main();
