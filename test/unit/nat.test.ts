/** What masquerades and port mappings become, and what is refused before the kernel sees it. */
import { describe, expect, test } from 'vitest';
import { parsePrefix } from '../../lib/addressing/ip.js';
import { mappedPortOf, type PortMappingSpec, planOf, portText } from '../../lib/netfilter/nat/mapping.js';
import { networkOf, ordered, prefixChainName, prefixesOf } from '../../lib/netfilter/nat/prefix-chain.js';
import { comment } from '../../lib/netfilter/nftables/comment.js';
import type { Netns } from '../../lib/netns/netns.js';
import {
  addMasquerade,
  addPortMapping,
  deleteConntrack,
  deletePortMappings,
  listConntrack,
  listMasquerades,
} from '../../lib/sync.js';
import { decoded, encoded } from './tables.js';
import { hex } from './wire.ts';

const nowhere = {} as Netns;
const web = {
  owner: 'web',
  to: '10.1.0.5',
  mappings: [{ hostPort: 8080, containerPort: 80 }],
} satisfies PortMappingSpec;
const mapping = (more: object) => ({ ...web, mappings: [{ ...web.mappings[0], ...more }] }) as PortMappingSpec;

describe('a chain of prefixes', () => {
  test('is called after them in one order, each once, as nft can read', () => {
    const prefixes = ['fd00::/64', '10.1.0.5/16', '10.1.0.0/16'].map((text) => networkOf(text, 'except'));
    const name = prefixChainName('outside', ordered(prefixes), 'except');
    expect(name).toBe('outside-10.1.0.0/16-fd00__/64');
    expect(prefixesOf('outside', name)).toEqual(['10.1.0.0/16', 'fd00::/64']);
    expect(prefixesOf('hairpin', name)).toEqual([]);
  });

  test('is refused where the kernel has no name that long', () => {
    const many = Array.from({ length: 20 }, (_, i) => parsePrefix(`10.100.${100 + i}.0/24`));
    expect(() => prefixChainName('outside', many, 'except')).toThrow(
      'except "20 prefixes" takes 327 characters; the name of a chain holds 255 (NFT_NAME_MAXLEN)',
    );
  });
});

test('a comment is what nft writes, and is found behind what else nft keeps', () => {
  expect(encoded(comment, 'one')).toEqual(hex('00 04 6f6e6500'));
  expect(decoded(comment, hex('01 02 ffff 00 04 6f6e6500'))).toBe('one');
  expect(decoded(comment, hex('00 09 6f6e6500'))).toBe('');
});

describe('the entries of port mappings', () => {
  const listed = (spec: PortMappingSpec) => planOf(spec).entries.flatMap((entry) => mappedPortOf(nowhere, entry) ?? []);

  test('are read back as they were said', () => {
    const spec = {
      ...web,
      to: ['10.1.0.5', 'fd00::5'],
      mappings: [
        { hostPort: 8080, containerPort: 80 },
        { hostPort: 65535, containerPort: 1, protocol: 'sctp', hostAddress: '2001:db8::1' },
        { hostPort: 53, containerPort: 5353, protocol: 'udp', hostAddress: '0.0.0.0' },
      ],
    } as const;
    expect(listed(spec)).toEqual([
      { netns: nowhere, owner: 'web', hostPort: 8080, protocol: 'tcp', containerPort: 80, to: '10.1.0.5' },
      { netns: nowhere, owner: 'web', hostPort: 8080, protocol: 'tcp', containerPort: 80, to: 'fd00::5' },
      {
        netns: nowhere,
        owner: 'web',
        hostPort: 65535,
        protocol: 'sctp',
        hostAddress: '2001:db8::1',
        containerPort: 1,
        to: 'fd00::5',
      },
      { netns: nowhere, owner: 'web', hostPort: 53, protocol: 'udp', containerPort: 5353, to: '10.1.0.5' },
    ]);
    expect(listed(spec).map(portText)).toEqual(['*:8080/tcp', '*:8080/tcp', '[2001:db8::1]:65535/sctp', '*:53/udp']);
  });

  test('lead back through the host from the network of the container, from nowhere without snat', () => {
    const chains = (spec: PortMappingSpec) => planOf(spec).entries.flatMap(({ chain }) => chain ?? []);
    expect(chains({ ...web, to: ['10.1.0.5/24', 'fd00::5'] })).toEqual(['hairpin-10.1.0.0/24', 'hairpin-fd00__5/128']);
    expect(chains({ ...web, snat: false })).toEqual([]);
  });
});

describe('bad input', () => {
  test.each<[string, () => unknown, string]>([
    [
      'no owner',
      () => addMasquerade({ sources: ['10.1.0.5'] } as never),
      'addMasquerade: owner must be a string; received undefined',
    ],
    [
      'an empty owner',
      () => addMasquerade({ owner: '', sources: ['10.1.0.5'] }),
      'addMasquerade: owner "" must not be empty',
    ],
    [
      'an owner that nft could not read back',
      () => deletePortMappings({ owner: 'a"b' }),
      'deletePortMappings: owner "a\\"b" must not contain a quote or a control character',
    ],
    [
      'an owner that no comment holds',
      () => listMasquerades({ owner: 'x'.repeat(128) }),
      `listMasquerades: owner "${'x'.repeat(128)}" is 128 bytes; a comment holds 127 (NFTNL_UDATA_COMMENT_MAXLEN)`,
    ],
    [
      'no sources',
      () => addMasquerade({ owner: 'a', sources: [] }),
      'addMasquerade: sources an array of 0 must not be empty',
    ],
    [
      'a source that is a prefix',
      () => addMasquerade({ owner: 'a', sources: ['10.1.0.0/24'] }),
      'addMasquerade: sources[0] "10.1.0.0/24" is no IP address',
    ],
    [
      'a bad exception',
      () => addMasquerade({ owner: 'a', sources: ['10.1.0.5'], except: ['x'] }),
      'addMasquerade: except[0] "x" is no IP address',
    ],
    [
      'a misspelt field',
      () => addMasquerade({ owner: 'a', source: '10.1.0.5' } as never),
      'addMasquerade: options.source "10.1.0.5" is no option here (owner, sources, except, netns are)',
    ],
    [
      'port 0',
      () => addPortMapping(mapping({ hostPort: 0 })),
      'addPortMapping: mappings[0].hostPort 0 is out of range (an integer, 1 to 65535)',
    ],
    [
      'a port that is too high',
      () => addPortMapping(mapping({ containerPort: 65536 })),
      'addPortMapping: mappings[0].containerPort 65536 is out of range (an integer, 1 to 65535)',
    ],
    [
      'a port as text',
      () => addPortMapping(mapping({ hostPort: '80' })),
      'addPortMapping: mappings[0].hostPort must be a number; received "80"',
    ],
    [
      'an unknown protocol',
      () => addPortMapping(mapping({ protocol: 'icmp' })),
      'addPortMapping: mappings[0].protocol "icmp" is none of tcp, udp, sctp',
    ],
    [
      'a misspelt field of a mapping',
      () => addPortMapping(mapping({ hostIP: '192.0.2.1' })),
      'addPortMapping: mappings[0].hostIP "192.0.2.1" is no option here (hostPort, containerPort, protocol, hostAddress are)',
    ],
    [
      'an address of a family that the container has not',
      () => addPortMapping(mapping({ hostAddress: '2001:db8::1' })),
      'addPortMapping: mappings[0].hostAddress "2001:db8::1" is IPv6, and \'to\' is not',
    ],
    [
      'two addresses of one family',
      () => addPortMapping({ ...web, to: ['10.1.0.5', '10.1.0.6'] }),
      'addPortMapping: to[1] "10.1.0.6" is a second address of IPv4',
    ],
    [
      'a port that is mapped twice',
      () => addPortMapping({ ...web, mappings: [...web.mappings, { hostPort: 8080, containerPort: 81 }] }),
      'addPortMapping: mappings[1].hostPort 8080 is mapped twice',
    ],
    [
      'no mappings',
      () => addPortMapping({ ...web, mappings: [] }),
      'addPortMapping: mappings an array of 0 must not be empty',
    ],
    [
      'snat that is none',
      () => addPortMapping({ ...web, snat: 1 as never }),
      'addPortMapping: snat must be true or false; received 1',
    ],
    [
      'a protocol of no connection',
      () => listConntrack({ protocol: 'tcp6' as never }),
      'listConntrack: protocol "tcp6" is none of icmp, tcp, udp, dccp, gre, icmpv6, sctp, udplite, and no number',
    ],
    [
      'a protocol that no byte holds',
      () => listConntrack({ protocol: 256 }),
      'listConntrack: protocol 256 is out of range (0 to 255)',
    ],
    [
      'an address of another family',
      () => listConntrack({ address: '10.1.0.5', family: 'inet6' }),
      'listConntrack: address "10.1.0.5" is not of family inet6',
    ],
    [
      'a port of no connection',
      () => deleteConntrack({ port: 70000 }),
      'deleteConntrack: port 70000 is out of range (an integer, 0 to 65535)',
    ],
    [
      'a misspelt filter',
      () => deleteConntrack({ adress: '10.1.0.5' } as never),
      'deleteConntrack: options.adress "10.1.0.5" is no option here (address, protocol, port, family, netns are)',
    ],
  ])('%s is refused', (_what, made, message) => {
    expect(made).toThrow(expect.objectContaining({ message }));
  });
});
