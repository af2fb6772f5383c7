/** Views of IP packets and what is in them. */
import { IcmpView, Ipv4View, Ipv6View, UdpView } from 'netloom';
import { describe, expect, test } from 'vitest';
import { internetChecksum } from '../../lib/packet/views/checksum.js';
import { at, hex, IPV4, IPV4_ICMP, IPV4_UDP, IPV6, IPV6_ICMP, sized, UDP } from './packets.ts';

test('the checksum of the example in RFC 1071', () => {
  // Its words sum up to ddf2.
  expect(internetChecksum(hex('0001 f203 f4f5 f6f7'))).toBe(~0xddf2 & 0xffff);
});

test('an odd byte counts as the high half of a word', () => {
  expect(internetChecksum(hex('0001 f2'))).toBe(internetChecksum(hex('0001 f200')));
});

describe('IPv4', () => {
  test('the fields of a header', () => {
    const ip = at(new Ipv4View(), hex(IPV4, '00'.repeat(95)));
    expect([ip.headerLength, ip.totalLength, ip.ttl, ip.protocol, ip.checksum]).toEqual([20, 115, 64, 17, 0xb861]);
    expect([ip.sourceAddress, ip.destinationAddress]).toEqual(['192.168.0.1', '192.168.0.199']);
    expect([ip.isFragment, ip.moreFragments, ip.fragmentOffset]).toEqual([false, false, 0]);
    expect(ip.payload).toHaveLength(95);
  });

  test('its checksum is made again', () => {
    const ip = at(new Ipv4View(), hex(IPV4.replace('b861', 'ffff')));
    ip.updateChecksum();
    expect(ip.bytes).toEqual(hex(IPV4));
    ip.ttl = 63;
    ip.updateChecksum();
    expect(ip.checksum).toBe(0xb961);
  });

  test('what fills up a short frame is no payload', () => {
    const ip = at(new Ipv4View(), sized('45000000 00000000 4011 0000 0a000001 0a000002 0102'));
    expect(ip.at(hex(Buffer.from(ip.bytes).toString('hex'), '00'.repeat(24)))).toBe(true);
    expect([...ip.payload]).toEqual([1, 2]);
  });

  test.each([
    ['more than there is', 'ffff', 2],
    ['less than the header', '0013', 0],
    ['nothing', '0000', 0],
  ])('a total length that claims %s grants no more than there is', (_, length, payload) => {
    const ip = at(new Ipv4View(), hex(IPV4.replace('0073', length), '0102'));
    expect(ip.payload).toHaveLength(payload);
  });

  test('options belong to the header', () => {
    const ip = at(new Ipv4View(), sized(IPV4.replace('45', '46'), '01010100 0708'));
    ip.updateChecksum();
    expect(ip.headerLength).toBe(24);
    expect([...ip.payload]).toEqual([7, 8]);
    expect(internetChecksum(ip.bytes, 0, 24)).toBe(0);
  });

  test.each([
    ['another version', IPV4.replace('45', '65')],
    ['a header of 16 bytes', IPV4.replace('45', '44')],
    ['options that are not there', IPV4.replace('45', '46')],
    ['19 bytes', IPV4.slice(0, -2)],
    ['nothing', ''],
  ])('%s is no IPv4', (_, packet) => {
    expect(new Ipv4View().at(hex(packet))).toBe(false);
  });

  test.each([
    ['the first', '2000', { moreFragments: true, fragmentOffset: 0 }],
    ['the second', '2001', { moreFragments: true, fragmentOffset: 8 }],
    ['the last', '1fff', { moreFragments: false, fragmentOffset: 65528 }],
  ])('%s fragment is told, and is no datagram', (_, flags, fields) => {
    const ip = at(new Ipv4View(), sized(IPV4.replace('4000', flags), '0035 0035 0008 0000'));
    expect(ip).toMatchObject({ isFragment: true, ...fields });
    const udp = new UdpView();
    expect(udp.in(ip)).toBe(false);
    expect(udp.at(ip.payload)).toBe(true);
  });

  test('setting the total length sets where the payload ends', () => {
    const ip = at(new Ipv4View(), hex(IPV4, '01020304'));
    ip.totalLength = 22;
    expect([...ip.payload]).toEqual([1, 2]);
    ip.totalLength = 70_000;
    expect(ip.totalLength).toBe(70_000 % 65536);
    expect(ip.payload).toHaveLength(4);
  });

  test('an IPv6 address does not fit', () => {
    const ip = at(new Ipv4View(), hex(IPV4));
    expect(() => {
      ip.sourceAddress = '::1';
    }).toThrow(/^sourceAddress "::1" is not an IPv4 address$/);
  });
});

describe('IPv6', () => {
  test('the fields of a header', () => {
    const ip = at(new Ipv6View(), hex(IPV6, UDP));
    expect([ip.payloadLength, ip.nextHeader, ip.protocol, ip.hopLimit, ip.isFragment]).toEqual([13, 17, 17, 64, false]);
    expect([ip.sourceAddress, ip.destinationAddress]).toEqual(['fd00::1', 'fd00::2']);
    expect(ip.payload).toEqual(hex(UDP));
  });

  test('extension headers are walked to the payload', () => {
    // Hop-by-hop options, a routing header of 24 bytes, an authentication header of 24, destination options.
    const extensions = ['2b00 010400000000', `3302${'00'.repeat(22)}`, `3c04${'00'.repeat(22)}`, '1100 010400000000'];
    const ip = at(new Ipv6View(), sized(IPV6.replace('11 40', '00 40'), ...extensions, UDP));
    expect([ip.nextHeader, ip.protocol, ip.payloadOffset]).toEqual([0, 17, 40 + 8 + 24 + 24 + 8]);
    const udp = new UdpView();
    expect(udp.in(ip)).toBe(true);
    expect(Buffer.from(udp.payload).toString()).toBe('abcde');
  });

  test.each([
    ['the first', '0001', true, 17],
    ['a later', '0008', true, 17],
    ['a whole packet as its only', '0000', false, 17],
  ])('%s fragment', (_, offset, isFragment, protocol) => {
    const ip = at(new Ipv6View(), sized(IPV6.replace('11 40', '2c 40'), `1100${offset}00000001`, UDP));
    expect(ip).toMatchObject({ isFragment, protocol, payloadOffset: 48 });
    expect(new UdpView().in(ip)).toBe(!isFragment);
  });

  test('what follows a later fragment is taken for no header', () => {
    const ip = at(new Ipv6View(), sized(IPV6.replace('11 40', '2c 40'), '3c00000800000001', '1100 010400000000', UDP));
    expect(ip).toMatchObject({ isFragment: true, protocol: 60, payloadOffset: 48 });
  });

  test('an extension header that is not all there is the payload', () => {
    const ip = at(new Ipv6View(), sized(IPV6.replace('11 40', '00 40'), '1101 010400000000'));
    expect(ip).toMatchObject({ protocol: 0, payloadOffset: 40, payloadEnd: 48 });
  });

  test('of extension headers, 8 are walked', () => {
    const packet = (count: number) =>
      sized(IPV6.replace('11 40', '3c 40'), '3c00 010400000000'.repeat(count - 1), '1100 010400000000', UDP);
    expect(at(new Ipv6View(), packet(8))).toMatchObject({ protocol: 17, payloadOffset: 40 + 8 * 8 });
    expect(at(new Ipv6View(), packet(9))).toMatchObject({ protocol: 60, payloadOffset: 40 + 8 * 8 });
  });

  test('a payload length that claims more than there is grants no more', () => {
    const ip = at(new Ipv6View(), hex(IPV6.replace('000d', 'ffff'), UDP));
    expect(ip.payload).toHaveLength(13);
    ip.payloadLength = 9;
    expect(ip.payload).toHaveLength(9);
    ip.nextHeader = 58;
    expect(ip.protocol).toBe(58);
  });

  test.each([
    ['another version', `4${IPV6.slice(1)}`],
    ['39 bytes', IPV6.slice(0, -2)],
  ])('%s is no IPv6', (_, packet) => {
    expect(new Ipv6View().at(hex(packet))).toBe(false);
  });
});

describe('UDP', () => {
  test.each([
    ['IPv4', hex(IPV4_UDP), new Ipv4View(), 0xa816, 0x19ed],
    ['IPv6', hex(IPV6, UDP), new Ipv6View(), 0xe069, 0xfb97],
  ])('a datagram in %s, whose checksum is made again', (_, packet, ip, port, checksum) => {
    const udp = new UdpView();
    expect(ip.at(packet) && udp.in(ip)).toBe(true);
    expect([udp.sourcePort, udp.destinationPort, udp.length, udp.checksum]).toEqual([port, 7, 13, checksum]);
    expect(Buffer.from(udp.payload).toString()).toBe('abcde');
    packet[udp.offset + 6] = 0;
    udp.updateChecksum(ip);
    expect(udp.checksum).toBe(checksum);
    // Sent back, the sum is the same.
    ip.swapAddresses();
    udp.swapPorts();
    expect([udp.sourcePort, udp.destinationPort]).toEqual([7, port]);
    udp.updateChecksum(ip);
    expect(udp.checksum).toBe(checksum);
  });

  test('a checksum of 0 is written as ffff, since 0 says that there is none', () => {
    const packet = hex(IPV4_UDP);
    const [ip, udp] = [at(new Ipv4View(), packet), new UdpView()];
    udp.in(ip);
    // By its own checksum, the source port brings the sum to ffff.
    udp.sourcePort = udp.sourcePort + 0x19ed;
    udp.updateChecksum(ip);
    expect(udp.checksum).toBe(0xffff);
  });

  test('setting the length sets where the payload ends', () => {
    const udp = at(new UdpView(), hex(UDP));
    udp.length = 10;
    expect(Buffer.from(udp.payload).toString()).toBe('ab');
  });

  test.each([
    ['more than there is', 'ffff', 5],
    ['less than the header', '0007', 0],
  ])('a length that claims %s grants no more than there is', (_, length, payload) => {
    expect(at(new UdpView(), hex(UDP.replace('000d', length))).payload).toHaveLength(payload);
  });

  test('7 bytes are no UDP, and neither is another protocol', () => {
    expect(new UdpView().at(hex(UDP), 0, 7)).toBe(false);
    expect(new UdpView().in(at(new Ipv4View(), hex(IPV4_ICMP)))).toBe(false);
  });
});

describe('ICMP', () => {
  test.each([
    ['IPv4', hex(IPV4_ICMP), new Ipv4View(), 8, 0x5a0a, 0x3cf4],
    ['IPv6', hex(IPV6_ICMP), new Ipv6View(), 128, 0xe7be, 0x3cf3],
  ])('an echo request in %s, whose checksum is made again', (_, packet, ip, type, checksum, identifier) => {
    const icmp = new IcmpView();
    expect(ip.at(packet) && icmp.in(ip)).toBe(true);
    expect(icmp).toMatchObject({ type, code: 0, checksum, identifier, sequence: 1 });
    expect([...icmp.payload]).toEqual([0x61, 0, 0, 0, 0]);
    packet[icmp.offset + 2] = 0;
    icmp.updateChecksum(ip);
    expect(icmp.checksum).toBe(checksum);
  });

  test('fields are set', () => {
    const icmp = at(new IcmpView(), new Uint8Array(8));
    Object.assign(icmp, { type: 3, code: 1, identifier: 0x1234, sequence: 0x15678 });
    expect(icmp.bytes).toEqual(hex('03 01 0000 1234 5678'));
  });

  test.each([
    ['ICMPv6 in IPv4', IPV4_ICMP.replace('01 ba2e', '3a ba2e'), new Ipv4View()],
    ['ICMP in IPv6', IPV6_ICMP.replace('3a 40', '01 40'), new Ipv6View()],
    ['a fragment', IPV4_ICMP.replace('4000', '6000'), new Ipv4View()],
    ['7 bytes', IPV4_ICMP.replace('0021', '001b'), new Ipv4View()],
  ])('%s is none', (_, packet, ip) => {
    expect(ip.at(hex(packet))).toBe(true);
    expect(new IcmpView().in(ip)).toBe(false);
  });
});
