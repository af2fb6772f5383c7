/** Kernel parameters: `getSysctl`, `setSysctl`. Those below `net` are the namespace's own. */
import { invalidValue, wrongType } from './errors.js';
import { native } from './native/load.js';
import { descriptorOf, type Netns, type NetnsOptions, netnsOf } from './netns/netns.js';
import { both, call, type Operation, perform } from './operation.js';

const ROOT = '/proc/sys/';

/**
 * The file of a parameter. As in sysctl(8), the first separator decides: in `net.ipv4.ip_forward` dots part the
 * name, and a slash stands for a dot in it (`net.ipv4.conf.eth0/100.forwarding`); in
 * `net/ipv4/conf/eth0.100/forwarding` slashes do, and dots are dots. No name leads out of /proc/sys. Pure.
 */
export function sysctlPath(name: string): string {
  if (typeof name !== 'string') throw wrongType('name', "a string like 'net.ipv4.ip_forward'", name);
  if (name === '') throw invalidValue('name', name, 'is no name of a kernel parameter');
  if (name.includes('\0')) throw invalidValue('name', name, 'must not contain NUL');
  if (name.startsWith('/'))
    throw invalidValue('name', name, "must not be an absolute path; write 'net/ipv4/ip_forward'");
  const dotted = /^[^/]*\./.test(name);
  const path = dotted ? name.replace(/[./]/g, (separator) => (separator === '.' ? '/' : '.')) : name;
  for (const part of path.split('/')) {
    if (part === '') throw invalidValue('name', name, 'has an empty component');
    if (part === '.' || part === '..') throw invalidValue('name', name, `must not contain the component '${part}'`);
  }
  return ROOT + path;
}

const isOwned = (path: string): boolean => path.startsWith(`${ROOT}net/`);

/** Refuses what is no namespace's own: it would be set for the whole machine by who means a container. */
function checkOwned(name: string, path: string): void {
  if (!isOwned(path))
    throw invalidValue('name', name, 'is of the machine, and of no network namespace; without `netns` it is set there');
}

const inNamespace = ({ sockets: { label } }: Netns, path: string): string =>
  isOwned(path) && label !== undefined ? ` in namespace ${label}` : '';

/** Puts behind a refusal what was refused, and who may set it: net_ctl_permissions() in net/sysctl_net.c. */
function explainRefusal(error: unknown, path: string, refused: string): unknown {
  if (!(error instanceof Error && 'code' in error)) return error;
  error.message += refused;
  if (error.code === 'EACCES' || error.code === 'EPERM')
    error.message += isOwned(path)
      ? '; it is read only here, or needs CAP_NET_ADMIN in the user namespace that owns the network namespace'
      : "; it is the machine's, for root of the machine to set";
  return error;
}

/** What the kernel is given to read for a value. Pure. */
export function sysctlText(value: string | number | boolean): string {
  let text: string;
  if (typeof value === 'boolean') text = value ? '1' : '0';
  else if (typeof value === 'string') text = value;
  else if (typeof value !== 'number') throw wrongType('value', 'a string, a number or a boolean', value);
  else if (!Number.isSafeInteger(value)) throw invalidValue('value', value, 'is no integer');
  else text = String(value);
  if (text.includes('\0')) throw invalidValue('value', value, 'must not contain NUL');
  // The newline makes an empty value (which clears a list) something to write.
  return `${text}\n`;
}

/**
 * The value of a kernel parameter, in the namespace given. Several numbers stay one string, parted by tabs.
 * Parameters outside `net` are those of the machine (`kernel.hostname`: of the process), whatever the namespace.
 *
 * `sysctl -n net.ipv4.ip_forward`, inside `ip netns exec NAME`
 *
 * @throws Error ENOENT if there is no such parameter, EACCES if it cannot be read.
 */
export const getSysctl = call(
  'getSysctl',
  { netns: true },
  function* (name: string, options: NetnsOptions = {}): Operation<string> {
    const path = sysctlPath(name);
    const netns = descriptorOf(netnsOf(options.netns));
    const content = yield* perform(
      both(
        () => native.readSysctl(netns, path),
        () => native.readSysctlAsync(netns, path),
      ),
    );
    return content.trim();
  },
);

/**
 * Sets a kernel parameter, in the namespace given. `true` and `false` are written as 1 and 0; several numbers are
 * parted by white space. Outside `net` a parameter is the machine's, and is not set where a `netns` is named. Several
 * are set together: `await Promise.all(names.map((name) => setSysctl(name, 1, { netns })))`.
 *
 * `sysctl -w net.ipv4.ip_forward=1`, inside `ip netns exec NAME`
 *
 * @throws Error ENOENT if there is no such parameter (a dot in the name of a link is written as a slash:
 *   `net.ipv4.conf.eth0/100.forwarding`), EINVAL if the kernel does not take the value, EACCES or
 *   EPERM if it must not be set.
 */
export const setSysctl = call(
  'setSysctl',
  { netns: true },
  function* (name: string, value: string | number | boolean, options: NetnsOptions = {}): Operation<void> {
    const path = sysctlPath(name);
    const text = sysctlText(value);
    if (options.netns !== undefined) checkOwned(name, path);
    const place = netnsOf(options.netns);
    const netns = descriptorOf(place);
    try {
      yield* perform(
        both(
          () => native.writeSysctl(netns, path, text),
          () => native.writeSysctlAsync(netns, path, text),
        ),
      );
    } catch (error) {
      throw explainRefusal(error, path, `${inNamespace(place, path)}, the value ${JSON.stringify(text.trimEnd())}`);
    }
  },
);
