import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { linkNames } from '../../../lib/cni/plugins/host-device/device.js';

let sysfs: string;
beforeEach(() => {
  sysfs = mkdtempSync(join(tmpdir(), 'netloom-sysfs-'));
});
afterEach(() => rmSync(sysfs, { recursive: true }));

const make = (...path: string[]) => mkdirSync(join(sysfs, ...path), { recursive: true });

test('the links of a device, by its path among the devices of the kernel', () => {
  make('devices/pci0000:00/0000:00:1f.6/net/eno1');
  expect(linkNames({ kernelpath: '/sys/devices/pci0000:00/0000:00:1f.6' }, sysfs)).toEqual(['eno1']);
  expect(linkNames({ kernelpath: '/sys/devices/pci0000:00' }, sysfs)).toEqual([]);
});

test('the links of a PCI device, also those of a virtio device on it', () => {
  make('bus/pci/devices/0000:00:1f.6/net/eno1');
  make('bus/pci/devices/0000:00:03.0/virtio0/net/ens3');
  expect(linkNames({ pciBusID: '0000:00:1f.6' }, sysfs)).toEqual(['eno1']);
  expect(linkNames({ pciBusID: '0000:00:03.0' }, sysfs)).toEqual(['ens3']);
  expect(linkNames({ pciBusID: '0000:00:04.0' }, sysfs)).toEqual([]);
});

test('a PCI device that a program drives has no link, and is refused', () => {
  make('bus/pci/drivers/vfio-pci');
  make('bus/pci/devices/0000:00:05.0');
  symlinkSync('../../../../bus/pci/drivers/vfio-pci', join(sysfs, 'bus/pci/devices/0000:00:05.0/driver'));
  expect(() => linkNames({ pciBusID: '0000:00:05.0' }, sysfs)).toThrow('0000:00:05.0 has the driver vfio-pci');
});
