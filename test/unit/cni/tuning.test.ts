import { expect, test } from 'vitest';
import { checkAllowed, sysctlName } from '../../../lib/cni/plugins/tuning/config.js';

test('keys of sysctls are of the namespace, and IFNAME is the link of the container', () => {
  expect(sysctlName('net.ipv4.conf.IFNAME.arp_filter', 'eth0')).toBe('net/ipv4/conf/eth0/arp_filter');
  expect(sysctlName('net/ipv4/conf/IFNAME/arp_filter', 'eth0.5')).toBe('net/ipv4/conf/eth0.5/arp_filter');
  expect(sysctlName('net.ipv4.conf.eth0/5.arp_filter', 'eth1')).toBe('net/ipv4/conf/eth0.5/arp_filter');
  expect(sysctlName('net.core.somaxconn', 'eth0')).toBe('net/core/somaxconn');
});

test.each([
  'kernel.hostname',
  'net',
  'network.x',
  '/proc/sys/net/ipv4/ip_forward',
  'net/../kernel/hostname',
  'net..ipv4',
  '../net/x',
  '',
  'net/ipv4/a\0b',
])('the key %j leads nowhere', (key) => {
  expect(() => sysctlName(key, 'eth0')).toThrow();
});

test('an allowlist is of regular expressions, and what matches none of them is refused', () => {
  const sysctls = [{ key: 'net.ipv4.conf.IFNAME.arp_filter', name: 'net/ipv4/conf/eth0/arp_filter', value: '1' }];
  const check = (list: string | undefined) => () => checkAllowed(sysctls, list);
  expect(check(undefined)).not.toThrow();
  expect(check('^net\\.core\\.\n\n  ^net\\.ipv4\\.conf\\.IFNAME\\.[a-z_]*$  \n')).not.toThrow();
  expect(check('^net\\.core\\.\n')).toThrow(
    'Sysctl net.ipv4.conf.IFNAME.arp_filter is not allowed. Only the following sysctls are allowed: [^net\\.core\\.]',
  );
  expect(check('')).toThrow('is not allowed');
  expect(check('(')).toThrow('the allowlist of sysctls: Invalid regular expression');
});
