/** What limits of bandwidth do to what goes through a link. */
import { createNetns, createVeth, type Link, limitBandwidth, listLinks, type Netns } from 'netloom';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { SLOWNESS } from './slowness.ts';
import { expectRate, throughput } from './throughput.ts';

describeKernel('a link that is limited', () => {
  expectNoLeaks(() => listLinks());

  let near: Netns;
  let far: Netns;
  let link: Link;
  beforeEach(async () => {
    [near, far] = await Promise.all([createNetns(), createNetns()]);
    [link] = await createVeth({
      name: 'va',
      netns: near,
      up: true,
      addresses: ['10.3.0.1/24'],
      peer: { name: 'vb', netns: far, up: true, addresses: ['10.3.0.2/24'] },
    });
  });
  afterEach(() => {
    near.close();
    far.close();
  });

  test('is fast before', async () => {
    expect(await throughput(near, far, '10.3.0.2')).toBeGreaterThan(100e6 / SLOWNESS);
  });

  test('sends and receives at the rates that were said', async () => {
    // What an emulated machine can send at all; with as many packets in the queue.
    const limit = (rate: number) => ({ rate: rate / SLOWNESS, burst: rate / 625 / SLOWNESS, latency: 25 * SLOWNESS });
    await limitBandwidth(link, { egress: limit(20e6), ingress: limit(30e6) });
    await expectRate(20e6 / SLOWNESS, () => throughput(near, far, '10.3.0.2'));
    await expectRate(30e6 / SLOWNESS, () => throughput(far, near, '10.3.0.1'));
  });
});
