import {
  addAddress,
  announceAddresses,
  createNetns,
  createTun,
  createVeth,
  getLink,
  type Link,
  listAddresses,
  listLinks,
  type Netns,
  openPacketSocket,
  type PacketQueue,
  setLink,
  setSysctl,
} from 'netloom';
import * as sync from 'netloom/sync';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel, testNeeds } from './privilege.ts';
import { failure, ip } from './witness.ts';

const MAC = '02:00:00:00:00:07';
const OLD_MAC = '02:00:00:00:00:01';

describeKernel('announceAddresses', () => {
  expectNoLeaks(() => listLinks());

  let netns: Netns;
  let peer: Netns;
  let link: Link;
  let heard: PacketQueue;
  beforeEach(async () => {
    [netns, peer] = await Promise.all([createNetns(), createNetns()]);
    // No link-local addresses: nothing else shall be heard.
    const quiet = { up: true, addrGenMode: 'none' } as const;
    [link] = await createVeth({
      ...{ name: 'eth0', netns, mac: MAC, addresses: ['10.1.0.7/24', '10.1.0.8/24'], ...quiet },
      peer: { name: 'eth0', netns: peer, addresses: ['10.1.0.1/24'], ...quiet },
    });
    await addAddress(link, { address: '2001:db8:1::7/64', flags: ['nodad'] });
    heard = await openPacketSocket('eth0', { netns: peer });
  });
  afterEach(async () => {
    await heard.close();
    netns.close();
    peer.close();
  });

  /** The next so many frames that the peer gets, but for multicast listener reports, in hex. */
  const frames = async (count: number): Promise<string[]> => {
    const got: string[] = [];
    for await (const frame of heard) {
      const text = Buffer.from(frame).toString('hex');
      if (!/^333300000016/.test(text)) got.push(text);
      if (got.length === count) break;
    }
    return got;
  };

  const knows = (address: string): string | undefined => {
    const [entry] = JSON.parse(ip(peer, `-j neighbour show to ${address}`)) as { lladdr?: string }[];
    return entry?.lladdr;
  };

  test('a neighbour who knew them elsewhere knows them here', async () => {
    ip(peer, `neighbour replace 10.1.0.7 lladdr ${OLD_MAC} nud reachable dev eth0`);
    ip(peer, 'address add 2001:db8:1::1/64 dev eth0 nodad');
    ip(peer, `neighbour replace 2001:db8:1::7 lladdr ${OLD_MAC} nud reachable dev eth0`);
    expect(await announceAddresses(link)).toEqual(['10.1.0.7', '10.1.0.8', '2001:db8:1::7']);
    await vi.waitFor(() => expect([knows('10.1.0.7'), knows('2001:db8:1::7')]).toEqual([MAC, MAC]));
    // Nothing was asked for, so it learnt of no other.
    expect(knows('10.1.0.8')).toBeUndefined();
  });

  test.each([false, true])('the frames are those of the kernel itself, byte by byte (router: %s)', async (isRouter) => {
    await setSysctl('net/ipv6/conf/eth0/forwarding', isRouter, { netns });
    await setLink(link, { up: false });
    await setSysctl('net/ipv4/conf/eth0/arp_notify', 1, { netns });
    await setSysctl('net/ipv6/conf/eth0/ndisc_notify', 1, { netns });
    await addAddress(link, { address: '2001:db8:1::7/64', flags: ['nodad'] });
    await setLink(link, { up: true });
    const [arp, , advertisement] = await frames(3);
    await announceAddresses(link);
    expect(await frames(3)).toEqual([arp, expect.stringContaining('0a010008'), advertisement]);
    expect(arp).toMatch(/^ffffffffffff0200000000070806/);
    expect(advertisement).toMatch(/^33330000000102000000000786dd/);
  });

  test('as often as wanted, and only those wanted, with a prefix length or without, or as listed', async () => {
    const [listed] = await listAddresses({ link });
    const addresses = ['10.1.0.99', '10.1.0.8/24', ...(listed ? [listed] : [])];
    const started = performance.now();
    expect(await announceAddresses('eth0', { netns, addresses, count: 2, interval: 40 })).toEqual([
      '10.1.0.99',
      '10.1.0.8',
      '10.1.0.7',
    ]);
    expect(performance.now() - started).toBeGreaterThanOrEqual(39);
    const targets = (await frames(6)).map((frame) => Number.parseInt(frame.slice(-2), 16));
    expect(targets).toEqual([99, 8, 7, 99, 8, 7]);
  });

  test('addresses that others have as well are left out, and those that are still being looked at', async () => {
    ip(peer, 'address add 2001:db8:1::d/64 dev eth0 nodad');
    await addAddress(link, '2001:db8:1::d/64');
    await addAddress(link, '2001:db8:1::e/64');
    expect(await announceAddresses(link)).not.toContain('2001:db8:1::e');
    await vi.waitFor(() => expect(ip(netns, 'address show dev eth0')).toContain('dadfailed'), { timeout: 5000 });
    expect(await announceAddresses(link)).not.toContain('2001:db8:1::d');
  });

  test('a link without addresses announces nothing', async () => {
    ip(netns, 'address flush dev eth0');
    expect(await announceAddresses(link)).toEqual([]);
  });

  test('the synchronous flavour does the same', async () => {
    expect(sync.announceAddresses(link, { count: 2, interval: 5 })).toEqual(['10.1.0.7', '10.1.0.8', '2001:db8:1::7']);
    expect(await frames(6)).toHaveLength(6);
  });

  test('an abort ends it between two times, and the process does not wait for the next', async () => {
    const signal = AbortSignal.timeout(60);
    const announcing = announceAddresses(link, { addresses: ['10.1.0.7'], count: 3, interval: 600_000, signal });
    expect(await failure(announcing)).toMatchObject({ name: 'AbortError' });
    expect(await frames(1)).toHaveLength(1);
  });

  test('a link that is down is ENETDOWN, one that is gone ENODEV', async () => {
    await setLink(link, { up: false });
    expect(await failure(announceAddresses(link))).toMatchObject({
      code: 'ENETDOWN',
      message: expect.stringMatching(/^announceAddresses: ENETDOWN: .*'eth0': the link is down/),
    });
    expect(await failure(announceAddresses('nobody', { netns }))).toMatchObject({ code: 'ENODEV', link: 'nobody' });
  });

  test('links on which nobody resolves addresses are refused', async () => {
    expect(await failure(announceAddresses(await getLink('lo', { netns })))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: 'announceAddresses: link "lo" is no Ethernet link: it has no neighbours that resolve addresses',
    });
    await setLink(link, { arp: false });
    expect(await failure(announceAddresses(link))).toMatchObject({
      message: 'announceAddresses: link "eth0" does not resolve addresses (it is `arp off`)',
    });
  });

  testNeeds('tun')('so is a TUN, which has no Ethernet', async () => {
    await using tun = await createTun({ netns, up: true, addresses: ['10.9.0.1/24'] });
    expect(await failure(announceAddresses(tun.link))).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
  });

  test.each([
    [{ addresses: ['10.0.0'] }, 'addresses[0] "10.0.0" is no IP address'],
    [{ addresses: ['10.1.0.7', 'ff02::1'] }, 'addresses[1] "ff02::1" is no address that one host has'],
    [{ addresses: ['0.0.0.0'] }, 'addresses[0] "0.0.0.0" is no address that one host has'],
    [{ addresses: ['255.255.255.255'] }, 'addresses[0] "255.255.255.255" is no address that one host has'],
    [
      { addresses: [{ address: 7 }] },
      "addresses[0].address must be a prefix as a string, like '10.0.0.0/24'; received 7",
    ],
    [{ addresses: '10.1.0.7' }, 'addresses must be an array; received "10.1.0.7"'],
    [{ count: 0 }, 'count 0 is out of range (an integer, 1 to 2147483647)'],
    [{ interval: -1 }, 'interval -1 is out of range (an integer, 0 to 2147483647)'],
    [{ times: 3 }, 'options.times 3 is no option here'],
  ])('%j is refused, and nothing is sent', async (options, message) => {
    const error = await failure(announceAddresses(link, options as never));
    expect(error.message).toMatch(`announceAddresses: ${message}`);
    await announceAddresses(link, { addresses: ['10.1.0.200'] });
    expect(await frames(1)).toEqual([expect.stringMatching(/c8$/)]);
  });
});
