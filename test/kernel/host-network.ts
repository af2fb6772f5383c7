/**
 * A host between a client and two containers on a bridge, each a namespace, with programs in them that talk:
 *
 *     client 192.0.2.2 - outer 192.0.2.1 host br0 10.1.0.1 - container 10.1.0.5, sibling 10.1.0.6
 *
 * and 2001:db8::/64, fd00:1::/64 likewise. The client knows no way to the containers.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { addRoute, createBridge, createNetns, createVeth, type Netns, ping, setLink, setSysctl } from 'netloom';
import { pathOf, run } from './witness.ts';

export interface Question {
  readonly protocol: 'tcp' | 'udp';
  readonly address: string;
  readonly port: number;
  readonly localPort?: number;
}

/** A namespace with a program in it. */
export interface Place {
  readonly netns: Netns;
  /** Answers on a port, TCP and UDP, with the address that each client is seen by. */
  listen(port: number): Promise<void>;
  /** What is answered, or the code of an error, or 'timeout'. */
  ask(question: Question): Promise<string>;
  end(): Promise<void>;
}

const program = fileURLToPath(new URL('talk-program.mjs', import.meta.url));

/** A program that talks in a namespace, which it does not close. */
export async function talkIn(netns: Netns): Promise<Place> {
  await setLink('lo', { up: true }, { netns });
  let child: ChildProcess | undefined;
  const waiting = new Map<number, (answer: string) => void>();
  let last = 0;
  const send = (message: object): Promise<string> => {
    if (child === undefined) {
      child = spawn('nsenter', [`--net=${pathOf(netns)}`, process.execPath, program], {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
      child.on('message', ({ id, answer }: { id: number; answer: string }) => waiting.get(id)?.(answer));
    }
    const id = ++last;
    return new Promise((resolve) => {
      waiting.set(id, resolve);
      child?.send({ id, ...message });
    });
  };
  return {
    netns,
    async listen(port) {
      const answer = await send({ listen: port });
      if (answer !== 'listening') throw new Error(`cannot listen: ${answer}`);
    },
    ask: (question) => send({ ask: question }),
    async end() {
      const ending = child;
      child = undefined;
      if (ending === undefined) return;
      const ended = new Promise((resolve) => ending.once('exit', resolve));
      ending.kill('SIGKILL');
      await ended;
    },
  };
}

export interface HostNetwork {
  readonly client: Place;
  readonly host: Place;
  readonly container: Place;
  readonly sibling: Place;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Waits until a link works: a bridge port learns, and IPv6 settles, a moment after they are up. */
export async function reaches(netns: Netns, address: string): Promise<void> {
  for (let i = 0; i < 50; i++) {
    const { received } = await ping(address, { netns, count: 1, timeout: 100 });
    if (received > 0) return;
  }
  throw new Error(`${address} is not reached`);
}

export const noDad = (address: string) => (address.includes(':') ? { address, flags: ['nodad' as const] } : address);

export async function makeHostNetwork(): Promise<HostNetwork> {
  const [client, host, container, sibling] = (await Promise.all(
    [1, 2, 3, 4].map(async () => talkIn(await createNetns())),
  )) as [Place, Place, Place, Place];
  const { netns } = host;
  for (const name of ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding']) await setSysctl(name, 1, { netns });
  await createBridge({
    name: 'br0',
    netns,
    up: true,
    addresses: ['10.1.0.1/24', 'fd00:1::1/64'].map(noDad),
  });
  await createVeth({
    name: 'outer',
    netns,
    up: true,
    addresses: ['192.0.2.1/24', '2001:db8::1/64'].map(noDad),
    peer: { name: 'eth0', netns: client.netns, up: true, addresses: ['192.0.2.2/24', '2001:db8::2/64'].map(noDad) },
  });
  for (const [i, inner] of [container, sibling].entries()) {
    await createVeth({
      name: `port${i}`,
      netns,
      up: true,
      master: 'br0',
      // Where bridged packets pass through nf_tables, as br_netfilter makes them by default, what comes back to the
      // port it came from needs it.
      bridgePort: { hairpin: true },
      peer: {
        name: 'eth0',
        netns: inner.netns,
        up: true,
        addresses: [`10.1.0.${5 + i}/24`, `fd00:1::${5 + i}/64`].map(noDad),
      },
    });
    for (const via of ['10.1.0.1', 'fd00:1::1']) await addRoute({ via, netns: inner.netns });
  }
  for (const place of [client, container, sibling]) await reaches(place.netns, '2001:db8::1');
  return {
    client,
    host,
    container,
    sibling,
    async [Symbol.asyncDispose]() {
      for (const place of [client, host, container, sibling]) {
        await place.end();
        place.netns.close();
      }
    },
  };
}

/** What `nft -j list ruleset` has, but for its own version. */
export const ruleset = (netns: Netns): Record<string, unknown>[] =>
  (
    JSON.parse(run('nsenter', `--net=${pathOf(netns)}`, 'nft', '-j', 'list', 'ruleset')) as {
      nftables: Record<string, unknown>[];
    }
  ).nftables.filter((object) => !('metainfo' in object));

/** The same, to be compared: without the handles, which nobody gets twice, and sorted, as hashes are not. */
export const rulesetSorted = (netns: Netns): string[] =>
  ruleset(netns)
    .map((object) =>
      JSON.stringify(object, (name, value: unknown) => {
        if (name === 'handle') return undefined;
        return name === 'elem' ? (value as unknown[]).map((one) => JSON.stringify(one)).sort() : value;
      }),
    )
    .sort();
