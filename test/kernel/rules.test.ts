import { release } from 'node:os';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createNetns } from '../../lib/netns/calls.js';
import type { Netns } from '../../lib/netns/netns.js';
import { getLink, listLinks } from '../../lib/rtnetlink/link/find.js';
import { addRoute } from '../../lib/rtnetlink/route/calls.js';
import { getRoute } from '../../lib/rtnetlink/route/find.js';
import { addRule, deleteRule, listRules } from '../../lib/rtnetlink/rule/calls.js';
import type { RuleSpec } from '../../lib/rtnetlink/rule/spec.js';
import { iproute, makePair, witness } from './ip.ts';
import { expectNoLeaks } from './leaks.ts';
import { describeKernel } from './privilege.ts';

describeKernel('policy rules', () => {
  expectNoLeaks(() => listLinks());

  let netns: Netns;
  beforeEach(async () => {
    netns = await createNetns();
    makePair(netns);
  });
  afterEach(() => netns.close());

  // What `ip -j -d rule` says of what was added.
  const cases: [string, RuleSpec, Record<string, unknown>][] = [
    [
      'from a prefix, to a table above 255',
      { from: '10.1.0.0/16', table: 70000 },
      { src: '10.1.0.0', srclen: 16, table: '70000' },
    ],
    ['to an address', { to: '10.2.0.1', table: 'main' }, { src: 'all', dst: '10.2.0.1', table: 'main' }],
    ['for what comes in by a link', { iif: 'va', table: 100 }, { iif: 'va', table: '100' }],
    ['by the name of no link', { oif: 'later', table: 100 }, { oif: 'later', oif_detached: null }],
    ['for a mark', { fwmark: 5, table: 100 }, { fwmark: '0x5' }],
    ['for bits of a mark', { fwmark: 0, fwmask: 0xff, table: 100 }, { fwmark: '0', fwmask: '0xff' }],
    ['that jumps', { goto: 32766 }, { goto: 32766 }],
    ['that jumps to nowhere yet', { goto: 9000 }, { goto: 9000, unresolved: null }],
    ['that drops', { to: '10.9.0.0/16', action: 'unreachable' }, { action: 'unreachable', dst: '10.9.0.0' }],
    ['that does nothing', { action: 'nop' }, { nop: null }],
    ['for a type of service', { tos: 0x10, table: 100 }, { tos: '0x10' }],
    [
      'for ports',
      { ipProtocol: 'tcp', sourcePort: 80, destinationPort: [1000, 2000], table: 100 },
      { ipproto: 'tcp', sport: 80, dport_start: 1000, dport_end: 2000 },
    ],
    ['for users', { uidRange: [0, 99], table: 100 }, { uid_start: 0, uid_end: 99 }],
    ['for a tunnel', { tunId: 77n, table: 100 }, { tun_id: 77 }],
    ['for all others', { invert: true, fwmark: 5, table: 100 }, { not: null, fwmark: '0x5' }],
    [
      'that suppresses routes',
      { table: 'main', suppressPrefixLength: 0, suppressIfGroup: 7 },
      { table: 'main', suppress_prefixlen: 0, suppress_ifgroup: '7' },
    ],
    ['that names its maker', { table: 100, protocol: 'static' }, { protocol: 'static' }],
    ['for the table of a VRF', { l3mdev: true }, { l3mdev: null }],
    ['for IPv6', { from: '2001:db8::/32', table: 100 }, { src: '2001:db8::', srclen: 32, table: '100' }],
  ];
  test.each(cases)('a rule %s is there as iproute2 sees it, and goes by what was listed', async (_, spec, expected) => {
    const before = await listRules({ netns });
    await addRule({ ...spec, priority: 100, netns });
    const family = spec.from?.includes(':') ? 'ip -6' : 'ip';
    const seen = witness(netns, `${family} -d rule show`).filter(({ priority }) => priority === 100);
    expect(seen).toMatchObject([expected]);
    const [rule, ...others] = (await listRules({ netns })).filter(({ priority }) => priority === 100);
    expect(others).toEqual([]);
    if (rule === undefined) throw new Error('the rule is not listed');
    // What is said of it is what is told of it, and it can be added by that again.
    const { from, to } = spec;
    const whole = {
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to: to.includes('/') ? to : `${to}/32` }),
    };
    expect(rule).toMatchObject({ ...spec, ...whole });
    await deleteRule(rule);
    expect(await listRules({ netns })).toEqual(before);
    await addRule(rule);
    expect((await listRules({ netns })).find(({ priority }) => priority === 100)).toEqual(rule);
  });

  test('what iproute2 added is told', async () => {
    iproute(netns, 'ip rule add not from 10.0.0.0/8 fwmark 5/7 iif va sport 80 dport 1-9 ipproto udp lookup 90 pref 9');
    iproute(netns, 'ip rule add blackhole tos 0x10 uidrange 5-5 pref 10');
    const rules = await listRules({ netns, family: 'inet' });
    expect(rules.map(({ priority, action, table }) => [priority, action, table])).toEqual([
      [0, 'lookup', 'local'],
      [9, 'lookup', 90],
      [10, 'blackhole', undefined],
      [32766, 'lookup', 'main'],
      [32767, 'lookup', 'default'],
    ]);
    expect(rules[1]).toMatchObject({
      invert: true,
      from: '10.0.0.0/8',
      fwmark: 5,
      fwmask: 7,
      iif: 'va',
      sourcePort: 80,
      destinationPort: [1, 9],
      ipProtocol: 'udp',
      flags: [],
    });
    expect(rules[2]).toMatchObject({ tos: 0x10, uidRange: 5 });
  });

  test('lists are of both families, or one, or one table', async () => {
    await Promise.all([
      addRule({ from: '10.1.0.0/16', table: 1000, netns }),
      addRule({ from: '2001:db8::/32', table: 1000, netns }),
      addRule({ from: '10.2.0.0/16', table: 1001, netns }),
    ]);
    const families = async (options: Parameters<typeof listRules>[0]) =>
      (await listRules({ ...options, netns })).map(({ family }) => family);
    expect(await families({ table: 1000 })).toEqual(['inet', 'inet6']);
    expect(await families({ table: 1000, family: 'inet6' })).toEqual(['inet6']);
    expect(await families({ family: 'inet6' })).toEqual(['inet6', 'inet6', 'inet6']);
    expect(await families({ table: 'main' })).toEqual(['inet', 'inet6']);
    expect(await families({ table: 5 })).toEqual([]);
  });

  test('packets take the table that the rule says', async () => {
    const link = await getLink('va', { netns });
    await addRoute({ to: '10.9.0.0/16', via: '10.1.0.9', link, table: 1000 });
    await addRule({ from: '10.1.0.1', table: 1000, iif: 'lo', netns });
    expect(await getRoute('10.9.0.1', { netns, from: '10.1.0.1' })).toMatchObject({ via: '10.1.0.9', table: 1000 });
    await expect(getRoute('10.9.0.1', { netns })).rejects.toMatchObject({ code: 'ENETUNREACH' });
  });

  test('a link says where its rule belongs', async () => {
    const link = await getLink('va', { netns });
    await addRule({ iif: link, table: 1000 });
    expect(witness(netns, 'ip rule show table 1000')).toMatchObject([{ iif: 'va' }]);
    await using other = await createNetns();
    await expect(addRule({ iif: link, table: 1000, netns: other })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
    await deleteRule({ iif: link });
    expect(witness(netns, 'ip rule show table 1000')).toEqual([]);
  });

  test('a rule that is there is refused, and the error names it', async () => {
    const rule = { from: '10.1.0.0/16', table: 1000, priority: 100, netns } as const;
    await addRule(rule);
    await expect(addRule(rule)).rejects.toMatchObject({
      code: 'EEXIST',
      syscall: 'RTM_NEWRULE',
      entry: '100: from 10.1.0.0/16 lookup 1000',
      message: expect.stringContaining('addRule: EEXIST'),
    });
  });

  test('a rule that is not there is ENOENT, or none of our business', async () => {
    await expect(deleteRule({ priority: 5 }, { netns })).rejects.toMatchObject({
      code: 'ENOENT',
      entry: '5: from all',
    });
    await deleteRule({ priority: 5 }, { netns, ifExists: true });
    await expect(deleteRule({ priority: 5, table: 'main' }, { netns })).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('what the kernel refuses, it refuses in its own words', async () => {
    await expect(addRule({ tos: 3, table: 100, netns })).rejects.toMatchObject({
      code: 'EINVAL',
      kernelMessage: expect.stringMatching(/tos/),
    });
  });

  test('what a kernel does not know yet is not passed over', async () => {
    const before = await listRules({ netns });
    const rule = { dscp: 0, sourcePort: 0x1200, sourcePortMask: 0xff00, table: 100, priority: 5, netns } as const;
    const [major = 0, minor = 0] = release().split('.').map(Number);
    if (major > 6 || (major === 6 && minor >= 15)) {
      await addRule(rule);
      const [listed] = await listRules({ table: 100, netns });
      expect(listed).toMatchObject(rule);
      await deleteRule(listed as RuleSpec);
    } else {
      await expect(addRule(rule)).rejects.toMatchObject({
        code: 'EOPNOTSUPP',
        attribute: expect.stringMatching(/^FRA_/),
      });
    }
    expect(await listRules({ netns })).toEqual(before);
  });

  test('rules of one kernel table, all of them, go one by one', async () => {
    const made = Array.from({ length: 200 }, (_, i) => ({ from: `10.0.${i}.0/24`, table: 1000, priority: 100, netns }));
    await Promise.all(made.map((rule) => addRule(rule)));
    const listed = await listRules({ table: 1000, netns });
    expect(listed.map(({ from }) => from)).toEqual(made.map(({ from }) => from));
    await Promise.all(listed.map((rule) => deleteRule(rule)));
    expect(await listRules({ table: 1000, netns })).toEqual([]);
  });
});
