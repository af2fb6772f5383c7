/** tuning: kernel parameters of a container's namespace, and attributes of its link, which DEL puts back. */
import { readFileSync } from 'node:fs';
import { getLink, getSysctl, type Link, type Netns, setLink, setSysctl } from '../../../sync.js';
import { expectLink, findLink } from '../../container/expected.js';
import { findContainer, openContainer } from '../../container/netns.js';
import { unlessMissing } from '../../missing.js';
import { CniError } from '../../protocol/error.js';
import type { Invocation, Plugin } from '../../protocol/plugin.js';
import type { Result } from '../../protocol/result.js';
import { type Undo, withRollback } from '../../rollback.js';
import { chainedResult } from '../chained.js';
import { collectBackups, readBackup, removeBackup, saveBackup } from './backup.js';
import {
  checkAllowed,
  dataDirOf,
  type LinkTuning,
  readTuning,
  type SysctlTuning,
  type TuningConfig,
} from './config.js';

/** Which sysctls the machine's administrator allows. */
const ALLOWLIST = '/etc/cni/tuning/allowlist.conf';

export const tuning: Plugin = {
  add(call) {
    const { sysctls, link } = readAllowed(call);
    const result = chainedResult(call);
    const netns = openContainer(call);
    return withRollback((undo) => {
      for (const sysctl of sysctls) tuneSysctl(netns, sysctl, undo);
      if (partsOf(link).some(isSaid)) tuneLink(call, netns, link, undo);
      return told(result, call, link);
    });
  },

  del(call) {
    const dataDir = dataDirOf(call);
    const netns = findContainer(call);
    const values = readBackup(dataDir, call);
    if (values === undefined) return;
    const link = netns && findLink(call.ifname, netns);
    const refusals = link === undefined ? [] : restore(link, values);
    // Also where something was refused: the runtime, which is told, calls again.
    removeBackup(dataDir, call);
    if (refusals.length > 0) throw refusals[0];
  },

  check(call) {
    const { sysctls, link } = readTuning(call);
    const netns = openContainer(call);
    for (const { name, value } of sysctls) {
      const found = readSysctl(netns, name);
      if (found !== undefined && words(found) !== words(value))
        throw new CniError('changed', `sysctl ${name} is ${found}, not ${value}`);
    }
    const wanted = partsOf(link);
    if (!wanted.some(isSaid)) return;
    const there = partsOf(valuesOf(expectLink({ name: call.ifname }, undefined, netns)));
    for (const [i, part] of wanted.entries()) {
      const [is, should] = [JSON.stringify(there[i]), JSON.stringify(part)];
      if (isSaid(part) && is !== should)
        throw new CniError('changed', `interface ${call.ifname} has ${is}, not ${should}`);
    }
  },

  gc(call) {
    collectBackups(dataDirOf(call), call.config.name, call.config.validAttachments ?? []);
  },

  status(call) {
    readAllowed(call);
  },
};

function readAllowed(call: Invocation): TuningConfig {
  const config = readTuning(call);
  checkAllowed(
    config.sysctls,
    unlessMissing(() => readFileSync(ALLOWLIST, 'utf8')),
  );
  return config;
}

function tuneSysctl(netns: Netns, { name, value }: SysctlTuning, undo: Undo): void {
  const before = readSysctl(netns, name);
  setSysctl(name, value, { netns });
  if (before !== undefined) undo(() => setSysctl(name, before, { netns }));
}

/** Some can only be written (`net/ipv4/route/flush`). */
function readSysctl(netns: Netns, name: string): string | undefined {
  try {
    return getSysctl(name, { netns });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EACCES') return undefined;
    throw error;
  }
}

const words = (text: string): string => text.trim().split(/\s+/).join(' ');

function tuneLink(call: Invocation, netns: Netns, wanted: LinkTuning, undo: Undo): void {
  const link = getLink(call.ifname, { netns });
  const before = partsOf(valuesOf(link)).map((part, i) => (isSaid(partsOf(wanted)[i]) ? part : {}));
  undo(saveBackup(dataDirOf(call), call.config.name, call, Object.assign({}, ...before)));
  for (const [i, part] of partsOf(wanted).entries()) {
    if (!isSaid(part)) continue;
    setLink(link, part);
    undo(() => setLink(link, before[i] ?? {}));
  }
}

/** Puts values back, as many as the kernel takes; gives what it refused. */
function restore(link: Link, values: LinkTuning): unknown[] {
  return partsOf(values)
    .filter(isSaid)
    .flatMap((part) => {
      try {
        setLink(link, part);
        return [];
      } catch (error) {
        return [error];
      }
    });
}

/** One value each: the kernel takes them one after the other, and what was taken before a refusal stays. */
const partsOf = ({ mac, promiscuous, mtu, allMulticast, txQueueLength }: LinkTuning): LinkTuning[] => [
  { mac },
  { promiscuous },
  { mtu },
  { allMulticast },
  { txQueueLength },
];

const isSaid = (part: LinkTuning | undefined): boolean =>
  part !== undefined && Object.values(part).some((value) => value !== undefined);

const valuesOf = ({ mac, mtu, flags, txQueueLength }: Link): LinkTuning => ({
  mac,
  promiscuous: flags.includes('promiscuous'),
  mtu,
  allMulticast: flags.includes('all-multicast'),
  txQueueLength,
});

const told = (result: Result, { ifname }: Invocation, { mac, mtu }: LinkTuning): Result => ({
  ...result,
  interfaces: result.interfaces.map((one) =>
    one.name === ifname && one.sandbox ? { ...one, mac: mac ?? one.mac, mtu: mtu ?? one.mtu } : one,
  ),
});
