import {
  createBridge,
  createNetns,
  createVeth,
  deleteLink,
  getLink,
  type Link,
  listLinks,
  type Netns,
  setLink,
} from 'netloom';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { seen } from './witness.ts';

const LOW = '02:00:00:00:00:01';
const LOWER = '00:00:5e:00:53:01';

describeKernel('the MAC of a bridge', () => {
  expectNoLeaks(() => listLinks());

  let netns: Netns;
  beforeEach(async () => {
    netns = await createNetns();
  });
  afterEach(() => netns.close());

  const addPort = async (name: string, mac: string, bridge: Link): Promise<Link> => {
    const [port] = await createVeth({ name, netns, mac, master: bridge, peer: { name: `${name}p` } });
    return port;
  };
  const mac = (): string | undefined => seen(netns, 'br0').address;

  test('is that of its lowest port, as they come and go', async () => {
    const bridge = await createBridge({ name: 'br0', netns });
    await addPort('p0', LOW, bridge);
    expect(mac()).toBe(LOW);
    const lower = await addPort('p1', LOWER, bridge);
    expect(mac()).toBe(LOWER);
    await deleteLink(lower);
    expect(mac()).toBe(LOW);
  });

  test('stays what it is once setLink has set it to that', async () => {
    const bridge = await createBridge({ name: 'br0', netns });
    await addPort('p0', LOW, bridge);
    const pinned = await setLink(bridge, { mac: (await getLink(bridge)).mac });
    expect(pinned.mac).toBe(LOW);
    await addPort('p1', LOWER, bridge);
    expect(mac()).toBe(LOW);
    await deleteLink('p0', { netns });
    expect(mac()).toBe(LOW);
  });

  test('stays what it was made with', async () => {
    const bridge = await createBridge({ name: 'br0', netns, mac: LOW });
    await addPort('p1', LOWER, bridge);
    expect(mac()).toBe(LOW);
  });
});
