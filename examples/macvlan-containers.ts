/**
 * Containers as machines of their own on one network card: each has a macvlan with its own MAC address on a
 * parent link that it cannot see.
 *
 *     network          host              web: eth0  10.0.0.1
 *     port ─────────── uplink ────────┬─
 *                                     └─ db:  eth0  10.0.0.2
 */
import { createMacvlan, createNetns, createVeth, getLink, ping, waitFor } from 'netloom';

async function main(): Promise<void> {
  await using host = await createNetns();
  await using network = await createNetns();
  await using web = await createNetns();
  await using db = await createNetns();

  // In place of a network card: one end of a cable, whose other end is a switch that knows nothing of this.
  const [uplink] = await createVeth({
    name: 'uplink',
    netns: host,
    up: true,
    peer: { name: 'port', netns: network, up: true },
  });

  // The kernel gets a link going in the background, and what stands on it follows.
  await waitFor(uplink, 'up');

  for (const [netns, mac, address] of [
    [web, '02:00:00:00:00:01', '10.0.0.1/24'],
    [db, '02:00:00:00:00:02', '10.0.0.2/24'],
  ] as const) {
    // The parent stays on the host, the macvlan is born in the container. In mode `bridge` frames between two of
    // them are handed over inside the kernel; in any mode, host and containers do not reach each other.
    await createMacvlan({ name: 'eth0', netns, parent: uplink, mode: 'bridge', mac, up: true, addresses: [address] });
  }

  for (const [name, netns, other] of [
    ['web', web, '10.0.0.2'],
    ['db', db, '10.0.0.1'],
  ] as const) {
    const { mac } = await getLink('eth0', { netns });
    const { received, transmitted } = await ping(other, { netns, count: 2, interval: 50 });
    console.log(`${name} (${mac}) to ${other}: ${received} of ${transmitted} answered`);
  }
}

await main();
