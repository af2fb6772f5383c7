import {
  addAddress,
  createBridge,
  createIfb,
  createMacvlan,
  createNetns,
  createVeth,
  getLink,
  type Link,
  lendLink,
  listLinks,
  moveToNetns,
  type Netns,
  returnLink,
  setLink,
} from 'netloom';
import * as sync from 'netloom/sync';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';
import { failure, ip, type SeenLink, seen, seenAddresses, seenNames } from './witness.ts';

describeKernel('a link that is lent to a container', () => {
  expectNoLeaks(() => listLinks());

  let host: Netns;
  let container: Netns;
  let nic: Link;
  beforeEach(async () => {
    [host, container] = await Promise.all([createNetns(), createNetns()]);
    // An ifb has no other end, and stands on nothing: as a physical link.
    nic = await createIfb({ name: 'enp3s0', netns: host, alias: 'rack 7', addrGenMode: 'none', up: true });
  });
  afterEach(() => {
    vi.restoreAllMocks();
    host.close();
    container.close();
  });

  /** Does `action` once, just before a request of this type goes out there. */
  const meanwhile = (netns: Netns, type: string, action: () => void): void => {
    const { sockets } = netns;
    const enqueue = sockets.enqueue.bind(sockets);
    let done = false;
    vi.spyOn(sockets, 'enqueue').mockImplementation((requests, waiting) => {
      if (!done && requests.some(({ name }) => name === type)) {
        done = true;
        action();
      }
      return enqueue(requests, waiting);
    });
  };

  /** All that `ip` tells of a link, but for its queue, which every link gets anew when it comes up. */
  const whole = (netns: Netns, name: string): Partial<SeenLink> => {
    const { qdisc: _, ...rest } = seen(netns, name) as SeenLink & { qdisc?: string };
    return rest;
  };

  test('is called as wanted there, is up, and has its old name in its alias', async () => {
    const lent = await lendLink(nic, container, { name: 'eth0', up: true });
    expect(lent).toMatchObject({ netns: container, name: 'eth0', alias: 'enp3s0', up: true, mac: nic.mac });
    expect(seen(container, 'eth0')).toMatchObject({ ifalias: 'enp3s0', flags: expect.arrayContaining(['UP']) });
    expect([seenNames(host), seenNames(container)]).toEqual([[], ['eth0']]);
  });

  test('keeps its name where no other is wanted, and then is down', async () => {
    expect(await lendLink('enp3s0', container, { netns: host })).toMatchObject({ name: 'enp3s0', up: false });
    expect(seen(container, 'enp3s0').ifalias).toBe('enp3s0');
  });

  test('comes back under its old name, without the alias', async () => {
    const lent = await lendLink(nic, container, { name: 'eth0', up: true });
    const back = await returnLink(lent, { to: host, up: true });
    expect(back).toMatchObject({ netns: host, name: 'enp3s0', up: true, mac: nic.mac });
    expect(back.alias).toBeUndefined();
    expect(seen(host, 'enp3s0').ifalias).toBeUndefined();
    expect([seenNames(host), seenNames(container)]).toEqual([['enp3s0'], []]);
  });

  test('comes back by name from what another process lent, with the alias that CNI writes', async () => {
    ip(host, 'link set dev enp3s0 down');
    ip(host, `link set dev enp3s0 netns /proc/${process.pid}/fd/${container.fd}`);
    ip(container, 'link set dev enp3s0 name net1 alias enp3s0');
    expect(await returnLink('net1', { netns: container, to: host })).toMatchObject({ name: 'enp3s0', up: false });
  });

  test('goes to the namespace of the process where no other is named', async () => {
    const lent = await lendLink(nic, container, { name: 'eth0' });
    await setLink(lent, { alias: 'netloom-lent' });
    const back = await returnLink('eth0', { netns: container });
    expect(back.name).toBe('netloom-lent');
    expect((await listLinks()).map(({ name }) => name)).toEqual(['lo', 'netloom-lent']);
    await moveToNetns(back, host);
  });

  test('is a veth or a macvlan as well', async () => {
    const [near] = await createVeth({ name: 'a', netns: host, up: true, peer: { name: 'b', up: true } });
    const macvlan = await createMacvlan({ name: 'mv', parent: near });
    const lent = await Promise.all([
      lendLink(near, container, { name: 'eth0', up: true }),
      lendLink(macvlan, container),
    ]);
    expect(lent.map(({ name, alias }) => [name, alias])).toEqual([
      ['eth0', 'a'],
      ['mv', 'mv'],
    ]);
    await Promise.all(lent.map((link) => returnLink(link, { to: host })));
    expect(seenNames(host).sort()).toEqual(['a', 'b', 'enp3s0', 'mv']);
  });

  test('loses its addresses, as the kernel has it', async () => {
    await addAddress(nic, '10.0.0.1/24');
    expect(seenAddresses(container, (await lendLink(nic, container)).name)).toEqual([]);
  });

  test('the synchronous flavour does the same', () => {
    const lent = sync.lendLink(nic, container, { name: 'eth0', up: true });
    expect(lent).toMatchObject({ name: 'eth0', alias: 'enp3s0', up: true });
    expect(sync.returnLink(lent, { to: host })).toMatchObject({ name: 'enp3s0', up: false });
  });

  describe('where that fails, it is as it was:', () => {
    let was: Partial<SeenLink>;
    let bridge: Link;
    beforeEach(async () => {
      bridge = await createBridge({ name: 'br0', netns: host });
      nic = await setLink(nic, { master: bridge });
      was = whole(host, 'enp3s0');
      expect(was).toMatchObject({ ifalias: 'rack 7', master: 'br0', flags: expect.arrayContaining(['UP']) });
    });

    const untouched = (...there: string[]): void => {
      expect(whole(host, 'enp3s0')).toEqual(was);
      expect(seenNames(container)).toEqual(there);
    };

    test('the name is taken there', async () => {
      await createIfb({ name: 'eth0', netns: container });
      expect(await failure(lendLink(nic, container, { name: 'eth0' }))).toMatchObject({
        name: 'NetlinkError',
        code: 'EEXIST',
        link: 'enp3s0',
        netns: String(container.id),
        message: expect.stringMatching(/^lendLink: EEXIST: .*: the name "eth0" is taken by a link there$/),
      });
      untouched('eth0');
    });

    test('its own name is taken there', async () => {
      await createIfb({ name: 'enp3s0', netns: container });
      expect(await failure(lendLink(nic, container))).toMatchObject({ code: 'EEXIST', link: 'enp3s0' });
      untouched('enp3s0');
    });

    test('the name is taken while it moves', async () => {
      meanwhile(host, 'RTM_NEWLINK', () => ip(container, 'link add eth0 type ifb'));
      expect(await failure(lendLink(nic, container, { name: 'eth0', up: true }))).toMatchObject({
        code: 'EEXIST',
        message: expect.stringMatching(/^lendLink: EEXIST: .*: the name "eth0" is taken by a link there$/),
      });
      untouched('eth0');
    });

    test('one of its alternative names is taken there', async () => {
      ip(host, 'link property add dev enp3s0 altname a-long-alternative-name');
      was = whole(host, 'enp3s0');
      await createIfb({ name: 'other', netns: container, altNames: ['a-long-alternative-name'] });
      expect(await failure(lendLink(nic, container, { name: 'eth0' }))).toMatchObject({ code: 'EEXIST' });
      untouched('other');
    });

    test('the name is one of its own alternative names', async () => {
      ip(host, 'link property add dev enp3s0 altname eth0');
      was = whole(host, 'enp3s0');
      expect(await failure(lendLink(nic, container, { name: 'eth0' }))).toMatchObject({
        code: 'EEXIST',
        kernelMessage: 'the link has the alternative name "eth0"',
      });
      untouched();
    });

    test('its index is taken there, and it does not come up', async () => {
      // Two links with one MAC on one parent: the kernel does not let the second one up.
      const parent = await createIfb({ name: 'parent', netns: host, up: true });
      const macvlan = await createMacvlan({ name: 'mv', parent, mac: parent.mac, alias: 'mine' });
      await createIfb({ name: 'other', netns: container, index: macvlan.index });
      const mv = whole(host, 'mv');
      const error = await failure(lendLink(macvlan, container, { name: 'eth0', up: true }));
      expect(error).toMatchObject({ name: 'NetlinkError', code: 'EADDRINUSE', link: 'mv' });
      expect(error.message).not.toContain('is not as it was');
      expect(whole(host, 'mv')).toEqual(mv);
      untouched('other');
    });

    test('the namespace is closed', async () => {
      const closed = await createNetns();
      closed.close();
      expect(await failure(lendLink(nic, closed))).toMatchObject({
        code: 'ERR_INVALID_STATE',
        message: `lendLink: namespace ${closed.id} is closed`,
      });
      untouched();
    });

    test('the namespace is the one that it is in', async () => {
      expect(await failure(lendLink(nic, host))).toMatchObject({
        code: 'ERR_INVALID_ARG_VALUE',
        message: `lendLink: netns ${host.id} is where the link is already`,
      });
      untouched();
    });

    test('the namespace is none, or the name', async () => {
      expect(await failure(lendLink(nic, 'blue' as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
      expect(await failure(lendLink(nic, container, { name: 'a/b' }))).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
      untouched();
    });

    test('the call is aborted while it moves', async () => {
      const controller = new AbortController();
      meanwhile(host, 'RTM_NEWLINK', () => setImmediate(() => controller.abort()));
      const lending = lendLink(nic, container, { name: 'eth0', up: true, signal: controller.signal });
      expect(await failure(lending)).toMatchObject({ name: 'AbortError' });
      await vi.waitFor(() => untouched());
    });

    test('somebody has taken its name here meanwhile: it stays there, and that is told', async () => {
      meanwhile(host, 'RTM_NEWLINK', () => ip(container, 'link add eth0 type ifb'));
      meanwhile(container, 'RTM_NEWLINK', () => ip(host, 'link add enp3s0 type ifb'));
      const error = await failure(lendLink(nic, container, { name: 'eth0' }));
      expect(error).toMatchObject({ code: 'EEXIST' });
      expect(error.message).toMatch(/; the link has moved there, and is not as it was: EEXIST/);
      expect(seenNames(container).sort()).toEqual(['enp3s0', 'eth0']);
    });

    test('it cannot move at all', async () => {
      const error = await failure(lendLink('lo', container, { netns: host }));
      expect(error).toMatchObject({ name: 'NetlinkError', code: 'EINVAL', link: 'lo' });
      untouched();
    });
  });

  describe('where it cannot be returned, it stays as it is:', () => {
    let lent: Link;
    let was: Partial<SeenLink>;
    beforeEach(async () => {
      lent = await lendLink(nic, container, { name: 'eth0', up: true });
      was = whole(container, 'eth0');
    });
    const untouched = (...here: string[]): void => {
      expect(whole(container, 'eth0')).toEqual(was);
      expect(seenNames(host)).toEqual(here);
    };

    test('its name has been taken meanwhile; another one may be given', async () => {
      await createIfb({ name: 'enp3s0', netns: host });
      expect(await failure(returnLink(lent, { to: host }))).toMatchObject({
        code: 'EEXIST',
        link: 'eth0',
        netns: String(host.id),
        message: expect.stringMatching(/^returnLink: EEXIST: .*: the name "enp3s0" is taken by a link there$/),
      });
      untouched('enp3s0');
      expect(await returnLink(lent, { to: host, name: 'enp3s1' })).toMatchObject({ name: 'enp3s1', netns: host });
    });

    test('its name is taken while it moves', async () => {
      meanwhile(container, 'RTM_NEWLINK', () => ip(host, 'link add enp3s0 type ifb'));
      expect(await failure(returnLink(lent, { to: host }))).toMatchObject({ code: 'EEXIST' });
      untouched('enp3s0');
    });

    test.each([
      ['', 'link "eth0" has no alias that tells how it was called: was it lent?'],
      ['rack 7', 'link "eth0" has the alias "rack 7", which is no name of a link: was it lent?'],
    ])('its alias is %j', async (alias, message) => {
      await setLink(lent, { alias });
      was = whole(container, 'eth0');
      expect(await failure(returnLink(lent, { to: host }))).toMatchObject({
        code: 'ERR_INVALID_ARG_VALUE',
        message: `returnLink: ${message}`,
      });
      untouched();
    });

    test('it is in that namespace already', async () => {
      expect(await failure(returnLink(lent, { to: container }))).toMatchObject({
        code: 'ERR_INVALID_ARG_VALUE',
        message: `returnLink: to ${container.id} is where the link is already`,
      });
      untouched();
    });
  });

  test('once it is returned it is not in the container: ENODEV', async () => {
    const lent = await lendLink(nic, container, { name: 'eth0' });
    await returnLink(lent, { to: host });
    expect(await failure(returnLink('eth0', { netns: container, to: host }))).toMatchObject({
      name: 'NetlinkError',
      code: 'ENODEV',
      link: 'eth0',
    });
    expect(await getLink('enp3s0', { netns: host })).toMatchObject({ name: 'enp3s0' });
  });
});
