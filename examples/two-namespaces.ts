/** The smallest network: two namespaces and a cable between them. */
import { createNetns, createVeth, ping, waitFor } from 'netloom';

async function main(): Promise<void> {
  // Without a name a namespace lives as long as its handle, and takes its links along. So nothing is left
  // behind, however the program ends.
  await using left = await createNetns();
  await using right = await createNetns();

  // One request makes the cable, each end straight in its place: the same name twice is no conflict.
  const [eth0] = await createVeth({
    name: 'eth0',
    netns: left,
    up: true,
    addresses: ['10.0.0.1/24'],
    peer: { name: 'eth0', netns: right, up: true, addresses: ['10.0.0.2/24'] },
  });

  // The kernel gets a link going in the background; what is sent before that is lost.
  await waitFor(eth0, 'up');

  const { received, transmitted, times } = await ping('10.0.0.2', { netns: left, count: 3, interval: 100 });
  const list = times.map((time) => `${time.toFixed(3)} ms`).join(', ');
  console.log(`left to right: ${received} of ${transmitted} answered, in ${list}`);
}

await main();
