/**
 * Runs netloom where it is at home, under container runtimes: `npm run test:runtimes [-- arguments of vitest]`. Needs
 * root, and cgroup2 in the kernel; installs what is missing of Debian's packages. The tests have a network, a /run and a
 * /var/lib of their own, so that the machine's own containers are not touched.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { installMissing, root, setUp } from './setup.mjs';

/** What is installed where a file is missing. */
const PACKAGES = {
  '/usr/bin/podman': 'podman',
  '/usr/bin/crun': 'crun',
  '/usr/sbin/runc': 'runc',
  '/usr/lib/cni/portmap': 'containernetworking-plugins',
  '/usr/sbin/iptables': 'iptables',
  '/usr/sbin/nft': 'nftables',
  '/bin/busybox': 'busybox-static',
};

/** Where runtimes keep what they know of containers, locks and cgroups. sysfs shows the namespace that it is mounted in. */
const ISOLATE = `
  for directory in /run /var/lib /dev/shm; do mount -t tmpfs -o mode=755 tmpfs $directory; done
  mount -t sysfs sysfs /sys
  mount -t cgroup2 none /sys/fs/cgroup
  ip link set lo up
  exec "$@"`;

installMissing(PACKAGES);
// A tree that was built in another way (with sanitizers) must not be rebuilt.
if (!process.env['NETLOOM_NO_SETUP']) setUp();
const vitest = [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', '--project=runtimes'];
const inside = [process.execPath, ...vitest, ...process.argv.slice(2)];
const unshare = ['--net', '--mount', '--propagation', 'private', 'sh', '-ec', ISOLATE, 'sh', ...inside];
process.exit(spawnSync('unshare', unshare, { cwd: root, stdio: 'inherit' }).status ?? 1);
