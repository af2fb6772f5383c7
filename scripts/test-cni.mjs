/**
 * Compares the plugins of netloom-cni with the reference plugins: `npm run test:cni [-- arguments of vitest]`. Needs root;
 * installs what is missing of Debian's packages.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { installMissing, root } from './setup.mjs';

installMissing({ '/usr/lib/cni/bridge': 'containernetworking-plugins', '/usr/sbin/iptables': 'iptables' });
const test = [join(root, 'scripts', 'test.mjs'), 'conformance', ...process.argv.slice(2)];
process.exit(spawnSync(process.execPath, test, { cwd: root, stdio: 'inherit' }).status ?? 1);
