/**
 * Runs the kernel suite under other kernels of Debian, in emulation: `npm run test:kernels [-- RELEASE...]`. What this
 * machine's kernel lacks is then there (dummy, vlan, ipvlan, VLAN filtering ...). JavaScript runs some ten times
 * slower there, so this takes about half an hour a kernel; name files to run fewer:
 *
 *     npm run test:kernels -- 6.1.0-56-amd64 test/kernel/links-kinds.test.ts
 *
 * Needs Debian's qemu-system-x86, busybox-static, kmod, cpio, xz-utils, zstd; kernels are fetched by apt-get.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root, setUp } from './setup.mjs';

const DEFAULT = ['6.1.0-56-amd64', '6.12.117+deb12-amd64'];
// Terminating 200 Workers would take an hour.
const LEFT_OUT = ['workers', 'packet-batch', 'packet-soak', 'pump-process'].map(
  (name) => `test/kernel/${name}.test.ts`,
);
const SLOWNESS = 20;

const given = process.argv.slice(2);
const releases = given.filter((one) => /^\d/.test(one));
const files = given.filter((one) => !/^\d/.test(one));

setUp();
let failed = 0;
for (const release of releases.length > 0 ? releases : DEFAULT) {
  console.log(`\n== ${release}`);
  const options = [
    ...[`--testTimeout=${30_000 * SLOWNESS}`, `--hookTimeout=${30_000 * SLOWNESS}`],
    ...LEFT_OUT.map((file) => `--exclude=${file}`),
  ];
  const command = [
    'NETLOOM_NO_SETUP=1',
    `NETLOOM_SLOWNESS=${SLOWNESS}`,
    process.execPath,
    'scripts/test.mjs',
    'kernel',
    ...files,
    ...options,
  ];
  const guest = [join(root, 'scripts', 'run-in-kernel.sh'), release, root, command.join(' ')];
  if (spawnSync('bash', guest, { cwd: root, stdio: 'inherit' }).status !== 0) failed++;
}
process.exit(failed === 0 ? 0 : 1);
