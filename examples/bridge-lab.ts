/**
 * Two machines and a switch, each in a namespace of its own. `npm start` runs this.
 *
 *     net0                            bridge                            net1
 *     net0-bridge ──────── bridge-net0  br  bridge-net1 ──────── net1-bridge
 *     10.0.0.1/24                                                10.0.0.2/24
 *
 * The namespaces have names, so another terminal sees them (`ip netns exec net0 ip address`) while this runs.
 * Names outlive the program that gave them; hence the care to take them away again, also after Ctrl-C.
 */
import {
  addAddress,
  createBridge,
  createNetns,
  createVeth,
  deleteNetns,
  listAddresses,
  listLinks,
  listNetns,
  moveToNetns,
  type Netns,
  ping,
  setLink,
  waitFor,
} from 'netloom';

const NAMES = ['net0', 'net1', 'bridge'];

async function main(): Promise<void> {
  const interrupt = new AbortController();
  // Not once: a second Ctrl-C must not cut the removal short.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupt.abort());
  // A reader that has seen enough (`npm start | head -1`) ends it as well.
  process.stdout.on('error', () => interrupt.abort());
  try {
    await lab(interrupt.signal);
  } catch (error) {
    if (!interrupt.signal.aborted) {
      console.error(`bridge-lab: ${await explain(error)}`);
      process.exitCode = 1;
    }
  }
  if (interrupt.signal.aborted) {
    console.log('interrupted');
    process.exitCode = 130;
  }
}

async function lab(signal: AbortSignal): Promise<void> {
  const made: [name: string, netns: Netns][] = [];
  try {
    // One after the other, so that a name that is taken stops it before there is more to take back.
    for (const name of NAMES) made.push([name, await namespace(name)]);
    const [net0, net1, bridge] = made.map(([, netns]) => netns) as [Netns, Netns, Netns];

    const br = await createBridge({ name: 'br', netns: bridge, up: true });
    for (const [netns, end, port, address] of [
      [net0, 'net0-bridge', 'bridge-net0', '10.0.0.1/24'],
      [net1, 'net1-bridge', 'bridge-net1', '10.0.0.2/24'],
    ] as const) {
      // A namespace without a name lives as long as its handle: if anything fails before both ends have left
      // this one, the pair goes with it, and the machine's own links were never touched.
      await using workbench = await createNetns();
      const ends = await createVeth({ name: 'one', netns: workbench, peer: { name: 'other' } });
      const link = await moveToNetns(ends[0], netns, { name: end, up: true });
      const peer = await moveToNetns(ends[1], bridge, { name: port, up: true });
      await Promise.all([addAddress(link, address), setLink(peer, { master: br })]);
      // The kernel gets links and ports going in the background; what is sent before that is lost.
      for (const part of [link, peer]) {
        await waitFor(part, 'up', { signal });
      }
    }

    for (const [name, netns] of made) await show(name, netns);
    console.log();
    const { received, transmitted, avg } = await ping('10.0.0.2', {
      netns: net0,
      count: 5,
      interval: 500,
      signal,
      onReply: ({ sequence, time, error }) =>
        console.log(`net0 to 10.0.0.2: ${sequence}: ${time === undefined ? error : `${time.toFixed(3)} ms`}`),
    });
    console.log(
      `${received} of ${transmitted} answered${avg === undefined ? '' : `, ${avg.toFixed(3)} ms on average`}`,
    );
    if (received === 0) throw new Error('nothing came through the bridge');
  } finally {
    // Only what was made here. The links go with their namespaces.
    await Promise.all(made.map(([, netns]) => deleteNetns(netns, { ifExists: true })));
    if (made.length > 0) console.log(`removed ${made.map(([name]) => name).join(', ')}`);
  }
}

/** With a name where /run/netns can be written to. In a user namespace it may be the machine's own root's. */
async function namespace(name: string): Promise<Netns> {
  try {
    return await createNetns(name);
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall === 'unshare' || (code !== 'EACCES' && code !== 'EPERM' && code !== 'EROFS')) throw error;
    console.log(`${name}: without a name under /run/netns, which cannot be written to (${code})`);
    return await createNetns();
  }
}

/** A line for each link but lo, as the kernel tells it. */
async function show(name: string, netns: Netns): Promise<void> {
  const [links, addresses] = await Promise.all([listLinks({ netns }), listAddresses({ netns, family: 'inet' })]);
  for (const { index, name: link, kind, up, mac, master } of links) {
    if (link === 'lo') continue;
    const details = addresses
      .filter((address) => address.link === index)
      .map(({ address, prefixLength }) => `${address}/${prefixLength}`);
    if (master !== undefined) details.push(`port of ${links.find((other) => other.index === master)?.name}`);
    console.log([name.padEnd(6), link.padEnd(11), kind?.padEnd(6), mac, up ? 'up' : 'down', ...details].join('  '));
  }
}

async function explain(error: unknown): Promise<string> {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code !== 'EEXIST') return message;
  const taken = (await listNetns()).filter(({ name }) => NAMES.includes(name));
  return [
    `${message}.`,
    'It was left alone. If it was left over by a lab that was killed, remove it with',
    ...taken.map(({ name }) => `    ip netns delete ${name}`),
  ].join('\n');
}

await main();
