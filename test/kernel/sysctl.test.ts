import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createNetns } from '../../lib/netns/calls.js';
import type { Netns } from '../../lib/netns/netns.js';
import { listLinks } from '../../lib/rtnetlink/link/find.js';
import { getSysctl, setSysctl } from '../../lib/sysctl.js';
import { iproute } from './ip.ts';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';

describeKernel('sysctl', () => {
  expectNoLeaks(() => listLinks());

  let netns: Netns;
  beforeEach(async () => {
    netns = await createNetns();
  });
  afterEach(() => netns.close());

  test('is set and read inside the namespace, and there only', async () => {
    const before = readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8');
    const other = before.trim() === '1' ? '0' : '1';
    await setSysctl('net.ipv4.ip_forward', Number(other), { netns });
    expect(await getSysctl('net.ipv4.ip_forward', { netns })).toBe(other);
    expect(iproute(netns, 'sysctl -n net.ipv4.ip_forward').trim()).toBe(other);
    expect(readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8')).toBe(before);
    expect(await getSysctl('net.ipv4.ip_forward')).toBe(before.trim());
  });

  test('takes true and false, and lists, which an empty value clears', async () => {
    await setSysctl('net.ipv4.ip_forward', true, { netns });
    expect(await getSysctl('net.ipv4.ip_forward', { netns })).toBe('1');
    await setSysctl('net.ipv4.ip_forward', false, { netns });
    expect(await getSysctl('net.ipv4.ip_forward', { netns })).toBe('0');
    await setSysctl('net.ipv4.ip_local_port_range', '20000 30000', { netns });
    expect(await getSysctl('net.ipv4.ip_local_port_range', { netns })).toBe('20000\t30000');
    await setSysctl('net.ipv4.ip_local_reserved_ports', '20001', { netns });
    await setSysctl('net.ipv4.ip_local_reserved_ports', '', { netns });
    expect(await getSysctl('net.ipv4.ip_local_reserved_ports', { netns })).toBe('');
  });

  test('knows links with dots in their names in both forms', async () => {
    iproute(netns, 'ip link add eth0.100 type veth peer name b');
    await setSysctl('net/ipv4/conf/eth0.100/forwarding', 1, { netns });
    expect(await getSysctl('net.ipv4.conf.eth0/100.forwarding', { netns })).toBe('1');
  });

  test('several are set together, and what was read can be written', async () => {
    iproute(netns, 'ip link add eth0.100 type veth peer name b');
    const values = {
      'net/ipv4/conf/eth0.100/arp_notify': '1',
      'net/ipv4/conf/eth0.100/rp_filter': '2',
      'net.ipv4.conf.all.forwarding': '1',
      'net.ipv4.ip_local_port_range': '20000\t30000',
      'net.ipv4.ping_group_range': '0\n1000',
    };
    await Promise.all(Object.entries(values).map(([name, value]) => setSysctl(name, value, { netns })));
    const read = await Promise.all(Object.keys(values).map((name) => getSysctl(name, { netns })));
    expect(read).toEqual(['1', '2', '1', '20000\t30000', '0\t1000']);
    expect(iproute(netns, 'sysctl -n net/ipv4/conf/eth0.100/rp_filter').trim()).toBe('2');
  });

  test.each(['kernel.hostname', 'kernel/hostname', 'vm.swappiness', 'network.ipv4'])(
    '%s is the machine’s, and is not set for a namespace',
    async (name) => {
      const before = readFileSync('/proc/sys/kernel/hostname', 'utf8');
      await expect(setSysctl(name, 'container', { netns })).rejects.toMatchObject({
        code: 'ERR_INVALID_ARG_VALUE',
        message: `setSysctl: name "${name}" is of the machine, and of no network namespace; without \`netns\` it is set there`,
      });
      expect(readFileSync('/proc/sys/kernel/hostname', 'utf8')).toBe(before);
    },
  );

  test('says what is not there, and what the kernel does not take', async () => {
    await expect(getSysctl('net.ipv4.no_such_thing', { netns })).rejects.toMatchObject({
      code: 'ENOENT',
      message: expect.stringMatching(/^getSysctl: .*\/proc\/sys\/net\/ipv4\/no_such_thing/),
    });
    await expect(setSysctl('net.ipv4.ip_forward', 'yes', { netns })).rejects.toMatchObject({
      code: 'EINVAL',
      message: `setSysctl: EINVAL: invalid argument, write '/proc/sys/net/ipv4/ip_forward' in namespace ${netns.id}, the value "yes"`,
    });
    await expect(getSysctl('net/../kernel/hostname', { netns })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringMatching(/^getSysctl: name /),
    });
  });

  test('the synchronous flavour does the same', () => {
    setSysctl.sync('net.ipv4.ip_forward', 1, { netns });
    expect(getSysctl.sync('net.ipv4.ip_forward', { netns })).toBe('1');
    expect(() => getSysctl.sync('net.none', { netns })).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });
});
