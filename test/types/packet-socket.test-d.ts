/** What TypeScript takes for packet sockets, and what it refuses. */
import type { BpfInstruction, Link, Netns, OpenPacketSocketOptions, PacketQueue } from 'netloom';
import { openPacketSocket } from 'netloom';
import * as sync from 'netloom/sync';
import { describe, expectTypeOf, test } from 'vitest';

declare const link: Link;
declare const netns: Netns;
declare const filter: readonly BpfInstruction[];

describe('packet sockets', () => {
  test('give one queue, for any link', () => {
    expectTypeOf(openPacketSocket(link)).resolves.toEqualTypeOf<PacketQueue>();
    expectTypeOf(
      openPacketSocket('eth0', { netns, protocol: 'ipv6', promiscuous: true }),
    ).resolves.toEqualTypeOf<PacketQueue>();
    expectTypeOf(sync.openPacketSocket(7, { protocol: 0x88b5, filter, offload: true })).toEqualTypeOf<PacketQueue>();
    expectTypeOf<{ outgoing: true; receiveBuffer: number }>().toExtend<OpenPacketSocketOptions>();
    expectTypeOf<PacketQueue['stats']['overruns']>().toEqualTypeOf<number | undefined>();
  });

  test('refuse what is no option', () => {
    // @ts-expect-error EtherTypes have no other names here
    openPacketSocket(link, { protocol: 'ip' });
    // @ts-expect-error queues are for devices
    openPacketSocket(link, { queues: 2 });
    // @ts-expect-error all four parts of an instruction
    openPacketSocket(link, { filter: [{ code: 6, k: 0 }] });
  });
});
