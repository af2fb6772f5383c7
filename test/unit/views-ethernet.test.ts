/** Views of Ethernet and ARP, and what is true of all of them. */
import { ArpView, EthernetView, Ipv6View, UdpView } from 'netloom';
import { describe, expect, test } from 'vitest';
import { ARP, at, ETHERNET, hex } from './packets.ts';

describe('aiming', () => {
  const frame = hex(ETHERNET, '0806', ARP);

  test('a view is aimed into a larger array, at as much as it is told', () => {
    const slab = new Uint8Array(3 * 64);
    slab.set(frame, 64);
    const eth = new EthernetView();
    expect(eth.at(slab, 64, 42)).toBe(true);
    expect([eth.offset, eth.payloadOffset, eth.payloadEnd]).toEqual([64, 78, 106]);
    expect(eth.payload.buffer).toBe(slab.buffer);
    expect(new ArpView().in(eth)).toBe(true);
    expect(eth.at(slab, 64, 41)).toBe(true);
    expect(new ArpView().in(eth)).toBe(false);
  });

  test.each([
    [-1, 20],
    [0, -1],
    [0, 43],
    [30, 13],
    [43, 0],
    [0.5, 20],
    [Number.NaN, 20],
    [0, Number.NaN],
    [2 ** 32, 20],
  ])('offset %d and length %d of 42 bytes are nowhere', (offset, length) => {
    expect(new EthernetView().at(frame, offset, length)).toBe(false);
  });

  test('what holds no bytes is refused', () => {
    expect(() => new EthernetView().at('frame' as unknown as Uint8Array)).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_ARG_TYPE',
        message: 'at: bytes must be a Uint8Array; received "frame"',
      }),
    );
  });

  test('a view that found nothing is aimed at nothing, and not at what it was aimed at before', () => {
    const before = frame.slice();
    const eth = at(new EthernetView(), frame);
    expect(eth.at(frame, 0, 13)).toBe(false);
    expect([eth.etherType, eth.sourceAddress, eth.payload.length, eth.vlanId]).toEqual([0, '', 0, undefined]);
    eth.etherType = 1;
    eth.sourceAddress = '02:00:00:00:00:07';
    eth.swapAddresses();
    expect(frame).toEqual(before);
    const ip = new Ipv6View();
    expect([ip.sourceAddress, ip.protocol, ip.isFragment, ip.isTo(new Uint8Array(16))]).toEqual(['', 0, false, false]);
    const udp = new UdpView();
    udp.updateChecksum(ip);
    expect(udp.checksum).toBe(0);
  });
});

describe('Ethernet', () => {
  test('addresses and type of a frame', () => {
    const eth = at(new EthernetView(), hex(ETHERNET, '0800 010203'));
    expect(eth.destinationAddress).toBe('02:00:00:00:00:aa');
    expect(eth.sourceAddress).toBe('02:00:00:00:00:bb');
    expect(eth.etherType).toBe(0x0800);
    expect(eth.vlanId).toBeUndefined();
    expect([...eth.payload]).toEqual([1, 2, 3]);
  });

  test('a tag is stepped over, and stays when the type is set', () => {
    const eth = at(new EthernetView(), hex(ETHERNET, '8100 e064 0806 07'));
    expect([eth.vlanId, eth.etherType, eth.payloadOffset]).toEqual([100, 0x0806, 18]);
    eth.etherType = 0x86dd;
    expect(eth.bytes).toEqual(hex(ETHERNET, '8100 e064 86dd 07'));
  });

  test('a tag that is cut short is no frame', () => {
    expect(new EthernetView().at(hex(ETHERNET, '8100 0064 08'))).toBe(false);
  });

  test('addresses are compared, copied, swapped and set as bytes too', () => {
    const eth = at(new EthernetView(), hex(ETHERNET, '0800'));
    expect([eth.isFrom(hex('0200000000bb')), eth.isFrom(hex('0200000000aa'))]).toEqual([true, false]);
    expect([eth.isTo(hex('0200000000aa')), eth.isTo(hex('0200000000'))]).toEqual([true, false]);
    const copy = new Uint8Array(13);
    eth.copySourceTo(copy);
    eth.copyDestinationTo(copy, 7);
    expect(copy).toEqual(hex('0200000000bb 00 0200000000aa'));
    eth.swapAddresses();
    expect(eth.bytes).toEqual(hex('0200000000bb 0200000000aa 0800'));
    eth.sourceAddress = hex('010203040506');
    eth.destinationAddress = 'ff-ff-ff-ff-ff-ff';
    expect(eth.bytes).toEqual(hex('ffffffffffff 010203040506 0800'));
  });

  test.each([
    ['02:00', 'ERR_INVALID_ARG_VALUE', /^sourceAddress "02:00" is no MAC address/],
    [new Uint8Array(4), 'ERR_INVALID_ARG_VALUE', /^sourceAddress 4 bytes are not a MAC address, which has 6$/],
    [7, 'ERR_INVALID_ARG_TYPE', /^sourceAddress must be a MAC address, as a string or bytes; received 7$/],
  ])('the address %s is refused', (address, code, message) => {
    const eth = at(new EthernetView(), hex(ETHERNET, '0800'));
    expect(() => {
      eth.sourceAddress = address as string;
    }).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
  });

  test('a copy that does not fit is refused', () => {
    const eth = at(new EthernetView(), hex(ETHERNET, '0800'));
    expect(() => eth.copySourceTo(new Uint8Array(8), 3)).toThrow(
      expect.objectContaining({
        code: 'ERR_OUT_OF_RANGE',
        message: 'copySourceTo: start 3 is out of range (6 bytes from there must fit into 8)',
      }),
    );
  });
});

describe('ARP', () => {
  test('the fields of a request', () => {
    const arp = at(new ArpView(), hex(ARP));
    expect([arp.operation, arp.senderMac, arp.senderAddress]).toEqual([1, '02:00:00:00:00:bb', '10.0.0.1']);
    expect([arp.targetMac, arp.targetAddress]).toEqual(['00:00:00:00:00:00', '10.0.0.42']);
    expect([arp.isFor(Uint8Array.of(10, 0, 0, 42)), arp.isFor(Uint8Array.of(10, 0, 0, 1))]).toEqual([true, false]);
  });

  test('a request becomes its reply', () => {
    const arp = at(new ArpView(), hex(ARP));
    arp.toReply('02:00:00:00:00:2a');
    expect(arp.bytes).toEqual(hex('0001 0800 06 04 0002 02000000002a 0a00002a 0200000000bb 0a000001'));
  });

  test('a reply with a bad address leaves the request as it was', () => {
    const arp = at(new ArpView(), hex(ARP));
    expect(() => arp.toReply('nobody')).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
    expect(arp.bytes).toEqual(hex(ARP));
  });

  test('a request is written into a frame that held something else', () => {
    const eth = at(new EthernetView(), new Uint8Array(60).fill(0xee));
    const arp = new ArpView();
    expect(arp.init(eth)).toBe(true);
    arp.operation = 1;
    arp.senderMac = '02:00:00:00:00:bb';
    arp.senderAddress = '10.0.0.1';
    arp.targetMac = new Uint8Array(6);
    arp.targetAddress = Uint8Array.of(10, 0, 0, 42);
    expect(eth.etherType).toBe(0x0806);
    expect(eth.payload.subarray(0, 28)).toEqual(hex(ARP));
    expect(eth.payload.subarray(28)).toEqual(new Uint8Array(18).fill(0xee));
  });

  test('it is written into no frame that is too short for it', () => {
    const eth = at(new EthernetView(), hex(ETHERNET, '0800', '00'.repeat(27)));
    expect(new ArpView().init(eth)).toBe(false);
    expect(eth.etherType).toBe(0x0800);
  });

  test.each(['0006', '0001 86dd', '0001 0800 08', '0001 0800 06 10'])(
    'ARP that begins with %s is none here',
    (start) => {
      const message = hex(ARP);
      message.set(hex(start));
      expect(new ArpView().at(message)).toBe(false);
    },
  );
});
