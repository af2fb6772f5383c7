/** What TypeScript takes for packet devices, and what it refuses. */
import {
  type BpfInstruction,
  createTap,
  createTun,
  type DeviceChanges,
  type Netns,
  type Offload,
  openMacvtap,
  openPacketDevice,
  type PacketDevice,
  type PacketQueue,
} from 'netloom';
import * as sync from 'netloom/sync';
import { describe, expectTypeOf, test } from 'vitest';

declare const netns: Netns;
declare const device: PacketDevice;
declare const queue: PacketQueue;

describe('packet devices', () => {
  test('are made and opened with offload', () => {
    createTap({ offload: true, vnetHeaderSize: 12 });
    createTun({ offload: { checksum: true, tso4: true, tso6: true, uso: true, ecn: false } });
    openMacvtap('a', { netns, queues: 2, offload: {} });
    openPacketDevice('tap0', { netns, offload: false });
    expectTypeOf(openPacketDevice({ fd: 3 }, { offload: true })).resolves.toEqualTypeOf<PacketDevice>();
    expectTypeOf(sync.openPacketDevice({ fd: 3 })).toEqualTypeOf<PacketDevice>();
    expectTypeOf(device.offload).toEqualTypeOf<Offload | undefined>();
    expectTypeOf(device.vnetHeaderSize).toEqualTypeOf<number>();
    // @ts-expect-error: no such size
    createTap({ offload: true, vnetHeaderSize: 11 });
    // @ts-expect-error: no such offload
    createTun({ offload: { tso: true } });
    // @ts-expect-error: a descriptor is a number
    openPacketDevice({ fd: '3' });
  });

  test('are changed', () => {
    expectTypeOf(device.set).parameter(0).toEqualTypeOf<DeviceChanges>();
    expectTypeOf(device.set({ persist: true, owner: 1000, carrier: false })).resolves.toEqualTypeOf<void>();
    expectTypeOf(device.setSync({ sendBuffer: 65536, txFilter: null })).toEqualTypeOf<void>();
    device.set({ txFilter: { addresses: ['02:00:00:00:00:01'], allMulticast: true } });
    device.setOffload({ checksum: true });
    device.setOffloadSync(false);
    device.setSteering(7);
    device.setFilter(null);
    expectTypeOf(device.attachFilter).parameter(0).toEqualTypeOf<readonly BpfInstruction[] | null>();
    // @ts-expect-error: what setLink changes
    device.set({ mtu: 1500 });
    // @ts-expect-error: an instruction has four parts
    device.attachFilter([{ code: 6, k: 0 }]);
    // @ts-expect-error: nothing to take away
    device.setSteering();
  });

  test('have queues that are detached and given away', () => {
    expectTypeOf(queue.detach()).resolves.toEqualTypeOf<void>();
    expectTypeOf(queue.attach()).resolves.toEqualTypeOf<void>();
    expectTypeOf(queue.detachSync()).toEqualTypeOf<void>();
    expectTypeOf(queue.release()).toEqualTypeOf<number>();
  });
});
