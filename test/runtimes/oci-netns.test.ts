/** crun and runc put containers into namespaces that netloom has made and wired. */
import { join } from 'node:path';
import { createNetns, createVeth, deleteLink, deleteNetns, listLinks, type Netns, openNetns, setLink } from 'netloom';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { expectNoLeaks } from '../kernel/leaks.ts';
import { seenNames } from '../kernel/witness.ts';
import { type Bundle, listContainers, makeBundle, RUNTIMES, startContainer } from './bundle.ts';

describe.each(RUNTIMES)('%s', (runtime) => {
  expectNoLeaks(() => listLinks());

  let netns: Netns;
  let bundle: Bundle;
  beforeEach(async () => {
    netns = await createNetns('pod');
    await createVeth({
      name: 'host0',
      up: true,
      addresses: ['10.5.0.1/24'],
      peer: {
        name: 'eth0',
        netns,
        up: true,
        addresses: ['10.5.0.2/24', { address: 'fd00:5::2/64', flags: ['nodad'] }],
      },
    });
    bundle = makeBundle({ netns: '/run/netns/pod' });
  });
  afterEach(async () => {
    // Not left to the kernel, which takes the links of a namespace that is gone some time later.
    await deleteLink('host0', { ifExists: true });
    await deleteNetns(netns, { ifExists: true });
    bundle[Symbol.dispose]();
    expect(listContainers(runtime)).toEqual([]);
  });

  test('a container is in the namespace that its bundle names, with its links and addresses', () => {
    using container = startContainer(runtime, bundle, 'c1');
    expect(container.exec('ls', '/proc/sys/net/ipv4/conf').trim().split('\n').sort()).toEqual([
      'all',
      'default',
      'eth0',
      'lo',
    ]);
    const addresses = container.exec('ip', '-oneline', 'address', 'show', 'dev', 'eth0');
    expect(addresses).toContain(' inet 10.5.0.2/24 ');
    expect(addresses).toContain(' inet6 fd00:5::2/64 ');
    expect(container.exec('ping', '-c', '1', '-W', '2', '10.5.0.1')).toContain('1 packets received');
  });

  test('it is opened by its process, and by its bundle; what changes from outside is seen inside', async () => {
    using container = startContainer(runtime, bundle, 'c1');
    using byPid = await openNetns({ pid: container.pid });
    using byBundle = await openNetns({ ociConfig: join(bundle.directory, 'config.json') });
    expect([byPid.id, byBundle.id]).toEqual([netns.id, netns.id]);
    await setLink('eth0', { mtu: 1400 }, { netns: byPid });
    expect(container.exec('ip', 'link', 'show', 'dev', 'eth0')).toContain(' mtu 1400 ');
  });

  test('the namespace stays as it was when its container is deleted, and takes another one', () => {
    startContainer(runtime, bundle, 'c1').delete();
    expect(seenNames(netns)).toEqual(['eth0']);
    using container = startContainer(runtime, bundle, 'c2');
    expect(container.exec('ping', '-c', '1', '-W', '2', '10.5.0.1')).toContain('1 packets received');
  });
});
