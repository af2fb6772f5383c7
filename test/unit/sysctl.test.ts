import { expect, test } from 'vitest';
import { sysctlPath, sysctlText } from '../../lib/sysctl.js';

// As sysctl(8) of procps.
test.each([
  ['net.ipv4.ip_forward', '/proc/sys/net/ipv4/ip_forward'],
  ['net/ipv4/ip_forward', '/proc/sys/net/ipv4/ip_forward'],
  ['net/ipv4/conf/eth0.100/forwarding', '/proc/sys/net/ipv4/conf/eth0.100/forwarding'],
  ['net.ipv4.conf.eth0/100.forwarding', '/proc/sys/net/ipv4/conf/eth0.100/forwarding'],
  ['kernel/hostname', '/proc/sys/kernel/hostname'],
])('%s is %s', (name, path) => {
  expect(sysctlPath(name)).toBe(path);
});

test.each([
  ['', 'name "" is no name'],
  ['net..ipv4', 'name "net..ipv4" has an empty component'],
  ['net.ipv4.', 'has an empty component'],
  ['.net', 'has an empty component'],
  ['net//ipv4', 'has an empty component'],
  ['net/ipv4/', 'has an empty component'],
  ['/proc/sys/net/ipv4/ip_forward', 'must not be an absolute path'],
  ['net/../kernel/hostname', "must not contain the component '..'"],
  ['../../etc/passwd', ''],
  ['net/./ipv4', "must not contain the component '.'"],
  ['net.//.kernel', "must not contain the component '..'"],
  ['net.ipv4\0.ip_forward', 'must not contain NUL'],
])('%j is refused', (name, problem) => {
  expect(() => sysctlPath(name)).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE', message: expect.stringContaining(problem) }),
  );
});

test('a name that is no string is refused', () => {
  expect(() => sysctlPath(4 as unknown as string)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
});

test.each([
  [true, '1\n'],
  [false, '0\n'],
  [0, '0\n'],
  [-1, '-1\n'],
  ['4096 87380 6291456', '4096 87380 6291456\n'],
  ['', '\n'],
])('%j is written as %j', (value, text) => {
  expect(sysctlText(value)).toBe(text);
});

test.each([
  [1.5, 'ERR_INVALID_ARG_VALUE'],
  [Number.NaN, 'ERR_INVALID_ARG_VALUE'],
  ['1\0', 'ERR_INVALID_ARG_VALUE'],
  [undefined, 'ERR_INVALID_ARG_TYPE'],
  [null, 'ERR_INVALID_ARG_TYPE'],
  [[1], 'ERR_INVALID_ARG_TYPE'],
])('the value %j is refused', (value, code) => {
  expect(() => sysctlText(value as string)).toThrow(expect.objectContaining({ code }));
});
