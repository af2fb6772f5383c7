/** Which link of the host is meant: by its name, its MAC, its place among the kernel's devices, or its PCI address. */
import { readdirSync, readlinkSync } from 'node:fs';
import { basename, posix } from 'node:path';
import { formatMac, parseMac } from '../../../addressing/mac.js';
import { invalidValue } from '../../../errors.js';
import { type Link, listLinks } from '../../../sync.js';
import { findLink } from '../../container/expected.js';
import { CniError } from '../../protocol/error.js';
import type { Invocation } from '../../protocol/plugin.js';

/** One of these at least. The first that is said counts. */
export interface DeviceConfig {
  readonly device: string | undefined;
  readonly hwaddr: string | undefined;
  readonly kernelpath: string | undefined;
  readonly pciBusID: string | undefined;
}

export function readDevice({ config: { fields, runtimeConfig } }: Invocation): DeviceConfig {
  const hwaddr = fields.text('hwaddr') || undefined;
  const kernelpath = fields.text('kernelpath') || undefined;
  // What a device plugin of Kubernetes has chosen for the container counts before what is the same for all.
  const places = [
    ['runtimeConfig.deviceID', runtimeConfig?.text('deviceID')],
    ['pciBusID', fields.text('pciBusID')],
  ] as const;
  const [place, pciBusID] = places.find(([, text]) => text) ?? [];
  const device = fields.text('device') || undefined;
  if (device === undefined && hwaddr === undefined && kernelpath === undefined && pciBusID === undefined)
    throw new CniError('config', 'one of device, hwaddr, kernelpath and pciBusID is needed');
  if (pciBusID !== undefined && !/^[\w.:-]*\w$/.test(pciBusID))
    throw invalidValue(place as string, pciBusID, "is no PCI address ('0000:00:1f.6')");
  return {
    device,
    hwaddr: hwaddr && formatMac(parseMac(hwaddr, 'hwaddr')),
    kernelpath: kernelpath && checkKernelPath(kernelpath),
    pciBusID,
  };
}

function checkKernelPath(text: string): string {
  const path = posix.normalize(text);
  if (!path.startsWith('/sys/devices/')) throw invalidValue('kernelpath', text, 'is not below /sys/devices/');
  return path;
}

export function findDevice(config: DeviceConfig): Link {
  const { device, hwaddr } = config;
  const link =
    device !== undefined
      ? findLink(device)
      : hwaddr !== undefined
        ? listLinks().find(({ mac }) => mac === hwaddr)
        : firstOf(linkNames(config));
  if (link !== undefined) return link;
  throw new CniError('config', `there is no link in the host with ${wanted(config)}`);
}

const firstOf = (names: readonly string[]): Link | undefined => {
  for (const name of names) {
    const link = findLink(name);
    if (link !== undefined) return link;
  }
  return undefined;
};

function wanted({ device, hwaddr, kernelpath, pciBusID }: DeviceConfig): string {
  if (device !== undefined) return `the name ${device} (device)`;
  if (hwaddr !== undefined) return `the MAC ${hwaddr} (hwaddr)`;
  return kernelpath !== undefined ? `kernelpath ${kernelpath}` : `the PCI address ${pciBusID}`;
}

/** Drivers that give a card to a program, which leaves the kernel no link of it. */
const USERSPACE_DRIVERS = ['vfio-pci', 'uio_pci_generic', 'igb_uio'];

/** Names of a device's links, as sysfs has them. */
export function linkNames({ kernelpath, pciBusID }: Partial<DeviceConfig>, sysfs = '/sys'): string[] {
  if (kernelpath !== undefined) return namesIn(`${sysfs}${kernelpath.slice('/sys'.length)}/net`);
  const device = `${sysfs}/bus/pci/devices/${pciBusID}`;
  const driver = driverOf(device);
  if (driver !== undefined && USERSPACE_DRIVERS.includes(driver))
    throw new CniError('unsupportedField', `host-device: ${pciBusID} has the driver ${driver}, and so no link (DPDK)`);
  const below = namesIn(device).filter((name) => name.startsWith('virtio'));
  // Of a virtio card, the links are those of the virtio device on the PCI device.
  return ['', ...below.map((name) => `/${name}`)].flatMap((place) => namesIn(`${device}${place}/net`));
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function driverOf(device: string): string | undefined {
  try {
    return basename(readlinkSync(`${device}/driver`));
  } catch {
    return undefined;
  }
}
