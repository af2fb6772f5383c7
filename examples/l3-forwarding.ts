/**
 * A router between two networks.
 *
 *     client             router              server
 *     eth0 ─────────── east  west ─────────── eth0
 *     10.1.0.2/24   10.1.0.1  10.2.0.1   10.2.0.2/24
 */
import { addRoute, createNetns, createVeth, ping, setSysctl, waitFor } from 'netloom';

async function main(): Promise<void> {
  await using client = await createNetns();
  await using router = await createNetns();
  await using server = await createNetns();

  for (const [netns, port, network] of [
    [client, 'east', '10.1.0'],
    [server, 'west', '10.2.0'],
  ] as const) {
    const [eth0] = await createVeth({
      name: 'eth0',
      netns,
      up: true,
      addresses: [`${network}.2/24`],
      peer: { name: port, netns: router, up: true, addresses: [`${network}.1/24`] },
    });
    // Each host knows its own network; whatever else there is goes by the router.
    await addRoute({ to: 'default', via: `${network}.1`, link: eth0 });
    // The kernel gets a link going in the background; what is sent before that is lost.
    await waitFor(eth0, 'up');
  }

  const reach = async (): Promise<string> => {
    const [reply] = (await ping('10.2.0.2', { netns: client, count: 1, timeout: 500 })).replies;
    return reply?.time === undefined ? `no answer (${reply?.error})` : `answered, with TTL ${reply.ttl}`;
  };
  // Whether it is a host or a router is one of a namespace's own kernel parameters. A new one has what the machine has.
  await setSysctl('net.ipv4.ip_forward', 0, { netns: router });
  console.log(`before: ${await reach()}`);

  await setSysctl('net.ipv4.ip_forward', 1, { netns: router });
  // Whoever forwards a packet takes one from its time to live, which starts at 64.
  console.log(`after:  ${await reach()}`);
}

await main();
